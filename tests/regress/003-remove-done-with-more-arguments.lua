-- SPDX-License-Identifier: MIT
--
-- future:remove_done(fn, more) took `more` for the future's table of callbacks,
-- and crashed. What it removed was kept until the future went.

local neap = require "neap"

local future = neap.Future()
future:on_done(print)
assert(future:remove_done(print, 1) == 1)

local kept = setmetatable({}, {__mode = "k"})
for _ = 1, 10 do
    local argument = {}
    kept[argument] = true
    future:on_done(print, argument)
    future:remove_done(print)
end
collectgarbage()
collectgarbage()
assert(next(kept) == nil)
