-- SPDX-License-Identifier: MIT
--
-- Lua finalizes nothing that is made while it closes a state. An offload in a
-- finalizer there, where none can wait, left what it had packed: to be seen
-- under LeakSanitizer.

setmetatable({}, {__gc = function()
    local ok, message = pcall(neap.offload, function() end)
    assert(not ok and message:find "cannot wait", message)
end})
