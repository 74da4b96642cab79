-- SPDX-License-Identifier: MIT
--
-- A short sweep of random programs (tests/fuzz/api.lua): always the same ones.

local shell = require "tests.spec.shell"

describe("random programs", function()
    for _, seed in ipairs {1, 1000, 21844, 1000000} do
        it("from seed " .. seed .. " keep the books", function()
            local result = shell.command {"--clock=virtual",
                "tests/fuzz/api.lua", tostring(seed), "100"}
            assert.equal(("100 programs from seed %d: all well\n")
                :format(seed), result.out)
            assert.equal(0, result.status)
        end)
    end
end)
