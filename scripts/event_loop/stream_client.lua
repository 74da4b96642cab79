-- SPDX-License-Identifier: MIT
-- Document 002, last section: the client in its stream form.
--
-- The same client as client.lua, for stream_server.lua: it writes a line and
-- reads a line. The document's recv(1024) takes what has come so far, which may
-- be half of the answer, or two of them; read waits for the whole line, and
-- leaves what comes behind it for the next. The keyboard is such a stream, too:
-- neap.stdin waits as a Socket does, and would hold up no other task.
--
-- It needs a server and a person, so there is no output to compare: a spec
-- types into it.
--
--   neap scripts/event_loop/stream_client.lua [port]
--
-- runs on: neap
-- test: tests/spec/servers_spec.lua

local neap = require "neap"

local port = tonumber(arg[1]) or 8080

-- Python's input(prompt): a line, or nil at the end of the input.
local function input(prompt)
    io.write(prompt)
    io.flush()
    return neap.stdin:read("l")
end

local c <close> = assert(neap.connect("127.0.0.1", port))
for msg in input, ">>: " do
    if msg ~= "" then    -- as the document has it
        assert(c:write(msg, "\n"))
        print((assert(c:read("l"), "the server has closed the connection")))
    end
end
