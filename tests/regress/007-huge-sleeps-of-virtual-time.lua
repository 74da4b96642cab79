-- SPDX-License-Identifier: MIT
--
-- Virtual time overflowed after two sleeps of more than 146 years.

local shell = require "tests.spec.shell"

local result = shell.command {"--clock=virtual", "-e", [[
    neap.sleep(1)
    for _ = 1, 4 do
        local before = neap.time()
        neap.sleep(1e300)
        assert(neap.time() >= before and before >= 1)
    end
    assert(neap.time() > 9e9)
]]}
assert(result.err == "", result.err)
assert(result.status == 0)
