-- SPDX-License-Identifier: MIT
-- Document 003, fifth section, step 2: the wish goes all the way up.
--
-- Each layer yields what the layer below yielded. The waiting is not gone, it
-- has moved to the top; and the yield has spread to everybody on the way.
--
-- runs on: lua5.4, neap

package.path = arg[0]:gsub("[^/]*$", "../scheduler/?.lua;") .. package.path
local clock = require "clock"

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

-- It cannot fulfil the wish, it hands it on: so it has to yield as well.
function big_step()
    return coroutine.create(function()
        print(" - begin big task " .. clock.time())
        local small_coro = small_step()
        local small_result
        while true do
            local _, func, arg = assert(coroutine.resume(small_coro))
            if coroutine.status(small_coro) == "dead" then
                small_result = func
                break
            end
            coroutine.yield(func, arg)
        end
        print(" - end big task " .. clock.time())
        return small_result + 1
    end)
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
