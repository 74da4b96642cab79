-- SPDX-License-Identifier: MIT
-- Document 002, last section: a server on two ports, echoing in upper case.
--
-- The loop calls back when a socket can be read, the task wants to wait: a
-- Future is the bridge. The callback, which knows that there is something,
-- takes it and sets it as the Future's result; that wakes the task.
--
-- asyncio's reader stays until another replaces it. Ours takes itself out once
-- it has served: a Future can be set only once, and more may arrive before the
-- task has made the next. (sock:accept and sock:recv wait by themselves, see
-- scheduler/io_scheduler.lua; here it is done by hand to see how.)
--
-- A server never ends, so there is no output to compare: a spec connects to it.
--
--   neap scripts/event_loop/two_port_server.lua [port [port]]
--
-- The ports are 8080 and 8081 if none are given; 0 lets the system choose.
--
-- runs on: neap
-- test: tests/spec/servers_spec.lua

local neap = require "neap"

io.stdout:setvbuf("line")    -- who reads us through a pipe wants it at once

local loop = neap.loop()

-- A Future for what take(sock) gives once sock is readable.
local function future_read(sock, take)
    local fut = loop:create_future()
    loop:add_reader(sock, function()
        loop:remove_reader(sock)
        fut:set_result(take(sock))
    end)
    return fut
end

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
    local function read(sock)
        return sock:recv(1024)    -- should be ready
    end

    local data = future_read(conn, read):await()
    while data do
        print(("echoing %s to %s"):format(repr(data), name))
        conn:send(data:upper())
        data = future_read(conn, read):await()
    end
    print("closing " .. name)
    conn:close()
end

local function handle_incoming(port)
    local function accept(sock)
        return sock:accept()    -- should be ready
    end

    local s = build_listen_socket(port)
    while true do
        local conn, host, peer = assert(future_read(s, accept):await())
        local name = ("%s:%d"):format(host, peer)
        print("accepted from " .. name)
        loop:create_task(handle_data_ready, conn, name)
    end
end

loop:create_task(handle_incoming, tonumber(arg[1]) or 8080)
loop:create_task(handle_incoming, tonumber(arg[2]) or 8081)
loop:run_forever()
