-- SPDX-License-Identifier: MIT
--
-- Random programs of everything a script can do, from a seed:
--
--     neap --clock=virtual tests/fuzz/api.lua SEED [COUNT [verbose]]
--
-- runs the programs of SEED, SEED + 1 and so on. Each is some tasks that draw
-- what they do next, time and again, from one generator of random numbers. A
-- program keeps books beside what it does (who was cancelled, which item went
-- where, what was sent), and fails with its seed where neap and the books
-- differ. Reports of the tasks' own errors go to standard error: send them to
-- /dev/null.
--
-- What runs is a question of the seed alone, and every eighth program runs
-- twice to see that it is. So times are dyadic, that sums be exact; and since
-- virtual time goes on while somebody waits for a descriptor, a program has
-- either sockets (where the kernel has a say, too) or sleeps.

local neap = require "neap"
local random = math.random

local verbose = false
local world             -- the books of the program that runs
local act               -- draws and does one thing

-- The books -----------------------------------------------------------------

local function fail(text, ...)
    text = text:format(...)
    world.failure = world.failure or text
    error("fuzz: " .. text, 2)
end

local function expect(ok, ...)
    if not ok then fail(...) end
end

-- One more line of the trace, of which a number is kept.
local function note(...)
    local rec = world.records[neap.current() or world]
    local line = table.concat({rec and rec.id or "-", ...}, " ")
    if verbose then print(line) end
    local hash = world.hash
    for i = 1, #line do hash = (hash * 31 + line:byte(i)) & 0xffffffffffff end
    world.hash = hash
end

local function chance(percent)
    return random(100) <= percent
end

local function any(list)
    if #list > 0 then return list[random(#list)] end
end

local function kind_of(e)
    if neap.is_cancelled(e) then return "cancelled" end
    if type(e) == "table" then return tostring(e.name) end
    return type(e)
end

-- At a deadlock nobody may be asleep.
local function check_deadlock()
    for _, rec in ipairs(world.list) do
        expect(rec.task:done() or not rec.asleep,
            "deadlock, and task %d is in %s", rec.id, rec.asleep)
    end
    for _, call in ipairs(world.calls) do
        expect(call.over or call.cancelled, "deadlock, and a call is to come")
    end
end

local function check_error(rec, name, e)
    if type(e) == "table" and e.name == "Deadlock" then
        -- Who owns raises it when what it owns has ended.
        local late = ("gather settle race map run complete"):find(name, 1, true)
        late = late or world.grouped
        if not world.deadlocks[e] and not late then check_deadlock() end
        world.deadlocks[e] = true
    elseif type(e) == "table" and e.name == "Cancelled" then
        expect(e.task ~= rec.task or rec.may_be_cancelled,
            "%s: Cancelled in task %d, which nobody cancelled", name, rec.id)
    end
end

-- Calls what is marked as waiting in the manual. `asleep`: it ends by itself.
local function wait(name, asleep, fn, ...)
    local rec = world.records[neap.current() or world]
    if not rec then
        return fn(...)
    end
    note(name)
    local doomed, returned = rec.doomed, false
    local guard <close> = setmetatable({}, {__close = function(_, e)
        rec.asleep = nil
        if returned then return note(name, "ok") end
        note(name, "raised", kind_of(e))
        check_error(rec, name, e)
    end})
    rec.asleep = asleep and name
    local results = table.pack(fn(...))
    returned = true
    -- A wait that need not wait may where nothing else can.
    if doomed and not rec.shielded then
        local _, e = pcall(neap.yield)
        expect(not neap.is_cancelled(e), "%s returned in cancelled task %d",
            name, rec.id)
    end
    return table.unpack(results, 1, results.n)
end

local function attempt(fn, ...)
    local ok, e = pcall(fn, ...)
    if world.failure then error(world.failure, 0) end
    return ok, e
end

-- Tasks ---------------------------------------------------------------------

local function raise()
    local errors = {
        "a string", {}, setmetatable({}, {__tostring = error}), 42, false,
        setmetatable({}, {__tostring = function() return 1 end}), print,
    }
    error(errors[random(#errors + 1)], random(0, 2))
end

local function closing(depth)
    return setmetatable({}, {__close = function()
        note "close"
        for _ = 1, random(0, 2) do act(depth + 1) end
    end})
end

-- Some actions in a row, in one of the frames a script may have.
local function block(depth)
    local frame = random(8)
    if frame == 1 then
        local first <close> = closing(depth)
        local second <close> = chance(50) and closing(depth) or nil
        for _ = 1, random(3) do act(depth + 1) end
    elseif frame == 2 then
        attempt(block, depth + 1)
    elseif frame == 3 then
        xpcall(block, debug.traceback, depth + 1)
    elseif frame == 4 then
        -- No __concat: 5.4.4's luaV_concat loses the stack that one moves.
        local meta = {__index = function() act(depth + 1) return 1 end}
        meta.__lt, meta.__call = meta.__index, meta.__index
        local object = setmetatable({}, meta)
        local _ = object.x, object < object, object()
    elseif frame == 5 then
        local round = 0
        local function more() round = round + 1 return round < 3 or nil end
        for _ in more do
            act(depth + 1)
        end
    else
        for _ = 1, random(4) do act(depth + 1) end
    end
end

local function body(rec)
    rec.started = true
    note("starts", rec.id)
    local ok, e = pcall(function()
        for _ = 1, random(6) do
            if chance(60) then attempt(block, 0) else block(0) end
        end
    end)
    note("ends", tostring(ok))
    rec.over = true
    if ok then
        rec.token = {}
        return rec.token, rec.id
    end
    rec.raised = e
    error(e, 0)
end

local function adopt(rec, task)
    rec.task = task
    world.records[task] = rec
    if chance(80) then
        task:on_done(function(done)
            expect(done == task and task:done(), "on_done of another")
            rec.told = (rec.told or 0) + 1
            expect(rec.told == 1, "on_done was called twice")
        end)
    end
    return task
end

-- `home` is the run that loop:close() would close. A task has that of who
-- spawned it, be it a callback, or the group's: nil is the fuzzer's own, which
-- is also where callbacks spawn whose run is over.
local function new_record(home)
    local owner = world.records[neap.current() or world]
    local rec = {id = #world.list + 1, run = owner and owner.own_run}
    rec.own_run = rec.run
    rec.home = home or owner and owner.home or world.calling
    if rec.home and rec.home.over then rec.home = nil end
    world.list[rec.id] = rec
    return rec
end

local function spawn()
    if #world.list > 40 then return end
    local options = chance(30) and {name = "f", daemon = chance(30)}
    local rec = new_record()
    local ok, task
    if options then
        ok, task = pcall(neap.spawn, options, body, rec)
    else
        ok, task = pcall(neap.spawn, body, rec)
    end
    if not ok then
        world.list[rec.id] = nil
        error(task, 0)
    end
    return adopt(rec, task)
end

-- Every task that ended, ended as its body did.
local function check_ended(rec)
    local task = rec.task
    expect(task:done(), "task %d has not ended: %s", rec.id, tostring(task))
    local state = task:state()
    if state == "finished" then
        expect(rec.over and task:result() == rec.token, "another result")
    elseif rec.started then
        -- Gathers that wait for each other are ended by force.
        local e = task:error()
        local forced = type(e) == "table" and e.name == "Ended"
        expect(rec.over or forced, "the body of task %d was left", rec.id)
        expect(forced or rawequal(rec.raised, e), "another error")
    end
    if state == "cancelled" then
        expect(neap.is_cancelled(task:error()), "cancelled by another error")
    end
end

local function some_tasks(most)
    local list = {}
    for i = 1, random(0, most) do
        local rec = any(world.list)
        -- Gathers that wait for each other end by the deadlock that they are,
        -- which while somebody watches a descriptor there is none.
        if rec and rec.task and not world.sockets and chance(70) then
            list[i] = rec.task
        elseif chance(50) and #world.futures > 0 then
            list[i] = any(world.futures)
        else
            list[i] = function() block(2) return i end
        end
    end
    return list
end

-- What there is to do -------------------------------------------------------

local actions = {}

function actions.sleep()
    if world.sockets then return wait("yield", true, neap.yield) end
    local seconds = any {0, 0, 1 / 512, random(8) / 8, random(10), -1}
    local due = neap.time() + seconds
    wait("sleep", true, neap.sleep, seconds)
    local late = neap.time() - due
    expect(late > -1e-9 and late < 0.01 + math.max(0, -seconds),
        "slept %g seconds longer than %g", late, seconds)
end

function actions.sleep_until()
    if world.sockets then return end
    local due = neap.time() + random(-2, 4) * 0.5
    wait("sleep_until", true, neap.sleep_until, due)
    expect(neap.time() >= due, "woke early")
end

function actions.yield()
    wait("yield", true, neap.yield)
end

function actions.every(depth)
    if world.sockets then return end
    local start = neap.time()
    local next_round = neap.every(0.5)
    for i = 1, random(3) do
        local round = wait("every", true, next_round)
        expect(round == i, "round %s, not %d", round, i)
        expect(neap.time() >= start + 0.5 * i, "a round began early")
        act(depth + 1)
    end
end

actions.spawn = spawn
actions.error = raise

function actions.await()
    local rec = any(world.list)
    if not rec or not rec.task then return end
    local token, id = wait("await", false, rec.task.await, rec.task)
    expect(token == rec.token and id == rec.id, "awaited another's result")
end

local function own(list)
    for _, task in ipairs(list) do
        local rec = world.records[task]
        if rec then rec.may_be_cancelled = true end
    end
    return list
end

function actions.gather()
    local list = own(some_tasks(4))
    local results = table.pack(wait("gather", false, neap.gather,
        table.unpack(list)))
    expect(results.n == #list, "gather: %d of %d", results.n, #list)
end

function actions.settle()
    local list = own(some_tasks(4))
    local outcomes = wait("settle", false, neap.settle, table.unpack(list))
    expect(#outcomes == #list, "settle: %d of %d", #outcomes, #list)
end

function actions.race()
    local list = own(some_tasks(4))
    if #list == 0 then return end
    wait("race", false, neap.race, table.unpack(list))
    for _, task in ipairs(list) do
        expect(type(task) == "function" or task:done(), "race: one is left")
    end
end

function actions.map()
    local count, limit, now = random(0, 5), random(3), 0
    local list = {}
    for i = 1, count do list[i] = i end
    local results = wait("map", false, neap.map, list, function(i)
        now = now + 1
        expect(now <= limit, "map: %d at once", now)
        local _ <close> = setmetatable({}, {__close = function()
            now = now - 1
        end})
        block(2)
        return -i
    end, {limit = limit})
    for i = 1, count do expect(results[i] == -i, "map: another's result") end
end

function actions.as_completed()
    local list, seconds = some_tasks(4), random(0, 3)
    local timeout = not world.sockets and chance(50) and seconds or nil
    local next_ended, _, _, closing = neap.as_completed(list,
        {timeout = timeout})
    local _ <close> = chance(70) and closing or nil
    for _ = 1, random(4) do
        local task = wait("as_completed", timeout, next_ended)
        expect(not task or task:done(), "as_completed: one that has not")
    end
end

function actions.wait()
    local list, seconds = some_tasks(4), random(0, 3)
    local options = {
        return_when = any {"all", "first_done", "first_error"},
        timeout = not world.sockets and chance(50) and seconds or nil,
    }
    local done, pending = wait("wait", options.timeout, neap.wait, list,
        options)
    expect(#done + #pending == #list, "wait lost a task")
    for _, task in ipairs(done) do expect(task:done(), "not done") end
end

function actions.cancel()
    local rec = any(world.list)
    if not rec or not rec.task then return end
    note("cancel", rec.id)
    local may = rec.may_be_cancelled
    rec.may_be_cancelled = true
    if rec.task:cancel(any {"reason", false, {}, 7}) then
        rec.doomed = true
    else
        rec.may_be_cancelled = may
        expect(rec.task:done() or rec.doomed or may, "cancel refused")
    end
end

function actions.future()
    local future = neap.Future()
    table.insert(world.futures, future)
    future:on_done(function() end)
end

function actions.set()
    local future = any(world.futures)
    if not future then return end
    local way = random(4)
    if way == 1 then
        future:cancel "why not"
    elseif future:done() then
        expect(not attempt(future.set_result, future), "set twice")
    elseif way == 2 then
        future:set_error(any {"x", {}, 1})
    else
        future:set_result(random(5), nil)
    end
    expect(future:done(), "set, but not done")
end

function actions.await_future()
    local future = any(world.futures)
    if future then wait("future", false, future.await, future) end
end

function actions.on_done()
    local on = any(world.futures) or any(world.list).task
    local count, removed = 0, false
    local function called()
        count = count + 1
        expect(count == 1 and not removed, "called %d times", count)
    end
    on:on_done(called)
    if chance(30) then removed = on:remove_done(called) == 1 end
end

function actions.callback(depth)
    local ways = {"call_soon", "call_later", "call_at"}
    local call = {home = world.records[neap.current()].home}
    local way = world.sockets and "call_soon" or any(ways)
    local seconds = random(-1, 6) * 0.5
    local due = neap.time() + seconds
    local function called()
        note("called", way)
        expect(not call.over and not call.cancelled, "called again")
        expect(way == "call_soon" or neap.time() >= due, "called early")
        expect(neap.current() == nil, "a task in a callback")
        expect(not pcall(neap.yield), "a callback waited")
        call.over = true
        world.calling = call.home
        for _ = 1, random(0, 2) do
            attempt(any {actions.spawn, actions.cancel, actions.set,
                actions.try_put, actions.close_queue, actions.future,
                actions.collect, actions.look}, depth)
        end
        world.calling = nil
    end
    if way == "call_soon" then
        call.handle = neap.call_soon(called)
    else
        call.handle = neap[way](way == "call_at" and due or seconds, called)
    end
    table.insert(world.calls, call)
    world.last = math.max(world.last, due)
end

function actions.cancel_call()
    local call = any(world.calls)
    if not call then return end
    local was = call.handle:cancel()
    expect(was == not (call.over or call.cancelled), "cancel says %s", was)
    call.cancelled = call.cancelled or was
    expect(call.handle:cancelled() == (call.cancelled or false), "cancelled")
end

-- Queues: each item is a table that knows its way.

function actions.queue()
    if #world.queues > 4 then return end
    local max = any {0, 1, 2, 5, math.huge}
    table.insert(world.queues, {queue = neap.Queue(max), max = max,
        items = {}, taken = 0})
end

local function take(q, item)
    if item == nil then return end
    expect(q.items[item], "an item of another queue")
    expect(not item.got, "an item was got twice")
    expect(not item.raised, "an item was got whose put raised")
    item.got = true
    q.taken = q.taken + 1
    local rec = world.records[neap.current() or world]
    if rec then
        expect(item.number > (rec[q] or 0), "items out of order")
        rec[q] = item.number
    end
end

local function new_item(q)
    q.count = (q.count or 0) + 1
    local item = {number = q.count}
    q.items[item] = true
    return item
end

function actions.put()
    local q = any(world.queues)
    if not q then return end
    local item = new_item(q)
    local guard <close> = setmetatable({}, {__close = function()
        item.raised = not item.put
        expect(item.put or not item.got, "a put raised whose item was got")
    end})
    wait("put", false, q.queue.put, q.queue, item)
    item.put = true
end

function actions.try_put()
    local q = any(world.queues)
    if not q then return end
    local item = new_item(q)
    local ok, put = attempt(q.queue.try_put, q.queue, item)
    expect(ok or q.closed, "try_put raised, and the queue is open")
    item.put = ok and put
    item.raised = not item.put
end

function actions.get()
    local q = any(world.queues)
    if not q then return end
    local item, why = wait("get", false, q.queue.get, q.queue)
    expect(item or why == "closed" and q.closed, "got nothing")
    take(q, item)
end

function actions.try_get()
    local q = any(world.queues)
    if not q then return end
    local ok, item = q.queue:try_get()
    if ok then take(q, item) end
end

function actions.items(depth)
    local q = any(world.queues)
    if not q then return end
    local next_item = q.queue:items()
    for _ = 1, random(4) do
        local item = wait("items", false, next_item)
        if not item then return end
        take(q, item)
        attempt(act, depth + 1)
    end
end

function actions.task_done()
    local q = any(world.queues)
    if q then attempt(q.queue.task_done, q.queue) end
end

function actions.join()
    local q = any(world.queues)
    if q then wait("join", false, q.queue.join, q.queue) end
end

function actions.close_queue()
    local q = any(world.queues)
    if not q or chance(70) then return end
    local drop = chance(30)
    q.queue:close(drop)
    q.closed, q.dropped = true, q.dropped or drop
end

local function check_queue(q)
    repeat
        local ok, item = q.queue:try_get()
        if ok then take(q, item) end
    until not ok
    expect(#q.queue == 0, "an empty queue of %d items", #q.queue)
    for item in pairs(q.items) do
        expect(not item.put or item.got or q.dropped, "item %d of %s was lost",
            item.number, tostring(q.queue))
        expect(item.put or not item.got, "an item came that was never put")
    end
end

-- Scopes. Whose Cancelled is met where is not kept: asserts watch the tree.

local function seconds()
    if world.sockets then return any {0, math.huge} end
    return any {0, 1 / 512, random(8) / 8, random(10), -1, math.huge}
end

local function enter()
    world.records[neap.current()].may_be_cancelled = true
    world.grouped = true  -- or a time-out: deadlocks are told late
end

local function keep(scope)
    table.insert(world.scopes, scope)
    world.homes[scope] = world.records[neap.current()].home
    if #world.scopes > 8 then table.remove(world.scopes, 1) end
    return scope
end

-- Runs a function as it is, or protected.
local function run(fn, ...)
    if chance(50) then return attempt(fn, ...) end
    fn(...)
end

function actions.timeout(depth)
    enter()
    if chance(40) then
        run(neap.timeout, seconds(), block, depth + 1)
    elseif chance(40) then
        run(neap.move_on_after, seconds(), block, depth + 1)
    else
        run(function()
            local t <close> = keep(neap.timeout(seconds()))
            block(depth + 1)
            if chance(30) then t:reschedule(seconds()) end
            block(depth + 1)
        end)
    end
end

function actions.shield(depth)
    if world.sockets then return end  -- what would end a recv?
    local rec = world.records[neap.current()]
    local shielded = rec.shielded
    enter()
    run(neap.shield, function()
        rec.shielded = true
        local _ <close> = setmetatable({}, {__close = function()
            rec.shielded = shielded
        end})
        neap.timeout(random(8) / 8, block, depth + 1)  -- or who ends it?
    end)
end

local function populate(g)
    for _ = 1, random(0, 3) do
        if #world.list > 40 then return end
        local rec = new_record()
        rec.run, rec.own_run = nil, {}  -- whose run the group is in now
        rec.home = world.homes[g]
        rec.may_be_cancelled = true
        local ok, task = pcall(g.spawn, g, body, rec)
        if ok then
            adopt(rec, task)
        else
            world.list[rec.id] = nil
        end
    end
end

function actions.group(depth)
    enter()
    local function inside(g)
        keep(g)
        populate(g)
        block(depth + 1)
        if chance(20) then g:cancel(any {"reason", false, {}, 7}) end
        if chance(20) then block(depth + 1) end
        if chance(20) then g:wait() end
        return g, nil
    end
    if chance(50) then
        run(neap.group, inside)
    else
        run(function()
            local g <close> = neap.group()
            inside(g)
        end)
    end
end

-- One that is another's, or open still, or over.
function actions.scope()
    local scope, way = any(world.scopes), random(5)
    if not scope then return end
    enter()
    note("scope", way)
    if way == 1 then
        attempt(function() local _ <close> = scope end)
    elseif scope.spawn and way < 4 then
        populate(scope)
    elseif scope.spawn then
        attempt(way == 4 and scope.cancel or scope.wait, scope)
    else
        attempt(scope.reschedule, scope, seconds())
    end
    expect(tostring(scope):find "^<", "a scope in words")
end

function actions.left_open()
    if chance(70) then return end
    enter()
    if chance(50) then
        keep(neap.timeout(seconds()))
    else
        populate(keep(neap.group()))
    end
end

-- Coroutines of the script's own.

local function generator(depth)
    for i = 1, random(4) do
        if chance(50) then act(depth + 1) end
        if chance(20) then
            local var <close> = closing(depth)
            coroutine.yield(world, i)
        elseif chance(40) then
            if world.records[neap.current() or world] then enter() end
            local scope <close> = keep(
                chance(50) and neap.timeout(seconds()) or neap.group())
            if scope.spawn then populate(scope) end
            coroutine.yield(world, i)
            if world.records[neap.current() or world] then enter() end
            if chance(50) then act(depth + 1) end
        else
            coroutine.yield(world, i)
        end
    end
    return world, "end"
end

function actions.coroutine()
    if #world.coroutines > 12 then table.remove(world.coroutines, 1) end
    local make = any {coroutine.create, coroutine.wrap}
    table.insert(world.coroutines, make(generator))
end

function actions.resume(depth)
    local co = any(world.coroutines)
    if not co then return end
    if type(co) == "function" then
        local value = co(depth)
        expect(value == world, "a generator gave what it never yielded")
        return
    end
    local before = coroutine.status(co)
    local ok, value = coroutine.resume(co, depth)
    expect(not ok or value == world, "resume gave what was never yielded")
    expect(before == "suspended" or not ok, "resumed a %s one", before)
end

function actions.close_coroutine()
    local co = any(world.coroutines)
    if type(co) ~= "thread" then return end
    local status = coroutine.status(co)
    local ok = attempt(coroutine.close, co)
    if status == "suspended" or status == "dead" then
        -- A group that it has open may be the task's own.
        expect(ok and coroutine.status(co) == "dead" or world.grouped,
            "close: %s", status)
    else
        expect(not ok, "closed a %s coroutine", status)
    end
end

-- Runs, modules, and what may not wait.

function actions.run(depth)
    local rec = world.records[neap.current() or world]
    if not rec or depth > 3 then return end
    local outer, run = rec.own_run, {}
    local guard <close> = setmetatable({}, {__close = function()
        run.over = true
        for _, one in ipairs(world.list) do
            if one.run == run then check_ended(one) end
        end
    end})
    wait("run", false, neap.run, function()
        local main = new_record(run)
        main.run, main.own_run = run, run
        adopt(main, neap.current())
        return body(main)
    end)
end

function actions.loop(depth)
    local loop = neap.loop()
    if chance(50) then
        wait("complete", false, loop.run_until_complete, loop, function()
            block(depth + 2)
        end)
    elseif chance(10) and world.records[neap.current()].home then
        wait("loop.close", false, function()
            for _, rec in ipairs(world.list) do rec.may_be_cancelled = true end
            loop:close()
        end)
    end
end

for i = 1, 4 do
    package.preload["fuzz" .. i] = function()
        note("loads", i)
        if chance(50) then wait("module", true, neap.yield) end
        if chance(30) then require("fuzz" .. random(4)) end
        if chance(20) then raise() end
        return {i}
    end
end

function actions.require()
    local number = random(4)
    local name = "fuzz" .. number
    if chance(40) then package.loaded[name] = nil end
    local module = require(name)
    expect(type(module) ~= "table" or module[1] == number, "another module")
end

function actions.forbidden()
    local way = random(3)
    if way == 1 then
        expect(not attempt(table.sort, {1, 2, 3}, neap.yield), "sort waited")
    elseif way == 2 then
        expect(not attempt(string.gsub, "x", "x", neap.yield), "gsub waited")
    else
        expect(not load(neap.yield), "load waited")
    end
end

function actions.collect()
    if chance(30) then collectgarbage(any {"collect", "step"}) end
end

function actions.look()
    local rec = any(world.list)
    if rec and rec.task then
        local _ = tostring(rec.task) .. rec.task:state()
        local trace = rec.task:traceback()
        expect(not trace or type(trace) == "string", "traceback")
    end
    for _, task in ipairs(neap.tasks()) do
        expect(not task:done(), "an ended task in tasks()")
    end
    local q = any(world.queues)
    local _ = q and tostring(q.queue) .. #q.queue
end

-- Sockets

local fuzz = {actions = {}, any = any, attempt = attempt, chance = chance,
    enter = enter, expect = expect, note = note, wait = wait}
local check_sockets = require "tests.fuzz.sockets"(fuzz)

-- Programs ------------------------------------------------------------------

local function names_of(map)
    local names = {}
    for name in pairs(map) do names[#names + 1] = name end
    table.sort(names)
    return names
end

local socket_names = names_of(fuzz.actions)
for name, action in pairs(fuzz.actions) do actions[name] = action end
local names = names_of(actions)

-- Where there are sockets, every other thing is done with one.
function act(depth)
    world.fuel = world.fuel - 1
    if world.failure or world.fuel < 0 or depth > 8 then return end
    local rec = world.records[neap.current() or world]
    if not rec then return end
    local most = world.sockets and chance(50) and socket_names or names
    return actions[any(most)](depth)
end

local function new_world(seed)
    math.randomseed(seed)
    for i = 1, 4 do package.loaded["fuzz" .. i] = nil end
    world = {
        fuel = random(20, 400), sockets = chance(30), hash = 0, last = 0,
        records = {}, list = {}, futures = {}, calls = {}, queues = {},
        coroutines = {}, pipes = {}, posts = {}, deadlocks = {}, scopes = {},
        homes = setmetatable({}, {__mode = "k"}),
    }
    fuzz.world = world
end

-- So many turns of the loop: what a yield makes ready may be of the same turn,
-- and see no event.
local function turn(count)
    local here <close>, there = neap.socketpair()
    local there <close> = there
    for _ = 1, count do
        here:send "."
        there:recv()
    end
end

local function main()
    local rec = new_record(world)
    rec.run, rec.own_run = world, world
    adopt(rec, neap.current())
    rec.started = true
    for _ = 1, 2 do
        actions.queue()
        actions.future()
        actions.pair()
        actions.datagrams()
    end
    for _ = 1, random(world.sockets and 24 or 6) do spawn() end
    if world.sockets then
        pcall(turn, random(40))
    else
        if chance(50) then attempt(block, 0) end
        if chance(50) then pcall(neap.sleep, random(20)) end
        local tasks = {}
        for _, one in ipairs(world.list) do tasks[one.id] = one.task end
        table.remove(tasks, 1)
        if chance(50) then
            attempt(wait, "main", false, neap.wait, tasks)
        end
    end
    rec.over, rec.token = true, true
    for _, one in ipairs(world.list) do one.may_be_cancelled = true end
    return true, rec.id
end

-- Tasks that own each other (one gathers whose group it is in) never end: what
-- is left is that nobody else can be in the way. They stay beside the programs
-- that follow.
local function await_end(rec)
    local ok, e = pcall(neap.wait, {rec.task})
    if ok then return end
    if type(e) ~= "table" or e.name ~= "Deadlock" then error(e, 0) end
    check_deadlock()
    world.stuck = true
end

local function check_world()
    world.fuel = 0  -- nothing new begins
    for _, rec in ipairs(world.list) do
        if rec.run == world then check_ended(rec) end
    end
    if not world.sockets then neap.sleep_until(world.last + 1) end
    for _ = 1, 50 do neap.yield() end
    for _, rec in ipairs(world.list) do rec.may_be_cancelled = true end
    for _, rec in ipairs(world.list) do rec.task:cancel() end
    for _, rec in ipairs(world.list) do await_end(rec) end
    for _ = 1, 3 do neap.yield() end
    for _, rec in ipairs(world.list) do
        if rec.task:done() or not world.stuck then check_ended(rec) end
        local _ = rec.task:done() and rec.task:error()
    end
    for _, call in ipairs(world.calls) do
        expect(call.over or call.cancelled or world.sockets
            or neap.time() < world.last, "a call never came")
    end
    for _, q in ipairs(world.queues) do check_queue(q) end
    check_sockets()
end

local function program(seed)
    neap.sleep_until(math.ceil(neap.time()) + 1)
    new_world(seed)
    local left = #neap.tasks()
    local ok, e = pcall(neap.run, main)
    world.over = true
    if not world.failure then
        if not ok and not neap.is_cancelled(e) then
            return nil, "main raised an error: " .. kind_of(e)
        end
        local whole, why = pcall(check_world)
        if not whole then return nil, world.failure or tostring(why) end
    end
    if not world.failure and #neap.tasks() ~= left and not world.stuck then
        return nil, "tasks were left"
    end
    if world.failure then return nil, world.failure end
    return world.hash
end

local first, count = tonumber(arg[1] or 1), tonumber(arg[2] or 100)
verbose = arg[3] == "verbose"
for seed = first, first + count - 1 do
    local hash, why = program(seed)
    if hash and seed % 8 == 0 and not world.sockets then
        local again, why_not = program(seed)
        if again ~= hash then
            hash, why = nil, why_not or "the second time it ran differently"
        end
    end
    if not hash then
        print(("seed %d: %s"):format(seed, why))
        os.exit(1, true)
    end
end
print(("%d programs from seed %d: all well"):format(count, first))
os.exit(0, true)
