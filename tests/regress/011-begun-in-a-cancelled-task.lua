-- SPDX-License-Identifier: MIT
--
-- In a cancelled task gather, wait and run_until_complete still began the
-- functions given, before they raised; wait and run_until_complete began them
-- also where nothing can wait.

local neap = require "neap"

local began = false
local function fn() began = true end
local loop = neap.loop()

local task = neap.spawn(function()
    pcall(neap.sleep, 1000)
    assert(not pcall(neap.gather, fn))
    assert(not pcall(neap.wait, {fn}))
    assert(not pcall(loop.run_until_complete, loop, fn))
end)
neap.yield()
task:cancel()
task:await()
assert(not began)

local list = {3, 1, 2}
pcall(table.sort, list, function() neap.wait {fn} end)
pcall(table.sort, list, function() loop:run_until_complete(fn) end)
neap.yield()
neap.yield()
assert(not began)
assert(#neap.tasks() == 1)
