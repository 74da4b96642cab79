-- SPDX-License-Identifier: MIT
-- Ours: a group, and a child of it that fails.
--
-- No task outlives the block of the group that it was spawned in. So a failure
-- has a way to go: the others are cancelled, clean up and are waited for, and
-- then the error comes out of the block, as if the block itself had raised it.
-- Nobody is left behind, nothing gets lost: of two that fail, both errors come
-- out, as one ErrorGroup.

local neap = require "neap"

local function tell(words, ...)
    print(("%.1f s  "):format(neap.time()) .. words:format(...))
end

-- For a <close> variable: says how a block was left.
local function leaving(name)
    return setmetatable({}, {__close = function(_, err)
        tell("%s is left: %s", name, err or "all done")
    end})
end

local function child(name, seconds)
    local _ <close> = leaving(name)
    neap.sleep(seconds)
end

local function failing(name, seconds)
    neap.sleep(seconds)
    error(name .. " has failed", 0)
end

-- One fails: the quick one is through by then, the slow one is cancelled.
local function one_fails()
    local group <close> = neap.group()
    group:spawn(child, "quick", 1)
    group:spawn(failing, "broken", 2)
    group:spawn(child, "slow", 60)
    tell("three children")
end

-- Two fail at once, and neither hides the other.
local function two_fail()
    local group <close> = neap.group()
    group:spawn(failing, "one", 1)
    group:spawn(failing, "another", 1)
end

local ok, err = pcall(one_fails)
tell("out of the group: %s", err)

ok, err = pcall(two_fail)
tell("out of the group: %s", err.name)
for _, each in ipairs(err.errors) do
    tell("    %s", each)
end

--[[ output:
0.0 s  three children
1.0 s  quick is left: all done
2.0 s  slow is left: cancelled: another task of the group failed
2.0 s  out of the group: broken has failed
3.0 s  out of the group: ErrorGroup
3.0 s      one has failed
3.0 s      another has failed
]]
