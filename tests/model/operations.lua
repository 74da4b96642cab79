-- SPDX-License-Identifier: MIT
--
-- What a task of a random history (history.lua) can do to an object: for each
-- kind a table of functions that operate on one and have it written down.

local record = require "tests.model.record"

local begin, finish, perform = record.begin, record.finish, record.perform
local random = math.random

-- `act` draws and does something else, while a lock or a permit is held.
local operations = {act = nil}

local function done()
    return "ok"
end

local function value(...)
    return (...)
end

-- Queues --------------------------------------------------------------------

local on_queue = {}
operations.queue = on_queue

local function put(name, read)
    return function(me, queue)
        queue.count = queue.count + 1
        local item, priority = queue.count, random(3)
        local op = begin(me, queue, name, item, priority)
        local result = perform(me, queue, op, read, item, priority)
        if result == "ok" or result == true then queue.put[item] = true end
    end
end

on_queue.put = put("put", done)
on_queue.try_put = put("try_put", value)

-- Whether it is an item, and not what was said instead.
local function note_got(queue, item)
    if math.type(item) ~= "integer" then return false end
    if queue.got[item] then record.fail(item .. " was got twice") end
    queue.got[item] = true
    return true
end

local function read_get(item, why)
    return item == nil and why or item
end

function on_queue.get(me, queue)
    local op = begin(me, queue, "get")
    note_got(queue, perform(me, queue, op, read_get))
end

local function read_try_get(got, item)
    if got then return item end
    return got == nil and "closed" or "none"
end

function on_queue.try_get(me, queue)
    local op = begin(me, queue, "try_get")
    local item = perform(me, queue, op, read_try_get)
    return note_got(queue, item)
end

function on_queue.task_done(me, queue)
    perform(me, queue, begin(me, queue, "task_done"), done)
end

function on_queue.join(me, queue)
    perform(me, queue, begin(me, queue, "join"), done)
end

function on_queue.len(me, queue)
    perform(me, queue, begin(me, queue, "len"), value)
end

function on_queue.close(me, queue)
    if random(100) > 15 then return end
    local drop = random(100) <= 40
    local op = begin(me, queue, "close", drop and "drop" or nil)
    queue.dropped = queue.dropped or drop
    perform(me, queue, op, done, drop)
end

-- Locks and semaphores ------------------------------------------------------

local function act_within(me)
    for _ = 1, random(0, 3) do operations.act(me) end
end

-- Releases also where an error is on its way.
local function releasing(me, object, amount)
    return setmetatable({}, {__close = function()
        local op = begin(me, object, "release", amount)
        perform(me, object, op, done, amount)
    end})
end

-- Acquires, does something, releases: three ways to write it.
local function hold_plainly(me, object, amount)
    local op = begin(me, object, "acquire", amount)
    if perform(me, object, op, done, amount) ~= "ok" then return end
    local _ <close> = releasing(me, object, amount)
    act_within(me)
end

-- The release that Lua does is noted as one that we called.
local function note_release(me, object, amount)
    finish(object, begin(me, object, "release", amount), true, "ok")
end

local function hold_by_close(me, object, amount)
    local op = begin(me, object, "acquire", amount)
    local ok, permit = pcall(object.it.acquire, object.it, amount)
    if not ok then
        local known, result = record.result_of(permit)
        finish(object, op, known, result)
        return known or error(permit, 0)
    end
    finish(object, op, true, "ok")
    local _ <close> = setmetatable({}, {__close = function()
        local closing <close> = permit
        note_release(me, object, amount)
    end})
    act_within(me)
end

local function hold_with(me, object)
    local amount = object.max and 1 or nil
    local op = begin(me, object, "acquire", amount)
    local ok, e = pcall(object.it.with, object.it, function()
        finish(object, op, true, "ok")
        local _ <close> = setmetatable({}, {__close = function()
            note_release(me, object, amount)
        end})
        act_within(me)
    end)
    if ok then return end
    local known, result = record.result_of(e)
    if op.result == nil and op.raised == nil then
        finish(object, op, known, result)
    end
    return known or error(e, 0)
end

local function hold(me, object)
    if me.depth > 2 then return end
    me.depth = me.depth + 1
    local guard <close> = setmetatable({}, {__close = function()
        me.depth = me.depth - 1
    end})
    local ways = {hold_plainly, hold_by_close, hold_with}
    ways[random(#ways)](me, object, object.max and random(object.max) or nil)
end

local on_lock = {acquire = hold}
operations.lock = on_lock

-- One that it does not hold.
function on_lock.release(me, lock)
    if me.depth > 0 then return end
    perform(me, lock, begin(me, lock, "release"), done)
end

function on_lock.locked(me, lock)
    perform(me, lock, begin(me, lock, "locked"), value)
end

local on_semaphore = {acquire = hold}
operations.semaphore = on_semaphore

-- More than there can be, whatever is free.
function on_semaphore.release(me, semaphore)
    local op = begin(me, semaphore, "release", semaphore.max + 1)
    perform(me, semaphore, op, done, op.arg)
end

-- All permits there are: some may have been lost.
function on_semaphore.acquire_all(me, semaphore)
    local op = begin(me, semaphore, "acquire", semaphore.max)
    perform(me, semaphore, op, done, op.arg)
end

-- Events --------------------------------------------------------------------

local on_event = {}
operations.event = on_event

for name, read in pairs {set = done, clear = done, is_set = value,
    wait = done} do
    on_event[name] = function(me, event)
        perform(me, event, begin(me, event, name), read)
    end
end

return operations
