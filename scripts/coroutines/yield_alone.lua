-- SPDX-License-Identifier: MIT
-- Document 003, fifth section, step 2: a yield, and nothing else changed.
--
-- With a yield in it the small step is a generator: what the big step gets from
-- the call is no number any more, but something that has yet to be run. So the
-- caller of a generator has to change with it.
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

-- Python: unsupported operand type(s) for +: 'generator' and 'int'
local _, err = pcall(main_task)
print("TypeError: " .. err)

--[[ output:
begin task 0.0
 - begin big task 0.0
 - end big task 0.0
~ TypeError: .*: attempt to perform arithmetic on a thread value .*
]]
