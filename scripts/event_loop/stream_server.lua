-- SPDX-License-Identifier: MIT
-- Document 002, last section: the two-port server in its stream form.
--
-- The same server as two_port_server.lua, with what neap brings: accept waits,
-- and a connection is read and written as a file of Lua's is. The Future and
-- the callback that were the bridge are now on the other side of it, in accept
-- and in lines. What is echoed is a line, however many pieces it came in.
--
-- A server never ends, so there is no output to compare: a spec connects to it.
--
--   neap scripts/event_loop/stream_server.lua [port [port]]
--
-- The ports are 8080 and 8081 if none are given; 0 lets the system choose.
--
-- runs on: neap
-- test: tests/spec/servers_spec.lua

local neap = require "neap"

io.stdout:setvbuf("line")    -- who reads us through a pipe wants it at once

local function build_listen_socket(port)
    local s = assert(neap.listen("127.0.0.1", port, {backlog = 5}))
    print("listening on", s:sockname())
    return s
end

-- Python's repr, near enough: one line, in quotes.
local function repr(data)
    return (("%q"):format(data):gsub("\\\n", "\\n"))
end

local function handle_data_ready(conn, name)
    local conn <close> = conn
    for data in conn:lines("L") do
        print(("echoing %s to %s"):format(repr(data), name))
        assert(conn:write(data:upper()))
    end
    print("closing " .. name)
end

local function handle_incoming(port)
    local s = build_listen_socket(port)
    while true do
        local conn, host, peer = assert(s:accept())
        local name = ("%s:%d"):format(host, peer)
        print("accepted from " .. name)
        neap.spawn(handle_data_ready, conn, name)
    end
end

neap.spawn(handle_incoming, tonumber(arg[1]) or 8080)
neap.spawn(handle_incoming, tonumber(arg[2]) or 8081)
