-- SPDX-License-Identifier: MIT
--
-- Cancelling tasks. In a cancelled task every wait raises, now and later, until
-- it ends. The numbers are those of SEMANTICS, group 2.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, states = tasks.settle, tasks.start, tasks.states
local guard, forever = tasks.guard, tasks.forever

after_each(tasks.sweep)

-- What the call raises, which must be a Cancelled.
local function caught(fn, ...)
    local ok, e = pcall(fn, ...)
    assert.is_false(ok)
    assert.is_true(neap.is_cancelled(e))
    return e
end

describe("before its first step:", function()
    it("the body never runs", function() -- C1
        local ran = false
        local task = neap.spawn(function() ran = true end)
        assert.is_true(task:cancel())
        caught(task.await, task)
        assert.equal("cancelled", task:state())
        assert.is_true(task:done())
        assert.is_true(task:cancelled())
        assert.is_false(ran)
    end)

    it("a reason is kept", function() -- C1
        local task = neap.spawn(print)
        task:cancel "not needed"
        local e = caught(task.await, task)
        assert.equal("not needed", e.reason)
        assert.equal(task, e.task)
        assert.equal("cancelled: not needed", tostring(e))
        assert.equal(e, task:error())
    end)
end)

describe("at a wait:", function()
    local waits = {
        sleep = function() neap.sleep(1000) end,
        ["endless sleep"] = function() neap.sleep(math.huge) end,
        sleep_until = function() neap.sleep_until(neap.time() + 1000) end,
        every = function() neap.every(1000)() end,
        ["await of a future"] = forever,
        ["await of a task"] = function() neap.spawn(forever):await() end,
        gather = function() neap.gather(forever, forever) end,
        settle = function() neap.settle(forever, forever) end,
        race = function() neap.race(forever, forever) end,
        map = function() neap.map({1, 2}, forever, {limit = 1}) end,
        as_completed = function() neap.as_completed {neap.Future()} () end,
        wait = function() neap.wait({neap.Future()}, {timeout = 1000}) end,
        run = function() neap.run(forever) end,
        run_forever = function() neap.loop():run_forever() end,
        run_until_complete = function()
            neap.loop():run_until_complete(neap.Future())
        end,
    }
    for name, wait in pairs(waits) do
        it(name .. " raises the task's Cancelled", function() -- C2
            local inside
            local task = start(function()
                local _ <close> = guard(function(e) inside = e end)
                wait()
            end)
            assert.equal("pending", task:state())
            assert.is_true(task:cancel "enough")
            local e = caught(task.await, task)
            assert.equal("enough", e.reason)
            assert.equal(e, inside)
            assert.equal("cancelled", task:state())
        end)
    end

    it("the timer of the wait is gone", function() -- C2
        assert.equal("0.0\n", tasks.out [[
            local sleeper = neap.spawn(neap.sleep, 1000)
            neap.yield()
            sleeper:cancel()
            neap.yield()
            pcall(neap.await, neap.Future())    -- a deadlock: no timer is left
            print(neap.time())
        ]])
    end)

    it("the future that was awaited may still end", function() -- C2
        local future = neap.Future()
        local one = start(future.await, future)
        local two = start(future.await, future)
        one:cancel()
        settle()
        future:set_result "late"
        assert.equal("late", two:await())
        assert.equal("cancelled", one:state())
    end)
end)

describe("of oneself:", function()
    it("it comes at the next wait, not at once", function() -- C3
        local steps = {}
        local task = neap.spawn(function()
            steps[1] = neap.current():cancel()
            steps[2] = "still here"
            neap.yield()
            steps[3] = "never"
        end)
        caught(task.await, task)
        assert.same({true, "still here"}, steps)
    end)

    it("where no wait follows the task finishes with its value", function()
        -- C4
        local task = neap.spawn(function()
            neap.current():cancel()
            return 1, nil
        end)
        assert.same({n = 2, 1, nil}, table.pack(task:await()))
        assert.equal("finished", task:state())
        assert.is_false(task:cancelled())
        local nothing = neap.spawn(function() neap.current():cancel() end)
        assert.same({n = 0}, table.pack(nothing:await()))
    end)

    it("a call that need not wait raises all the same", function() -- C3 C5
        local ended = neap.Future()
        ended:set_result(1)
        local task = neap.spawn(function()
            neap.current():cancel()
            return ended:await()
        end)
        caught(task.await, task)
        assert.equal("cancelled", task:state())
    end)
end)

describe("of a cancelled task:", function()
    it("every later wait raises again, the same error", function() -- C5
        local errors = {}
        local task = start(function()
            for i = 1, 5 do
                errors[i] = caught(i % 2 == 0 and neap.yield or forever)
            end
        end)
        task:cancel "once"
        task:await()
        for i = 2, 5 do assert.equal(errors[1], errors[i]) end
        assert.equal("once", errors[1].reason)
    end)

    it("a second cancel changes nothing, the first reason stays", function()
        -- C5
        local task = start(function()
            caught(forever)
            local e = caught(forever)
            return e.reason
        end)
        assert.is_true(task:cancel "first")
        assert.is_true(task:cancel "second")
        neap.yield()
        assert.is_true(task:cancel "third")
        assert.equal("first", task:await())
    end)

    it("one that catches it and returns has finished", function() -- C6
        local task = start(function()
            pcall(forever)
            return "result"
        end)
        task:cancel()
        assert.equal("result", task:await())
        assert.is_false(task:cancelled())
        assert.equal("finished", task:state())
    end)

    it("one that catches it and fails otherwise has failed", function() -- C7
        local task = start(function()
            pcall(forever)
            error("another", 0)
        end)
        task:cancel()
        local ok, e = pcall(task.await, task)
        assert.is_false(ok)
        assert.equal("another", e)
        assert.equal("failed", task:state())
    end)

    for name, value in pairs {nothing = "nil", ["a table"] = "{}"} do
        it("one that fails with " .. name .. " has failed", function() -- C7
            local fail = load("error(" .. value .. ")")
            local task = start(neap.run, function()
                pcall(forever)
                fail()
            end)
            task:cancel()
            settle()
            assert.equal("cancelled", task:state())
            local inner
            task = start(neap.run, function()
                inner = neap.current()
                pcall(forever)
                fail()
            end)
            task:cancel()
            settle()
            assert.equal("failed", inner:state())
        end)
    end

    it("the Cancelled may be raised again", function() -- C6
        local task = start(function()
            local _, e = pcall(forever)
            error(e)
        end)
        task:cancel()
        settle()
        assert.equal("cancelled", task:state())
    end)

    it("the Cancelled of another task is an error like any other", function()
        local other = neap.spawn(forever)
        local task = start(function() other:await() end)
        other:cancel()
        settle()
        assert.equal("cancelled failed", states(other, task))
        assert.equal(other:error(), task:error())
    end)
end)

describe("of one that has ended:", function()
    it("it does nothing, and says so", function() -- C8
        local done, failed = neap.spawn(math.abs, 1), neap.spawn(error, 1)
        pcall(neap.gather, done, failed)
        assert.is_false(done:cancel())
        assert.is_false(failed:cancel "why")
        assert.equal("finished failed", states(done, failed))
        assert.equal(1, failed:error())
        local gone = neap.spawn(forever)
        gone:cancel "first"
        settle()
        assert.is_false(gone:cancel "second")
        assert.equal("first", gone:error().reason)
    end)
end)

describe("of one that awaits:", function()
    it("what it awaits runs on", function() -- C9
        local inner = neap.spawn(function()
            forever()
        end)
        local outer = start(inner.await, inner)
        outer:cancel()
        settle()
        assert.equal("cancelled pending", states(outer, inner))
        inner:cancel()
    end)

    it("what awaits it has failed: it was not cancelled itself", function()
        -- C9
        local inner = neap.spawn(forever)
        local outer = start(inner.await, inner)
        inner:cancel "inner"
        settle()
        assert.equal("cancelled failed", states(inner, outer))
        assert.is_false(outer:cancelled())
        assert.equal(inner:error(), outer:error())
    end)

    it("and of a future: that stays as it is", function() -- C9
        local future = neap.Future()
        local task = start(future.await, future)
        task:cancel()
        settle()
        assert.equal("cancelled pending", states(task, future))
    end)

    for _, order in ipairs {"outer inner", "inner outer"} do
        it("both in one pass, " .. order .. ": both end cancelled", function()
            -- C10
            local both = {inner = neap.spawn(forever)}
            both.outer = start(both.inner.await, both.inner)
            for name in order:gmatch "%a+" do both[name]:cancel(name) end
            settle()
            assert.equal("cancelled cancelled",
                states(both.outer, both.inner))
            assert.equal("outer", both.outer:error().reason)
        end)

        it("it and a future in one pass, " .. order .. ": the same", function()
            -- C10
            local both = {inner = neap.Future()}
            both.outer = start(both.inner.await, both.inner)
            for name in order:gmatch "%a+" do both[name]:cancel(name) end
            settle()
            assert.equal("cancelled cancelled",
                states(both.outer, both.inner))
            assert.equal("outer", both.outer:error().reason)
        end)
    end

    it("a value or an error that woke it first is kept", function() -- C10
        local good, bad = neap.Future(), neap.Future()
        local one, two = start(good.await, good), start(bad.await, bad)
        good:set_result "value"
        bad:set_error "error"
        one:cancel()
        two:cancel()
        assert.equal("value", one:await())
        assert.same({false, "error"}, {pcall(two.await, two)})
    end)

    it("a chain of 10^4 tasks can be cancelled at its head", function() -- C9
        local last = neap.spawn(forever)
        local first = last
        for _ = 1, 10000 do last = neap.spawn(last.await, last) end
        settle()
        first:cancel()
        assert.is_true(neap.is_cancelled(select(2, pcall(last.await, last))))
    end)
end)

describe("pcall around a wait of a cancelled task:", function()
    it("the others run on while it ignores its cancel", function() -- C13
        local loops, stop = 0, false
        local stubborn = start(function()
            while not stop do
                pcall(neap.sleep, 1000)
                loops = loops + 1
            end
        end)
        stubborn:cancel()
        local ran = 0
        local other = neap.spawn(function()
            for i = 1, 20 do
                neap.yield()
                ran = i
            end
        end)
        neap.sleep(0.002)                   -- timers, too
        other:await()
        assert.equal(20, ran)
        assert.is_true(loops >= 20)
        local before = loops
        neap.yield()
        assert.is_true(loops - before <= 1)    -- one pass for each raise
        stop = true
        stubborn:await()
    end)

    it("whatever the wait is", function() -- C13
        local ended = neap.Future()
        ended:set_result()
        local stop, rounds = false, 0
        local stubborn = start(function()
            while not stop do
                pcall(ended.await, ended)
                pcall(neap.yield)
                pcall(neap.every(1e-10))
                pcall(neap.loop().run_forever, neap.loop())
                pcall(neap.wait, {ended})
                rounds = rounds + 1
            end
        end)
        stubborn:cancel()
        for _ = 1, 50 do neap.yield() end
        stop = true
        stubborn:await()
        assert.is_true(rounds >= 5 and rounds <= 15)
    end)

    it("calls that would begin tasks begin none", function() -- C1 C13
        local ran = false
        local function run() ran = true end
        local task = start(function()
            pcall(forever)
            caught(neap.run, run)
            caught(neap.gather, run, run)
            caught(neap.settle, run)
            caught(neap.race, run)
            caught(neap.map, {1}, run)
            caught(neap.as_completed, {run})
            caught(neap.wait, {run})
            local loop = neap.loop()
            caught(loop.run_until_complete, loop, run)
        end)
        task:cancel()
        task:await()
        assert.is_false(ran)
        assert.equal(1, #neap.tasks())
    end)
end)

describe("what cancel takes:", function()
    it("any reason", function()
        for _, reason in ipairs {1, "words", true, {}, print} do
            local task = neap.spawn(forever)
            task:cancel(reason)
            assert.equal(reason, caught(task.await, task).reason)
        end
        local task = neap.spawn(forever)
        task:cancel(setmetatable({}, {__tostring = error}))
        assert.is_string(tostring(caught(task.await, task)))
    end)

    it("is_cancelled takes any value, but takes one", function()
        for _, value in ipairs {1, "cancelled", {}, {name = "Cancelled"},
                setmetatable({name = "Cancelled"}, {}), neap.current()} do
            assert.is_false(neap.is_cancelled(value))
        end
        assert.is_false(neap.is_cancelled(nil))
        assert.error_matches(function() neap.is_cancelled() end,
            "bad argument #1 to 'is_cancelled' %(value expected%)")
    end)
end)
