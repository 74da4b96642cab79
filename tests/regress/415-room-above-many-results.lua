-- SPDX-License-Identifier: MIT
--
-- Of a function with 17 results or more nothing was left of the stack, and
-- what leaves a group or a time-out wrote beyond it.

local neap = require "neap"

local function values(n)
    local list = {}
    for i = 1, n do list[i] = i end
    return table.unpack(list)
end

local function untidy(n)
    _G.kept = neap.timeout(1)
    return values(n)
end

neap.run(function()
    for n = 0, 60 do
        assert(select("#", neap.timeout(1, values, n)) == n)
        assert(select("#", neap.move_on_after(1, values, n)) == n + 1)
        assert(select("#", neap.shield(values, n)) == n)
        assert(select("#", neap.group(function() return values(n) end)) == n)
        assert(not pcall(neap.timeout, 1, untidy, n))
        assert(not pcall(neap.group, function() return untidy(n) end))
        local ok, e = pcall(neap.group, function(g)
            g:spawn(error, "child")
            return values(n)
        end)
        assert(not ok and e == "child")
    end
end)
