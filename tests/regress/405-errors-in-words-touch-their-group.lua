-- SPDX-License-Identifier: MIT
--
-- The errors of a group are put into words when it is left. A __tostring that
-- left the group, or opened a scope, did so in the middle of that.

local neap = require "neap"

local function leave(tostring)
    local g
    local ok, e = pcall(neap.run, function()
        g = neap.group()
        for i = 1, 2 do
            g:spawn(function()
                pcall(neap.sleep, 1)
                error(setmetatable({}, {__tostring = function()
                    return tostring(g, i)
                end}))
            end)
        end
        pcall(neap.yield)
        g:cancel()
        g:wait()
    end)
    assert(not ok and #e.errors == 2)
    return e.message
end

assert(leave(function(g, i)
    local ok = pcall(g.wait, g)
    return tostring(g) .. i .. tostring(ok)
end):find "<Group over>2")
assert(leave(function(_, i)
    _G.kept = neap.timeout(5)
    return tostring(i)
end):find "1. 1\n")
