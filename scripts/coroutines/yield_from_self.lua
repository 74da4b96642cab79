-- SPDX-License-Identifier: MIT
-- Document 003, fifth section, step 3: what is yielded is an object.
--
-- A Task that gets just values has to trust that they are a wish. An object of
-- a known kind can be checked, and can grow: in the end it will be a Future.
--
-- runs on: lua5.4, neap

package.path = arg[0]:gsub("[^/]*$", "../scheduler/?.lua;") .. package.path
local clock = require "clock"

-- RESULT = yield from EXPR, written out (the document's short form): whatever
-- coro yields is yielded, and what it returns is the result.
local function yield_from(coro)
    while true do
        local _, x = assert(coroutine.resume(coro))
        if coroutine.status(coro) == "dead" then
            return x
        end
        coroutine.yield(x)
    end
end

-- Yields itself: a Task can tell it from anything else, and sees its value.
local YieldFromAble = {}
YieldFromAble.__index = YieldFromAble

function YieldFromAble.new(...)
    return setmetatable({value = {...}}, YieldFromAble)
end

function YieldFromAble:__iter()
    return coroutine.create(function()
        coroutine.yield(self)
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
        local rest = YieldFromAble.new(clock.sleep, 3)
        yield_from(rest:__iter())
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
        local _, x = assert(coroutine.resume(self.coro))
        if coroutine.status(self.coro) == "dead" then
            break
        end
        assert(getmetatable(x) == YieldFromAble)
        local func, arg = table.unpack(x.value)
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
