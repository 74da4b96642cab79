-- SPDX-License-Identifier: MIT
--
-- A task that yields to the scheduler by a coroutine.yield of before neap is
-- closed, and then asked where it was spawned: its coroutine no longer knew,
-- and the process crashed.

local stock = require "tests.spec.stock"

local result = stock.run([[
    local yield = coroutine.yield
    local neap = require "neap"
    print(pcall(neap.run, function() yield(1) end))
    neap.run(function()
        neap.spawn(yield)
        neap.sleep(0.01)
    end)
]], true)
assert(result.out:find "^false\tattempt to yield to the scheduler")
assert(result.err:find "task #3 failed: attempt to yield")
assert(result.err:find "spawned at it:5")
assert(result.status == 0)
