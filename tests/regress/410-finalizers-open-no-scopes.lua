-- SPDX-License-Identifier: MIT
--
-- A time-out that a finalizer opened stood around whatever task the collector
-- ran in, and struck it.

local neap = require "neap"

local said
neap.run(function()
    setmetatable({}, {__gc = function()
        local _
        _, said = pcall(neap.timeout, 0.001)
    end})
    collectgarbage()
    neap.sleep(0.01)
end)
assert(said:find "cannot open a scope in a finalizer", said)
