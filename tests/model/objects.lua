-- SPDX-License-Identifier: MIT
--
-- What the things between tasks are when one call follows another: sequential
-- models, for the checker (checker.lua).
--
-- A model has
--
--     new(...)                  the state in which the object is made
--     step(state, op, waiting)  the state after `op` and its result; nil where
--                               the call would have to wait
--     line(op)                  the line in which such a call stands, if any
--     eager                     whether a call that can go on has gone on
--
-- An op is {task =, name =, arg =, priority =}; waiting(line) says how many
-- stand in a line now (or try), which a rendezvous has to know. States are
-- never changed, and `key` tells them apart. Results are plain values; misuse
-- is "refused", what a closed queue says is "closed".
--
-- Semaphores are not eager: where a large request leaves its line (cancelled),
-- those behind it are served when the task that left comes to run.

local objects = {}

-- Queue, LifoQueue, PriorityQueue -------------------------------------------

-- The items in the order in which they come out: {item, priority} each.
local function queue_state(old, changes)
    local state = {}
    for _, from in ipairs {old, changes} do
        for name, value in pairs(from) do state[name] = value end
    end
    local parts = {tostring(state.closed), state.unfinished,
        tostring(state.hands)}
    for _, item in ipairs(state.items) do parts[#parts + 1] = item[1] end
    state.key = table.concat(parts, " ")
    return state
end

-- Where an item comes to stand, by the order.
local places = {
    oldest = function(items) return #items + 1 end,
    newest = function() return 1 end,
    least = function(items, priority)
        local place = 1
        while items[place] and items[place][2] <= priority do
            place = place + 1
        end
        return place
    end,
}

local function with_item(state, op)
    local items = table.move(state.items, 1, #state.items, 1, {})
    local priority = op.priority or 0
    table.insert(items, places[state.order](items, priority),
        {op.arg, priority})
    return queue_state(state, {items = items,
        unfinished = state.unfinished + 1, hands = state.max == 0})
end

-- A rendezvous has room for what a getter takes at once.
local function has_room(state, waiting)
    if state.max > 0 then return #state.items < state.max end
    return not state.hands and waiting "get" > 0
end

local function take(state)
    local items = table.move(state.items, 2, #state.items, 1, {})
    return queue_state(state, {items = items, hands = false}),
        state.items[1][1]
end

local queue = {}

function queue.put(state, op, waiting)
    if state.closed then return state, "closed" end
    if has_room(state, waiting) then return with_item(state, op), "ok" end
end

function queue.try_put(state, op, waiting)
    if state.closed then return state, "closed" end
    if has_room(state, waiting) then return with_item(state, op), true end
    return state, false
end

function queue.get(state)
    if #state.items > 0 then return take(state) end
    if state.closed then return state, "closed" end
end

function queue.try_get(state)
    if #state.items > 0 then return take(state) end
    return state, state.closed and "closed" or "none"
end

function queue.close(state, op)
    local changes = {closed = true}
    if op.arg == "drop" then
        changes.items, changes.unfinished = {}, 0
    end
    return queue_state(state, changes), "ok"
end

function queue.task_done(state)
    if state.unfinished == 0 then return state, "refused" end
    return queue_state(state, {unfinished = state.unfinished - 1}), "ok"
end

function queue.join(state)
    if state.unfinished == 0 then return state, "ok" end
end

function queue.len(state)
    return state, #state.items
end

local queue_lines = {put = "put", get = "get", join = "join"}

objects.queue = {
    eager = true,
    new = function(max, order)
        return queue_state({}, {items = {}, max = max or math.huge,
            order = order or "oldest", unfinished = 0, closed = false,
            hands = false})
    end,
    step = function(state, op, waiting)
        return queue[op.name](state, op, waiting)
    end,
    line = function(op) return queue_lines[op.name] end,
}

-- Lock ----------------------------------------------------------------------

local locks = {}    -- the states, by holder; 0: nobody
for holder = 0, 1000 do locks[holder] = {holder = holder, key = holder} end

local lock = {}

function lock.acquire(state, op)
    if state.holder == op.task then return state, "refused" end
    if state.holder == 0 then return locks[op.task], "ok" end
end

function lock.release(state, op)
    if state.holder ~= op.task then return state, "refused" end
    return locks[0], "ok"
end

function lock.locked(state)
    return state, state.holder ~= 0
end

objects.lock = {
    eager = true,
    new = function() return locks[0] end,
    step = function(state, op) return lock[op.name](state, op) end,
    line = function(op)
        return op.name == "acquire" and op.result ~= "refused" and "acquire"
            or nil
    end,
}

-- Semaphore -----------------------------------------------------------------

local function permits(free, max)
    return {free = free, max = max, key = free}
end

local semaphore = {}

function semaphore.acquire(state, op)
    if op.arg <= state.free then
        return permits(state.free - op.arg, state.max), "ok"
    end
end

function semaphore.release(state, op)
    if state.free + op.arg > state.max then return state, "refused" end
    return permits(state.free + op.arg, state.max), "ok"
end

objects.semaphore = {
    new = function(max) return permits(max, max) end,
    step = function(state, op) return semaphore[op.name](state, op) end,
    line = function(op) return op.name == "acquire" and "acquire" or nil end,
}

-- Event ---------------------------------------------------------------------

local happened = {set = true, key = "set"}
local not_yet = {set = false, key = "not set"}

local event = {
    set = function() return happened, "ok" end,
    clear = function() return not_yet, "ok" end,
    is_set = function(state) return state, state.set end,
    wait = function(state) if state.set then return state, "ok" end end,
}

objects.event = {
    eager = true,
    new = function() return not_yet end,
    step = function(state, op) return event[op.name](state) end,
    line = function(op) return op.name == "wait" and "wait" or nil end,
}

return objects
