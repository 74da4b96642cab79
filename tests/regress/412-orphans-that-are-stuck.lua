-- SPDX-License-Identifier: MIT
--
-- A task of an orphan waited in vain: it was ended by force, and with it went
-- the group, while that was still being emptied.

local shell = require "tests.spec.shell"

local result = shell.command {"-e", [[
    neap.run(function()
        local co = coroutine.create(function()
            local g = neap.group()
            for _ = 1, 3 do
                g:spawn(function()
                    local future = neap.Future()
                    neap.shield(future.await, future)
                end)
            end
            neap.yield()
        end)
        coroutine.resume(co)
    end)
    print "well"
]]}
assert(result.out == "well\n", result.err)
