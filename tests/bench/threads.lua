-- SPDX-License-Identifier: MIT
--
-- What other threads cost. Prints, for
--
--     neap tests/bench/threads.lua offload
--         the median round trip of an empty function in nanoseconds of wall
--         time, and the CPU of one
--     neap tests/bench/threads.lua channel
--         small values a second of wall time, put in one thread and got in
--         another

local neap = require "neap"

local work = {}

function work.offload()
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
    return took[rounds // 2] * 1e9, cpu * 1e9 / rounds
end

function work.channel()
    local count <const> = 1000000
    local channel = neap.Channel(1000)
    local function put(channel, count)
        for i = 1, count do channel:put(i) end
    end
    local from = neap.time()
    neap.thread(put, channel, count)
    for i = 1, count do assert(channel:get() == i) end
    return count / (neap.time() - from)
end

for i, figure in ipairs {work[arg[1]]()} do
    io.write(i > 1 and " " or "", ("%.0f"):format(figure))
end
print()
