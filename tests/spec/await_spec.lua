-- SPDX-License-Identifier: MIT
--
-- Waiting for tasks and futures: await, gather, wait. The numbers are those of
-- SEMANTICS, group 3.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, states = tasks.settle, tasks.start, tasks.states
local guard, forever = tasks.guard, tasks.forever
local after, fail_after = tasks.after, tasks.fail_after
local ended, failed = tasks.ended, tasks.failed

after_each(tasks.sweep)

describe("await:", function()
    it("gives what the task returns, nils and all", function() -- W25
        for _, values in ipairs {
            {n = 0}, {n = 1, nil}, {n = 3, nil, 1, nil}, {n = 2, false, nil},
            {n = 5, nil, nil, nil, nil, nil}, {n = 300, 1, [300] = 2},
        } do
            local task = neap.spawn(function()
                return table.unpack(values, 1, values.n)
            end)
            assert.same(values, table.pack(task:await()))
            assert.same(values, table.pack(task:result()))
            local future = ended(table.unpack(values, 1, values.n))
            assert.same(values, table.pack(neap.await(future)))
        end
    end)

    it("gives 200,000 values", function() -- W25
        local task = neap.spawn(after(1, table.unpack({}, 1, 200000)))
        assert.equal(200000, select("#", task:await()))
    end)

    it("of a task that has ended answers at once, again and again", function()
        -- W21
        local task = start(after(0, "value"))
        local passes = 0
        neap.spawn(function() passes = 1 end)
        for _ = 1, 100 do assert.equal("value", task:await()) end
        assert.equal(0, passes)
    end)

    it("of a task that has failed raises again and again", function() -- W21
        local e = {}
        local task = neap.spawn(error, e)
        for _ = 1, 3 do
            local ok, raised = pcall(task.await, task)
            assert.is_false(ok)
            assert.is_true(raised == e)
        end
    end)

    it("many may wait for one, in the order in which they came", function()
        -- W21
        local future, list = neap.Future(), {}
        for i = 1, 100 do
            neap.spawn(function()
                assert(future:await() == "x")
                list[#list + 1] = i
            end)
        end
        settle()
        assert.same({}, list)
        future:set_result "x"
        settle()
        assert.equal(100, #list)
        for i = 1, 100 do assert.equal(i, list[i]) end
    end)

    it("of oneself is an error", function() -- W19
        for _, call in ipairs {
            function(me) me:await() end,
            function(me) neap.gather(forever, me) end,
            function(me) neap.wait {me} end,
            function(me) neap.settle(forever, me) end,
            function(me) neap.race(forever, me) end,
            function(me) neap.as_completed {forever, me} end,
            function(me) neap.loop():run_until_complete(me) end,
        } do
            local task = start(function() call(neap.current()) end)
            assert.equal("failed", task:state())
            assert.matches("a task cannot await itself", task:error())
            assert.equal(1, #neap.tasks())
        end
    end)

    it("a chain of 10^4 tasks, each awaiting the next", function() -- W22
        local function link(depth)
            if depth == 0 then return "bottom", nil end
            return neap.spawn(link, depth - 1):await()
        end
        assert.same({n = 2, "bottom", nil}, table.pack(link(10000)))
        local function bad(depth)
            if depth == 0 then error {depth = depth} end
            return neap.spawn(bad, depth - 1):await()
        end
        assert.same({depth = 0}, select(2, pcall(bad, 10000)))
    end)

    it("works in a coroutine of the task's", function()
        local future = neap.Future()
        local task = start(coroutine.wrap(function()
            return "got", future:await()
        end))
        future:set_result(5)
        assert.same({"got", 5}, {task:await()})
    end)

    it("takes tasks and futures, of this library only", function() -- W23
        local fake = setmetatable({}, {__name = "neap.Task", __index =
            getmetatable(neap.current())})
        for kind, value in pairs {
            ["FILE*"] = io.stdout, number = 1, ["function"] = print,
            ["neap.Task"] = fake, thread = coroutine.create(print),
            ["neap.Loop"] = neap.loop(), ["neap.Queue"] = neap.Queue(),
            ["light userdata"] = debug.upvalueid(forever, 1),
            ["nil"] = false,
        } do
            if kind == "nil" then value = nil end
            local words = "Task or Future expected, got " .. kind
            assert.error_matches(function() neap.await(value) end,
                "bad argument #1 to 'await' %(" .. words:gsub("%*", "%%*") ..
                "%)")
        end
        assert.error_matches(function() neap.await() end,
            "bad argument #1 to 'await' %(Task or Future expected, " ..
            "got no value%)")
    end)
end)

describe("gather:", function()
    it("gives the first result of each, in their order", function()
        assert.same({n = 5, 1, 2, nil, "x", 5}, table.pack(neap.gather(
            after(3, 1, "more"), neap.spawn(after(1, 2)), after(2),
            ended("x", "y"), after(0, 5))))
    end)

    it("runs functions at the same time", function()
        local list = {}
        local function note(name)
            return function()
                for i = 1, 2 do
                    list[#list + 1] = name .. i
                    neap.yield()
                end
            end
        end
        neap.gather(note "a", note "b")
        assert.equal("a1 b1 a2 b2", table.concat(list, " "))
    end)

    it("of nothing gives nothing, without a wait", function() -- W12
        local ran = false
        neap.spawn(function() ran = true end)
        assert.same({n = 0}, table.pack(neap.gather()))
        assert.is_false(ran)
    end)

    it("of what has ended does not wait", function() -- W12
        local ran = false
        neap.spawn(function() ran = true end)
        assert.same({1, 2}, {neap.gather(ended(1), ended(2))})
        assert.is_false(ran)
    end)

    it("the same task twice is awaited once, its value comes twice",
        function() -- W13
            local runs = 0
            local task = neap.spawn(function()
                runs = runs + 1
                neap.yield()
                return runs
            end)
            assert.same({1, 0, 1}, {neap.gather(task, after(1, 0), task)})
            assert.same({2}, {neap.gather(ended(2))})
        end)

    it("one error: the others are cancelled and awaited, then it is raised",
        function() -- W10
            local e, closed, cleaned = {}, nil, false
            local other = neap.spawn(function()
                local _ <close> = guard(function(why)
                    closed = why
                    cleaned = pcall(neap.yield)
                end)
                forever()
            end)
            local future = neap.Future()
            local ok, raised = pcall(neap.gather, other, fail_after(2, e),
                future)
            assert.is_false(ok)
            assert.is_true(raised == e)
            assert.equal("cancelled cancelled", states(other, future))
            assert.is_true(neap.is_cancelled(closed))
            assert.is_false(cleaned)
        end)

    it("one that takes its time to end is waited for", function() -- W10
        local passes, last = 0, nil
        local slow = neap.spawn(function()
            pcall(forever)
            for _ = 1, 5 do
                pcall(neap.yield)
                passes = passes + 1
            end
            last = "through"
        end)
        assert.error_matches(function()
            neap.gather(slow, fail_after(1, "boom"))
        end, "boom")
        assert.equal(5, passes)
        assert.equal("through", last)
    end)

    it("of two errors it is the first in time", function() -- W10
        assert.error_matches(function()
            neap.gather(fail_after(3, "late"), fail_after(2, "early"))
        end, "early")
        assert.error_matches(function()
            neap.gather(after(1), failed "left", failed "right")
        end, "left")
    end)

    it("an error that is nil or false is one, too", function() -- W10
        for _, e in ipairs {false, "nil"} do
            local value = e
            if e == "nil" then value = nil end
            local other = neap.spawn(forever)
            local result = table.pack(pcall(neap.gather, other, function()
                neap.yield()
                error(value)
            end))
            assert.same({n = 2, false, value}, result)
            assert.equal("cancelled", other:state())
        end
    end)

    it("errors of what it owned are nobody's surprise", function() -- W10
        local result = tasks.run [[
            print(pcall(neap.gather, function()
                pcall(neap.sleep, 1)
                error("second", 0)
            end, function() error("first", 0) end))
        ]]
        assert.same({out = "false\tfirst\n", err = "", status = 0}, result)
    end)

    it("where nothing can wait nothing is begun", function()
        local ran = false
        local function run() ran = true end
        local list = {3, 1, 2}
        assert.error_matches(function()
            table.sort(list, function() neap.gather(run) end)
        end, "cannot wait here: table.sort is on the stack")
        assert.error_matches(function()
            table.sort(list, function() neap.wait {run} end)
        end, "cannot wait here: table.sort is on the stack")
        settle()
        assert.is_false(ran)
    end)

    it("takes tasks, futures and functions; else nothing is begun", function()
        local ran = false
        local function run() ran = true end
        for i, value in ipairs {1, "x", {}, io.stdout, true} do
            local list = {}
            for _ = 1, i do list[#list + 1] = run end
            list[#list + 1] = value
            assert.error_matches(function() neap.gather(table.unpack(list)) end,
                ("bad argument #%d to 'gather' %%(Task, Future or function " ..
                    "expected, got "):format(i + 1))
        end
        assert.error_matches(function() neap.gather(nil) end,
            "bad argument #1 to 'gather' %(Task, Future or function expected, "
            .. "got nil%)")
        settle()
        assert.is_false(ran)
    end)
end)
