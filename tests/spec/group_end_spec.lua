-- SPDX-License-Identifier: MIT
--
-- How a group ends: what is no cancel comes out, else the cancel of a scope
-- around it (DESIGN, Group, the rules 1 and 2; rule 3 is group_cancel_spec's).
-- The numbers are those of SEMANTICS, group 2.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, states = tasks.settle, tasks.start, tasks.states
local guard, forever = tasks.guard, tasks.forever

after_each(tasks.sweep)

local soon = 0.001
local throw = load "error()"    -- busted's own raises no nil

local function block(fn, ...)
    local g <close> = neap.group()
    return fn(g, ...)
end

local function raised(fn, ...)
    local results = table.pack(pcall(fn, ...))
    assert.equal(2, results.n)
    assert.is_false(results[1])
    return results[2]
end

-- What it raises, which must be an ErrorGroup of these errors.
local function several(errors, fn, ...)
    local e = raised(fn, ...)
    assert.equal("ErrorGroup", type(e) == "table" and e.name or tostring(e))
    assert.equal(#errors, #e.errors)
    for i, each in ipairs(errors) do assert.is_true(e.errors[i] == each) end
    return e
end

-- A task that raises this when it is cancelled.
local function sore(e)
    local _ <close> = guard(function() error(e, 0) end)
    forever()
end

local function fail_after(passes, e)
    for _ = 1, passes do neap.yield() end
    error(e, 0)
end

local function fail_at(future, e)
    future:await()
    error(e, 0)
end

for form, group in pairs {block = block, call = neap.group} do
    describe("(1) an error of a group (" .. form .. "):", function()
        it("a task's: the others and the body are cancelled, then it is raised",
            function() -- C22
                local e, sibling, seen, cleaned = {}, nil, nil, false
                local got = raised(group, function(g)
                    sibling = g:spawn(function()
                        local _ <close> = guard(function()
                            neap.shield(neap.sleep, soon)
                            cleaned = true
                        end)
                        forever()
                    end)
                    g:spawn(fail_after, 2, e)
                    local _ <close> = guard(function(x) seen = x end)
                    forever()
                end)
                assert.is_true(got == e)
                assert.is_true(cleaned)
                assert.equal("cancelled", sibling:state())
                assert.is_true(neap.is_cancelled(seen))
                neap.yield()
            end)

        it("a task's, while the block waits", function() -- C22
            local e, sibling = {}, nil
            assert.is_true(e == raised(group, function(g)
                sibling = g:spawn(forever)
                g:spawn(fail_after, 2, e)
            end))
            assert.equal("cancelled", sibling:state())
        end)

        it("a task's, though the body swallows its cancel", function() -- C22
            local waits = 0
            assert.equal("boom", raised(group, function(g)
                g:spawn(fail_after, 1, "boom")
                pcall(forever)
                for _ = 1, 3 do
                    if not pcall(neap.yield) then waits = waits + 1 end
                end
                return "swallowed"
            end))
            assert.equal(3, waits)
        end)

        it("of any type, unchanged", function()
            for _, e in ipairs {{}, "words", 5, print, false} do
                assert.is_true(rawequal(e, raised(group, function(g)
                    g:spawn(error, e, 0)
                end)))
                assert.is_true(rawequal(e, raised(group, function()
                    error(e, 0)
                end)))
            end
            assert.is_nil(raised(group, function(g) g:spawn(throw) end))
            assert.is_nil(raised(group, throw))
        end)

        it("the body's: the tasks are cancelled and awaited", function()
            local child, cleaned
            assert.equal("body", raised(group, function(g)
                child = g:spawn(function()
                    pcall(forever)
                    neap.shield(neap.sleep, soon)
                    cleaned = true
                end)
                neap.yield()
                error("body", 0)
            end))
            assert.is_true(cleaned)
            assert.equal("finished", child:state())
        end)

        it("the body's, before its tasks began: they never run", function()
            local ran = false
            assert.equal("body", raised(group, function(g)
                g:spawn(function() ran = true end)
                error("body", 0)
            end))
            assert.is_false(ran)
        end)

        it("two in one tick: both, in the order raised", function() -- C23
            local one, two = {}, {}
            several({one, two}, group, function(g)
                local go = neap.Future()
                g:spawn(fail_at, go, one)
                g:spawn(fail_at, go, two)
                settle()
                go:set_result()     -- wakes both: neither wake is lost
            end)
            several({two, one}, group, function(g)
                g:spawn(sore, one)
                g:spawn(fail_after, 1, two)
            end)
        end)

        it("a hundred in one tick", function() -- C23
            local errors = {}
            for i = 1, 100 do errors[i] = "error " .. i end
            several(errors, group, function(g)
                local go = neap.Future()
                for i = 1, 100 do g:spawn(fail_at, go, errors[i]) end
                settle()
                go:set_result()
                forever()
            end)
        end)

        it("of a task, and another has not begun: that never runs", function()
            -- C1 C22
            local ran, late = false, nil
            assert.equal("boom", raised(group, function(g)
                g:spawn(error, "boom", 0)
                late = g:spawn(function() ran = true end)
            end))
            assert.is_false(ran)
            assert.equal("cancelled", late:state())
        end)

        it("one, and those of the clean-up that it caused", function() -- C23
            several({"first", "sore 1", "sore 2"}, group, function(g)
                g:spawn(sore, "sore 1")
                g:spawn(sore, "sore 2")
                g:spawn(fail_after, 2, "first")
            end)
        end)

        it("the body's, then a task's", function() -- C24
            local body = {}
            several({body, "child"}, group, function(g)
                g:spawn(sore, "child")
                neap.yield()
                error(body)
            end)
        end)

        it("a task's, then the body's", function() -- C24
            several({"child", "body"}, group, function(g)
                g:spawn(fail_after, 1, "child")
                pcall(forever)
                error("body", 0)
            end)
        end)

        it("one that the body awaited is one", function() -- C24
            local e = {}
            assert.is_true(e == raised(group, function(g)
                g:spawn(fail_after, 1, e):await()
            end))
        end)

        it("caught by the body that awaited it: it is raised all the same",
            function() -- C22
                local e = {}
                assert.is_true(e == raised(group, function(g)
                    local task = g:spawn(fail_after, 1, e)
                    pcall(task.await, task)
                    return "fine"
                end))
            end)

        it("the Cancelled of a task elsewhere is an error", function() -- C9
            local other, sibling = neap.spawn(forever), nil
            other:cancel()
            settle()
            assert.equal(other:error(), raised(group, function(g)
                sibling = g:spawn(forever)
                g:spawn(other.await, other)
                forever()
            end))
            assert.equal("cancelled", sibling:state())
            assert.equal(other:error(), raised(group, function(g)
                sibling = g:spawn(forever)
                neap.yield()
                other:await()
            end))
            assert.equal("cancelled", sibling:state())
        end)

        it("also after a cancel of the group", function()
            assert.equal("sore", raised(group, function(g)
                g:spawn(sore, "sore")
                neap.yield()
                g:cancel()
                forever()
            end))
            assert.equal("body", raised(group, function(g)
                g:spawn(forever)
                g:cancel()
                pcall(forever)
                error("body", 0)
            end))
        end)

        it("also after a cancel of the task", function() -- C7
            local task = start(group, function(g)
                g:spawn(sore, "sore")
                forever()
            end)
            task:cancel()
            settle()
            assert.equal("failed", task:state())
            assert.equal("sore", task:error())
        end)

        it("a Timeout of a task is one", function() -- W8
            local e = raised(group, function(g)
                g:spawn(neap.timeout, soon, forever)
                forever()
            end)
            assert(neap.is_timeout(e), tostring(e))
        end)
    end)

    describe("(2) a cancel around a group (" .. form .. "):", function()
        it("while the body waits", function() -- C9
            local child, inside
            local task = start(group, function(g)
                child = g:spawn(forever)
                local _ <close> = guard(function(e) inside = e end)
                forever()
            end)
            task:cancel "outside"
            settle()
            assert.equal("cancelled cancelled", states(task, child))
            assert.equal(task:error(), inside)
            assert.equal("outside", inside.reason)
            assert.equal("outside", child:error().reason)
        end)

        it("while the block waits: its value is not returned", function()
            local child, went_on
            local gate = neap.Future()
            local task = start(function()
                local value = group(function(g)
                    child = g:spawn(function()
                        pcall(forever)
                        neap.shield(gate.await, gate)
                    end)
                    return "value"
                end)
                went_on = value
            end)
            task:cancel "outside"
            settle()
            assert.equal("pending", task:state())   -- awaits its child
            gate:set_result()
            pcall(task.await, task)
            assert.equal("cancelled finished", states(task, child))
            assert.equal("outside", task:error().reason)
            assert.is_nil(went_on)
        end)

        it("that came before the group: entering raises nothing", function()
            local entered
            local task = neap.spawn(function()
                neap.current():cancel "early"
                group(function() entered = true end)
                neap.yield()
            end)
            settle()
            assert.equal("cancelled", task:state())
            assert.equal("early", task:error().reason)
            assert.is_true(entered)
        end)

        it("and of the group itself: the one around wins", function()
            for _, order in ipairs {"group task", "task group"} do
                local g
                local task = start(group, function(mine)
                    g = mine
                    g:spawn(forever)
                    forever()
                end)
                for name in order:gmatch "%a+" do
                    if name == "task" then task:cancel "outside"
                    else g:cancel "inside" end
                end
                settle()
                assert.equal("cancelled", task:state())
                assert.equal("outside", task:error().reason)
            end
        end)

        it("of a group around: both end, no error", function()
            local child, after
            neap.group(function(outer)
                outer:spawn(function()
                    group(function(inner)
                        child = inner:spawn(forever)
                    end)
                    after = true
                end)
                settle()
                outer:cancel "enough"
            end)
            assert.equal("cancelled", child:state())
            assert.equal("enough", child:error().reason)
            assert.is_nil(after)
        end)

        it("a time-out around: a Timeout, when the tasks have ended",
            function() -- W6 W7
                local child, cleaned
                local ok, e = pcall(neap.timeout, soon, group, function(g)
                    child = g:spawn(function()
                        pcall(forever)
                        cleaned = pcall(neap.shield, neap.sleep, soon)
                    end)
                end)
                assert.is_false(ok)
                assert(neap.is_timeout(e), tostring(e))
                assert.is_true(cleaned)
                assert.equal("finished", child:state())
                assert.is_false(neap.move_on_after(soon, group, function(g)
                    g:spawn(forever)
                    forever()
                end))
            end)

        it("a time-out around, and a task's error: the error", function() -- W8
            assert.equal("sore", raised(neap.timeout, soon, group, function(g)
                g:spawn(sore, "sore")
                forever()
            end))
        end)

        it("a shield around keeps it out", function() -- C11
            local task = neap.spawn(function()
                neap.current():cancel()
                return neap.shield(group, function(g)
                    local child = g:spawn(function()
                        neap.yield()
                        return "child"
                    end)
                    neap.yield()
                    return child:await()
                end)
            end)
            assert.equal("child", task:await())
        end)
    end)
end

describe("the wait for a group's tasks", function()
    -- Under the virtual clock a busy one would never see their time pass.
    it("is a wait, also where its own task was cancelled", function() -- C11
        assert.equal("cleaned up\t2.0\ncancelled\t2.0\n", tasks.out [[
            local task = neap.spawn(neap.group, function(g)
                g:spawn(function()
                    pcall(neap.sleep, 10)
                    neap.shield(neap.sleep, 1)
                    print("cleaned up", neap.time())
                end)
                neap.sleep(20)
            end)
            neap.sleep(1)
            task:cancel()
            neap.wait {task}
            print(task:state(), neap.time())
        ]])
    end)
end)
