-- SPDX-License-Identifier: MIT
--
-- The scheduler: who runs when, and what ends a program. The numbers are those
-- of SEMANTICS, group 1. Run by our command, so that a test may wait.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, states = tasks.settle, tasks.states

after_each(tasks.sweep)
teardown(tasks.clean)

-- A list, and a function that appends to it.
local function log()
    local list = {}
    return list, function(...) list[#list + 1] = ... end
end

describe("the order of tasks:", function()
    it("first runs are in the order of spawning", function() -- S1
        local list, note = log()
        for i = 1, 600 do neap.spawn(note, i) end   -- more than one batch
        assert.same({}, list)
        neap.sleep(0.001)
        local expected = {}
        for i = 1, 600 do expected[i] = i end
        assert.same(expected, list)
    end)

    for name, pause in pairs {
        ["sleep(0)"] = function() neap.sleep(0) end,
        ["yield()"] = function() neap.yield() end,
        ["sleep(-1)"] = function() neap.sleep(-1) end,
        ["sleep_until(the past)"] = function() neap.sleep_until(-5) end,
    } do
        it(name .. " is strict round-robin", function() -- S2 S9
            local list, note = log()
            for i = 1, 4 do
                neap.spawn(function()
                    for _ = 1, 3 do
                        note(i)
                        pause()
                    end
                end)
            end
            settle()
            assert.equal("1 2 3 4 1 2 3 4 1 2 3 4", table.concat(list, " "))
        end)
    end

    it("what is spawned in a pass runs in the next", function() -- S3 S4
        local list, note = log()
        neap.spawn(function()
            neap.spawn(note, "child")
            note "a"
        end)
        neap.spawn(note, "b")
        settle()
        assert.equal("a b child", table.concat(list, " "))
    end)

    it("a task that spins starves neither timers nor others", function() -- S3
        local turns, spinning = 0, true
        local spinner = neap.spawn(function()
            while spinning do
                neap.yield()
                turns = turns + 1
            end
        end)
        neap.sleep(0.002)
        local before = turns
        neap.yield()
        neap.yield()
        assert.is_true(turns - before <= 3)
        spinning = false
        spinner:await()
        assert.is_true(turns > 0)
    end)

    it("a task that spins does not starve sockets", function() -- S3
        local a, b = neap.socketpair()
        local reader = neap.spawn(a.recv, a)
        local spinner = neap.spawn(function()
            while not reader:done() do neap.yield() end
        end)
        neap.yield()
        b:send "through"
        spinner:await()
        assert.equal("through", reader:await())
        a:close()
        b:close()
    end)

    it("256 calls that need not wait are followed by one that lets the " ..
        "others run", function()
        local done, ran = neap.Future(), nil
        done:set_result()
        neap.yield()            -- a slice begins
        neap.spawn(function() ran = true end)
        for _ = 1, 255 do done:await() end
        assert.is_nil(ran)
        done:await()
        assert.is_true(ran)
    end)
end)

describe("a task that throws:", function()
    it("the others of its pass still run, and the next ones, too",
        function() -- S22
            local list, note = log()
            neap.spawn(note, 1)
            local bad = neap.spawn(error, "boom", 0)
            neap.spawn(function()
                note(2)
                neap.yield()
                note(3)
            end)
            neap.yield()
            assert.same({1, 2}, list)
            assert.equal("boom", bad:error())
            neap.yield()
            assert.same({1, 2, 3}, list)
        end)
end)

describe("the end of a program:", function()
    it("with nothing to do it comes at once", function() -- S17
        assert.equal("", tasks.out(""))
        assert.equal("", tasks.out("neap.run(function() end)"))
        assert.equal("through\n", tasks.outside [[
            local neap = require "neap"
            neap.loop():run_once()
            neap.loop():close()
            neap.run(function() end)
            print "through"
        ]])
    end)

    it("a task that accepts keeps the loop alive", function() -- S18
        assert.equal("served\n", tasks.out [[
            local neap = require "neap"
            local listener = neap.listen("127.0.0.1", 0)
            local _, port = listener:sockname()
            neap.spawn(function()
                listener:accept():close()
                print "served"
            end)
            neap.call_later(0.01, function()
                neap.spawn(neap.connect, "127.0.0.1", port)
            end)
        ]])
    end)

    it("a daemon does not, and is cancelled with the last task", function()
        -- S18
        assert.equal("worked\ncancelled: the last other task has ended\n",
            tasks.out [[
                local neap = require "neap"
                neap.spawn({daemon = true}, function()
                    local _ <close> = setmetatable({}, {
                        __close = function(_, e) print(e) end})
                    neap.listen("127.0.0.1", 0):accept()
                end)
                neap.spawn(function() neap.sleep(1) print "worked" end)
            ]])
    end)

    it("callbacks that are still to come do not", function() -- S18
        assert.equal("", tasks.out
            "neap.call_later(1, print, 'never')")
    end)
end)

describe("many tasks:", function()
    -- What the script prints is megabytes: of Lua and of the process.
    local function sizes(code)
        local out = tasks.out([[
            local neap = require "neap"
            local function size()
                collectgarbage()
                collectgarbage()
                local file <close> = io.open "/proc/self/statm"
                local _, pages = file:read("n", "n")
                print(collectgarbage "count" / 1024, pages / 256)
            end
        ]] .. code)
        local list = {}
        for lua, all in out:gmatch "(%S+)\t(%S+)\n" do
            list[#list + 1] = {lua = tonumber(lua), all = tonumber(all)}
        end
        return list
    end

    it("10^6, one after the other, leave nothing behind", function() -- S26
        local list = sizes [[
            for round = 1, 3 do
                for i = 1, round == 1 and 1e5 or 45e4 do
                    neap.spawn(math.abs, i):await()
                end
                size()
            end
        ]]
        assert.is_true(list[3].lua - list[1].lua < 0.1)
        assert.is_true(list[3].all - list[1].all < 2)
    end)

    it("10^5 at once are less than 1,600 bytes each", function() -- S26
        local list = sizes [[
            size()
            for _ = 1, 1e5 do neap.spawn(neap.sleep, 1000) end
            neap.sleep(1)
            size()
            neap.sleep(1000)
            collectgarbage()
            size()
        ]]
        local all = list[2].lua - list[1].lua
        assert.is_true(all * 2 ^ 20 / 1e5 < 1600)
        assert.is_true(list[3].lua - list[1].lua < 0.1 * all)
    end)
end)

describe("who is there:", function()
    it("tasks are those that have not ended, in the order of spawning",
        function()
            local list = {neap.current()}
            for i = 2, 50 do
                list[i] = neap.spawn(i % 7 == 0 and neap.yield or tasks.forever)
            end
            assert.same(list, neap.tasks())
            settle()
            for i = 49, 7, -7 do table.remove(list, i) end
            assert.same(list, neap.tasks())
        end)

    it("tasks of runs are in the same order", function()
        local first = neap.spawn(tasks.forever)
        local inner, last
        neap.spawn(neap.run, function()
            inner = neap.current()
            tasks.forever()
        end)
        neap.yield()
        neap.yield()
        last = neap.spawn(tasks.forever)
        local list = neap.tasks()
        assert.same({first, inner, last}, {list[2], list[4], list[5]})
    end)

    it("current is the task, also in a coroutine of its", function()
        local inside
        local task = neap.spawn(function()
            inside = coroutine.wrap(neap.current)()
        end)
        settle()
        assert.equal(task, inside)
    end)

    it("spawn and run take a function, spawn options before it", function()
        local function check(words, call)
            local ok, e = pcall(call)
            assert.is_false(ok)
            assert.truthy(e:find(words, 1, true), e)
        end
        check("bad argument #1 to 'spawn' (function expected, got no value)",
            function() neap.spawn() end)
        check("bad argument #1 to 'spawn' (function expected, got string)",
            function() neap.spawn("f", print) end)
        check("bad argument #2 to 'spawn' (function expected, got no value)",
            function() neap.spawn {} end)
        check("bad argument #2 to 'spawn' (function expected, got nil)",
            function() neap.spawn({}, nil, 1) end)
        check("bad argument #1 to 'run' (function expected, got no value)",
            function() neap.run() end)
        check("bad argument #1 to 'run' (function expected, got table)",
            function() neap.run({}, print) end)
        assert.equal(1, #neap.tasks())
    end)

    it("spawn passes many arguments", function()
        local function count(...) return select("#", ...) end
        for _, n in ipairs {0, 1, 255, 100000} do
            local task = neap.spawn(count, table.unpack({}, 1, n))
            assert.equal(n, task:await())
        end
    end)
end)

describe("neap.run in a task:", function()
    it("gives main's results, whatever they are", function() -- S20
        local function main(...)
            neap.yield()
            return ...
        end
        assert.same({n = 3, nil, 2, nil},
            table.pack(neap.run(main, nil, 2, nil)))
        assert.same({n = 0}, table.pack(neap.run(main)))
    end)

    it("raises main's error, the same object", function() -- S20
        local e = {}
        local ok, raised = pcall(neap.run, function() error(e) end)
        assert.is_false(ok)
        assert.is_true(raised == e)
    end)

    it("main is a task among the others", function() -- S20
        local list, note = log()
        local me = neap.current()
        neap.spawn(function()
            for i = 1, 3 do
                note(i)
                neap.yield()
            end
        end)
        neap.run(function()
            assert(neap.current() ~= me)
            for i = 11, 13 do
                note(i)
                neap.yield()
            end
        end)
        assert.equal("1 11 2 12 3 13", table.concat(list, " "))
    end)

    it("cancels what main left behind, and awaits it", function() -- S20
        local left, closed
        neap.run(function()
            left = neap.spawn(function()
                local _ <close> = tasks.guard(function(e) closed = e end)
                tasks.forever()
            end)
            neap.yield()
        end)
        assert.equal("cancelled", left:state())
        assert.is_true(neap.is_cancelled(closed))
    end)

    it("leaves the tasks of others alone", function() -- S20
        local mine = neap.spawn(tasks.forever)
        neap.run(neap.yield)
        assert.equal("pending", mine:state())
    end)

    it("a cancel reaches main, and what main spawned", function() -- S20 C9
        local inner, child
        local outer = tasks.start(neap.run, function()
            inner = neap.current()
            child = neap.spawn(tasks.forever)
            tasks.forever()
        end)
        outer:cancel()
        settle()
        assert.equal("cancelled cancelled cancelled",
            states(outer, inner, child))
    end)

    it("runs in runs are deep", function() -- S20
        local function nest(depth)
            if depth == 0 then return neap.yield() end
            return neap.run(nest, depth - 1)
        end
        nest(1000)
    end)
end)
