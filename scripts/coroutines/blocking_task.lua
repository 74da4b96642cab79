-- SPDX-License-Identifier: MIT
-- Document 003, fifth section, step 1: the small step sleeps.
--
-- Nobody asked for it but the small step, and yet everything stands still for
-- three seconds.
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

function big_step()
    print(" - begin big task " .. clock.time())
    local small_result = small_step()
    print(" - end big task " .. clock.time())
    return small_result + 1
end

function small_step()
    print("   - begin small task " .. clock.time())
    print("     - 休息一下,马上回来")    -- "a short rest"
    clock.sleep(3)
    print("     - 努力工作中...")    -- "hard at work"
    print("   - end small task " .. clock.time())
    return 1
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
