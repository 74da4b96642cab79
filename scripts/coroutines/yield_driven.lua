-- SPDX-License-Identifier: MIT
-- Document 003, fifth section, step 2: the caller drives the generator.
--
-- The result is right again. But the three seconds are spent inside the small
-- step before it yields: a yield alone takes no waiting away.
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

-- A generator function: calling it runs nothing yet, it makes a coroutine.
function small_step()
    return coroutine.create(function()
        print("   - begin small task " .. clock.time())
        print("     - 休息一下,马上回来")
        coroutine.yield(clock.sleep(3))
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
