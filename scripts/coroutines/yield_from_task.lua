-- SPDX-License-Identifier: MIT
-- Document 003, fifth section, step 3: the top becomes a Task.
--
-- Now the main task, too, is a generator, and what is left at the top knows
-- nothing of it: a Task runs any generator and fulfils what it wishes.
--
-- runs on: lua5.4, neap

package.path = arg[0]:gsub("[^/]*$", "../scheduler/?.lua;") .. package.path
local clock = require "clock"

-- RESULT = yield from EXPR, written out (the document's short form): whatever
-- coro yields is yielded, and what it returns is the result.
local function yield_from(coro)
    while true do
        local _, func, arg = assert(coroutine.resume(coro))
        if coroutine.status(coro) == "dead" then
            return func
        end
        coroutine.yield(func, arg)
    end
end

-- The lowest layer yields through an object: with it even the last bare yield
-- becomes a yield from.
local function YieldFromAble(func, arg)
    return coroutine.create(function()
        coroutine.yield(func, arg)
    end)
end

local main_task, big_step, small_step

function main_task()
    return coroutine.create(function()
        print("begin task " .. clock.time())
        local big_result = yield_from(big_step())
        print("end task " .. clock.time())
        print("big_result is  " .. big_result)
    end)
end

function big_step()
    return coroutine.create(function()
        print(" - begin big task " .. clock.time())
        local small_result = yield_from(small_step())
        print(" - end big task " .. clock.time())
        return small_result + 1
    end)
end

function small_step()
    return coroutine.create(function()
        print("   - begin small task " .. clock.time())
        print("     - 休息一下,马上回来")
        local start_time = clock.time()
        yield_from(YieldFromAble(clock.sleep, 3))
        -- "the rest was too short"
        assert(clock.time() - start_time >= 3, "休息时间不足")
        print("     - 努力工作中...")
        print("   - end small task " .. clock.time())
        return 1
    end)
end

local Task = {}
Task.__index = Task

function Task.new(coro)
    return setmetatable({coro = coro}, Task)
end

function Task:run()
    print("---------------")
    while true do
        local _, func, arg = assert(coroutine.resume(self.coro))
        if coroutine.status(self.coro) == "dead" then
            break
        end
        func(arg)    -- clock.sleep(3)
    end
    print("---------------")
end

local t = Task.new(main_task())
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
