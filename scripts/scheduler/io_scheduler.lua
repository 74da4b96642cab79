-- SPDX-License-Identifier: MIT
-- Document 000, the extra part: io_scheduler, an echo server that answers Got:
--
-- The document's last Scheduler also waits for sockets: a task that would have
-- to wait in recv leaves itself under the descriptor, and select finds it
-- again. In neap each part of it has a place of its own:
--
--   sched.accept, recv, send       sock:accept, sock:recv, sock:send
--   sched.new_task                 neap.spawn
--   _read_waiting, _write_waiting  the two lines of a descriptor (core/fd.c)
--   select                         one poll a turn (core/poller_epoll.c)
--
-- A server never ends, so there is no output to compare: a spec connects to it.
--
--   neap scripts/scheduler/io_scheduler.lua [port]
--
-- The port is 30000 if none is given; 0 lets the system choose one.
--
-- runs on: neap
-- test: tests/spec/servers_spec.lua

local neap = require "neap"

io.stdout:setvbuf("line")    -- who reads us through a pipe wants it at once

local function echo_handler(sock)
    while true do
        local data = sock:recv(10000)
        if not data or not sock:send("Got:" .. data) then
            break
        end
    end
    print("Connection closed")
    sock:close()
end

local function tcp_server(host, port)
    local sock = assert(neap.listen(host, port))
    print("Listening on", sock:sockname())
    while true do
        local client, addr, addr_port = assert(sock:accept())
        print(("Connection from ('%s', %d)"):format(addr, addr_port))
        neap.spawn(echo_handler, client)
    end
end

tcp_server("0.0.0.0", tonumber(arg[1]) or 30000)
