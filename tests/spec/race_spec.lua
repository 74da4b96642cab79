-- SPDX-License-Identifier: MIT
--
-- neap.race: the first of several to end. The numbers are those of SEMANTICS,
-- group 3.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, states = tasks.settle, tasks.start, tasks.states
local guard, forever, caught = tasks.guard, tasks.forever, tasks.caught
local after, fail_after = tasks.after, tasks.fail_after
local ended, failed = tasks.ended, tasks.failed

after_each(tasks.sweep)

describe("race:", function()
    it("gives all results of the first to finish", function() -- W25
        for _, values in ipairs {{n = 0}, {n = 1, nil}, {n = 3, nil, 1, nil},
                {n = 2, "x", false}} do
            local quick = after(2, table.unpack(values, 1, values.n))
            assert.same(values, table.pack(neap.race(after(5, "slow"), quick,
                forever)))
        end
    end)

    it("cancels the others, and returns when they have ended", function()
        local order, future = {}, neap.Future()
        local slow = neap.spawn(function()
            local _ <close> = guard(function(e)
                assert(neap.is_cancelled(e))
                for _ = 1, 5 do pcall(neap.yield) end
                order[#order + 1] = "cleaned"
            end)
            forever()
        end)
        local result = neap.race(slow, after(1, "won"), future)
        assert.same({"cleaned", "won"}, {order[1], result})
        assert.equal("cancelled cancelled", states(slow, future))
    end)

    it("raises the error of the first, and cancels the others", function()
        local e, other = {}, neap.spawn(forever)                -- W10
        assert.is_true(caught(neap.race, other, fail_after(1, e)) == e)
        assert.equal("cancelled", other:state())
        local result = table.pack(pcall(neap.race, fail_after(0, nil)))
        assert.same({n = 2, false}, result)
    end)

    it("an error that comes later is dropped", function()
        local result = tasks.run [[
            print(neap.race(function() return "won" end, function()
                pcall(neap.sleep, 5)
                error "dropped"
            end))
        ]]
        assert.same({out = "won\n", err = "", status = 0}, result)
    end)

    it("one cancelled from outside ends it like an error", function() -- W15
        local task, other = neap.spawn(forever), neap.spawn(forever)
        local racer = start(neap.race, task, other)
        task:cancel "enough"
        settle()
        assert.equal("failed cancelled", states(racer, other))
        assert.equal(task, racer:error().task)
    end)

    it("of those that had ended the first argument wins", function()
        assert.same({"b", 2}, {neap.race(forever, ended("b", 2), failed "c")})
        assert.equal("c", caught(neap.race, forever, failed "c", ended "b"))
    end)

    it("what has ended has won: the functions do not begin", function()
        local ran = false
        assert.equal(1, neap.race(function() ran = true end, ended(1)))
        assert.is_false(ran)
    end)

    it("of one is its await", function()
        assert.same({1, 2}, {neap.race(after(1, 1, 2))})
        assert.equal("bad", caught(neap.race, failed "bad"))
        local task = neap.spawn(after(2, "twice"))
        assert.equal("twice", neap.race(task, task))
    end)

    it("cancelled while they run, it cancels and awaits all", function() -- W14
        local cleaned = 0
        local function child()
            local _ <close> = guard(function()
                for _ = 1, 3 do pcall(neap.yield) end
                cleaned = cleaned + 1
            end)
            forever()
        end
        local seen
        local task = start(function()
            local _ <close> = guard(function() seen = cleaned end)
            neap.race(child, child)
        end)
        task:cancel "enough"
        assert.equal("enough", caught(task.await, task).reason)
        assert.equal(2, seen)
        assert.equal("cancelled", task:state())
    end)

    it("cancelled while the others end, it awaits them and raises", function()
        local open, ending = neap.Future(), false               -- W4
        local task = start(neap.race, after(1, "won"), function()
            pcall(forever)
            ending = true
            repeat pcall(neap.yield) until open:done()
        end)
        assert.is_true(ending)
        task:cancel "late"
        settle()
        assert.equal("pending", task:state())
        open:set_result()
        assert.equal("late", caught(task.await, task).reason)
        assert.equal("cancelled", task:state())
    end)

    it("cancelled once the last has won, it keeps the results", function()
        local future = neap.Future()                            -- W4
        local task = start(neap.race, future)
        future:set_result(1, 2)
        task:cancel()
        assert.same({1, 2}, {task:await()})
    end)

    it("of nothing is an error, and so is what cannot be awaited", function()
        local words = "bad argument #%d to 'neap.race' (Task, Future or " ..
            "function expected, got %s)"
        assert.equal(words:format(1, "no value"), caught(neap.race))
        assert.equal(words:format(2, "string"), caught(neap.race, forever,
            "x"))
        settle()
        assert.equal(1, #neap.tasks())
    end)
end)
