-- SPDX-License-Identifier: MIT
--
-- What scopes and cancels cost: nanoseconds of CPU per operation (nested: of
-- all). What is cancelled was spawned before the clock starts.
--
--     neap tests/bench/scopes.lua timeout|block|cancel|group|nested

local neap = require "neap"

local work = {}
local clock <const> = os.clock

local function nop() end
local function sleep_long() neap.sleep(1000) end

local function started()
    collectgarbage()
    return clock()
end

-- A time-out around a function that does not wait.
function work.timeout()
    local count <const>, since = 1000000, started()
    for _ = 1, count do neap.timeout(1, nop) end
    return since, count
end

-- The same as a value to be closed.
function work.block()
    local count <const>, since = 1000000, started()
    for _ = 1, count do local _ <close> = neap.timeout(1) end
    return since, count
end

-- Sleeping tasks cancelled one by one, and the end of each awaited.
function work.cancel()
    local count <const>, tasks = 100000, {}
    for i = 1, count do tasks[i] = neap.spawn(sleep_long) end
    neap.yield()
    local since = started()
    for i = 1, count do tasks[i]:cancel() end
    for i = 1, count do pcall(neap.await, tasks[i]) end
    return since, count
end

-- A group of sleeping tasks, cancelled and left.
function work.group()
    local count <const>, group = 100000, neap.group()
    for _ = 1, count do group:spawn(sleep_long) end
    neap.yield()
    local since = started()
    group:cancel()
    group:wait()
    return since, count
end

-- 20,000 groups, each in a task of the one before, cancelled and unwound.
function work.nested()
    local depth <const> = 20000
    local function nest(level)
        local group <close> = neap.group()
        if level == 0 then sleep_long() end
        group:spawn(nest, level - 1)
        group:wait()
    end
    local task = neap.spawn(nest, depth)
    while #neap.tasks() < depth do neap.yield() end
    local since = started()
    task:cancel()
    pcall(task.await, task)
    return since, 1
end

local since, count = work[arg[1]]()
print(("%.1f"):format((clock() - since) * 1e9 / count))
os.exit()
