-- SPDX-License-Identifier: MIT
--
-- loop:stop() before loop:run_forever(), inside of a task: it returned at once,
-- where what was ready should have run.

local neap = require "neap"

local loop = neap.loop()
local asleep = neap.spawn(neap.sleep, 60)
neap.yield()

-- asyncio's way to cancel and see the end of it.
asleep:cancel()
loop:stop()
loop:run_forever()
assert(asleep:state() == "cancelled")

-- Once: what becomes ready meanwhile is left for later.
local rounds = 0
local spinning = neap.spawn(function()
    while true do
        rounds = rounds + 1
        neap.yield()
    end
end)
loop:stop()
loop:run_forever()
assert(rounds == 1)
spinning:cancel()

-- A stop meanwhile is for this one, as for one that waits.
neap.spawn(loop.stop, loop)
loop:stop()
loop:run_forever()
local later = neap.call_later(0.01, loop.stop, loop)
loop:run_forever()
assert(not later:cancel())
