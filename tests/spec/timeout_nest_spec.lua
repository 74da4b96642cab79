-- SPDX-License-Identifier: MIT
--
-- Time-outs within each other, and a task that is cancelled in one: the
-- outermost wins, and nobody takes up a Cancelled that is not his own. The
-- numbers are those of SEMANTICS, group 3. Times are virtual, and exact.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, forever = tasks.settle, tasks.start, tasks.forever

after_each(tasks.sweep)

local soon = 0.001

-- Both forms that take a function.
local forms = {assert(neap.timeout), assert(neap.move_on_after)}

-- What an error is, and how a call ended and when: for the programs below.
local prelude = [[
    local function kind(e)
        return neap.is_timeout(e) and "Timeout"
            or neap.is_cancelled(e) and "Cancelled" or tostring(e)
    end
    local function show(name, ok, ...)
        if ok then print(name, ok, ...) else print(name, ok, kind((...))) end
        return ok, ...
    end
    local function try(name, fn, ...)
        local ok, e = show(name, pcall(fn, ...))
        if not ok then error(e, 0) end
        return e
    end
    local function block(s, fn, ...)
        local t <close> = neap.timeout(s)
        return fn(...)
    end
    local function at(...)
        local values = {...}
        values[#values + 1] = neap.time()
        print(table.unpack(values))
    end
]]

local function check(words, code)
    words = words:gsub("^ +", ""):gsub("\n +", "\n"):gsub(" ", "\t")
    assert.equal(words, tasks.out(prelude .. code))
end

describe("nested:", function()
    for _, forms in ipairs {"timeout timeout", "block block", "timeout block",
            "block timeout"} do
        local outer, inner = forms:match "(%a+) (%a+)"
        local names = "local timeout = neap.timeout\n" ..
            ("local outer, inner = %s, %s\n"):format(outer, inner)

        it(forms .. ": the outer is shorter, the inner not blamed", function()
            -- W7
            check("inner false Cancelled\nouter false Timeout\nat 1.0\n",
                names .. [[
                    pcall(try, "outer", outer, 1, try, "inner", inner, 5,
                        neap.sleep, 60)
                    at "at"
                    neap.sleep(60)
                ]])
        end)

        it(forms .. ": the inner is shorter, the outer goes on", function()
            -- W7
            check("inner false Timeout\nafter 5.0\nouter true done\nat 5.0\n",
                names .. [[
                    try("outer", outer, 9, function()
                        pcall(try, "inner", inner, 1, neap.sleep, 60)
                        neap.sleep(4)
                        at "after"
                        return "done"
                    end)
                    at "at"
                ]])
        end)

        it(forms .. ": equal deadlines: the outermost wins", function() -- W7
            check([[
                inner false Cancelled
                middle false Cancelled
                outer false Timeout
                at 1.0
            ]], names .. [[
                pcall(try, "outer", outer, 1, try, "middle", inner, 1,
                    try, "inner", outer, 1, neap.sleep, 60)
                at "at"
            ]])
        end)
    end

    it("the inner's Timeout passes the outer unchanged", function() -- W7
        local inner
        for _, call in ipairs(forms) do
            local ok, e = pcall(call, 60, function()
                inner = select(2, pcall(neap.timeout, soon, forever))
                error(inner)
            end)
            assert.is_false(ok)
            assert.is_true(neap.is_timeout(e))
            assert.is_true(e == inner)
        end
        assert.is_true((neap.move_on_after(60, neap.move_on_after, soon,
            forever)))
    end)

    it("the inner's Timeout passes an outer that has struck too", function()
        -- W8
        check("false true\nat 2.0\n", [[
            local inner
            local ok, e = pcall(neap.timeout, 2, function()
                inner = select(2, pcall(neap.timeout, 1, neap.sleep, 60))
                pcall(neap.sleep, 60)
                error(inner)
            end)
            print(ok, e == inner)
            at "at"
        ]])
    end)

    it("equal deadlines, though the inner's timer is older", function() -- W7
        check("inner false Cancelled\nouter false Timeout\nat 2.0\n", [[
            pcall(try, "outer", function()
                local t <close> = neap.timeout(60)
                try("inner", neap.timeout, 2, function()
                    t:reschedule(2)
                    neap.sleep(60)
                end)
            end)
            at "at"
        ]])
    end)

    it("the outer's time runs out while the inner cleans up", function()
        -- W7
        for _, form in ipairs {"neap.timeout", "block"} do
            check("cleaned 3.0\ninner false Cancelled\nouter false Timeout\n"
                .. "at 3.0\n", "local form = " .. form .. [[
                    local cleaner = setmetatable({}, {__close = function()
                        neap.shield(neap.sleep_until, 3)
                        at "cleaned"
                    end})
                    pcall(try, "outer", form, 2, try, "inner", form, 1,
                        function()
                            local _ <close> = cleaner
                            neap.sleep(60)
                        end)
                    at "at"
                    neap.sleep(1)
                ]])
        end
    end)

    it("of the outer's time alone a move_on_after knows nothing", function()
        -- W7
        check("outer true false\nat 1.0\n", [[
            show("outer", true, neap.move_on_after(1, function()
                neap.move_on_after(5, neap.sleep, 60)
                print "never"
            end))
            at "at"
        ]])
        check("inner true false\nouter true true late\nat 2.0\n", [[
            show("outer", true, neap.move_on_after(5, function()
                show("inner", true, neap.move_on_after(1, neap.sleep, 60))
                neap.sleep(1)
                return "late"
            end))
            at "at"
        ]])
    end)

    it("the inner swallows it, the outer still strikes later", function()
        -- W5
        check("inner true 42\nouter false Timeout\nat 2.0\n", [[
            pcall(try, "outer", neap.timeout, 2, function()
                try("inner", neap.timeout, 1, function()
                    pcall(neap.sleep, 60)
                    return 42
                end)
                neap.sleep(60)
            end)
            at "at"
        ]])
    end)

    it("1000 blocks with one deadline: one Timeout", function() -- W7
        check("1000 cancelled\nouter false Timeout\nat 1.0\n", [[
            local cancelled = 0
            local function nest(depth)
                if depth == 0 then neap.sleep(60) end
                local _ <close> = setmetatable({}, {__close = function(_, e)
                    if kind(e) == "Cancelled" then
                        cancelled = cancelled + 1
                    end
                end})
                local t <close> = neap.timeout(1)
                nest(depth - 1)
            end
            pcall(try, "outer", function()
                local _ <close> = setmetatable({}, {__close = function()
                    print(cancelled, "cancelled")
                end})
                local t <close> = neap.timeout(1)
                nest(1000)
            end)
            at "at"
        ]])
    end)

    it("10^4 blocks, the innermost has the least time", function()
        check("10000 passed\nat 1.0\n", [[
            local passed = 0
            local function nest(depth)
                local t <close> = neap.timeout(depth + 1)
                if depth == 0 then neap.sleep(60) end
                local ok, e = pcall(neap.yield)
                assert(ok, e)
                local _ <close> = setmetatable({}, {__close = function(_, e)
                    if kind(e) == "Timeout" then passed = passed + 1 end
                end})
                nest(depth - 1)
            end
            pcall(nest, 10000)
            print(passed, "passed")
            at "at"
        ]])
    end)
end)

describe("a task that is cancelled in its time:", function()
    it("ends with its own Cancelled, not with a Timeout", function() -- C2
        for _, call in ipairs(forms) do
            local inside
            local task = start(function()
                local ok, e = pcall(call, 60, forever)
                inside = not ok and e
                neap.yield()
            end)
            task:cancel "outside"
            settle()
            assert.equal("cancelled", task:state())
            assert.equal(task:error(), inside)
            assert.equal("outside", inside.reason)
            assert.equal(task, inside.task)
        end
    end)

    for _, who in ipairs {"cancel", "deadline"} do
        it("in one tick with its deadline, " .. who .. " first", function()
            -- C10 W7
            local words = who == "cancel"
                and "inside false Cancelled\ncancelled outside\n"
                or "inside false Timeout\ncancelled outside\n"
            check(words, ("local who = %q\n"):format(who) .. [[
                local task
                local function cancel() task:cancel "outside" end
                task = neap.spawn(function()
                    if who == "cancel" then neap.call_at(1, cancel) end
                    pcall(try, "inside", neap.timeout, 1, function()
                        if who == "deadline" then neap.call_at(1, cancel) end
                        neap.sleep(60)
                    end)
                    neap.sleep(60)
                end)
                neap.sleep(2)
                print(task:state(), task:error().reason)
            ]])
        end)
    end

    it("while it cleans up after its time ran out", function() -- W7
        check("cleaned 3.0\ninside false Cancelled\ncancelled outside\n", [[
            local task = neap.spawn(try, "inside", neap.timeout, 1, function()
                local _ <close> = setmetatable({}, {__close = function()
                    neap.shield(neap.sleep, 2)
                    at "cleaned"
                end})
                neap.sleep(60)
            end)
            neap.sleep(2)
            task:cancel "outside"
            neap.sleep(2)
            print(task:state(), task:error().reason)
        ]])
    end)

    it("before it opens a time-out: entering and leaving raise nothing",
        function() -- C3
            local task = neap.spawn(function()
                neap.current():cancel()
                local one = neap.timeout(60, math.abs, -1)
                local two, three = neap.move_on_after(60, math.abs, -3)
                local t <close> = neap.timeout(0)
                t:reschedule(0)
                return one, two, three
            end)
            assert.same({1, true, 3}, {task:await()})
            assert.equal("finished", task:state())
        end)

    it("before it opens a time-out: waits in it raise Cancelled", function()
        -- C5
        local task = neap.spawn(function()
            neap.current():cancel "early"
            for _, s in ipairs {0, 60} do
                for _, call in ipairs(forms) do
                    local ok, e = pcall(call, s, forever)
                    assert(not ok and e.reason == "early", tostring(e))
                end
            end
            forever()
        end)
        settle()
        assert.equal("cancelled", task:state())
    end)

    it("a Timeout that it caught before does not matter", function()
        local task = start(function()
            pcall(neap.timeout, soon, forever)
            forever()
        end)
        neap.sleep(2 * soon)
        settle()
        task:cancel()
        settle()
        assert.equal("cancelled", task:state())
    end)
end)

describe("a time-out around", function()
    it("run: its tasks are cancelled and awaited", function() -- C9 W6
        check([[
            main false Cancelled
            child 3.0
            outer false Timeout
            at 3.0
        ]], [[
            pcall(try, "outer", neap.timeout, 1, neap.run, function()
                neap.spawn(function()
                    pcall(neap.sleep, 60)
                    neap.shield(neap.sleep, 2)
                    at "child"
                end)
                try("main", neap.sleep, 60)
            end)
            at "at"
        ]])
    end)

    it("gather: what it owns is cancelled and awaited", function() -- W14
        check("one 2.0\nouter false Timeout\ncancelled cancelled\nat 2.0\n", [[
            local lent = neap.spawn(neap.sleep, 60)
            local own = neap.spawn(function()
                local _ <close> = setmetatable({}, {__close = function()
                    neap.shield(neap.sleep, 1)
                    at "one"
                end})
                neap.sleep(60)
            end)
            pcall(try, "outer", neap.timeout, 1, neap.gather, lent, own)
            print(lent:state(), own:state())
            at "at"
        ]])
    end)

    it("gather of functions with time-outs of their own", function() -- W10
        check("outer false Timeout\nother Cancelled\nat 1.0\n", [[
            local other
            pcall(try, "outer", neap.gather,
                function() neap.timeout(1, neap.sleep, 60) end,
                function() other = select(2, pcall(neap.sleep, 60)) end)
            print("other", kind(other))
            at "at"
        ]])
    end)

    it("wait: its tasks run on", function() -- W17
        check("outer false Timeout\npending\nat 1.0\n", [[
            local task = neap.spawn(neap.sleep, 60)
            pcall(try, "outer", neap.timeout, 1, neap.wait, {task})
            print(task:state())
            at "at"
            task:cancel()
        ]])
    end)

    it("every: a round that comes too late", function()
        check("1 1.0\n2 2.0\nouter false Timeout\nat 2.5\n", [[
            pcall(try, "outer", neap.timeout, 2.5, function()
                for i in neap.every(1) do at(i) end
            end)
            at "at"
        ]])
    end)

    it("a require: another waiter takes the load over", function() -- Y5
        check("outer false Timeout\nloaded module 3.0\nat 3.0\n", [[
            local loads = 0
            package.preload.slow = function()
                loads = loads + 1
                neap.sleep(2)
                return "module"
            end
            local function load() return (require "slow") end
            neap.spawn(function()
                pcall(try, "outer", neap.timeout, 1, load)
            end)
            neap.yield()
            local module = load()
            at("loaded", module)
            assert(loads == 2)
            at "at"
        ]])
    end)
end)
