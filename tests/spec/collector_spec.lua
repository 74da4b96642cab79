-- SPDX-License-Identifier: MIT
--
-- How the collector is set in a state of our own (DESIGN, 6): as in lua, but
-- for a small heap with some tasks, and for a crowd of them. What counts its
-- cycles is an object that each of them finalizes.

local tasks = require "tests.spec.tasks"

-- Cycles while strings of 16 KiB are made, `count` of them, each in a turn of
-- the loop of its own: where the choice is made.
local prelude = [[
    local neap = require "neap"
    local cycles = 0
    local function canary()
        setmetatable({}, {__gc = function() cycles = cycles + 1 canary() end})
    end
    canary()
    local function sleepers(count)
        for i = 1, count do neap.spawn({daemon = true}, neap.sleep, 1e6) end
        neap.sleep(0.001)
    end
    local function litter(count)
        local before = cycles
        for i = 1, count do
            local s = ("x"):rep(16384 + i)
            neap.sleep(0.001)
        end
        return cycles - before
    end
]]

-- What the code prints: numbers.
local function numbers(code)
    local list = {}
    for number in tasks.out(prelude .. code):gmatch "%d+" do
        list[#list + 1] = tonumber(number)
    end
    return table.unpack(list)
end

describe("the collector", function()
    it("lets a small heap grow where there are some tasks", function()
        local few, some = numbers [[
            local held = ("x"):rep(400 << 10)
            print(litter(200))
            sleepers(20)
            collectgarbage()
            print(litter(200))
        ]]
        assert.is_true(few > 15, few .. " cycles of 3 MB")
        assert.is_true(some > 2 and some < few / 2, some .. " cycles of 3 MB")
    end)

    it("keeps Lua's pace in a larger one", function()
        local cycles = numbers [[
            local held = {}
            for i = 1, 12 do held[i] = ("x"):rep(1 << 20) .. i end
            sleepers(20)
            collectgarbage()
            print(litter(2000))
        ]]
        assert.is_true(cycles > 10, cycles .. " cycles of 32 MB")
    end)

    it("goes back to it when a small one has grown", function()
        local small, large = numbers [[
            local held = ("x"):rep(400 << 10)
            sleepers(20)
            collectgarbage()
            print(litter(200))
            held = ("x"):rep(10 << 20)
            litter(1000) -- the pace is set when a cycle ends
            print(litter(2000))
        ]]
        assert.is_true(small < 12, small .. " cycles of 3 MB")
        assert.is_true(large > 7, large .. " cycles of 32 MB")
    end)

    it("is in incremental mode from 10,000 tasks on", function()
        assert.equal("generational\nincremental\n", tasks.out(prelude .. [[
            sleepers(9990)
            print(collectgarbage "generational")
            sleepers(20)
            print(collectgarbage "incremental")
        ]]))
    end)

    it("stays in the mode that the script chose", function()
        assert.equal("incremental\nincremental\ngenerational\n",
            tasks.out(prelude .. [[
                collectgarbage("incremental", 150)
                sleepers(20)
                litter(10)
                print(collectgarbage "incremental")
                sleepers(10000)
                print(collectgarbage "generational")
                litter(10)
                print(collectgarbage "generational")
            ]]))
    end)

    it("stays stopped", function()
        assert.equal(0, (numbers [[
            collectgarbage "stop"
            sleepers(20)
            print(litter(100))
        ]]))
    end)
end)
