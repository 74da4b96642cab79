-- SPDX-License-Identifier: MIT
--
-- A group's own cancel (DESIGN, Group, rule 3), what is told of its errors, and
-- groups in great number. The numbers are those of SEMANTICS, group 2.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, forever, guard = tasks.settle, tasks.forever, tasks.guard

after_each(tasks.sweep)

local soon = 0.001

local function block(fn, ...)
    local g <close> = neap.group()
    return fn(g, ...)
end

local function raised(fn, ...)
    local ok, e = pcall(fn, ...)
    assert.is_false(ok)
    return e
end

describe("(3) a cancel of the group itself:", function()
    it("a body at its end leaves normally", function()
        for _, group in ipairs {block, neap.group} do
            local child
            assert.same({n = 2, "value"}, table.pack(group(function(g)
                child = g:spawn(forever)
                neap.yield()
                g:cancel "enough"
                return "value", nil
            end)))
            assert.equal("cancelled", child:state())
            assert.equal("enough", child:error().reason)
            neap.yield()
        end
    end)

    it("also where it comes while the block waits", function()
        for _, group in ipairs {block, neap.group} do
            assert.equal("value", group(function(g)
                g:spawn(forever)
                neap.call_later(soon, g.cancel, g)
                return "value"
            end))
            assert.equal("by a task of it", group(function(g)
                g:spawn(forever)
                g:spawn(g.cancel, g)
                return "by a task of it"
            end))
        end
    end)

    it("a block that waits goes on unwinding with it", function()
        local child
        local e = raised(block, function(g)
            child = g:spawn(forever)
            neap.yield()
            g:cancel "enough"
            forever()
        end)
        assert.is_true(neap.is_cancelled(e))
        assert.equal("enough", e.reason)
        assert.equal("cancelled", child:state())
        neap.yield()
    end)

    it("neap.group swallows it, and returns nothing", function()
        local child, after = nil, false
        assert.same({n = 0}, table.pack(neap.group(function(g)
            child = g:spawn(forever)
            neap.yield()
            g:cancel()
            forever()
            after = true
        end)))
        assert.equal("cancelled", child:state())
        assert.is_false(after)
        neap.yield()
    end)

    it("neap.group swallows no other group's", function()
        local outer_reason
        assert.same({n = 0}, table.pack(neap.group(function(outer)
            outer_reason = select(2, pcall(neap.group, function()
                outer:cancel "outer's"
                forever()
            end)).reason
            forever()
        end)))
        assert.equal("outer's", outer_reason)
    end)

    it("swallowed in the body: it returns what it returns", function()
        for _, group in ipairs {block, neap.group} do
            assert.equal(42, group(function(g)
                g:spawn(forever)
                g:cancel()
                pcall(forever)
                return 42
            end))
        end
    end)

    it("the first reason stays", function()
        local e = raised(block, function(g)
            g:cancel "first"
            g:cancel "second"
            forever()
        end)
        assert.equal("first", e.reason)
    end)

    it("of one that was left does nothing", function()
        local kept
        neap.group(function(g) kept = g end)
        kept:cancel()
        neap.yield()
    end)
end)

describe("a group's scope is around its tasks alone:", function()
    it("a time-out in the body does not reach them", function()
        local child
        neap.group(function(g)
            local ok = neap.move_on_after(soon, function()
                child = g:spawn(function()
                    for _ = 1, 5 do neap.yield() end
                    neap.sleep(2 * soon)
                    return "unhurt"
                end)
                forever()
            end)
            assert.is_false(ok)
        end)
        assert.equal("unhurt", child:result())
    end)

    it("a shield in the body does not keep its cancel from them", function()
        local child
        neap.group(function(g)
            neap.shield(function()
                child = g:spawn(forever)
                neap.yield()
                g:cancel()
                settle()
                assert.equal("cancelled", child:state())
            end)
        end)
    end)

    it("a cancelled task that is not one spawns such as are not", function()
        local child
        neap.group(function(g)
            local other = neap.spawn(function()
                neap.current():cancel()
                child = g:spawn(function()
                    neap.yield()
                    return "unhurt"
                end)
                neap.yield()
            end)
            pcall(other.await, other)
            assert.equal("cancelled", other:state())
        end)
        assert.equal("unhurt", child:result())
    end)
end)

describe("an ErrorGroup", function()
    local function pair()
        return raised(neap.group, function(g)
            g:spawn(function()
                local _ <close> = guard(function() error("second", 0) end)
                forever()
            end)
            neap.yield()
            error("first", 0)
        end)
    end

    it("has a name, a list, and words", function()
        local e = pair()
        assert.equal("ErrorGroup", e.name)
        assert.same({"first", "second"}, e.errors)
        assert.equal(e.message, tostring(e))
        assert.matches("first", tostring(e))
        assert.matches("second", tostring(e))
        assert.is_false(neap.is_cancelled(e))
        assert.is_false(neap.is_timeout(e))
    end)

    it("has words for errors that have none", function()
        local e = raised(neap.group, function(g)
            g:spawn(function()
                local _ <close> = guard(function() error {} end)
                forever()
            end)
            g:spawn(function()
                local _ <close> = guard(function()
                    error(setmetatable({}, {__tostring = error}))
                end)
                forever()
            end)
            neap.yield()
            error(print)
        end)
        assert.equal(3, #e.errors)
        assert.is_string(tostring(e))
    end)

    it("is one error to the group around, unchanged", function()
        local inner
        local e = raised(neap.group, function(g)
            g:spawn(function()
                inner = pair()
                error(inner)
            end)
            forever()
        end)
        assert.is_true(e == inner)
    end)

    it("is one of several to the group around", function()
        local inner
        local e = raised(neap.group, function(g)
            g:spawn(function()
                inner = pair()
                error(inner)
            end)
            pcall(forever)
            error "body"
        end)
        assert.equal(2, #e.errors)
        assert.is_true(e.errors[1] == inner)
        assert.matches("body$", e.errors[2])
    end)
end)

describe("of the errors of a group's tasks", function()
    it("nothing is reported: the group raises them", function() -- F6
        local result = tasks.run [[
            local ok, e = pcall(neap.group, function(g)
                g:spawn(function()
                    pcall(neap.sleep, 60)
                    error("second", 0)
                end)
                g:spawn(function()
                    neap.sleep(1)
                    error("first", 0)
                end)
            end)
            neap.sleep(1)
            print(ok, e.name, #e.errors)
        ]]
        assert.same({out = "false\tErrorGroup\t2\n", err = "", status = 0},
            result)
    end)

    it("nothing is reported while a sibling still cleans up", function() -- F6
        local result = tasks.run [[
            print(pcall(neap.group, function(g)
                g:spawn(error, "boom", 0)
                pcall(neap.sleep, 60)
                neap.shield(neap.sleep, 60)     -- many turns after it failed
            end))
        ]]
        assert.same({out = "false\tboom\n", err = "", status = 0}, result)
    end)

    it("a main task that lets them pass fails with them", function()
        local result = tasks.run [[
            local g <close> = neap.group()
            g:spawn(error, "boom", 0)
        ]]
        assert.equal(1, result.status)
        assert.matches("boom", result.err)
    end)

    it("each keeps its own traceback", function() -- F11
        local task
        raised(block, function(g)
            local function culprit() error "boom" end
            task = g:spawn(function() culprit() end)
        end)
        assert.matches("boom", task:error())
        assert.matches("in upvalue 'culprit'", task:traceback())
    end)

    it("of its code: who handles it sees the frames", function() -- F11
        local function culprit() error "boom" end
        assert.matches("in upvalue 'culprit'", select(2, xpcall(block,
            debug.traceback, function() culprit() end)))
        local task = neap.spawn(neap.group, function() culprit() end)
        pcall(task.await, task)
        assert.matches("in upvalue 'culprit'", task:traceback())
    end)

    it("one that a cancel replaced is told by its traceback", function() -- C26
        local task
        local e = raised(block, function(g)
            local function culprit() error "real" end
            task = g:spawn(function()
                local _ <close> = guard(neap.yield)
                pcall(forever)
                culprit()
            end)
            neap.yield()
            error("body", 0)
        end)
        assert.equal("body", e)
        assert.equal("cancelled", task:state())
        assert.matches("in upvalue 'culprit'", task:traceback())
    end)

    it("a deadlock at the block's end is one: its tasks are ended", function()
        -- S19
        assert.equal("cleaned up\nfalse\tDeadlock\ncancelled\n", tasks.out [[
            local task
            local ok, e = pcall(neap.group, function(g)
                task = g:spawn(function()
                    local _ <close> = setmetatable({}, {__close = function()
                        print "cleaned up"
                    end})
                    neap.Future():await()
                end)
            end)
            print(ok, e.name)
            print(task:state())
        ]])
    end)
end)

describe("groups in great number:", function()
    it("20,000 within each other, cancelled", function() -- C2 C22
        assert.equal("cancelled\tall of them\ttrue\n1\n", tasks.out [[
            local function nest(depth)
                local g <close> = neap.group()
                g:spawn(neap.sleep, 1000)
                if depth == 0 then neap.sleep(60) end
                nest(depth - 1)
            end
            local task = neap.spawn(nest, 20000)
            neap.sleep(1)
            local start = os.clock()
            task:cancel "all of them"
            pcall(task.await, task)
            print(task:state(), task:error().reason, os.clock() - start < 5)
            print(#neap.tasks())
        ]])
    end)

    it("20,000 within each other, the innermost fails", function() -- C22
        assert.equal("false\ttrue\n1\n", tasks.out [[
            local e = {}
            local function nest(depth)
                local g <close> = neap.group()
                g:spawn(neap.sleep, 1000)
                if depth == 0 then g:spawn(error, e) neap.sleep(60) end
                nest(depth - 1)
            end
            local ok, raised = pcall(nest, 20000)
            print(ok, raised == e)
            print(#neap.tasks())
        ]])
    end)

    local chain = [[
        local ended = 0
        local counter = setmetatable({}, {__close = function()
            ended = ended + 1
        end})
        local function link(depth, last)
            local _ <close> = counter
            local g <close> = neap.group()
            if depth == 1 then return last() end
            g:spawn(link, depth - 1, last)
        end
        local function settle() for _ = 1, 11000 do neap.yield() end end
    ]]

    it("a chain of 10^4 tasks, each in a group of the one before", function()
        -- W22
        assert.equal("finished\t10000\n", tasks.out(chain .. [[
            local task = neap.spawn(link, 10000, neap.yield)
            task:await()
            print(task:state(), ended)
        ]]))
    end)

    it("such a chain, cancelled at its head", function() -- W22 C2
        assert.equal("cancelled\tenough\t10000\n1\n", tasks.out(chain .. [[
            local task = neap.spawn(link, 10000, function() neap.sleep(60) end)
            settle()
            task:cancel "enough"
            pcall(task.await, task)
            print(task:state(), task:error().reason, ended)
            print(#neap.tasks())
        ]]))
    end)

    it("such a chain, failing at its tail", function() -- W22 C22
        assert.equal("failed\ttrue\t10000\n1\n", tasks.out(chain .. [[
            local e = {}
            local task = neap.spawn(link, 10000, function() error(e) end)
            pcall(task.await, task)
            print(task:state(), task:error() == e, ended)
            print(#neap.tasks())
        ]]))
    end)

    it("10^5 tasks in one, that end, and that are cancelled", function() -- S26
        assert.equal("100000\n100000\t1\n", tasks.out [[
            local count = 0
            neap.group(function(g)
                for _ = 1, 100000 do
                    g:spawn(function()
                        neap.yield()
                        count = count + 1
                    end)
                end
            end)
            print(count)
            count = 0
            neap.group(function(g)
                for _ = 1, 100000 do
                    g:spawn(function()
                        local ok = pcall(neap.sleep, 1000)
                        if not ok then count = count + 1 end
                    end)
                end
                neap.sleep(1)
                g:cancel()
            end)
            print(count, #neap.tasks())
        ]])
    end)

    it("10^5 groups one after the other leave nothing behind", function()
        assert.equal("true\n", tasks.out [[
            local function round()
                for _ = 1, 25000 do
                    neap.group(type)
                    local g <close> = neap.group()
                    g:spawn(math.abs, 1)
                end
                collectgarbage()
                collectgarbage()
                return collectgarbage "count"
            end
            local before = round()
            print(round() < before + 50)
        ]])
    end)
end)
