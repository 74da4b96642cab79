-- SPDX-License-Identifier: MIT
--
-- A time-out of math.huge that was given a time later "timed out after" as many
-- seconds as the clock showed.

local neap = require "neap"

local ok, e = pcall(function()
    local t <close> = neap.timeout(math.huge)
    t:reschedule(0.01)
    neap.sleep(1)
end)
assert(not ok and neap.is_timeout(e))
assert(tonumber(tostring(e):match "after (%S+) s") < 1, tostring(e))
