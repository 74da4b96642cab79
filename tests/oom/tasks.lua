-- SPDX-License-Identifier: MIT
--
-- Programs of tests/oom: tasks, futures, and waiting for several.
--
-- What may fail does so in words: a program ends, or raises the error that it
-- met. Tasks are in groups or are awaited, so that an error of theirs ends the
-- program rather than leaving somebody to wait for ever.

local neap = require "neap"

local tasks = {}

local function value(...)
    neap.sleep(0.01)
    return ...
end

local function fail()
    neap.sleep(0.01)
    error "not enough memory, in a manner of speaking"
end

function tasks.nothing() end

function tasks.spawn()
    local task = neap.spawn({name = "a name"}, value, 1, 2, 3)
    assert(select("#", task:await()) == 3)
    assert(task:result() == 1 and task:state() == "finished" and task:done())
end

function tasks.many()
    local list = {}
    for i = 1, 40 do list[i] = neap.spawn(value, i) end
    for i = 1, 40 do assert(list[i]:await() == i) end
end

function tasks.daemon()
    neap.spawn({daemon = true}, function()
        while true do neap.sleep(1) end
    end)
    neap.sleep(3)
end

function tasks.run()
    assert(neap.run(function(...)
        neap.spawn(value)
        return value(...)
    end, 5) == 5)
end

function tasks.run_fails()
    local ok, e = pcall(neap.run, function()
        neap.spawn(neap.sleep, 100)
        fail()
    end)
    assert(not ok, e)
end

function tasks.results()
    expect "too many results"
    local function many(n) return table.unpack({}, 1, n) end
    assert(select("#", neap.spawn(many, 200):await()) == 200)
end

function tasks.cancel()
    local task = neap.spawn(function()
        local closed <close> = setmetatable({}, {__close = function()
            neap.shield(neap.sleep, 0.1)
        end})
        neap.sleep(100)
    end)
    neap.yield()
    task:cancel("no need")
    local ok, e = pcall(task.await, task)
    assert(not ok)
    if neap.is_cancelled(e) then assert(task:cancelled() and e.reason) end
    if not neap.is_cancelled(e) then error(e) end
end

function tasks.unawaited()
    neap.spawn(fail)
    neap.sleep(1)
end

function tasks.failed()
    local task = neap.spawn(fail)
    assert(not pcall(task.await, task))
    if not task:done() then error "not enough memory" end
    assert(task:error())
    assert(task:traceback() and task:spawned_at(), "not enough memory")
    error(task:error())
end

function tasks.future()
    local future = neap.Future()
    local called = 0
    local function count(n) called = called + n end
    future:on_done(count, 1)
    future:on_done(count, 10)
    assert(future:remove_done(count) > 0)
    future:on_done(count, 100)
    neap.call_soon(future.set_result, future, "a", "b", "c")
    local ok, a, _, c = neap.move_on_after(9, future.await, future)
    assert(ok and a == "a" and c == "c", "not enough memory")
    assert(future:done() and future:state() == "finished")
    assert(not future:error() and not future:cancelled())
end

function tasks.future_fails()
    local future = neap.Future()
    neap.call_later(1, future.set_error, future, {"not a string"})
    local ok, e = neap.move_on_after(9, pcall, future.await, future)
    assert(ok, "not enough memory")
end

-- A done-callback stands in the line before those who await.
function tasks.line()
    local future = neap.Future()
    local group <close> = neap.group()
    local said = 0
    local function say() said = said + 1 end
    for _ = 1, 3 do
        group:spawn(future.await, future)
        neap.yield()
        future:on_done(say)
    end
    future:set_result(1)
    group:wait()
    neap.yield()
    assert(said == 3, "not enough memory")
end

function tasks.gather()
    local a, b, c = neap.gather(value, neap.spawn(value, 2),
        function() return value(3, 4) end)
    assert(a == nil and b == 2 and c == 3)
end

function tasks.gather_fails()
    local ok, e = pcall(neap.gather, function() neap.sleep(9) end, fail, value)
    assert(not ok)
    error(e)
end

function tasks.settle()
    local list = neap.settle(function() return value(1, 2) end, fail)
    local a, b = list[1], list[2]
    assert(not b.ok)
    if not a.ok then error(a.error) end
    assert(a.value == 1 and a.n == 2)
end

function tasks.map()
    local list = neap.map({1, 2, 3, 4, 5}, value, {limit = 2})
    assert(#list == 5 and list[5] == 5)
end

function tasks.race()
    assert(neap.race(neap.Future(), function() return value(1) end,
        function() neap.sleep(9) end) == 1)
end

function tasks.wait()
    local list = {neap.spawn(value), neap.spawn(neap.sleep, 5), neap.Future()}
    local done, pending = neap.wait(list, {return_when = "first_done"})
    assert(#done + #pending == 3)
    neap.wait(list, {timeout = 1})
    neap.wait({list[1], list[2]})
    list[3]:cancel()
end

function tasks.as_completed()
    local list = {neap.spawn(value, 1), neap.spawn(value, 2)}
    local count = 0
    for task in neap.as_completed(list) do
        count = count + task:await()
    end
    assert(count == 3)
end

function tasks.as_completed_late()
    local ok, e = pcall(function()
        for task in neap.as_completed({neap.Future()}, {timeout = 1}) do
            task:await()
        end
    end)
    assert(not ok)
    if not neap.is_timeout(e) then error(e) end
end

function tasks.inspect()
    local task = neap.spawn({name = "sleeper"}, neap.sleep, 1)
    assert(neap.current():state() == "running")
    neap.yield()
    assert(#neap.tasks() == 2, "not enough memory")
    assert(#neap.tree() > 0)
    assert(#task:traceback() > 0 and not task:parent())
    assert(task:waits() and tostring(task) and task:name() == "sleeper")
    task:name "another"
    task:await()
end

function tasks.context()
    local context = neap.context()
    context.user, context.n = "a", 1
    local function change(name)
        neap.context().user = name
        value()
        assert(neap.context().user == name)
    end
    neap.gather(function() change "b" end, function() change "c" end)
    local count = 0
    for _ in pairs(context) do count = count + 1 end
    assert(count == 2 and context.user == "a")
end

function tasks.deadlock()
    local ok, e = pcall(function() neap.Future():await() end)
    assert(not ok)
    if e.name ~= "Deadlock" then error(e) end
end

-- An iterator that is collected where there is no memory to call its finalizer.
function tasks.collected()
    local function deep(n)
        if n == 0 then return collectgarbage() end
        return 1 + deep(n - 1)
    end
    local future = neap.Future()
    for i = 1, 3 do
        neap.as_completed({future})
        deep(10 * i)
    end
    future:set_result(1)
end

-- Lua's buffers, which every library uses.
function tasks.buffers()
    local long = ("x"):rep(5000):gsub("x", "yy")
    assert(#long == 10000 and #table.concat({long, long}, ",") == 20001)
end

function tasks.time()
    local start = neap.time()
    neap.sleep_until(start + 1)
    local rounds = 0
    for i in neap.every(1) do
        rounds = rounds + 1
        if i == 3 then break end
    end
    for _ = 1, 600 do neap.yield() end
end

return tasks
