-- SPDX-License-Identifier: MIT
-- Document 003, fifth section, step 2: the sleep is handed to the caller.
--
-- The small step asks for its sleep instead of sleeping. The big step does not
-- listen, it just goes on: the wish is lost, and the check fails.
--
-- runs on: lua5.4, neap

package.path = arg[0]:gsub("[^/]*$", "../scheduler/?.lua;") .. package.path
local clock = require "clock"

local main_task, big_step, small_step

function main_task()
    print("begin task " .. clock.time())
    local big_result = big_step()
    print("end task " .. clock.time())
    print("big_result is  " .. big_result)
end

-- Runs the generator to its end. resume hands out alike what is yielded and
-- what is returned, and the status tells one from the other; in Python the end
-- is a StopIteration.
function big_step()
    print(" - begin big task " .. clock.time())
    local small_coro = small_step()
    local small_result
    while true do
        local _, x = assert(coroutine.resume(small_coro))
        if coroutine.status(small_coro) == "dead" then
            small_result = x
            break
        end
    end
    print(" - end big task " .. clock.time())
    return small_result + 1
end

-- It no longer sleeps: it yields what is to be done, and checks that it was.
function small_step()
    return coroutine.create(function()
        print("   - begin small task " .. clock.time())
        print("     - 休息一下,马上回来")
        local start_time = clock.time()
        coroutine.yield(clock.sleep, 3)
        -- "the rest was too short"
        assert(clock.time() - start_time >= 3, "休息时间不足")
        print("     - 努力工作中...")
        print("   - end small task " .. clock.time())
        return 1
    end)
end

local _, err = pcall(main_task)
print("AssertionError: " .. err)

--[[ output:
begin task 0.0
 - begin big task 0.0
   - begin small task 0.0
     - 休息一下,马上回来
~ AssertionError: .*: 休息时间不足
]]
