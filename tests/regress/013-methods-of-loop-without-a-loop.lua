-- SPDX-License-Identifier: MIT
--
-- loop.call_later(1, fn), with a dot, took fn for the delay; others of Loop's
-- methods worked on anything.

local neap = require "neap"

local loop = neap.loop()
for _, call in ipairs {
    function() loop.call_later(1, print) end,
    function() loop.time() end,
    function() loop.stop(1) end,
    function() loop.add_reader(0, print) end,
    function() loop.close {} end,
} do
    local ok, e = pcall(call)
    assert(not ok and e:find "neap.Loop expected", e)
end
