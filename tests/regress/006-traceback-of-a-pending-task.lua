-- SPDX-License-Identifier: MIT
--
-- task:traceback() of a task that still ran counted as looking at its error:
-- when it failed later, nobody heard of it.

local shell = require "tests.spec.shell"

local result = shell.command {"--clock=virtual", "-e", [[
    local task = neap.spawn(function() neap.sleep(1) error "lost" end)
    neap.yield()
    task:traceback()
]]}
assert(result.err:find "lost")
assert(result.status == 1)
