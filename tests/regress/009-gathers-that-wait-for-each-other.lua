-- SPDX-License-Identifier: MIT
--
-- Two tasks that gather each other: the process hung. The deadlock was raised
-- in the main task, which then waited, in vain and for ever, for the other one
-- to end; each look found the same deadlock.

local neap = require "neap"

local main = neap.current()
local other = neap.spawn(function() pcall(neap.gather, main) end)
local ok, e = pcall(neap.gather, other)
assert(not ok)
assert(tostring(e):find "^deadlock", e)
