-- SPDX-License-Identifier: MIT
-- Document 003, fifth section, step 3: yield from in the steps.
--
-- The loop that hands wishes on is the same everywhere, so it gets a name. The
-- steps look like plain calls again. (With errors and values on the way in,
-- this function is `delegate` of neap.generator.)
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

-- Here the wishes end: somebody has to fulfil them.
function main_task()
    print("begin task " .. clock.time())
    local big_coro = big_step()
    local big_result
    while true do
        local _, func, arg = assert(coroutine.resume(big_coro))
        if coroutine.status(big_coro) == "dead" then
            big_result = func
            break
        end
        func(arg)    -- clock.sleep(3)
    end
    print("end task " .. clock.time())
    print("big_result is  " .. big_result)
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

main_task()

--[[ output:
begin task 0.0
 - begin big task 0.0
   - begin small task 0.0
     - 休息一下,马上回来
     - 努力工作中...
   - end small task 3.0
 - end big task 3.0
end task 3.0
big_result is  2
]]
