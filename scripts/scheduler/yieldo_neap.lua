-- SPDX-License-Identifier: MIT
-- Document 000, part 5: yieldo's twin, on neap where the document has asyncio.
--
-- Scheduler, heap and deque are neap's; a function that sleeps is an ordinary
-- function, and spawn makes a task of it.
--
-- runs on: neap

local neap = require "neap"

local function countdown(n)
    while n > 0 do
        print("Down " .. n)
        neap.sleep(4)
        n = n - 1
    end
end

local function countup(stop)
    local x = 0
    while x < stop do
        print("Up " .. x)
        neap.sleep(1)
        x = x + 1
    end
end

local function main()
    local t1 = neap.spawn(countdown, 5)
    local t2 = neap.spawn(countup, 20)
    t1:await()
    t2:await()
end

neap.run(main)

--[[ output:
Down 5
Up 0
Up 1
Up 2
Up 3
Down 4
Up 4
Up 5
Up 6
Up 7
Down 3
Up 8
Up 9
Up 10
Up 11
Down 2
Up 12
Up 13
Up 14
Up 15
Down 1
Up 16
Up 17
Up 18
Up 19
]]
