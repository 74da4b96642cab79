-- SPDX-License-Identifier: MIT
-- Document 000, part 3, third program again, on neap's own deque and heap.
--
-- What the Scheduler did in sixty lines is neap's loop: call_soon appends to
-- its ready deque (core/loop.c), call_later pushes on its timer heap
-- (core/heap.c), and equal deadlines fire in the order they were made.
--
-- runs on: neap

local neap = require "neap"

local loop = neap.loop()
local running = 2

-- The document's run() ended when both queues were empty. neap's loop serves
-- the whole program, so here the last one out stops it.
local function finished()
    running = running - 1
    if running == 0 then
        loop:stop()
    end
end

local function countdown(n)
    if n > 0 then
        print("Down " .. n)
        neap.call_later(4, countdown, n - 1)
    else
        finished()
    end
end

local function countup(stop)
    local function _run(x)
        if x < stop then
            print("Up " .. x)
            neap.call_later(1, _run, x + 1)
        else
            finished()
        end
    end
    _run(0)
end

neap.call_soon(countdown, 5)
neap.call_soon(countup, 20)
loop:run_forever()

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
