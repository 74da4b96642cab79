-- SPDX-License-Identifier: MIT
-- Ours: all processors at work on one sum, and the loop free meanwhile.
--
-- A loop uses one processor. Each part of the sum is a thread of its own, with
-- a state of its own: the function and the bounds are copied over, the part
-- comes back. gather waits for all, in order; if one failed it would cancel the
-- rest.
--
--     neap scripts/demos/parallel_sum.lua [N [THREADS]]
--
-- runs on: neap
-- clock: real
-- args: 300000 3

local neap = require "neap"

-- The sum of 1/k^2, from the small terms to the large ones.
local function part(from, to)
    local sum = 0.0
    for k = to, from, -1 do
        sum = sum + 1 / (k * k)
    end
    return sum
end

local function processors()
    local pipe <close> = io.popen "nproc"
    return pipe:read "n" or 1
end

local n = math.tointeger(arg[1]) or 50000000
local count = math.tointeger(arg[2]) or neap.offload(processors)

local threads = {}
for i = 1, count do
    local from, to = n * (i - 1) // count + 1, n * i // count
    threads[i] = neap.thread({name = "part " .. i}, part, from, to)
end

-- The loop is free: it can say so.
local ticks = 0
local ticker = neap.spawn({daemon = true}, function()
    for _ in neap.every(0.001) do
        ticks = ticks + 1
    end
end)

local sum = 0.0
for i, value in ipairs {neap.gather(table.unpack(threads))} do
    print(("part %d: %.6f"):format(i, value))
    sum = sum + value
end
ticker:cancel()

print(("sum: %.6f, pi^2/6: %.6f"):format(sum, math.pi ^ 2 / 6))
print(("%d threads; the loop ticked %d times meanwhile"):format(count, ticks))

--[[ output:
part 1: 1.644924
part 2: 0.000005
part 3: 0.000002
sum: 1.644931, pi^2/6: 1.644934
~ 3 threads; the loop ticked %d+ times meanwhile
]]
