-- SPDX-License-Identifier: MIT
-- Document 003, seventh section: run does one step.
--
-- A Task that runs to its end has the thread for itself. One that does a step
-- and returns can share it. Here nobody takes the second step yet: the program
-- ends after the sleep, in the middle of the task.
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
    return setmetatable({
        coro = coroutine.create(func),
        _done = false,
        _result = nil,    -- what func returned
    }, Task)
end

-- One step: to the next await, or to the end.
function Task:run()
    print("---------------")
    if not self._done then
        local _, x = assert(coroutine.resume(self.coro))
        if coroutine.status(self.coro) == "dead" then
            self._result = x
            self._done = true
        else
            assert(getmetatable(x) == Awaitable)
            local func, arg = table.unpack(x.value)
            func(arg)    -- clock.sleep(3)
        end
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
---------------
]]
