-- SPDX-License-Identifier: MIT
-- Document 003, fifth section, step 1: a task in three layers.
--
-- A task does a big step, which does a small one: ordinary calls, each waiting
-- for the next. The scripts that follow bring in a pause, and take this program
-- to an event loop, one idea at a time. (The document prints the seconds since
-- 1970; our clock starts at 0.)
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
    print("     - 工作中...")    -- "at work"
    print("   - end small task " .. clock.time())
    return 1
end

main_task()

--[[ output:
begin task 0.0
 - begin big task 0.0
   - begin small task 0.0
     - 工作中...
   - end small task 0.0
 - end big task 0.0
end task 0.0
big_result is  2
]]
