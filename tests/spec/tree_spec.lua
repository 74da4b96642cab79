-- SPDX-License-Identifier: MIT
--
-- neap.tree, and what a Task says of where it stands: parent, spawned_at,
-- waits. Each tree is that of a script of its own, called "it", whose time is
-- virtual; the addresses of futures are left out.

local neap = require "neap"
local tasks = require "tests.spec.tasks"

teardown(tasks.clean)

-- What the script prints.
local function out(script)
    return (tasks.out(script):gsub("0x%x+", "0x"))
end

describe("the tree", function()
    it("of a task alone is its line", function()
        assert.equal("<Task #1 running, it:1>\n", out "io.write(neap.tree())")
    end)

    it("says what each waits for, since when, and who spawned it where",
        function()
            assert.equal([[
<Task #1 running, it:14>
<Task #2 'getter' pending, getting from a queue, it:3>: ]] ..
                [[<Queue 0 items, 2 getters waiting>, for 3.2 s, ]] ..
                [[spawned at it:3
<Task #3 pending, sleeping, it:6>, for 0.2 s, spawned at it:4
<Task #4 pending, getting from a queue, it:8>: ]] ..
                [[<Queue 0 items, 2 getters waiting>, for 3.2 s, ]] ..
                [[spawned at it:8
<Task #5 pending, awaiting, it:9>: <Task #2 'getter' pending, ]] ..
                [[getting from a queue, it:3>, for 3.2 s, spawned at it:9
<Task #6 pending, awaiting, it:10>: <Future pending at 0x>, ]] ..
                [[for 3.2 s, spawned at it:10
<Task #7 pending, it:13>
]], out [[
local queue, done, future = neap.Queue(), neap.Future(), neap.Future()
done:set_result()
local getter = neap.spawn({name = "getter"}, function() queue:get() end)
neap.spawn(function()
    neap.sleep(3)
    neap.sleep(100)
end)
neap.spawn(function() coroutine.wrap(function() queue:get() end)() end)
neap.spawn(function() getter:await() end)
neap.spawn(function() neap.wait {done, future} end)

neap.sleep(3.2)
neap.spawn(function() end)
io.write(neap.tree())
os.exit(0)
]])
        end)

    it("has a run's tasks beneath the one that runs it", function()
        assert.equal([[
<Task #1 running, it:12>
<Task #2 'one' pending, running a main function, it:2>: ]] ..
            [[<Task #4 pending, running a main function, it:4>, ]] ..
            [[for 1.0 s, spawned at it:1
  run
    <Task #4 pending, running a main function, it:4>: ]] ..
            [[<Task #6 pending, sleeping, it:6>, for 1.0 s, spawned at it:2
      run
        <Task #6 pending, sleeping, it:6>, for 1.0 s, spawned at it:4
    <Task #5 'beside' pending, sleeping, it:3>, for 1.0 s, spawned at it:3
<Task #3 'two' pending, sleeping, it:10>, for 1.0 s, spawned at it:10
]], out [[
neap.spawn({name = "one"}, function()
    neap.run(function()
        neap.spawn({name = "beside"}, function() neap.sleep(10) end)
        neap.run(function()
            neap.yield()
            neap.sleep(10)
        end)
    end)
end)
neap.spawn({name = "two"}, function() neap.sleep(10) end)
neap.sleep(1)
io.write(neap.tree())
os.exit(0)
]])
    end)

    it("has time-outs, shields and groups as lines of their own", function()
        assert.equal([[
<Task #1 running, it:31>
<Task #2 'body' pending, sleeping, it:7>, for 1.0 s, spawned at it:1
  timeout, 4.0 s left, it:2
    group, 2 tasks, it:3
      <Task #6 pending, sleeping, it:4>, for 1.0 s, spawned at it:4
      <Task #7 pending, sleeping, it:5>, for 1.0 s, spawned at it:5
        shield
      timeout, 8.0 s left
        timeout, endless, it:6
<Task #3 'left' pending, awaiting a group, it:12>: <Group 1 task>, ]] ..
            [[for 1.0 s, spawned at it:9
  group, 1 task, it:10
    <Task #8 pending, sleeping, it:11>, for 1.0 s, spawned at it:11
<Task #4 'late' pending, awaiting a group, it:21>, for 1.0 s, spawned at it:13
  timeout, over, it:14
  group, 1 task
    <Task #9 pending, sleeping, it:17>, for 1.0 s, cancelled, spawned at it:17
      shield
<Task #5 'cancelled' pending, sleeping, it:28>, for 1.0 s, ]] ..
            [[spawned at it:23
  group, 1 task, cancelled, it:24
    <Task #10 pending, sleeping, it:25>, for 1.0 s, cancelled, spawned at it:25
      shield
    shield
]], out [[
neap.spawn({name = "body"}, function()
    local _ <close> = neap.timeout(5)
    local g <close> = neap.group()
    g:spawn(neap.sleep, 4)
    g:spawn(function() neap.shield(neap.sleep, 3) end)
    neap.timeout(9, function() local _ <close> = neap.timeout(1 / 0)
        neap.sleep(4) end)
end)
neap.spawn({name = "left"}, function()
    local g <close> = neap.group()
    g:spawn(neap.sleep, 4)
end)
neap.spawn({name = "late"}, function()
    local _ <close> = neap.timeout(0.5)
    local co = coroutine.wrap(function()
        local g <close> = neap.group()
        g:spawn(function() neap.shield(neap.sleep, 3) end)
        neap.yield()
        error "x"
    end)
    pcall(co)
end)
neap.spawn({name = "cancelled"}, function()
    local g <close> = neap.group()
    g:spawn(function() neap.shield(neap.sleep, 3) end)
    neap.yield()
    g:cancel()
    neap.shield(neap.sleep, 3)
end)
neap.sleep(1)
io.write(neap.tree())
os.exit(0)
]])
    end)

    it("says who was cancelled and goes on", function()
        assert.equal([[
<Task #1 running, it:4>
<Task #2 pending, it:1>, cancelled, spawned at it:1
<Task #1 running, it:6>
<Task #2 pending, it:2>, cancelled, spawned at it:1
]], out [[
local task = neap.spawn(function() pcall(neap.sleep, 9)
    for _ = 1, 9 do pcall(neap.sleep, 9) end end) neap.yield()
task:cancel()
io.write(neap.tree())
neap.yield() neap.yield()
io.write(neap.tree())
]])
    end)

    it("can be had outside of tasks, of what is there", function()
        assert.equal([[
[]
run
  <Task #1 running, code:4>, spawned at code:3
[]
]], tasks.outside [[
            local neap = require "neap"
            print("[" .. neap.tree() .. "]")
            neap.run(function()
                print((neap.tree():gsub("\n$", "")))
            end)
            print("[" .. neap.tree() .. "]")
        ]])
    end)

    it("of 100,000 tasks has a line for each", function()
        assert.equal("100001\n", out [[
            local event = neap.Event()
            for _ = 1, 100000 do neap.spawn(event.wait, event) end
            neap.sleep(1)
            print(select(2, neap.tree():gsub("\n", "")))
            event:set()
        ]])
    end)

    it("counts the levels where they are many", function()
        assert.equal([[
true	2001
true
false
true
]], out [[
            local function nest(n)
                if n == 0 then return neap.sleep(10) end
                return neap.run(nest, n - 1)
            end
            neap.spawn(nest, 1000)
            neap.sleep(1)
            local tree = neap.tree()
            print(tree:find("\n<Task #2 [^\n]*\n  run\n    <Task #3 ") ~= nil,
                select(2, tree:gsub("\n", "")) - 1)
            local deep = (" "):rep(40)
            print(tree:find("\n" .. deep .. "<Task #12 ") ~= nil)
            print(tree:find("\n" .. deep .. " ") ~= nil)
            print(tree:find("\n" .. deep .. "[2000] <Task #1002 pending, " ..
                "sleeping", 1, true) ~= nil)
            os.exit(0)
        ]])
    end)

    it("stands while finalizers spawn and close coroutines", function()
        assert.equal("true\ntrue\n", out [[
            local calls, event = 0, neap.Event()
            local function garbage()
                local co = coroutine.create(function() coroutine.yield() end)
                coroutine.resume(co)
                setmetatable({}, {__gc = function()
                    calls = calls + 1
                    coroutine.close(co)
                    if calls < 1000 then
                        neap.spawn(function() neap.tree() end) garbage()
                    end
                end})
            end
            for _ = 1, 1000 do neap.spawn(event.wait, event) end
            neap.yield()
            collectgarbage("generational")
            garbage()
            for _ = 1, 20 do neap.tree() collectgarbage() end
            print(calls > 0)
            print(collectgarbage "isrunning")
            event:set()
        ]])
    end)
end)

describe("a task's parent", function()
    it("is the task in whose run it is; a script's have none", function()
        assert.equal("nil\tnil\nnil\ttrue\ttrue\nnil\n", out [[
            print(neap.current():parent(), neap.spawn(function() end):parent())
            local main, child
            local outer = neap.spawn(neap.run, function()
                main = neap.current()
                child = neap.spawn(neap.sleep, 1)
                neap.sleep(5)
            end)
            neap.sleep(0.5)
            print(outer:parent(), main:parent() == outer,
                child:parent() == outer)
            neap.sleep(1)
            print(child:parent())
        ]])
    end)
end)

describe("a task's spawned_at", function()
    it("is the line of the spawn, while it is pending or if it failed",
        function()
            assert.equal([[
nil
it:2	it:3
it:3
nil	it:3
]], out [[
print(neap.current():spawned_at())
local one = neap.spawn(function() neap.sleep(1) end)
local two = neap.spawn(function() neap.sleep(1) error "boom" end)
print(one:spawned_at(), two:spawned_at())
neap.yield()
print(two:spawned_at())
neap.wait {one, two}
print(one:spawned_at(), two:spawned_at())
]])
        end)
end)

describe("what a task waits for", function()
    it("is told in words, as an object, and with a time", function()
        local queue, future = neap.Queue(), neap.Future()
        local getter = tasks.start(queue.get, queue)
        local waiter = tasks.start(neap.wait, {getter, future})
        local sleeper = tasks.start(neap.sleep, 100)
        local words, object, seconds = getter:waits()
        assert.same({"getting from a queue", queue}, {words, object})
        assert.equal("number", math.type(seconds) and type(seconds))
        assert.same({"awaiting", getter}, {(waiter:waits()),
            (select(2, waiter:waits()))})
        words, object = sleeper:waits()
        assert.same({"sleeping"}, {words, object})
        tasks.sweep()
    end)

    it("is nothing where it runs, is about to, or has ended", function()
        local fresh = neap.spawn(function() end)
        assert.equal(1, select("#", fresh:waits()))
        assert.is_nil(fresh:waits())
        assert.is_nil(neap.current():waits())
        fresh:await()
        assert.is_nil(fresh:waits())
    end)

    it("the time is told in tenths of a second", function()
        assert.equal("0.0\n1.0\n86400.3\n0.7\n", out [[
            local future = neap.Future()
            local task = neap.spawn(function()
                future:await()
                neap.sleep(1)
            end)
            local function print_it() print((select(3, task:waits()))) end
            neap.yield() print_it()
            neap.sleep(1) print_it()
            neap.sleep(86399.3) print_it()
            future:set_result()
            neap.sleep(0.7) print_it()
        ]])
    end)
end)
