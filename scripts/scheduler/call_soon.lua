-- SPDX-License-Identifier: MIT
-- Document 000, part 3, first program again, on neap's own ready deque.
--
-- The Scheduler is gone: neap's loop has that deque (core/loop.c), and takes
-- the arguments too, so that no closure need hold them. The sleeps are gone as
-- well: a callback has no stack of its own to come back to, so it cannot wait,
-- and neap raises an error where the document's scheduler would stand still.
--
-- runs on: neap

local neap = require "neap"

local loop = neap.loop()
local running = 2

-- The document's run() ended when the deque was empty. neap's loop serves the
-- whole program, so here the last one out stops it.
local function finished()
    running = running - 1
    if running == 0 then
        loop:stop()
    end
end

local function countdown(n)
    if n > 0 then
        print("Down " .. n)
        neap.call_soon(countdown, n - 1)
    else
        finished()
    end
end

local function countup(stop)
    local function _run(x)
        if x < stop then
            print("Up " .. x)
            neap.call_soon(_run, x + 1)
        else
            finished()
        end
    end
    _run(0)
end

neap.call_soon(countdown, 5)
neap.call_soon(countup, 5)
loop:run_forever()

--[[ output:
Down 5
Up 0
Down 4
Up 1
Down 3
Up 2
Down 2
Up 3
Down 1
Up 4
]]
