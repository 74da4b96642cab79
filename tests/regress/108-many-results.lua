-- SPDX-License-Identifier: MIT
--
-- The end of a task with many results had no room on its stack to keep them.

for _, count in ipairs {20, 30, 200, 100000, 900000} do
    local task = neap.spawn(function() return table.unpack({}, 1, count) end)
    assert(select("#", task:await()) == count)
end
local task = neap.spawn(function() return table.unpack({}, 1, 999990) end)
assert(not pcall(task.await, task))
