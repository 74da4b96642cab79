-- SPDX-License-Identifier: MIT
--
-- A task was ended by force while its group, whose code had failed, waited for
-- the others. The error stayed behind under the group's address, and the next
-- group of that address raised it.

local shell = require "tests.spec.shell"

local result = shell.command {"-e", [[
    local function stubborn()
        local future = neap.Future()
        while true do
            local _, e = pcall(neap.shield, future.await, future)
            if type(e) == "string" then error(e) end
        end
    end
    neap.run(function()
        neap.spawn(neap.group, function(g)
            g:spawn(stubborn)
            neap.yield()
            error("old error", 0)
        end)
        neap.sleep(0)
    end)
    for _ = 1, 5 do
        neap.run(neap.group, function(g) g:spawn(neap.yield) end)
    end
    print "well"
]]}
assert(result.out == "well\n", result.err)
assert(result.err:find "error: old error", result.err)
