-- SPDX-License-Identifier: MIT
--
-- A task caught an error that came out of neap.timeout; cancelled in another
-- one later, it was reported to have failed with that.

local shell = require "tests.spec.shell"

local result = shell.command {"-e", [[
    local function tries(...)
        pcall(neap.timeout, 1, error, "handled")
        neap.shield(pcall, neap.group, error, "handled")
        neap.timeout(10, ...)
    end
    local task = neap.spawn(tries, neap.sleep, 10)
    local nested = neap.spawn(tries, neap.timeout, 10, function()
        pcall(neap.timeout, 1, error, "handled")
        neap.sleep(10)
    end)
    local real = neap.spawn(neap.timeout, 10, neap.timeout, 10, function()
        local _ <close> = setmetatable({}, {__close = neap.yield})
        pcall(neap.sleep, 10)
        error "real"
    end)
    neap.yield()
    task:cancel()
    nested:cancel()
    real:cancel()
    neap.wait {task, nested}
    assert(task:traceback() == nil and nested:traceback() == nil)
]]}
assert(not result.err:find "handled", result.err)
assert(result.err:find "failed: .-real\nstack traceback", result.err)
assert(result.status == 1)
