-- SPDX-License-Identifier: MIT
--
-- One piece of work, measured: nanoseconds of CPU per operation (memory: bytes
-- per task). tests/bench/run puts it beside its limit.
--
--     neap tests/bench/micro.lua switch|spawn|queue|lock|event|gather|
--         memory
--     neap tests/bench/micro.lua sleepers COUNT SECONDS

local neap = require "neap"

local work = {}

-- Operations done; the caller divides by them.
function work.switch()
    local tasks <const>, rounds <const> = 100, 10000
    local function spin()
        for _ = 1, rounds do neap.yield() end
    end
    local list = {}
    for i = 1, tasks do list[i] = neap.spawn(spin) end
    for _, task in ipairs(list) do task:await() end
    return tasks * rounds
end

function work.spawn()
    local count <const>, left = 1000000, 1000000
    for i = 1, count do
        neap.spawn(function() left = left - 1 end)
        if i % 1000 == 0 then neap.yield() end
    end
    while left > 0 do neap.yield() end
    return count
end

function work.queue()
    local count <const>, queue = 1000000, neap.Queue(100)
    local getter = neap.spawn(function()
        local sum = 0
        for _ = 1, count do sum = sum + queue:get() end
        return sum
    end)
    for i = 1, count do queue:put(i) end
    assert(getter:await() == count * (count + 1) // 2)
    return count
end

-- A lock that nobody else wants.
function work.lock()
    local count <const>, lock = 1000000, neap.Lock()
    for _ = 1, count do
        lock:acquire()
        lock:release()
    end
    return count
end

-- Two tasks set each other's event in turn; a wait and a set are one operation.
function work.event()
    local count <const>, ping, pong = 500000, neap.Event(), neap.Event()
    local function play(mine, other)
        for _ = 1, count do
            mine:wait()
            mine:clear()
            other:set()
        end
    end
    neap.spawn(play, ping, pong)
    local task = neap.spawn(play, pong, ping)
    ping:set()
    task:await()
    return 2 * count
end

-- Ten functions that yield once.
function work.gather()
    local count <const>, list = 100000, {}
    for i = 1, 10 do list[i] = neap.yield end
    for _ = 1, count do neap.gather(table.unpack(list)) end
    return count
end

function work.sleepers(count, span)
    count = tonumber(count)
    local left, done = count, neap.Future()
    for _ = 1, count do
        neap.spawn(function()
            neap.sleep(math.random() * span)
            left = left - 1
            if left == 0 then done:set_result() end
        end)
    end
    done:await()
    return count
end

-- Sleeping tasks divide all that is resident, the command itself included.
local function bytes_per_task()
    local count <const> = 100000
    collectgarbage()
    for _ = 1, count do neap.spawn(function() neap.sleep(3600) end) end
    neap.yield()
    for line in io.lines "/proc/self/status" do
        local kb = line:match "VmRSS:%s+(%d+)"
        if kb then return kb * 1024 / count end
    end
end

if arg[1] == "memory" then
    print(("%.0f"):format(bytes_per_task()))
    os.exit()
end
local since = os.clock()
local count = work[arg[1]](arg[2], arg[3])
print(("%.1f"):format((os.clock() - since) * 1e9 / count))
os.exit()
