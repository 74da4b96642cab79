-- SPDX-License-Identifier: MIT
--
-- A gather of what has failed already need not wait, so it may be called in a
-- callback. It crashed there: it took it for granted that a task runs.
local failed = neap.spawn(error, "failed", 0)
local message

neap.call_soon(function()
    message = select(2, pcall(neap.gather, failed))
end)
neap.sleep(0)
assert(message == "failed", message)
