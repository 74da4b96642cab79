-- SPDX-License-Identifier: MIT
--
-- What happens in a random history (history.lua), written down twice: as the
-- trace, and as the events of each object for the checker.
--
-- A world is {trace =, objects =, start =, now =}: lines, the objects, when it
-- began, and the virtual time of what happened last, since then. An object is
-- {name =, it =, events =}, a task {number =}.

local neap = require "neap"

local record = {}

local world

function record.begin_world(new)
    world = new
    world.start, world.now = neap.time(), 0.0
    world.trace, world.objects = {}, {}
end

function record.note(...)
    world.trace[#world.trace + 1] = table.concat({...}, " ")
end

-- Every task waited before this: virtual time stands still while one can run.
function record.note_quiet()
    local now = neap.time() - world.start
    if now == world.now then return end
    world.now = now
    record.note("time", ("%.3f"):format(now))
    for _, object in ipairs(world.objects) do
        table.insert(object.events, {"quiet"})
    end
end

function record.fail(words)
    world.failure = world.failure or words
end

function record.begin(me, object, name, arg, priority)
    record.note_quiet()
    local op = {task = me.number, name = name, arg = arg, priority = priority}
    table.insert(object.events, {"call", op})
    record.note(me.number, object.name, name, arg)
    return op
end

function record.finish(object, op, ok, result)
    record.note_quiet()
    op.raised, op.result = not ok, result
    table.insert(object.events, {"return", op})
    record.note(op.task, object.name, op.name,
        ok and "-> " .. tostring(result) or "raised")
end

-- What a call raised, as the models say it: a cancel is none of its results.
function record.result_of(e)
    if neap.is_cancelled(e) then return false end
    if type(e) == "table" and e.name == "QueueClosed" then
        return true, "closed"
    end
    local words = tostring(e)
    if words:find "^cannot " or words:find "^task_done called too often" then
        return true, "refused"
    end
    record.fail(words)
    return false
end

-- Calls the method, whose result `read` puts as the models do, and lets a
-- cancel through.
function record.perform(me, object, op, read, ...)
    local results = table.pack(pcall(object.it[op.name], object.it, ...))
    if results[1] then
        local result = read(table.unpack(results, 2, results.n))
        record.finish(object, op, true, result)
        return result
    end
    local ok, result = record.result_of(results[2])
    record.finish(object, op, ok, result)
    if not ok then error(results[2], 0) end
    return result
end

return record
