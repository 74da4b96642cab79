-- SPDX-License-Identifier: MIT
--
-- A task that did not end within the grace was reported as "(error object is a
-- nil value)", and then once more when it was closed.

local stock = require "tests.spec.stock"

local result = stock.run [[
    neap.spawn({name = "stubborn"}, function()
        while true do pcall(neap.sleep, 1000) end
    end)
    neap.loop():stop()
    neap.loop():run_forever()
]]
local _, reports = result.err:gsub("neap: ", "")
assert(reports == 1, result.err)
assert(result.err:find "'stubborn'.* did not end within 5 s of being cancelled",
    result.err)
