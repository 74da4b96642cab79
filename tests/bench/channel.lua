-- SPDX-License-Identifier: MIT
--
-- Values a second through one Channel between two threads, by the clock: a put
-- here and a get there.
--
--     neap tests/bench/channel.lua [VALUES [MAX [small|string|table]]]

local neap = require "neap"

local count = tonumber(arg[1]) or 3000000
local max = tonumber(arg[2]) or 1000
local values = {small = 1, string = ("x"):rep(100), table = {1, 2, x = "y"}}
local value = values[arg[3] or "small"]

local channel = neap.Channel(max)
local getter = neap.thread(function(from)
    local got = 0
    for _ in from:items() do got = got + 1 end
    return got
end, channel)

local since = neap.time()
for _ = 1, count do channel:put(value) end
channel:close()
assert(getter:await() == count)
print(("%.0f"):format(count / (neap.time() - since)))
