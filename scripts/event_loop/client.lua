-- SPDX-License-Identifier: MIT
-- Document 002, last section: the client of the two-port server.
--
-- A line typed is sent, the answer is shown. io.read waits for the keyboard in
-- a way that stops the whole loop; that is all right here, as this program does
-- nothing else.
--
-- It needs a server and a person, so there is no output to compare: a spec
-- types into it.
--
--   neap scripts/event_loop/client.lua [port]
--
-- runs on: neap
-- test: tests/spec/servers_spec.lua

local neap = require "neap"

local port = tonumber(arg[1]) or 8080

-- Python's input(prompt): a line, or nil at the end of the input.
local function input(prompt)
    io.write(prompt)
    io.flush()
    return io.read("l")
end

local c = assert(neap.connect("127.0.0.1", port))
local msg = input(">>: ")
while msg do
    if msg ~= "" then    -- nothing sent would mean nothing answered
        assert(c:send(msg))
        print((assert(c:recv(1024), "the server has closed the connection")))
    end
    msg = input(">>: ")
end
c:close()
