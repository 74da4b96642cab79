-- SPDX-License-Identifier: MIT
--
-- neap.shield(fn, ...): fn runs to its end, whoever is cancelled meanwhile. The
-- numbers are those of SEMANTICS, group 2. Times are virtual, and exact.

local neap = require "neap"
local shell = require "tests.spec.shell"
local tasks = require "tests.spec.tasks"
local settle, start = tasks.settle, tasks.start
local guard, forever = tasks.guard, tasks.forever

after_each(tasks.sweep)

local soon = 0.001
local throw = load "error()"    -- busted's own raises no nil

-- Waits, and then has a value.
local function gate()
    local future = neap.Future()
    return function() return future:await() end, function(...)
        future:set_result(...)
    end
end

describe("a shield:", function()
    it("passes arguments, results and errors, nils and all", function() -- W25
        for _, wait in ipairs {neap.yield, math.abs} do
            assert.same({n = 5, 3, nil, 2, nil, nil},
                table.pack(neap.shield(function(...)
                    wait(0)
                    local a, b, c = ...
                    return select("#", ...), a, b, c, nil
                end, nil, 2, nil)))
            assert.same({n = 0},
                table.pack(neap.shield(function() wait(0) end)))
            for _, e in ipairs {{}, "words", false} do
                local ok, raised = pcall(neap.shield, function()
                    wait(0)
                    error(e, 0)
                end)
                assert.is_false(ok)
                assert.is_true(rawequal(e, raised))
            end
        end
        assert.same({n = 2, false, nil}, table.pack(pcall(neap.shield, throw)))
    end)

    it("that raises leaves its traceback", function()
        local function culprit() error "boom" end
        local task = start(neap.shield, function() culprit() end)
        assert.matches("in upvalue 'culprit'", task:traceback())
        assert.matches("in upvalue 'culprit'", select(2, xpcall(neap.shield,
            debug.traceback, function() culprit() end)))
    end)

    it("keeps a cancel out until it is left", function() -- C11
        local wait, open = gate()
        local steps = {}
        local task = start(function()
            steps[1] = neap.shield(function()
                local value = wait()
                neap.yield()
                return value
            end)
            steps[2] = "left, and no error"
            neap.yield()
            steps[3] = "never"
        end)
        assert.is_true(task:cancel "outside")
        settle()
        assert.equal("pending", task:state())
        assert.is_true(task:cancel "again")
        open "value"
        settle()
        assert.same({"value", "left, and no error"}, steps)
        assert.equal("cancelled", task:state())
        assert.equal("outside", task:error().reason)
    end)

    it("with no wait behind it: the task finishes", function() -- C4
        local wait, open = gate()
        local task = start(neap.shield, wait)
        task:cancel()
        open(1, nil)
        assert.same({n = 2, 1}, table.pack(task:await()))
        assert.is_false(task:cancelled())
    end)

    it("an error in it comes out of a cancelled task, too", function() -- C7
        local wait, open = gate()
        local e = {}
        local task = start(neap.shield, function()
            wait()
            error(e)
        end)
        task:cancel()
        open()
        settle()
        assert.equal("failed", task:state())
        assert.equal(e, task:error())
    end)

    it("entered by a cancelled task: waits work in it, and only in it",
        function() -- C11
            assert.equal("early\t3.0\t2\ncancelled\n", tasks.out [[
                local task
                task = neap.spawn(function()
                    task:cancel "early"
                    local ok, e = pcall(neap.sleep, 1)
                    local count = select("#", neap.shield(function()
                        neap.sleep(1)
                        local _ <close> = neap.Lock():acquire()
                        neap.spawn(neap.sleep, 2):await()
                        neap.yield()
                        return 1, nil
                    end))
                    print(e.reason, neap.time(), count)
                    neap.sleep(1)
                    print "never"
                end)
                neap.sleep(10)
                print(task:state())
            ]])
        end)

    it("in clean-up: the way to wait there", function() -- C11
        local log = {}
        local task = start(function()
            local _ <close> = guard(function()
                log[1] = pcall(neap.yield)
                log[2] = pcall(neap.shield, neap.sleep, soon)
                log[3] = pcall(neap.yield)
            end)
            forever()
        end)
        task:cancel()
        pcall(task.await, task)
        assert.same({false, true, false}, log)
        assert.equal("cancelled", task:state())
    end)

    it("in a handler of pcall, again and again", function() -- C13
        local count = 0
        local task = start(function()
            for _ = 1, 10 do
                assert(not pcall(forever))
                neap.shield(function()
                    neap.yield()
                    count = count + 1
                end)
            end
            neap.yield()
        end)
        task:cancel()
        pcall(task.await, task)
        assert.equal(10, count)
        assert.equal("cancelled", task:state())
    end)

    it("in a shield: only the outermost matters", function()
        local task = start(function()
            neap.current():cancel()
            return neap.shield(function()
                neap.yield()
                local inner = neap.shield(function()
                    neap.yield()
                    return "inner"
                end)
                neap.yield()            -- the outer one is still up
                return inner, "outer"
            end)
        end)
        assert.same({"inner", "outer"}, {task:await()})
    end)

    it("10^5 of them, and 100 deep: nothing stays", function()
        local count = 0
        for _ = 1, 100000 do
            count = count + neap.shield(math.abs, -1)
        end
        assert.equal(100000, count)
        local function nest(depth)
            if depth == 0 then return pcall(neap.yield) end
            return neap.shield(nest, depth - 1)
        end
        local task = neap.spawn(function()
            neap.current():cancel()
            return nest(100), (pcall(neap.yield))
        end)
        assert.same({true, false}, {task:await()})
    end)

    it("is no shield against being woken, or against time", function()
        local wait, open = gate()
        local task = start(neap.shield, neap.gather, wait, function()
            neap.sleep(soon)
            return "slept"
        end)
        open "woken"
        assert.same({"woken", "slept"}, {task:await()})
    end)

    it("lends a task: await it, and leave it alone", function() -- C9
        local wait, open = gate()
        local lent, after = start(wait), nil
        local task = start(function()
            local value = neap.shield(lent.await, lent)
            after = pcall(neap.yield)
            return value
        end)
        task:cancel()
        settle()
        assert.equal("pending pending", tasks.states(task, lent))
        open "its value"
        assert.equal("its value", task:await())
        assert.is_false(after)
        assert.equal("finished", lent:state())
    end)

    it("lends a task to a gather that fails", function() -- W10
        local wait, open = gate()
        local lent = start(wait)
        local gathering = start(neap.gather, function()
            return neap.shield(lent.await, lent)
        end, function() error("boom", 0) end)
        assert.equal("pending pending", tasks.states(gathering, lent))
        open "its value"
        settle()
        assert.equal("failed finished", tasks.states(gathering, lent))
        assert.equal("boom", gathering:error())
    end)
end)

describe("shields and time-outs:", function()
    it("a deadline passes outside: the shield holds, then it strikes",
        function() -- C11
            assert.equal("inside\t3.0\nleft\t3.0\nfalse\ttrue\t3.0\n",
                tasks.out [[
                    local ok, e = pcall(neap.timeout, 1, function()
                        neap.shield(function()
                            neap.sleep(3)
                            print("inside", neap.time())
                        end)
                        print("left", neap.time())
                        neap.sleep(60)
                    end)
                    print(ok, neap.is_timeout(e), neap.time())
                ]])
        end)

    it("a deadline passes outside, and no wait follows: the results",
        function() -- W5 C4
            assert.equal("true\tresult\t3.0\n", tasks.out [[
                local ok, value = neap.move_on_after(1, neap.shield, function()
                    neap.sleep(3)
                    return "result"
                end)
                print(ok, value, neap.time())
            ]])
        end)

    it("a time-out inside works, in a cancelled task too", function() -- C11
        local task = neap.spawn(function()
            neap.current():cancel()
            return neap.shield(neap.move_on_after, soon, forever),
                neap.is_timeout(select(2, pcall(neap.shield, neap.timeout,
                    soon, forever)))
        end)
        assert.same({false, true}, {task:await()})
    end)

    it("shield in time-out in shield, in a cancelled task", function()
        -- C11 W7
        assert.equal("innermost\t3.0\nfalse\ttrue\t3.0\nouter\t4.0\n" ..
            "cancelled\toutside\t60.0\n", tasks.out [[
                local task = neap.spawn(function()
                    neap.shield(function()
                        local ok, e = pcall(neap.timeout, 1, function()
                            neap.shield(neap.sleep, 3)
                            print("innermost", neap.time())
                            neap.sleep(60)
                        end)
                        print(ok, neap.is_timeout(e), neap.time())
                        neap.sleep(1)
                    end)
                    print("outer", neap.time())
                    neap.sleep(60)
                end)
                neap.sleep(0.5)
                task:cancel "outside"
                neap.sleep(59.5)
                print(task:state(), task:error().reason, neap.time())
            ]])
    end)

    it("shield in time-out: who is cancelled meanwhile is no Timeout",
        function() -- W7
            assert.equal("false\tcancelled: outside\t3.0\ncancelled\n",
                tasks.out [[
                    local task = neap.spawn(function()
                        local ok, e = pcall(neap.timeout, 1, function()
                            neap.shield(neap.sleep, 3)
                            neap.sleep(60)
                        end)
                        print(ok, e, neap.time())
                        error(e)
                    end)
                    neap.sleep(2)
                    task:cancel "outside"
                    neap.sleep(2)
                    print(task:state())
                ]])
        end)

    it("a block in a shield, left with a Timeout", function()
        local task = neap.spawn(function()
            neap.current():cancel()
            return pcall(neap.shield, function()
                local _ <close> = neap.timeout(soon)
                forever()
            end)
        end)
        local ok, e = task:await()
        assert.is_false(ok)
        assert(neap.is_timeout(e), tostring(e))
    end)
end)

describe("what a shield is around:", function()
    it("gather and run in it own their tasks as ever", function() -- W14
        local task = neap.spawn(function()
            neap.current():cancel()
            local one, two = neap.shield(neap.gather,
                function() neap.yield() return 1 end,
                function() neap.sleep(soon) return 2 end)
            return one, two, neap.shield(neap.run, function()
                neap.yield()
                return 3
            end)
        end)
        assert.same({1, 2, 3}, {task:await()})
    end)

    it("a wait in a coroutine within it", function() -- Y1
        local task = neap.spawn(function()
            neap.current():cancel()
            local gen = coroutine.wrap(function()
                for i = 1, 3 do
                    neap.yield()
                    coroutine.yield(i)
                end
            end)
            local sum = 0
            neap.shield(function()
                for _ = 1, 2 do sum = sum + gen() end
            end)
            local ok, e = pcall(gen)        -- the shield covers it no longer
            return sum, ok, neap.is_cancelled(e)
        end)
        assert.same({3, false, true}, {task:await()})
    end)

    it("a shield in a generator does not cover its consumer", function()
        local task = neap.spawn(function()
            neap.current():cancel()
            local gen = coroutine.wrap(function()
                neap.shield(function()
                    coroutine.yield "between"
                    neap.sleep(soon)
                end)
                return "after"
            end)
            local first = gen()
            local consumer = pcall(neap.yield)
            return first, consumer, gen()
        end)
        assert.same({"between", false, "after"}, {task:await()})
    end)

    it("the interrupted main task's clean-up", function() -- I1
        local file <close> = shell.temporary [[
            local _ <close> = setmetatable({}, {__close = function(_, e)
                print("reason", e.reason, (pcall(neap.sleep, 0)))
                neap.shield(neap.sleep, 0.01)
                print "cleaned up"
            end})
            print "ready"
            neap.sleep(1000)
        ]]
        local out = shell.talk("< ready\n> \\x03\nexit 130\n", file.path)
        assert.matches("reason%s+interrupted%s+false%s+cleaned up", out)
    end)

    it("a task that os.exit ends: its waits fail, shielded or not", function()
        -- Y13
        local result = tasks.run [[
            neap.spawn(neap.shield, function()
                local _ <close> = setmetatable({}, {__close = function()
                    local ok, e = pcall(neap.shield, neap.sleep, 1)
                    print(ok, e)
                end})
                neap.sleep(1000)
            end)
            neap.sleep(1)
            os.exit(3, true)
        ]]
        assert.matches("^false\t.*the runtime is closing\n$", result.out)
        assert.same({"", 3}, {result.err, result.status})
    end)
end)

describe("misuse:", function()
    it("no function", function()
        for _, call in ipairs {
            {"no value", function() neap.shield() end},
            {"nil", function() neap.shield(nil) end},
            {"number", function() neap.shield(5) end},
            {"Task", function() neap.shield(neap.current()) end},
        } do
            assert.error_matches(call[2], "bad argument #1 to 'shield' " ..
                "%(function expected, got [%a.]*" .. call[1] .. "%)")
        end
    end)

    it("outside of a task", function()
        local message
        neap.call_soon(function()
            message = select(2, pcall(neap.shield, math.abs, 1))
        end)
        settle()
        assert.matches("outside of a task", message)
    end)

    it("where nothing can wait it may stand, and its wait says so", function()
        local message
        table.sort({2, 1}, function(a, b)
            assert(neap.shield(math.abs, 1) == 1)
            message = select(2, pcall(neap.shield, neap.sleep, 1))
            return a < b
        end)
        assert.matches("table.sort is on the stack", message)
        local task = start(forever)     -- and no shield is left up
        task:cancel()
        settle()
        assert.equal("cancelled", task:state())
    end)
end)
