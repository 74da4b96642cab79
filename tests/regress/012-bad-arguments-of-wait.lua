-- SPDX-License-Identifier: MIT
--
-- neap.wait of a list whose length is negative asked for a negative size of
-- memory; a bad timeout was called "argument #-1".

local neap = require "neap"

local list = setmetatable({}, {__len = function() return -1 end})
local ok, e = pcall(neap.wait, list)
assert(not ok and e:find "its length is negative", e)

ok, e = pcall(neap.wait, {}, {timeout = 0 / 0})
assert(not ok and e:find "bad argument #2 .-'timeout'", e)
