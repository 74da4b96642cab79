-- SPDX-License-Identifier: MIT
--
-- A task that was ended by force while it waited in neap.run, inside of a
-- time-out or group that it had opened: the inner run stood beneath a scope
-- that was gone. And its clean-up was told that the scope "was left before a
-- wait inside it".

local shell = require "tests.spec.shell"

local result = shell.command {"-e", [[
    neap.run(function()
        local _ <close> = setmetatable({}, {__close = function(_, e)
            print(e)
        end})
        local t <close> = neap.timeout(10)
        local g <close> = neap.group()
        neap.run(function()
            local t <close> = neap.timeout(10)
            neap.run(os.exit, 7, true)
        end)
    end)
]]}
assert(result.status == 7 and result.out == "nil\n", result.err)
