-- SPDX-License-Identifier: MIT
--
-- A task that was cancelled while it waited in neap.run: the run's tasks ended
-- "failed" with its Cancelled, and were reported. Only a group's Cancelled was
-- known to those beneath it, not a task's; and where a task above had been
-- cancelled, error(nil) counted as a cancel.

local neap = require "neap"

local main, child
local outer = neap.spawn(neap.run, function()
    main = neap.current()
    child = neap.spawn(neap.sleep, 1000)
    neap.sleep(1000)
end)
neap.sleep(0.001)
outer:cancel()
neap.sleep(0.001)
assert(outer:state() == "cancelled")
assert(main:state() == "cancelled")
assert(child:state() == "cancelled")

outer = neap.spawn(neap.run, function()
    main = neap.current()
    pcall(neap.sleep, 1000)
    error(nil)
end)
neap.sleep(0.001)
outer:cancel()
neap.sleep(0.001)
assert(main:state() == "failed")
