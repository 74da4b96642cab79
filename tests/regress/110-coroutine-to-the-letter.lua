-- SPDX-License-Identifier: MIT
--
-- What is no coroutine was called so in other words than Lua's, and
-- isyieldable took it for the running one.

for name, call in pairs {
    resume = coroutine.resume, status = coroutine.status,
    close = coroutine.close, isyieldable = coroutine.isyieldable,
} do
    local ok, message = pcall(call, 1)
    assert(not ok)
    assert(message:find("thread expected, got number", 1, true), name)
end
