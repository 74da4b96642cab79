-- SPDX-License-Identifier: MIT
-- Document 000, part 1: one function after the other.
--
-- Nothing overlaps: countup has to wait until countdown is through, although
-- both spend their lives asleep. Everything that follows is about this waste.
--
-- runs on: lua5.4, neap

package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local clock = require "clock"

local function countdown(n)
    while n > 0 do
        print("Down " .. n)
        clock.sleep(1)
        n = n - 1
    end
end

local function countup(stop)
    local x = 0
    while x < stop do
        print("Up " .. x)
        clock.sleep(1)
        x = x + 1
    end
end

countdown(5)
countup(5)

--[[ output:
Down 5
Down 4
Down 3
Down 2
Down 1
Up 0
Up 1
Up 2
Up 3
Up 4
]]
