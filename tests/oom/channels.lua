-- SPDX-License-Identifier: MIT
--
-- Programs of tests/oom: Channels, in one thread and between threads.
--
-- A wait for a Channel is one for the world outside: it is no deadlock, and the
-- clock is the real one meanwhile. Who was to end it may have had no memory,
-- even for a cancel (oom.h): so all waits here have milliseconds. No Channel is
-- put into itself: it would stay until the process ends.

local neap = require "neap"

local channels = {}

-- fn(...), which waits for somebody who may have had no memory.
local function soon(...)
    local ok, value = neap.move_on_after(0.01, ...)
    assert(ok, "not enough memory")
    return value
end

-- A value of every kind that crosses.
local function parcel()
    local shared = {1.5, "te\0xt", true}
    local whole = {shared, shared, -0.0, key = {nested = shared}}
    whole.self = whole
    whole.fn = function(x) return x + 1 end
    return whole
end

-- An error of another kind than the one that is expected here is raised.
local function fails_by(name, ok, e)
    assert(not ok)
    if e.name ~= name then error(e, 0) end
end

local function produce(channel, n)
    for i = 1, n do channel:put({i}) end
    channel:close()
end

local function consume(channel)
    local sum = 0
    for item in channel:items() do sum = sum + item[1] end
    return sum
end

local function pass_through(channel)
    local _, sum = neap.gather(
        function() soon(produce, channel, 10) end,
        function() return soon(consume, channel) end)
    assert(sum == 55)
end

function channels.endless() pass_through(neap.Channel()) end
function channels.bounded() pass_through(neap.Channel(2)) end
function channels.rendezvous() pass_through(neap.Channel(0)) end

function channels.values()
    local channel = neap.Channel(1)
    for _, value in ipairs {1, 2.5, "text", ("x"):rep(5000), true} do
        channel:put(value)
        assert(channel:get() == value)
    end
    channel:put(parcel())
    local got = channel:get()
    assert(got.self == got and got[1] == got.key.nested and got.fn(1) == 2)
end

function channels.tried()
    local channel = neap.Channel(3)
    for i = 1, 3 do assert(channel:try_put({i})) end
    assert(not channel:try_put("too many"))
    assert(channel:len() == 3 and #channel == 3 and tostring(channel))
    for i = 1, 3 do
        local got, item = channel:try_get()
        assert(got and item[1] == i)
    end
    assert(channel:try_get() == false)
    channel:close()
    assert(select(2, channel:try_get()) == "closed")
end

-- One that is known by an item alone.
function channels.by_reference()
    local channel, other = neap.Channel(), neap.Channel()
    other:put("inside")
    channel:put({other, inner = other})
    other = nil
    collectgarbage()
    local got = channel:get()
    assert(got[1] == got.inner and got.inner:get() == "inside")
end

function channels.refused()
    local channel = neap.Channel()
    local ok, e = pcall(channel.put, channel, {job = {io.stdout}})
    assert(not ok and channel:len() == 0)
    if not tostring(e):find "cannot put" then error(e, 0) end
    channel:put(nil)
    ok, e = pcall(channel:items())
    assert(not ok)
    if not tostring(e):find "nil" then error(e, 0) end
end

function channels.closed()
    local channel = neap.Channel(1)
    channel:put(0)
    local group <close> = neap.group()
    for i = 1, 3 do
        group:spawn(function()
            fails_by("QueueClosed", pcall(soon, channel.put, channel, {i}))
        end)
    end
    neap.yield()
    channel:close(true)
    assert(select(2, channel:get()) == "closed")
end

function channels.closed_under_getters()
    local channel = neap.Channel()
    local group <close> = neap.group()
    for _ = 1, 3 do group:spawn(soon, channel.get, channel) end
    neap.yield()
    channel:close()
end

function channels.cancelled()
    local channel = neap.Channel(1)
    assert(neap.move_on_after(0.001, channel.get, channel) == false)
    fails_by("Timeout", pcall(neap.timeout, 0.001, channel.get, channel))
    channel:put("in")
    assert(neap.move_on_after(0.001, neap.gather,
        function() soon(channel.put, channel, {"out"}) end,
        function() soon(neap.Channel(0).put, neap.Channel(0), 1) end) == false)
    assert(channel:get() == "in" and channel:len() == 0)
end

-- Left with what is in them, and with those who wait.
function channels.dropped()
    for _ = 1, 3 do
        local channel = neap.Channel(1)
        channel:put(parcel())
        neap.move_on_after(0, channel.put, channel, parcel())
        collectgarbage()
    end
end

-- Collected where there is no memory to call a finalizer.
function channels.collected()
    local function deep(n)
        if n == 0 then return collectgarbage() end
        return 1 + deep(n - 1)
    end
    for i = 1, 3 do
        local channel = neap.Channel(1)
        channel:put(parcel())
        neap.move_on_after(0, channel.put, channel, parcel())
        channel = nil
        deep(10 * i)
    end
end

function channels.of_a_state()
    expect "cancelled"
    local channel = neap.Channel(1)
    channel:put(parcel())
    neap.spawn({daemon = true}, channel.put, channel, parcel())
    neap.yield()
end

-- ---- another thread

-- Over there as here.
local function beside(fn, here, ...)
    expect "the thread has ended"
    local thread = neap.thread(function(fn, ...)
        local ok = require "neap".move_on_after(0.01, fn, ...)
        assert(ok, "not enough memory")
    end, fn, ...)
    neap.gather(thread, function() soon(here) end)
end

function channels.from_thread()
    local channel = neap.Channel(2)
    beside(function(to)
        for i = 1, 5 do to:put({i}) end
        to:close()
    end, function()
        assert(consume(channel) == 15)
    end, channel)
end

function channels.to_thread()
    local channel = neap.Channel(0)
    beside(function(from)
        for item in from:items() do
            if type(item) ~= "table" then error "no table" end
        end
    end, function()
        for _ = 1, 3 do channel:put(parcel()) end
        channel:close()
    end, channel)
end

-- Asked and answered, by a Channel that comes with the question.
function channels.there_and_back()
    local questions = neap.Channel()
    beside(function(from)
        for question in from:items() do question.to:put(question.n * 2) end
    end, function()
        for n = 1, 3 do
            local answers = neap.Channel(1)
            questions:put({to = answers, n = n})
            assert(answers:get() == 2 * n)
        end
        questions:close()
    end, questions)
end

-- What a thread has put outlives it.
function channels.after_its_thread()
    expect "the thread has ended"
    local channel, other = neap.Channel(), neap.Channel()
    neap.thread(function(to, value)
        to:put(value)
        to:try_put(value)
    end, channel, {parcel(), other}):await()
    assert(channel:get()[1].self and channel:get()[2] == other)
end

-- Both sides are cancelled while they wait for each other.
function channels.cancelled_thread()
    expect "the thread has ended"
    local empty = neap.Channel()
    local thread = neap.thread(function(from)
        require "neap".move_on_after(0.01, from.get, from)
    end, empty)
    assert(neap.move_on_after(0.002, empty.get, empty) == false)
    thread:cancel()
    fails_by("Cancelled", pcall(thread.await, thread))
end

function channels.offload()
    local inward, outward = neap.Channel(), neap.Channel()
    inward:put({neap.Channel(), parcel()})
    local count = neap.offload(function(from, to)
        local got, value = from:try_get()
        if not got then return 0 end
        to:try_put(value)
        to:try_put(value[1])
        to:close()
        return to:len()
    end, inward, outward)
    assert(count == 2 and outward:get()[1] == outward:get())
end

-- A function that waits has a loop of its own.
function channels.offload_waits()
    local channel = neap.Channel(0)
    neap.gather(function()
        neap.offload(function(to)
            local neap = require "neap"
            assert(neap.run(neap.move_on_after, 0.01, to.put, to, {"text"}),
                "not enough memory")
        end, channel)
    end, function()
        assert(soon(channel.get, channel)[1] == "text")
    end)
end

return channels
