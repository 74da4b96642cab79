-- SPDX-License-Identifier: MIT
--
-- neap.Channel in a storm: threads that put and get while their tasks are
-- cancelled and timed out, and while they end themselves. No value is lost or
-- comes twice, and each producer's come in their order. Run by beside:
--
--     beside tests/beside/channel_storm.lua [VALUES [SEED]]

local neap = require "neap"
local Channel = neap.Channel

local count = tonumber(arg[1]) or 1000      -- values that a task puts
local seed = tonumber(arg[2]) or 1

-- ---- cancels and time-outs

-- Whether a call put, or got, is known when it has returned: a Cancelled is
-- raised, or a time-out struck, only where it did nothing.
local prelude = [[
    local neap = require "neap"
    local random = math.random

    -- true and the results of fn(...), or false where it was cut off.
    local function try(fn, ...)
        local way = random(4)
        if way == 1 then return true, fn(...) end
        if way == 2 then return neap.move_on_after(random() / 5000, fn, ...) end
        local task = neap.spawn(fn, ...)
        for _ = 1, random(0, 3) do neap.yield() end
        if way == 3 then neap.sleep(random() / 5000) end
        task:cancel()
        neap.wait {task}
        if task:cancelled() then return false end
        return true, task:result()
    end
]]

-- A value is the number of the task that puts it, and its own there.
local producer = prelude .. [[
    local channel, books, first, tasks, count = ...
    math.randomseed(first)
    local function produce(id)
        local page = {count = 0, sum = 0}
        for i = 1, count do
            local value = id << 32 | i
            if try(channel.put, channel, value) then
                page.count, page.sum = page.count + 1, page.sum + value
            end
        end
        books:put(page)
    end
    local group <close> = neap.group()
    for i = 1, tasks do group:spawn(produce, first + i) end
]]

local consumer = prelude .. [[
    local channel, books, first, tasks = ...
    math.randomseed(first)
    local function consume()
        local page, last = {count = 0, sum = 0}, {}
        while true do
            local ok, value, why = try(channel.get, channel)
            if why == "closed" then break end
            if ok then
                local id, i = value >> 32, value & 0xffffffff
                assert(i > (last[id] or 0), "out of order")
                last[id] = i
                page.count, page.sum = page.count + 1, page.sum + value
            end
        end
        books:put(page)
    end
    local group <close> = neap.group()
    for _ = 1, tasks do group:spawn(consume) end
]]

local function read(books, pages)
    local total = {count = 0, sum = 0}
    for _ = 1, pages do
        local page = books:get()
        total.count = total.count + page.count
        total.sum = total.sum + page.sum
    end
    return total
end

local function storm(max, threads, tasks)
    local channel, put, got = Channel(max), Channel(), Channel()
    for i = 1, threads do
        local first = (seed * 100 + i) * 100
        beside(producer, channel, put, first, tasks, count)
        beside(consumer, channel, got, first, tasks)
    end
    local into = read(put, threads * tasks)
    channel:close()
    local out = read(got, threads * tasks)
    assert(into.count == out.count and into.sum == out.sum,
        ("%d put, %d got"):format(into.count, out.count))
    assert(into.count > 0 and channel:len() == 0)
end

for _, max in ipairs {0, 1, 3, 100, math.huge} do
    storm(max, 1, 1)
    storm(max, 1, 3)
    storm(max, 2, 2)
end
join()

-- ---- threads that end

-- They leave daemons behind, some of whom ignore their cancel and are ended
-- from outside. What a call came to is told at once: try_put never waits.

local mortal_consumer = [[
    local neap, channel, told, first = require "neap", ...
    math.randomseed(first)
    local function consume()
        for value in channel:items() do told:try_put(value) end
    end
    for _ = 1, 3 do
        neap.spawn({daemon = true}, neap.shield, consume)
        neap.spawn({daemon = true}, consume)
    end
    neap.sleep(math.random() / 300)
]]

local mortal_producer = [[
    local neap, channel, told, first, count = require "neap", ...
    math.randomseed(first)
    local function produce(id)
        for i = 1, count do
            channel:put(id << 32 | i)
            told:try_put(id << 32 | i)
        end
    end
    for i = 1, 3 do
        neap.spawn({daemon = true}, neap.shield, produce, first + 2 * i)
        neap.spawn({daemon = true}, produce, first + 2 * i + 1)
    end
    neap.sleep(math.random() / 300)
]]

-- All that is in a channel: a set, and how many.
local function drain(channel)
    local set, size = {}, 0
    channel:close()
    for value in channel:items() do
        assert(not set[value], "came twice")
        set[value] = true
        size = size + 1
    end
    return set, size
end

local function mortals(max, waves)
    local channel, put, got = Channel(max), Channel(), Channel()
    for wave = 1, waves do
        local first = (seed * 1000 + wave) * 100
        beside(mortal_producer, channel, put, first, count)
        beside(mortal_consumer, channel, got, first)
        neap.sleep(0.002)
    end
    join()
    local left = drain(channel)
    local into, out = drain(put), drain(got)
    for value in pairs(left) do
        assert(not out[value], "came twice")
        out[value] = true
    end
    for value in pairs(into) do assert(out[value], "was lost") end
    -- What came though no put had returned was on its way when that was ended:
    -- each task's next.
    local unsaid = {}
    for value in pairs(out) do
        if not into[value] then
            local id, i = value >> 32, value & 0xffffffff
            assert(i == 1 or into[value - 1], "was never put")
            assert(not unsaid[id], "was never put")
            unsaid[id] = true
        end
    end
end

for _, max in ipairs {0, 1, 7, math.huge} do mortals(max, 15) end

-- Who was ended from outside gets nothing, though its state lives on.

do
    local items, room = Channel(), Channel(1)
    room:put "first"
    outlived([[
        local neap, items, room = require "neap", ...
        for _ = 1, 3 do
            neap.spawn({daemon = true}, neap.shield, items.get, items)
            neap.spawn({daemon = true}, neap.shield, room.put, room, "second")
        end
        neap.yield()
    ]], items, room)
    join()
    for i = 1, 5 do items:put(i) end
    for i = 1, 5 do assert(items:get() == i) end
    assert(tostring(items) == "<Channel 0 items>")
    room:close()
    assert(room:get() == "first")
    local value, why = room:get()
    assert(value == nil and why == "closed")
end
