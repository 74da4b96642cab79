-- SPDX-License-Identifier: MIT
--
-- neap.gather gave, for a task of several results, the table in which they were
-- kept instead of the first of them.

local neap = require "neap"

local a, b, c = neap.gather(function() return 1, 2 end,
    function() return nil, 2 end, function() end)
assert(a == 1 and b == nil and c == nil)
