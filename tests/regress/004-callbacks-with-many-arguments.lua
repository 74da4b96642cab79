-- SPDX-License-Identifier: MIT
--
-- A callback with over 65,535 arguments lost them: a userdata has so many user
-- values, and Lua does not check.

local neap = require "neap"

local last
local function note(...) last = select(-1, ...) end
neap.call_soon(note, table.unpack({[60000] = "last"}, 1, 60000))
neap.yield()
assert(last == "last")
assert(not pcall(neap.call_soon, note, table.unpack({}, 1, 70000)))
