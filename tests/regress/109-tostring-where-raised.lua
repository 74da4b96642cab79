-- SPDX-License-Identifier: MIT
--
-- The __tostring of an error object of the main chunk was called when all was
-- over; lua calls it where the error was raised, and its suite looks there.

local tasks = require "tests.spec.tasks"

local result = tasks.run [[
local e = setmetatable({}, {__tostring = function()
    return "raised in line " .. debug.getinfo(4).currentline
end})
local function fail()
    error(e)
end
neap.yield()
fail()
]]
assert(result.err == "neap: raised in line 5\n", result.err)
