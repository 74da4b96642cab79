-- SPDX-License-Identifier: MIT
-- Document 003, fourth section: three styles of using a generator.
--
-- Pull and push are about data, out of the generator or into it. In the task
-- style no data matters: what is yielded is a wish ("wake me in a second"),
-- and whoever runs the task fulfils it. Coroutines of asyncio are of that kind.
--
-- runs on: lua5.4, neap

package.path = arg[0]:gsub("[^/]*$", "../scheduler/?.lua;") .. package.path
local clock = require "clock"

-- Pull: yield x. The consumer asks for the next value.
local function squares(count)
    for i = 1, count do
        coroutine.yield(i * i)
    end
end

for square in coroutine.wrap(function() squares(3) end) do
    print("pull " .. square)
end

-- Push: x = yield y. The producer hands values in, and is told the average.
local function averager()
    local sum, count, average = 0, 0, nil
    while true do
        sum = sum + coroutine.yield(average)
        count = count + 1
        average = sum / count
    end
end

local send = coroutine.wrap(averager)
send()
for _, x in ipairs {10, 20, 60} do
    print("push " .. x .. ", average " .. send(x))
end

-- Task: yield from sleep(1). What is yielded concerns the runner alone.
local function sleep(s)
    coroutine.yield(s)
end

local function task()
    for i = 1, 3 do
        print(("task, step %d at %.1f s"):format(i, clock.time()))
        sleep(1)
    end
end

for wish in coroutine.wrap(task) do
    clock.sleep(wish)
end
print(("task, done at %.1f s"):format(clock.time()))

--[[ output:
pull 1
pull 4
pull 9
push 10, average 10.0
push 20, average 15.0
push 60, average 30.0
task, step 1 at 0.0 s
task, step 2 at 1.0 s
task, step 3 at 2.0 s
task, done at 3.0 s
]]
