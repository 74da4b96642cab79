-- SPDX-License-Identifier: MIT
--
-- neap.settle: how each of several ended. The numbers are those of SEMANTICS,
-- group 3.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, states = tasks.settle, tasks.start, tasks.states
local guard, forever, caught = tasks.guard, tasks.forever, tasks.caught
local after, fail_after = tasks.after, tasks.fail_after
local ended, failed = tasks.ended, tasks.failed

after_each(tasks.sweep)

describe("settle:", function()
    it("tells how each ended, in the order of the arguments", function()
        local e = {}                                            -- W11
        local list = neap.settle(after(3, "a", "b"), fail_after(2, e),
            neap.spawn(after(1, "c")), ended("d"), failed "bad")
        assert.same({
            {ok = true, value = "a", n = 2, "a", "b"},
            {ok = false, error = e},
            {ok = true, value = "c", n = 1, "c"},
            {ok = true, value = "d", n = 1, "d"},
            {ok = false, error = "bad"},
        }, list)
        assert.is_true(list[2].error == e)
    end)

    it("keeps nils and their number", function() -- W25
        assert.same({
            {ok = true, n = 0},
            {ok = true, n = 1},
            {ok = true, n = 3, nil, 1, nil},
            {ok = true, value = false, n = 2, false, nil},
            {ok = false},
        }, neap.settle(after(0), after(1, nil), ended(nil, 1, nil),
            after(2, false, nil), fail_after(1, nil)))
    end)

    it("cancels nothing: after an error the others go on", function() -- W11
        local other = neap.spawn(after(5, "through"))
        local list = neap.settle(fail_after(1, "early"), other)
        assert.equal("early", list[1].error)
        assert.equal("through", list[2].value)
        assert.equal("finished", other:state())
    end)

    it("of one that was cancelled gives its Cancelled", function() -- W15
        local task, future = neap.spawn(forever), neap.Future()
        local other = neap.spawn(after(4, 1))
        neap.call_soon(function()
            task:cancel "enough"
            future:cancel "too"
        end)
        local list = neap.settle(task, future, other)
        assert.is_false(list[1].ok)
        assert.equal(task, list[1].error.task)
        assert.equal("too", list[2].error.reason)
        assert.equal(1, list[3].value)
    end)

    it("waits for a cancelled task and does not raise", function() -- C12
        local cleaned = false
        local task = start(function()
            local _ <close> = guard(function() cleaned = true end)
            forever()
        end)
        task:cancel()
        assert.is_false(neap.settle(task)[1].ok)
        assert.is_true(cleaned)
    end)

    it("of nothing, and of what has ended, does not wait", function() -- W12
        local ran = false
        neap.spawn(function() ran = true end)
        assert.same({}, neap.settle())
        assert.equal(2, #neap.settle(ended(1), failed "bad"))
        assert.is_false(ran)
    end)

    it("the same one twice stands twice in the list", function() -- W13
        local runs = 0
        local task = neap.spawn(function()
            runs = runs + 1
            return runs
        end)
        local list = neap.settle(task, after(1, 0), task)
        assert.same({1, 0, 1}, {list[1].value, list[2].value, list[3].value})
    end)

    it("cancelled, it cancels and awaits what it owns", function() -- W14
        local count, cleaned = 0, 0
        local function child()
            local _ <close> = guard(function(e)
                if neap.is_cancelled(e) then count = count + 1 end
                for _ = 1, 3 do pcall(neap.yield) end
                cleaned = cleaned + 1
            end)
            forever()
        end
        local future, given, done = neap.Future(), neap.spawn(child), nil
        local task = start(function()
            local _ <close> = guard(function() done = cleaned end)
            neap.settle(child, given, future, ended(1))
        end)
        task:cancel "enough"
        assert.equal("enough", caught(task.await, task).reason)
        assert.equal(2, count)
        assert.equal(2, done)
        assert.equal("cancelled cancelled cancelled",
            states(task, given, future))
    end)

    it("cancelled once it was woken, it keeps the list", function() -- W4
        local future = neap.Future()
        local task = start(function() return #neap.settle(future) end)
        future:set_result()
        task:cancel()
        assert.equal(1, task:await())
    end)

    it("errors in it are nobody's surprise", function() -- F6
        local result = tasks.run [[
            print(neap.settle(function() error("boom", 0) end)[1].error)
        ]]
        assert.same({out = "boom\n", err = "", status = 0}, result)
    end)

    it("refuses what is no Task, Future or function", function()
        local ran = false
        local function run() ran = true end
        for value, kind in pairs {[1] = "number", [{}] = "table"} do
            assert.equal("bad argument #2 to 'neap.settle' (Task, Future or " ..
                "function expected, got " .. kind .. ")",
                caught(neap.settle, run, value))
        end
        settle()
        assert.is_false(ran)
    end)
end)
