-- SPDX-License-Identifier: MIT
-- Ours: an echo server with a loop for each processor.
--
-- Each thread listens at the same address by itself (SO_REUSEPORT): the system
-- gives each connection to one of them, and nothing is shared. Where no port is
-- given the first one to listen picks it.
--
--     neap scripts/demos/prefork_echo.lua [PORT [LOOPS]]
--
-- Ctrl-C stops it: the threads are cancelled, their connections closed, and
-- each says how many it has served.
--
-- runs on: neap
-- test: tests/spec/demos_spec.lua

local neap = require "neap"

io.stdout:setvbuf("line")    -- who reads us through a pipe wants it at once

local function echo(conn)
    while true do
        local data = conn:recv()
        if not data or not conn:send(data) then
            return
        end
    end
end

-- A loop of its own; `echo` goes along as an argument, being no module. When it
-- listens, it says at which port.
local function serve(name, port, ports, echo)
    local listener <close> = assert(neap.listen("127.0.0.1", port,
        {reuseport = true}))
    ports:put(select(2, listener:sockname()))
    local served = 0
    local _ <close> = setmetatable({}, {__close = function()
        print(("%s served %d connections"):format(name, served))
    end})
    return neap.serve(listener, function(conn)
        served = served + 1
        return echo(conn)
    end)
end

local function processors()
    local pipe <close> = io.popen "nproc"
    return pipe:read "n" or 1
end

local port = math.tointeger(arg[1]) or 0
local count = math.tointeger(arg[2]) or neap.offload(processors)

local ports, loops = neap.Channel(1), {}
for i = 1, count do
    local name = "loop " .. i
    loops[i] = neap.thread({name = name}, serve, name, port, ports, echo)
    loops[i]:on_done(function() ports:close() end)    -- it may have failed
    port = ports:get() or port
end
print("Listening on", "127.0.0.1", port)

neap.gather(table.unpack(loops))
