-- SPDX-License-Identifier: MIT
--
-- Of a group that was never left the errors are reported; a __tostring that
-- opened a scope then stood in the way of the scopes that were dropped with it.

local shell = require "tests.spec.shell"

local result = shell.command {"-e", [[
    local words = {__tostring = function()
        kept = neap.timeout(5)
        return "said"
    end}
    neap.run(function()
        local outer <close> = neap.timeout(10)
        local middle = neap.timeout(9)
        local g = neap.group()
        g:spawn(error, setmetatable({}, words))
        pcall(neap.yield)
    end)
]]}
assert(result.err:find "error: said", result.err)
assert(result.err:find "was left before the time%-out", result.err)
assert(result.status == 1)
