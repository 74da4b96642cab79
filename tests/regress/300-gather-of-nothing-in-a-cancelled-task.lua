-- SPDX-License-Identifier: MIT
--
-- gather() without arguments did not look for a cancel.

local neap = require "neap"

local task = neap.spawn(function()
    pcall(neap.sleep, 1000)
    neap.gather()
end)
neap.yield()
task:cancel()
neap.wait {task}
assert(task:cancelled())
