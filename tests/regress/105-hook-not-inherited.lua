-- SPDX-License-Identifier: MIT
--
-- The coroutine of a task that had set a Lua hook was used again, and where the
-- next task's spawner had a hook, too, the first task's function was called.

local struck = 0
neap.spawn(function()
    debug.sethook(function() struck = struck + 1 end, "l")
end):await()
struck = 0

debug.sethook(function() end, "l")
local task = neap.spawn(function()
    local x = 1
    return x + 1
end)
debug.sethook()
assert(task:await() == 2)
assert(struck == 0)
