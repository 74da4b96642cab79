-- SPDX-License-Identifier: MIT
--
-- In a stock lua the runtime's userdata shared its place in the registry with
-- the coroutine of the callbacks: it was collected at once, and neap.run said
-- "the runtime is closing".

local stock = require "tests.spec.stock"

assert(stock.out [[
    collectgarbage()
    print(neap.run(function()
        collectgarbage()
        neap.sleep(0.001)
        return "ran"
    end))
]] == "ran\n")
