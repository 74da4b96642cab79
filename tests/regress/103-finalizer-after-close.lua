-- SPDX-License-Identifier: MIT
--
-- Finalizers that run after neap's own (of what was made before it) found its
-- groups freed: neap.tasks, on_done and others read them.

local stock = require "tests.spec.stock"

local result = stock.run([[
    last = setmetatable({}, {__gc = function()
        print(#neap.tasks(), pcall(task.on_done, task, print))
        print(pcall(neap.socketpair))
        print(pcall(neap.spawn, print))
    end})
    neap = require "neap"
    task = neap.spawn(neap.sleep, 1000)
]], true)
assert(result.err == "" and result.status == 0, result.err)
assert(result.out:find "^0\tfalse\tthe runtime is clos", result.out)
assert(not result.out:find "true", result.out)
