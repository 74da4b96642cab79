-- SPDX-License-Identifier: MIT
--
-- neap.timeout(s, fn, ...): a function that has so much time, and
-- neap.move_on_after, which says whether it was enough. The numbers are those
-- of SEMANTICS, groups 1 and 3. Times of the virtual clock are exact.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local start = tasks.start
local guard, forever = tasks.guard, tasks.forever

after_each(tasks.sweep)

local soon = 0.001
local throw = load "error()"    -- busted's own raises no nil

-- Both forms that take a function.
local forms = {assert(neap.timeout), assert(neap.move_on_after)}

-- What the call raises, which must be a Timeout.
local function timed_out(fn, ...)
    local ok, e = pcall(fn, ...)
    assert.is_false(ok)
    assert(neap.is_timeout(e), tostring(e))
    return e
end

describe("a function in time:", function()
    it("gets its arguments and gives its results, nils and all", function()
        -- W25
        for _, call in ipairs(forms) do
            local first = call == neap.move_on_after and 1 or 0
            for _, values in ipairs {{n = 0}, {n = 1, nil}, {n = 2, false, nil},
                    {n = 4, nil, 1, nil, nil}, {n = 300, 1, [300] = 2}} do
                local results = table.pack(call(60, function(...)
                    neap.yield()
                    return ...
                end, table.unpack(values, 1, values.n)))
                assert.equal(values.n + first, results.n)
                for i = 1, values.n do
                    assert.equal(values[i], results[i + first])
                end
            end
        end
        assert.is_true((neap.move_on_after(60, print)))
    end)

    it("may wait, and be over before its deadline", function() -- W1
        assert.equal("done\t2.0\n7.0\n", tasks.out [[
            print(neap.timeout(3, function()
                neap.sleep(2)
                return "done"
            end), neap.time())
            neap.sleep(5)           -- the deadline means nobody any more
            print(neap.time())
        ]])
    end)

    it("raises what it raises, unchanged", function() -- W8
        for _, call in ipairs(forms) do
            for _, wait in ipairs {neap.yield, math.abs} do
                for _, e in ipairs {{}, print, "words", 1, false} do
                    local ok, raised = pcall(call, 60, function()
                        wait(0)
                        error(e, 0)
                    end)
                    assert.is_false(ok)
                    assert.is_true(rawequal(e, raised))
                end
                assert.same({n = 2, false, nil},
                    table.pack(pcall(call, 60, throw)))
            end
        end
    end)

    it("that raises leaves its traceback", function()
        local function culprit() error "boom" end
        local task = start(neap.timeout, 60, function() culprit() end)
        assert.equal("failed", task:state())
        assert.matches("in upvalue 'culprit'", task:traceback())
        -- Also where it passes by; move_on_after has to catch it first.
        assert.matches("in upvalue 'culprit'", select(2, xpcall(neap.timeout,
            debug.traceback, 60, function() culprit() end)))
        task = start(neap.move_on_after, 60, function() culprit() end)
        assert.matches("in upvalue 'culprit'", task:traceback())
    end)

    it("leaves no timer behind, however it ends", function() -- S16
        assert.equal("0.0\n", tasks.out [[
            neap.timeout(1, function() neap.yield() end)
            neap.move_on_after(2, math.abs, 1)
            pcall(neap.timeout, 3, error, "x")
            pcall(neap.timeout, 4, neap.timeout, 5, error)
            local task = neap.spawn(neap.timeout, 6, neap.sleep, 7)
            neap.yield()
            task:cancel()
            neap.yield()
            pcall(neap.await, neap.Future())    -- a deadlock: no timer is left
            print(neap.time())
        ]])
    end)

    it("10^5 of them leave nothing behind", function() -- S16
        assert.equal("true\t0.0\n", tasks.out [[
            local function round()
                for _ = 1, 25000 do
                    neap.timeout(1000, math.abs, 1)
                    neap.move_on_after(2000, math.abs, 1)
                    local a <close> = neap.timeout(3000)
                    local b <close> = neap.timeout(4000)
                end
                collectgarbage()
                collectgarbage()
                return collectgarbage "count"
            end
            local before = round()
            print(round() < before + 50, neap.time())
            neap.sleep(0)
        ]])
    end)

    it("has all the time there is with a deadline never", function()
        -- S11 S12
        assert.equal("1000000.0\nfalse\tDeadlock\nfalse\tDeadlock\n",
            tasks.out [[
                neap.timeout(math.huge, neap.timeout, 1e300, neap.sleep, 1e6)
                print(neap.time())
                local ok, e = pcall(neap.timeout, math.huge, neap.await,
                    neap.Future())
                print(ok, e.name)
                ok, e = pcall(neap.move_on_after, math.huge, neap.await,
                    neap.Future())
                print(ok, e.name)
            ]])
    end)
end)

describe("a function whose time runs out:", function()
    it("raises a Timeout, at the deadline", function() -- S13
        assert.equal("false\ttrue\tfalse\t1.5\nfalse\t4.0\n", tasks.out [[
            local ok, e = pcall(neap.timeout, 1.5, neap.sleep, 60)
            print(ok, neap.is_timeout(e), neap.is_cancelled(e), neap.time())
            print(neap.move_on_after(2.5, neap.sleep, 60), neap.time())
        ]])
    end)

    it("never early", function() -- S13
        for _, s in ipairs {1e-9, 1e-5, 0.0012345, 0.01} do
            local before = neap.time()
            timed_out(neap.timeout, s, forever)
            assert.is_true(neap.time() >= before + s - 1e-9)
            before = neap.time()
            assert.is_false(neap.move_on_after(s, forever))
            assert.is_true(neap.time() >= before + s - 1e-9)
        end
    end)

    it("an error with a name and words", function()
        local e = timed_out(neap.timeout, soon, forever)
        assert.equal("Timeout", e.name)
        assert.is_string(e.message)
        assert.equal(e.message, tostring(e))
        assert.is_true(#e.message > 0)
    end)

    it("inside it is a Cancelled, which clean-up sees", function()
        local inside
        timed_out(neap.timeout, soon, function()
            local _ <close> = guard(function(e) inside = e end)
            forever()
        end)
        assert.is_true(neap.is_cancelled(inside))
        assert.is_false(neap.is_timeout(inside))
        assert.is_string(tostring(inside))
    end)

    it("move_on_after gives false, and nothing else", function()
        assert.same({n = 1, false},
            table.pack(neap.move_on_after(soon, forever)))
    end)

    it("is met again at every wait, until it is left", function() -- C5
        local errors = {}
        timed_out(neap.timeout, soon, function()
            for i = 1, 4 do
                errors[i] = select(2, pcall(i == 2 and neap.yield or forever))
            end
            error(errors[4])
        end)
        for i = 1, 4 do
            assert.is_true(neap.is_cancelled(errors[i]))
            assert.equal(errors[1], errors[i])
        end
        neap.sleep(soon)        -- and is over then
        assert.is_false(neap.current():cancelled())
    end)

    it("a loop that ignores it burns its own turns only", function() -- C13
        local stop, rounds, ran = false, 0, 0
        local stubborn = start(neap.timeout, soon, function()
            while not stop do
                pcall(forever)
                rounds = rounds + 1
            end
            return "stopped"
        end)
        neap.sleep(soon * 2)
        local before = rounds
        for _ = 1, 20 do
            neap.yield()
            ran = ran + 1
        end
        assert.is_true(rounds > before and rounds - before <= 21)
        stop = true
        assert.equal("stopped", stubborn:await())
    end)

    it("that swallows the Cancelled and returns gives its results", function()
        -- W5
        local function stubborn()
            pcall(forever)
            return 42, nil
        end
        assert.same({n = 2, 42},
            table.pack(neap.timeout(soon, stubborn)))
        assert.same({n = 3, true, 42},
            table.pack(neap.move_on_after(soon, stubborn)))
        neap.sleep(soon)
    end)

    it("that swallows it and raises another error raises that", function()
        -- W8
        for _, call in ipairs(forms) do
            for _, e in ipairs {{}, "foreign", false} do
                local ok, raised = pcall(call, soon, function()
                    pcall(forever)
                    error(e, 0)
                end)
                assert.is_false(ok)
                assert.is_true(rawequal(e, raised))
            end
        end
    end)

    it("an error of its clean-up takes the Timeout's place", function()
        -- W8 C26
        local e = {}
        for _, call in ipairs(forms) do
            local ok, raised = pcall(call, soon, function()
                local _ <close> = guard(function() error(e) end)
                forever()
            end)
            assert.is_false(ok)
            assert.is_true(raised == e)
        end
    end)

    it("is waited for, however long its clean-up takes", function() -- W6
        assert.equal("cleaned up\t6.0\nfalse\ttrue\t6.0\n", tasks.out [[
            local ok, e = pcall(neap.timeout, 1, function()
                local _ <close> = setmetatable({}, {__close = function()
                    neap.shield(neap.sleep, 5)
                    print("cleaned up", neap.time())
                end})
                neap.sleep(60)
            end)
            print(ok, neap.is_timeout(e), neap.time())
        ]])
    end)

    it("waits in its clean-up raise, too", function() -- C11
        local waited
        timed_out(neap.timeout, soon, function()
            local _ <close> = guard(function()
                waited = pcall(neap.yield)
            end)
            forever()
        end)
        assert.is_false(waited)
    end)

    it("what it awaited runs on", function() -- C9
        local future = neap.Future()
        local task = start(future.await, future)
        timed_out(neap.timeout, soon, task.await, task)
        assert.is_false(neap.move_on_after(soon, future.await, future))
        assert.equal("pending pending", tasks.states(task, future))
        future:set_result "late"
        assert.equal("late", task:await())
    end)

    it("in a pcall loop: again and again", function()
        local count = 0
        for _ = 1, 100 do
            timed_out(neap.timeout, 1e-6, forever)
            if not neap.move_on_after(1e-6, forever) then count = count + 1 end
        end
        assert.equal(100, count)
    end)

    it("ends a task that does not catch it: failed", function()
        local task = neap.spawn(neap.timeout, soon, forever)
        timed_out(task.await, task)
        assert.equal("failed", task:state())
        assert.is_false(task:cancelled())
        local result = tasks.run "neap.timeout(1, neap.sleep, 60)"
        assert.equal(1, result.status)
        assert.is_true(#result.err > 0)
    end)

    it("crosses await and run unchanged", function()
        local task = neap.spawn(neap.timeout, soon, forever)
        local e = timed_out(task.await, task)
        assert.equal(e, task:error())
        timed_out(neap.run, neap.timeout, soon, forever)
    end)
end)
