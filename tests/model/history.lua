-- SPDX-License-Identifier: MIT
--
-- Random histories of queues, locks, semaphores and events, from a seed, held
-- against the sequential models (objects.lua, checker.lua):
--
--     neap --clock=virtual --seed=N tests/model/history.lua SEED [COUNT]
--
-- Prints the trace of each, which must be the same each time, and fails where a
-- history is none that the models allow. `tests/model/sweep` runs many.
--
-- A history is some tasks that share a few objects. Each draws what it does
-- next, time and again: it operates on one of the objects, sleeps, cancels
-- another. Who was cancelled lets go of what it holds, and another task does
-- the rest. Where nothing moves any more the main task cancels somebody.
-- Everything random is drawn from one generator, in the order in which tasks
-- run: that is a question of SEED and of the shuffle (N) alone.

local neap = require "neap"
local checker = require "tests.model.checker"
local objects = require "tests.model.objects"
local operations = require "tests.model.operations"
local record = require "tests.model.record"

local note, note_quiet = record.note, record.note_quiet
local random = math.random

local world     -- of the history that runs

local function chance(percent)
    return random(100) <= percent
end

local function any(list)
    return list[random(#list)]
end

-- What a task does ----------------------------------------------------------

-- How often each is drawn.
local weights = {
    queue = {{"put", 10}, {"get", 10}, {"try_put", 4}, {"try_get", 4},
        {"task_done", 4}, {"join", 1}, {"len", 2}, {"close", 1}},
    lock = {{"acquire", 8}, {"release", 1}, {"locked", 1}},
    semaphore = {{"acquire", 8}, {"release", 1}},
    event = {{"wait", 6}, {"set", 3}, {"clear", 3}, {"is_set", 1}},
}

local draws = {}    -- kind -> list of functions
for kind, list in pairs(weights) do
    draws[kind] = {}
    for _, entry in ipairs(list) do
        local fn = operations[kind][entry[1]]
        for _ = 1, entry[2] do table.insert(draws[kind], fn) end
    end
end

local function operate(me)
    local object = any(world.objects)
    any(draws[object.kind])(me, object)
end

-- Within a time, by a value to be closed or by a function, behind a shield.
local ways = {
    move_on_after = neap.move_on_after,
    timeout = function(...)
        local ok, e = pcall(neap.timeout, ...)
        if not ok and not neap.is_timeout(e) then error(e, 0) end
        return ok
    end,
    scope = function(seconds, fn, ...)
        local ok, e = pcall(function(...)
            local t <close> = neap.timeout(seconds)
            fn(...)
            if chance(50) then t:reschedule(1 / 8) end
            fn(...)
        end, ...)
        if not ok and not neap.is_timeout(e) then error(e, 0) end
        return ok
    end,
    shield = function(...)
        return neap.shield(neap.move_on_after, ...)
    end,
}

local function operate_in_time(me)
    local seconds = any {0, 1 / 8, 1 / 4, 1}
    local way = any {"move_on_after", "timeout", "scope", "shield"}
    note(me.number, way, seconds)
    local in_time = ways[way](seconds, operate, me)
    note_quiet()
    note(me.number, in_time and "was in time" or "timed out")
end

local function cancel(me, other)
    if not other or other.task:done() then return end
    note_quiet()
    note(me.number, "cancels", other.number)
    other.task:cancel()
end

local function sleep()
    neap.sleep(any {0, 1 / 8, 1 / 8, 1 / 4, 1})
end

local function draw(me)
    local share = random(100)
    if share <= 55 then
        operate(me)
    elseif share <= 75 then
        operate_in_time(me)
    elseif share <= 85 then
        sleep()
    elseif share <= 94 then
        neap.yield()
    else
        cancel(me, any(world.tasks))
    end
end

-- One step of a task's; some swallow a cancel, and meet it again.
function operations.act(me)
    if world.left <= 0 then return end
    world.left = world.left - 1
    if not chance(10) then return draw(me) end
    local ok, e = pcall(draw, me)
    if not ok and not neap.is_cancelled(e) then error(e, 0) end
end

-- Tasks ---------------------------------------------------------------------

local function body(me)
    for _ = 1, me.left do
        me.left = me.left - 1
        operations.act(me)
    end
end

local function start(steps)
    local me = {number = #world.tasks + 1, left = steps, depth = 0}
    world.tasks[me.number] = me
    me.task = neap.spawn(body, me)
end

-- What cancelled tasks left undone goes to others. Says whether all have ended.
local function take_over()
    local over = true
    for number = 1, #world.tasks do
        local one = world.tasks[number]
        local ended = one.task:done()
        local e = ended and one.task:error()
        if e and not neap.is_cancelled(e) then record.fail(tostring(e)) end
        if ended and one.left > 0 then start(one.left) end
        over = over and ended and one.left == 0
        if ended then one.left = 0 end
    end
    return over
end

local main = {number = 0}

-- Somebody that has not ended.
local function somebody()
    local first = random(#world.tasks)
    for i = 0, #world.tasks - 1 do
        local one = world.tasks[(first + i) % #world.tasks + 1]
        if not one.task:done() then return one end
    end
end

-- Until all have ended; where nothing has moved for a while, who moves?
local function watch()
    while not take_over() do
        local length = #world.trace
        neap.sleep(5)
        if #world.trace == length then cancel(main, somebody()) end
    end
end

-- Afterwards ----------------------------------------------------------------

local check = {}

function check.queue(queue)
    while operations.queue.try_get(main, queue) do end
    for item in pairs(queue.put) do
        if not queue.got[item] and not queue.dropped then
            return ("item %d was lost"):format(item)
        end
    end
    for item in pairs(queue.got) do
        if not queue.put[item] then
            return ("item %d came, whose put raised"):format(item)
        end
    end
end

function check.lock(lock)
    if lock.it:locked() then return "it is held: " .. tostring(lock.it) end
end

function check.semaphore(semaphore)
    operations.semaphore.acquire_all(main, semaphore)
end

function check.event() end

local function check_object(object)
    local ok, failure = pcall(check[object.kind], object)
    if not ok or failure then return tostring(failure) end
    local model = objects[object.kind]
    local state = model.new(object.max, object.order)
    local allowed, why = checker.check(model, state, object.events)
    if not allowed then return why end
end

-- Histories -----------------------------------------------------------------

-- {kind, what makes it, how large it is, the order of items}
local lock = {"lock", neap.Lock}
local semaphore = {"semaphore", neap.Semaphore, {1, 2, 4}}
local queue = {"queue", neap.Queue, {0, 1, 3, math.huge}}
local kinds = {
    queue, queue, queue, queue, lock, lock, semaphore, semaphore,
    {"queue", neap.LifoQueue, {0, 1, 3, math.huge}, "newest"},
    {"queue", neap.PriorityQueue, {0, 1, 3, math.huge}, "least"},
    {"event", neap.Event},
}

local function make(number)
    local kind, new, sizes, order = table.unpack(any(kinds), 1, 4)
    local max = sizes and any(sizes)
    local object = {kind = kind, it = new(max), max = max, order = order,
        events = {}, count = 0, put = {}, got = {}}
    object.name = ("%s%d"):format(kind, number)
    note("new", object.name, tostring(object.it))
    return object
end

local function new_world(seed)
    math.randomseed(seed)
    world = {tasks = {}, left = 600}
    record.begin_world(world)
    for number = 1, random(2, 4) do world.objects[number] = make(number) end
    for _ = 1, random(3, 8) do start(random(10, 40)) end
end

local function history(seed)
    new_world(seed)
    watch()
    for _, object in ipairs(world.objects) do
        local failure = check_object(object)
        if failure then record.fail(object.name .. ": " .. failure) end
    end
    print(table.concat(world.trace, "\n"))
    local failure = world.failure
    print(("seed %d: %s"):format(seed, failure or "well"))
    return not failure
end

local first, count = tonumber(arg[1]) or 1, tonumber(arg[2]) or 1
local well = true
for seed = first, first + count - 1 do
    well = history(seed) and well
end
os.exit(well)
