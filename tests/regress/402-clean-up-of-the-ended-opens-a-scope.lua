-- SPDX-License-Identifier: MIT
--
-- Clean-up of a task that was ended by force opened a time-out and did not
-- leave it: it stood in the task that had waited for it, in a place of its own.

local neap = require "neap"

local kept
local ok, e = pcall(neap.run, function()
    local g <close> = neap.group()
    g:spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
            kept = neap.timeout(5)
        end})
        local future = neap.Future()
        neap.shield(future.await, future)
    end)
end)
assert(not ok and e.name == "Deadlock")
assert(tostring(kept) == "<Timeout over>", kept)
