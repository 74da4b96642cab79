-- SPDX-License-Identifier: MIT
--
-- The median round trip of an empty function to a worker thread and back, in
-- nanoseconds by the clock, and the CPU of one. handoff.c is its limit.
--
--     neap tests/bench/offload.lua

local neap = require "neap"

local rounds <const>, took = 20000, {}
local function nothing() end

for _ = 1, 100 do neap.offload(nothing) end
local cpu = os.clock()
for i = 1, rounds do
    local from = neap.time()
    neap.offload(nothing)
    took[i] = neap.time() - from
end
cpu = os.clock() - cpu
table.sort(took)
print(("%.0f %.0f"):format(took[rounds // 2] * 1e9, cpu * 1e9 / rounds))
