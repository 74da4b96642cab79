-- SPDX-License-Identifier: MIT
--
-- A group whose coroutine died with two errors in it: both are reported; the
-- second was looked for in the first.

local shell = require "tests.spec.shell"

local result = shell.command {"-e", [[
    local function fails(e)
        pcall(neap.sleep, 1)
        error(e, 0)
    end
    neap.run(function()
        local generator = coroutine.create(function()
            local g = neap.group()
            g:spawn(fails, "one")
            g:spawn(fails, "two")
            coroutine.yield()
            pcall(neap.yield)
            g:cancel()
            pcall(neap.yield)
            pcall(neap.yield)
        end)
        coroutine.resume(generator)
        coroutine.resume(generator)
    end)
]]}
assert(result.err:find "error: one" and result.err:find "error: two",
    result.err)
assert(result.status == 1)
