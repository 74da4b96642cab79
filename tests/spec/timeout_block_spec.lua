-- SPDX-License-Identifier: MIT
--
-- local t <close> = neap.timeout(s): a block that has so much time, and
-- t:reschedule(s), which gives it another. The numbers are those of SEMANTICS,
-- group 3. Times of the virtual clock are exact.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start = tasks.settle, tasks.start
local guard, forever = tasks.guard, tasks.forever

after_each(tasks.sweep)

local soon = 0.001

-- Both forms that take a function.
local forms = {assert(neap.timeout), assert(neap.move_on_after)}

-- What the call raises, which must be a Timeout.
local function timed_out(fn, ...)
    local ok, e = pcall(fn, ...)
    assert.is_false(ok)
    assert(neap.is_timeout(e), tostring(e))
    return e
end

describe("a block in time:", function()
    local function leave(how)
        for _ = 1, 2 do
            local _ <close> = neap.timeout(60)
            neap.yield()
            if how == "break" then break end
            if how == "goto" then goto out end
            if how == "return" then return "returned", nil, 3, nil end
            if how == "tail" then return table.pack(1, 2).n end
            if how == "error" then error("raised", 0) end
            if how == "object" then error(leave) end
        end
        ::out::
        neap.yield()
        return "end"
    end

    it("may be left in every way there is", function()
        for _ = 1, 3 do
            assert.equal("end", leave())
            assert.equal("end", leave "break")
            assert.equal("end", leave "goto")
            assert.same({n = 4, "returned", nil, 3},
                table.pack(leave "return"))
            assert.equal(2, leave "tail")
            assert.same({false, "raised"}, {pcall(leave, "error")})
            assert.equal(leave, select(2, pcall(leave, "object")))
        end
    end)

    it("leaves no timer behind, however it is left", function() -- S16
        assert.equal(("0.0\n"):rep(6), tasks.out [[
            local entered = 0
            local function leave(how)
                while true do
                    local t <close> = neap.timeout(1)
                    entered = entered + 1
                    neap.yield()
                    if how == "break" then break end
                    if how == "goto" then goto out end
                    if how == "return" then return neap.yield() end
                    if how == "error" then error "raised" end
                    if how == "cancel" then neap.sleep(60) end
                    how = "break"
                end
                ::out::
            end
            for how in ("end break goto return error cancel"):gmatch "%a+" do
                local task = neap.spawn(pcall, leave, how)
                for _ = 1, 4 do neap.yield() end
                task:cancel()
                for _ = 1, 4 do neap.yield() end
                assert(task:done() and entered > 0)
                pcall(neap.await, neap.Future())    -- a deadlock, at once
                print(neap.time())
            end
        ]])
    end)

    it("lets a cancel of the task pass", function()
        local task = start(function()
            local _ <close> = neap.timeout(60)
            forever()
        end)
        task:cancel "enough"
        settle()
        assert.equal("cancelled", task:state())
        assert.equal("enough", task:error().reason)
    end)

    it("covers nobody but the task that opened it", function()
        local other, spawned = start(forever), nil
        timed_out(function()
            local _ <close> = neap.timeout(soon)
            spawned = neap.spawn(forever)
            forever()
        end)
        settle()
        assert.equal("pending pending", tasks.states(other, spawned))
    end)
end)

describe("a block whose time runs out:", function()
    it("raises a Timeout, at the deadline", function() -- S13
        assert.equal("false\ttrue\t1.5\n3.5\n", tasks.out [[
            local function block()
                local t <close> = neap.timeout(1.5)
                neap.sleep(60)
            end
            local ok, e = pcall(block)
            print(ok, neap.is_timeout(e), neap.time())
            neap.sleep(2)                   -- the scope is left
            print(neap.time())
        ]])
    end)

    it("also in the call that it returns", function()
        timed_out(function()
            local _ <close> = neap.timeout(soon)
            return forever()
        end)
    end)

    it("and inside it is a Cancelled, until it is left", function() -- C5
        local inner, last
        timed_out(function()
            local _ <close> = neap.timeout(soon)
            local _ <close> = guard(function(e) last = e end)
            inner = select(2, pcall(forever))
            assert.equal(inner, select(2, pcall(neap.yield)))
            forever()
        end)
        assert.is_true(neap.is_cancelled(inner))
        assert.equal(inner, last)
        neap.yield()
    end)

    it("raises nothing where the Cancelled was swallowed", function() -- W5
        local function block()
            local _ <close> = neap.timeout(soon)
            pcall(forever)
            return 42
        end
        assert.equal(42, block())
        neap.sleep(soon)
    end)

    it("lets another error pass, unchanged", function() -- W8
        local e = {}
        local ok, raised = pcall(function()
            local _ <close> = neap.timeout(soon)
            pcall(forever)
            error(e)
        end)
        assert.is_false(ok)
        assert.is_true(raised == e)
    end)

    it("counts from the call, however long it computed before", function()
        -- S13
        local stop = neap.time() + 2 * soon
        while neap.time() < stop do end
        local before = neap.time()
        timed_out(function()
            local _ <close> = neap.timeout(soon)
            forever()
        end)
        assert.is_true(neap.time() - before >= soon - 1e-9)
    end)

    it("a Cancelled that was kept is no longer its own", function()
        local kept
        local function keep()
            local _ <close> = neap.timeout(soon)
            kept = select(2, pcall(forever))
        end
        keep()
        -- neither one that has time ...
        local ok, e = pcall(neap.timeout, 60, error, kept)
        assert.is_false(ok)
        assert.is_true(e == kept)
        -- ... nor one whose own time has run out
        ok, e = pcall(neap.timeout, soon, function()
            pcall(forever)
            error(kept)
        end)
        assert.is_false(ok)
        assert.is_true(e == kept)
    end)

    it("nor is the Cancelled of another task", function()
        local other = neap.spawn(forever)
        other:cancel "other"
        settle()
        for _, call in ipairs(forms) do
            local ok, e = pcall(call, soon, function()
                pcall(forever)
                error(other:error())
            end)
            assert.is_false(ok)
            assert.equal(other:error(), e)
        end
    end)
end)

describe("reschedule:", function()
    -- What the block prints: t is its scope, of 5 s.
    local function out(code)
        return tasks.out(([[
            local function block()
                local t <close> = neap.timeout(5)
                %s
            end
            local ok, e = pcall(block)
            print(ok, ok or neap.is_timeout(e), neap.time())
            neap.sleep(100)
        ]]):format(code))
    end

    it("later", function() -- W9
        assert.equal("true\nfalse\ttrue\t24.0\n", out [[
            neap.sleep(4)
            print(t:reschedule(20))
            neap.sleep(60)
        ]])
        assert.equal("true\ttrue\t10.0\n", out [[
            for _ = 1, 10 do
                neap.sleep(1)
                t:reschedule(2)
            end
        ]])
    end)

    it("earlier", function() -- W9
        assert.equal("true\nfalse\ttrue\t2.0\n", out [[
            neap.sleep(1)
            print(t:reschedule(1))
            neap.sleep(60)
        ]])
    end)

    it("now: the next wait raises, not the call", function() -- W9
        for _, s in ipairs {"0", "-1", "-math.huge"} do
            assert.equal("true\nfalse\ttrue\t1.0\n", out(([[
                neap.sleep(1)
                print(t:reschedule(%s))
                neap.sleep(60)
            ]]):format(s)))
        end
    end)

    it("never", function() -- W9 S11
        assert.equal("true\ttrue\t1000.0\n", out [[
            t:reschedule(math.huge)
            neap.sleep(1000)
        ]])
        assert.equal("true\nfalse\ttrue\t1001.0\n", out [[
            t:reschedule(math.huge)
            neap.sleep(1000)
            print(t:reschedule(1))
            neap.sleep(60)
        ]])
    end)

    it("by another task", function() -- W9
        assert.equal("false\ttrue\t3.0\n", out [[
            neap.spawn(function()
                neap.sleep(1)
                t:reschedule(2)
            end)
            neap.sleep(60)
        ]])
        assert.equal("true\ttrue\t50.0\n", out [[
            neap.call_later(4, t.reschedule, t, 60)
            neap.sleep(50)
        ]])
    end)

    it("1000 times: the last one counts, and one timer is left", function()
        assert.equal("false\ttrue\t7.0\n", out [[
            for i = 1000, 1, -1 do t:reschedule(6 + i) end
            neap.sleep(60)
        ]])
    end)

    it("is false once it has struck, and changes nothing", function() -- W9
        assert.equal("false\nfalse\nfalse\nfalse\ttrue\t5.0\n", out [[
            pcall(neap.sleep, 60)
            print(t:reschedule(20))
            print(t:reschedule(math.huge))
            print((pcall(neap.sleep, 1)))
            neap.sleep(60)
        ]])
    end)

    it("is false between the strike and the task's turn", function() -- W9
        assert.equal("false\nfalse\ttrue\t5.0\n", out [[
            local other = neap.spawn(function()
                neap.sleep_until(5)         -- after the scope's own timer
                print(t:reschedule(20))
            end)
            neap.shield(other.await, other)
            neap.yield()
        ]])
    end)

    it("saves who computed too long, before the loop looks", function()
        -- W9 S15
        assert.is_true((function()
            local t <close> = neap.timeout(soon)
            local stop = neap.time() + 2 * soon
            while neap.time() < stop do end
            local alive = t:reschedule(60)
            neap.sleep(soon)
            return alive
        end)())
    end)

    it("of a scope that was left raises, or is false once struck", function()
        local left, struck
        do
            local t <close> = neap.timeout(60)
            left = t
        end
        assert.is_false(pcall(left.reschedule, left, 1))
        pcall(function()
            local t <close> = neap.timeout(soon)
            struck = t
            forever()
        end)
        assert.is_false(struck:reschedule(60))
        neap.sleep(soon)
    end)

    it("wants a time, and a scope", function() -- S10
        local t <close> = neap.timeout(60)
        assert.error_matches(function() t:reschedule() end,
            "bad argument #1 to 'reschedule' %(number expected, got no value%)")
        assert.error_matches(function() t:reschedule "x" end,
            "bad argument #1 to 'reschedule' %(number expected, got string%)")
        assert.error_matches(function() t:reschedule(0 / 0) end,
            "bad argument #1 to 'reschedule' " ..
            "%(number of seconds expected, got nan%)")
        assert.is_false(pcall(t.reschedule, neap.Future(), 1))
        assert.is_false(pcall(t.reschedule, nil, 1))
        neap.sleep(soon)            -- the old deadline stands
        assert.is_true(t:reschedule(60))
    end)

    it("does not make a wait's own deadline another", function() -- W3
        assert.equal("slept\t1.0\ntrue\ttrue\t1.0\n", out [[
            neap.call_soon(t.reschedule, t, 1)
            neap.sleep(1)           -- its timer is older: it ends first
            print("slept", neap.time())
        ]])
        assert.equal("slept\t1.0\nfalse\ttrue\t1.0\n", out [[
            neap.call_soon(t.reschedule, t, 1)
            neap.sleep(1)
            print("slept", neap.time())
            neap.sleep(1)           -- but this one is too late
        ]])
    end)
end)
