-- SPDX-License-Identifier: MIT
--
-- Whether what several tasks saw of one object is what a sequential model of it
-- allows (objects.lua): Wing and Gong's search, with Lowe's remembering of what
-- led nowhere.
--
-- A history is a list of events: {"call", op}, {"return", op} and {"quiet"}.
-- Each op that returned must have a moment between its call and its return at
-- which it took effect, such that, in the order of these moments, the model
-- gives the results that were seen. neap promises more, and so these are
-- checked as well:
--
-- - An op that raised (op.raised: it was cancelled or timed out) had no effect.
-- - First come, first served: ops of one line take effect in the order of their
--   calls.
-- - Nobody is left asleep: where the history is quiet (virtual time moved on,
--   so that every task waited), all that took effect has returned, and the
--   first in each line could not go on. With an eager model this holds after
--   every call.

local checker = {}

local function without(list, value)
    local rest = {}
    for _, one in ipairs(list) do
        if one ~= value then rest[#rest + 1] = one end
    end
    return rest
end

local function with(list, value)
    local longer = table.move(list, 1, #list, 1, {})
    longer[#longer + 1] = value
    return longer
end

local function describe(op)
    local words = {"task", op.task, op.name}
    words[#words + 1] = op.arg and tostring(op.arg)
    if op.raised then
        words[#words + 1] = "(raised)"
    else
        words[#words + 1] = "-> " .. tostring(op.result)
    end
    return table.concat(words, " ")
end

-- The search: {model =, events =, dead =}. A configuration is where in the
-- events it stands, the model's state, the ops that are open (called and not
-- returned), in order, and, as a set, those of them that took effect.

-- How many open ops, raised ones as well if `all`, stand in a line.
local function count_in(search, config, all)
    return function(line)
        local count = 0
        for _, op in ipairs(config.open) do
            local own = search.model.line(op) or op.name:match "^try_(.*)"
            if own == line and not config.done[op]
                and (all or not op.raised) then
                count = count + 1
            end
        end
        return count
    end
end

-- The open ops that may take effect next: of each line the first; of those
-- that raised none, unless `all`.
local function candidates(search, config, all)
    local list, seen = {}, {}
    for _, op in ipairs(config.open) do
        local line = search.model.line(op)
        if not config.done[op] and (all or not op.raised) then
            if not line or not seen[line] then list[#list + 1] = op end
            if line then seen[line] = true end
        end
    end
    return list
end

-- The configuration in which `op` has taken effect, which may be another than
-- was seen: then its result follows. nil: it would wait.
local function after(search, config, op, all)
    local waiting = count_in(search, config, all)
    local state, result = search.model.step(config.state, op, waiting)
    if not state then return end
    local done = {[op] = true}
    for one in pairs(config.done) do done[one] = true end
    return {at = config.at, state = state, open = config.open, done = done},
        result
end

local function refuse(search, config, ...)
    if config.at >= search.furthest then
        search.furthest = config.at
        search.message = ("event %d: "):format(config.at)
            .. string.format(...) .. ", in state " .. config.state.key
    end
end

-- Where the model is eager: lets go on who can. nil: another result was seen.
local function settle(search, config)
    for _, op in ipairs(candidates(search, config)) do
        local next_config, result = after(search, config, op)
        if next_config and result ~= op.result then
            return refuse(search, config, "%s should be -> %s", describe(op),
                tostring(result))
        elseif next_config then
            return settle(search, next_config)
        end
    end
    return config
end

local function key_of(config)
    local parts = {config.at, config.state.key}
    for _, op in ipairs(config.open) do
        parts[#parts + 1] = config.done[op] and "+" or "-"
    end
    return table.concat(parts, " ")
end

local function is_quiet(search, config)
    for _, op in ipairs(config.open) do
        if config.done[op] then
            return refuse(search, config, "%s still waits", describe(op))
        end
    end
    for _, op in ipairs(candidates(search, config, true)) do
        if after(search, config, op, true) then
            return refuse(search, config, "%s waits in vain", describe(op))
        end
    end
    return true
end

local steps = {}

function steps.call(search, config, op)
    config.open = with(config.open, op)
    if search.model.eager then return settle(search, config) end
    return config
end

function steps.quiet(search, config)
    return is_quiet(search, config) and config
end

-- The op has taken effect, or raised.
steps["return"] = function(_, config, op)
    config.open = without(config.open, op)
    config.done[op] = nil
    return config
end

local explore

-- The op returned: it, or others and then it, must take effect now.
local function branch(search, config, op)
    local key = key_of(config)
    if search.dead[key] then return false end
    for _, one in ipairs(candidates(search, config)) do
        local next_config, result = after(search, config, one)
        if next_config and result == one.result
            and explore(search, next_config) then
            return true
        end
    end
    search.dead[key] = true
    refuse(search, config, "%s has no place", describe(op))
    return false
end

function explore(search, config)
    local event = search.events[config.at]
    while event do
        local kind, op = event[1], event[2]
        if kind == "return" and not op.raised and not config.done[op] then
            return branch(search, config, op)
        end
        config = steps[kind](search, config, op)
        if not config then return false end
        config.at = config.at + 1
        event = search.events[config.at]
    end
    return true
end

-- Whether the model allows the events of an object that began in `state`; if
-- not, why.
function checker.check(model, state, events)
    local search = {model = model, events = events, dead = {}, furthest = 0}
    local start = {at = 1, state = state, open = {}, done = {}}
    if explore(search, start) then return true end
    return false, search.message
end

return checker
