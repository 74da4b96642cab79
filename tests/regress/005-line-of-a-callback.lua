-- SPDX-License-Identifier: MIT
--
-- The line that made a callback was lost where a C function stood between:
-- the Loop's methods, pcall.

local neap = require "neap"

local here = debug.getinfo(1, "S").short_src:gsub("%p", "%%%0")
local function check(handle, line)
    assert(tostring(handle):find(here .. ":" .. line .. ">"), handle)
    handle:cancel()
end
check(neap.loop():call_soon(print), 13)
check(neap.loop():call_later(1, print), 14)
check(select(2, pcall(neap.call_soon, print)), 15)
