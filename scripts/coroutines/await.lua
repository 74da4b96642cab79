-- SPDX-License-Identifier: MIT
-- Document 003, sixth section: await.
--
-- Python renames: yield from becomes await, __iter__ becomes __await__, and
-- every function on the way is marked async. Lua erases: a coroutine pauses
-- with its whole stack, so an ordinary call already is what yield from built.
-- main_task and big_step are, to the letter, those of blocking_task.lua; in the
-- small step the sleep became a wish, and a check that it was fulfilled.
--
-- runs on: lua5.4, neap

package.path = arg[0]:gsub("[^/]*$", "../scheduler/?.lua;") .. package.path
local clock = require "clock"

local Awaitable = {}
Awaitable.__index = Awaitable

function Awaitable.new(...)
    return setmetatable({value = {...}}, Awaitable)
end

-- The only yield of the program: it leaves all the functions that are open, up
-- to the Task that resumes.
function Awaitable:await()
    coroutine.yield(self)
end

local main_task, big_step, small_step

function main_task()
    print("begin task " .. clock.time())
    local big_result = big_step()
    print("end task " .. clock.time())
    print("big_result is  " .. big_result)
end

function big_step()
    print(" - begin big task " .. clock.time())
    local small_result = small_step()
    print(" - end big task " .. clock.time())
    return small_result + 1
end

function small_step()
    print("   - begin small task " .. clock.time())
    print("     - 休息一下,马上回来")
    local start_time = clock.time()
    Awaitable.new(clock.sleep, 3):await()
    -- "the rest was too short"
    assert(clock.time() - start_time >= 3, "休息时间不足")
    print("     - 努力工作中...")
    print("   - end small task " .. clock.time())
    return 1
end

local Task = {}
Task.__index = Task

function Task.new(func)
    return setmetatable({coro = coroutine.create(func)}, Task)
end

function Task:run()
    print("---------------")
    while true do
        local _, x = assert(coroutine.resume(self.coro))
        if coroutine.status(self.coro) == "dead" then
            break
        end
        assert(getmetatable(x) == Awaitable)
        local func, arg = table.unpack(x.value)
        func(arg)    -- clock.sleep(3)
    end
    print("---------------")
end

local t = Task.new(main_task)
t:run()

--[[ output:
---------------
begin task 0.0
 - begin big task 0.0
   - begin small task 0.0
     - 休息一下,马上回来
     - 努力工作中...
   - end small task 3.0
 - end big task 3.0
end task 3.0
big_result is  2
---------------
]]
