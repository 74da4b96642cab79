-- SPDX-License-Identifier: MIT
--
-- Scopes belong to the coroutine that opened them: what a generator opens does
-- not cover its consumer, and covers the generator whoever resumes it. The
-- numbers are those of SEMANTICS, group 10. Times are virtual, and exact.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, states = tasks.settle, tasks.start, tasks.states
local guard, forever = tasks.guard, tasks.forever

after_each(tasks.sweep)

local soon = 0.001

local function timed_out(fn, ...)
    local ok, e = pcall(fn, ...)
    assert.is_false(ok)
    assert(neap.is_timeout(e), tostring(e))
    return e
end

local function cancelled(fn, ...)
    local ok, e = pcall(fn, ...)
    assert.is_false(ok)
    assert(neap.is_cancelled(e), tostring(e))
    return e
end

-- A generator whose time runs out after `s`: it yields "open", and then waits.
local function limited(s)
    return coroutine.wrap(function()
        local _ <close> = neap.timeout(s)
        coroutine.yield "open"
        forever()
    end)
end

-- One that yields "open" with a group that has one task, `fn`.
local function grouped(fn, ...)
    local args = table.pack(...)
    return function()
        local g <close> = neap.group()
        g:spawn(fn, table.unpack(args, 1, args.n))
        neap.yield()
        coroutine.yield "open"
        return "through"
    end
end

describe("a time-out in a generator", function()
    it("does not cover the consumer; it is met at the next wait", function()
        assert.equal("open\t0.0\n5.0\nfalse\ttrue\t5.0\n", tasks.out [[
            local gen = coroutine.wrap(function()
                local t <close> = neap.timeout(1)
                coroutine.yield "open"
                neap.sleep(60)
            end)
            print(gen(), neap.time())
            neap.sleep(5)                       -- the consumer's
            print(neap.time())
            local ok, e = pcall(gen)
            print(ok, neap.is_timeout(e), neap.time())
        ]])
    end)

    it("fires while the generator waits", function()
        assert.equal("false\ttrue\t1.0\n", tasks.out [[
            local gen = coroutine.wrap(function()
                local t <close> = neap.timeout(1)
                coroutine.yield "open"
                neap.sleep(60)
            end)
            gen()
            local ok, e = pcall(gen)
            print(ok, neap.is_timeout(e), neap.time())
        ]])
    end)

    it("whose time is not up does nothing", function()
        local gen = coroutine.wrap(function()
            local _ <close> = neap.timeout(60)
            for i = 1, 3 do
                neap.yield()
                coroutine.yield(i)
            end
            return "end"
        end)
        for _, value in ipairs {1, 2, 3, "end"} do
            assert.equal(value, gen())
            neap.yield()
        end
    end)

    it("that never waits again is never met", function() -- W1
        local gen = coroutine.wrap(function()
            local _ <close> = neap.timeout(soon)
            coroutine.yield "open"
            coroutine.yield "again"
            return "end"
        end)
        gen()
        neap.sleep(2 * soon)
        assert.equal("again", gen())
        assert.equal("end", gen())
    end)

    it("of the form with a function, the same", function()
        local gen = coroutine.wrap(function()
            return neap.timeout(soon, function()
                coroutine.yield "open"
                forever()
            end)
        end)
        assert.equal("open", gen())
        neap.sleep(2 * soon)
        timed_out(gen)
        gen = coroutine.wrap(function()
            return neap.move_on_after(soon, function()
                coroutine.yield "open"
                forever()
            end)
        end)
        gen()
        neap.sleep(2 * soon)
        assert.is_false(gen())
    end)

    it("three deep, each with its own", function()
        assert.equal("inner 3.0\nmiddle 4.0\nouter 5.0\n", tasks.out [[
            local function wrap(name, s, fn)
                return coroutine.wrap(function()
                    local ok, e = pcall(neap.timeout, s, function()
                        coroutine.yield()
                        fn()
                    end)
                    assert(not ok and neap.is_timeout(e), e)
                    print(name .. " " .. neap.time())
                end)
            end
            local inner = wrap("inner", 1, function() neap.sleep(60) end)
            local middle = wrap("middle", 4, function()
                inner()
                neap.sleep(60)
            end)
            local outer = wrap("outer", 5, function()
                middle()
                neap.sleep(60)
            end)
            inner() middle() outer()
            neap.sleep(3)
            outer()
        ]])
    end)

    it("resumed by another task: it covers the generator there", function()
        local gen, outcome = nil, nil
        local gate = neap.Future()
        local function work()
            outcome = table.pack(pcall(gen))
            neap.yield()
            return "unhurt, too"
        end
        local opener = start(function()
            gen = limited(soon)
            gen()
            neap.sleep(2 * soon)
            gate:await()
            return "unhurt"
        end)
        neap.sleep(2 * soon)
        assert.equal("unhurt, too", start(work):await())
        assert(neap.is_timeout(outcome[2]), tostring(outcome[2]))
        gate:set_result()
        assert.equal("unhurt", opener:await())
    end)

    it("resumed by another task: a cancel of that one reaches it", function()
        local gen, outcome = nil, nil
        local opener = start(function()
            gen = limited(60)
            gen()
            forever()
        end)
        local other = start(function()
            outcome = table.pack(pcall(gen))
            neap.yield()
        end)
        other:cancel "the other's"
        settle()
        assert.equal("pending cancelled", states(opener, other))
        assert.equal("the other's", outcome[2].reason)
    end)

    it("opened by a task that is cancelled then: that does not cover it",
        function()
            local gen
            local gate = neap.Future()
            local opener = start(function()
                gen = limited(60)
                gen()
                pcall(forever)
                neap.shield(gate.await, gate)
            end)
            opener:cancel()
            local other = start(gen)
            assert.equal("pending pending", states(opener, other))
            gate:set_result()
            other:cancel()
            settle()
            assert.equal("finished cancelled", states(opener, other))
        end)

    it("given on by a task that ends: it can be resumed, and left", function()
        local gen
        neap.spawn(function()
            gen = coroutine.wrap(function()
                local _ <close> = neap.timeout(60)
                local _ <close> = neap.group()
                coroutine.yield(1)
                neap.yield()
                return 2
            end)
            gen()
        end):await()
        assert.equal(2, neap.spawn(gen):await())
    end)

    it("rescheduled by its consumer", function() -- W9
        local gen = coroutine.wrap(function()
            local t <close> = neap.timeout(60)
            coroutine.yield(t)
            forever()
        end)
        assert.is_true(gen():reschedule(soon))
        timed_out(gen)
    end)

    it("resumed in a scope: the outermost wins", function() -- W7
        local gen = limited(60)
        gen()
        timed_out(neap.timeout, soon, function() cancelled(gen) forever() end)
        gen = limited(soon)
        gen()
        neap.timeout(60, timed_out, gen)
        neap.yield()
    end)

    it("that was cancelled there is not so elsewhere", function()
        local gen = coroutine.wrap(function()
            local _ <close> = neap.timeout(60)
            coroutine.yield(pcall(forever))
            coroutine.yield(pcall(neap.yield))
        end)
        local ok = neap.timeout(soon, gen)
        assert.is_false(ok)
        assert.is_true((gen()))
    end)

    it("through resume: false and the Cancelled, as Lua has it", function()
        -- Y3
        local co = coroutine.create(function()
            local _ <close> = neap.timeout(soon)
            forever()
        end)
        local ok, e = coroutine.resume(co)
        assert.is_false(ok)
        assert(neap.is_cancelled(e), tostring(e))
        assert.is_false((coroutine.close(co)))
        neap.yield()
    end)
end)

describe("a group in a generator", function()
    it("does not cover the consumer, and is awaited at its end", function()
        local gate = neap.Future()
        local gen = coroutine.wrap(grouped(gate.await, gate))
        assert.equal("open", gen())
        gate:set_result()
        neap.yield()
        assert.equal("through", gen())
    end)

    it("waits in the resume that ends it", function()
        local gate, order = neap.Future(), {}
        local gen = coroutine.wrap(grouped(function()
            gate:await()
            neap.yield()
            order[#order + 1] = "child"
        end))
        gen()
        neap.call_soon(gate.set_result, gate)
        local result = gen()
        order[#order + 1] = result
        assert.same({"child", "through"}, order)
    end)

    it("a task fails between: the consumer is not cancelled", function() -- C22
        local e, inside = {}, nil
        local gen = coroutine.wrap(function()
            local g <close> = neap.group()
            g:spawn(error, e)
            coroutine.yield()
            inside = cancelled(neap.yield)
            error(inside)
        end)
        gen()
        settle()
        local ok, raised = pcall(gen)
        assert.is_false(ok)
        assert.is_true(raised == e)
        neap.yield()
    end)

    it("spawns for whoever resumes it", function()
        local gen = coroutine.wrap(function()
            local g <close> = neap.group()
            for i = 1, 3 do
                local task = g:spawn(function() neap.yield() return i end)
                coroutine.yield(task)
            end
        end)
        local list, gate = {}, neap.Future()
        local function work()
            list[#list + 1] = gen()
            gate:await()
        end
        for _ = 1, 3 do start(work) end
        for i = 1, 3 do assert.equal(i, list[i]:await()) end
        gen()
        gate:set_result()
    end)
end)

describe("leaving a scope", function()
    local prelude = [[
        local function leave(scope) local _ <close> = scope end
    ]]

    -- What the code prints of an error: which of these lines it names.
    local function names(code, ...)
        local out = tasks.out(prelude .. code)
        assert.matches("^false\t", out)
        for _, words in ipairs {...} do assert.matches(words, out) end
    end

    for _, scope in ipairs {"neap.timeout(60)", "neap.group()"} do
        it("in another coroutine: " .. scope, function()
            names(([[
                local scope <close> = %s
                print(pcall(coroutine.wrap(leave), scope))
            ]]):format(scope), "coroutine")
            names(([[
                local scope
                local co = coroutine.wrap(function()
                    local mine <close> = %s
                    scope = mine
                    coroutine.yield()
                end)
                co()
                print(pcall(leave, scope))
                co()
            ]]):format(scope), "coroutine")
        end)

        it("in another task: " .. scope, function()
            names(([[
                local scope <close> = %s
                neap.spawn(function() print(pcall(leave, scope)) end):await()
            ]]):format(scope))
        end)

        it("before one that was opened inside it: " .. scope, function()
            for _, inner in ipairs {"neap.timeout(60)", "neap.group()"} do
                names(([[
                    local outer <close> = %s
                    local inner <close> = %s
                    print(pcall(leave, outer))
                ]]):format(scope, inner), "it:2", "it:3")
            end
        end)
    end

    it("in another coroutine changes nothing", function()
        local scope <close> = neap.timeout(60)
        assert.is_false(pcall(coroutine.wrap(function()
            local _ <close> = scope
        end)))
        assert.is_true(scope:reschedule(soon))
        cancelled(forever)
    end)

    it("before one inside it leaves both", function()
        assert.equal("false\tfalse\n10.0\n", tasks.out [[
            local outer <close> = neap.timeout(3)
            local inner <close> = neap.timeout(2)
            local left = pcall(function() local _ <close> = outer end)
            local g <close> = neap.group()
            local within <close> = neap.timeout(2)
            print(left, (pcall(g.wait, g)))
            neap.sleep(10)
            print(neap.time())
        ]])
    end)

    it("g:wait in another coroutine", function()
        local g <close> = neap.group()
        assert.is_false(pcall(coroutine.wrap(g.wait), g))
        g:spawn(math.abs, 1)
    end)
end)

describe("in a cancelled task, a generator", function()
    it("raises at each wait, and none of its values is lost", function() -- C13
        local task = neap.spawn(function()
            neap.current():cancel()
            local gen = coroutine.wrap(function()
                for i = 1, 3 do coroutine.yield(i, (pcall(neap.yield))) end
            end)
            local list = {}
            for value, waited in gen do
                list[#list + 1] = value .. tostring(waited)
            end
            return table.concat(list, " ")
        end)
        assert.equal("1false 2false 3false", task:await())
    end)

    it("resumed by one that is not waits as it likes", function()
        local gen = coroutine.wrap(function()
            local _ <close> = neap.timeout(60)
            for i = 1, 4 do coroutine.yield(i, (pcall(neap.yield))) end
        end)
        local victim = neap.spawn(function()
            neap.current():cancel()
            return gen()
        end)
        assert.same({1, false}, {victim:await()})
        assert.same({2, true}, {gen()})
        victim = neap.spawn(function()
            neap.current():cancel()
            return gen()
        end)
        assert.same({3, false}, {victim:await()})
        assert.same({4, true}, {gen()})
    end)

    it("a pcall loop in a struck time-out in a generator", function() -- C13
        local rounds, others = 0, 0
        local gen = coroutine.wrap(function()
            local _ <close> = neap.timeout(soon)
            while rounds < 50 do
                pcall(forever)
                rounds = rounds + 1
            end
        end)
        local other = start(function()
            local _ <close> = guard(function() end)
            while true do
                neap.yield()
                others = others + 1
            end
        end)
        gen()
        assert.is_true(others >= 49)
        other:cancel()
        settle()
        assert.equal("cancelled", states(other))
    end)
end)
