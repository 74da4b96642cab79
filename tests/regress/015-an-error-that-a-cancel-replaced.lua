-- SPDX-License-Identifier: MIT
--
-- A cancelled task failed, and in its clean-up waited: the Cancelled took the
-- error's place, the task was "cancelled", and nobody heard of the error.

local shell = require "tests.spec.shell"

local result = shell.command {"-e", [[
    local task = neap.spawn(function()
        local _ <close> = setmetatable({}, {__close = neap.yield})
        pcall(neap.sleep, 1000)
        error "real"
    end)
    neap.yield()
    task:cancel()
]]}
assert(result.err:find "failed: .-real\nstack traceback")
assert(result.status == 1)
