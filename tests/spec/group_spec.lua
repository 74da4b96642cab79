-- SPDX-License-Identifier: MIT
--
-- neap.group: a block that ends when the tasks spawned in it have ended. How
-- its errors and cancels come out is group_end_spec's. The numbers are those of
-- SEMANTICS, group 2.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, states = tasks.settle, tasks.start, tasks.states
local guard, forever = tasks.guard, tasks.forever

after_each(tasks.sweep)

local soon = 0.001

local function block(fn, ...)
    local g <close> = neap.group()
    return fn(g, ...)
end

local function after(passes, ...)
    for _ = 1, passes do neap.yield() end
    return ...
end

for form, group in pairs {block = block, call = neap.group} do
    describe("a group (" .. form .. ")", function()
        it("gives its function's results, nils and all", function() -- W25
            for _, wait in ipairs {neap.yield, math.abs} do
                assert.same({n = 5, 3, nil, "b", nil, nil},
                    table.pack(group(function(g, ...)
                        assert.equal("userdata", type(g))
                        wait(0)
                        local a, b, c = ...
                        return select("#", ...), a, b, c, nil
                    end, nil, "b", nil)))
                assert.same({n = 0}, table.pack(group(function(g)
                    g:spawn(wait, 0)
                end)))
            end
        end)

        it("runs its tasks together, and waits for all of them", function()
            local list = {}
            local function note(name, passes)
                for i = 1, passes do
                    list[#list + 1] = name .. i
                    neap.yield()
                end
            end
            group(function(g)
                g:spawn(note, "a", 3)
                g:spawn(note, "b", 1)
                g:spawn(note, "c", 2)
                list[1] = "body"
            end)
            assert.equal("body a1 b1 c1 a2 c2 a3", table.concat(list, " "))
        end)

        it("waits for as long as it takes", function()
            assert.equal("body\t1.0\n5\n3\nleft\t5.0\n", tasks.out([[
                local function block(fn)
                    local g <close> = neap.group()
                    return fn(g)
                end
            ]] .. "local group = " .. (form == "block" and form or "neap.group")
                .. [[
                local five, three
                group(function(g)
                    five = g:spawn(function() neap.sleep(5) return 5 end)
                    three = g:spawn(function() neap.sleep(3) return 3 end)
                    neap.sleep(1)
                    print("body", neap.time())
                end)
                print(five:result())
                print(three:result())
                print("left", neap.time())
            ]]))
        end)

        it("of no tasks, or of such as have ended, does not wait", function()
            local ran = false
            neap.spawn(function() ran = true end)
            assert.equal(1, group(function() return 1 end))
            assert.is_false(ran)
            group(function(g)
                g:spawn(math.abs, 1)
                settle()
                ran = false
                neap.spawn(function() ran = true end)
            end)
            assert.is_false(ran)
        end)

        it("spawns as neap.spawn does: a Task, soon, with a name", function()
            local ran = {}
            group(function(g)
                local one = g:spawn({name = "fetch"}, function(...)
                    ran[1] = table.pack(...)
                    return "value", nil
                end, 1, nil)
                local two = g:spawn(function() ran[2] = neap.current() end)
                assert.equal("fetch", one:name())
                assert.equal("pending", one:state())
                assert.same({}, ran)
                assert.same({n = 2, "value"}, table.pack(one:await()))
                assert.same({n = 2, 1}, ran[1])
                two:await()
                assert.equal(two, ran[2])
            end)
        end)

        it("has tasks that spawn into it, and those, too", function()
            local count, last = 0, nil
            group(function(g)
                local function child(depth)
                    count = count + 1
                    neap.yield()
                    if depth > 1 then
                        g:spawn(child, depth - 1)
                        last = g:spawn(child, depth - 1)
                    end
                end
                g:spawn(child, 6)       -- all but this while it is being left
            end)
            assert.equal(63, count)
            assert.equal("finished", last:state())
        end)

        it("does not wait for what neap.spawn makes in it", function()
            local body, child
            group(function(g)
                body = neap.spawn(forever)
                g:spawn(function() child = neap.spawn(forever) end)
            end)
            assert.equal("pending pending", states(body, child))
            pcall(group, function(g)
                g:spawn(function() child = neap.spawn(forever) end)
                neap.yield()
                error "failed"
            end)
            settle()
            assert.equal("pending", child:state())
        end)

        it("may stand in a group", function()
            local list = {}
            group(function(outer)
                group(function(inner)
                    outer:spawn(function()
                        after(6)
                        list[#list + 1] = "outer's"
                    end)
                    inner:spawn(function()
                        after(3)
                        list[#list + 1] = "inner's"
                    end)
                end)
                list[#list + 1] = "inner left"
            end)
            assert.same({"inner's", "inner left", "outer's"}, list)
        end)

        it("is open to other tasks and to callbacks", function()
            local first, second, third
            group(function(g)
                neap.spawn(function(mine)
                    first = mine:spawn(after, 4, "by a task")
                end, g)
                neap.call_soon(function()
                    second = g:spawn(after, 4, "by a callback")
                end)
                neap.call_soon(g.spawn, g, function()
                    third = neap.current()
                    after(4)
                end)
                neap.yield()
            end)
            assert.equal("by a task by a callback",
                first:result() .. " " .. second:result())
            assert.equal("finished", third:state())
        end)

        it("counts a task that is cancelled as ended", function() -- C2
            local one, two
            group(function(g)
                one = g:spawn(forever)
                two = g:spawn(after, 5, "two")
                neap.yield()
                one:cancel "just this one"
                g:spawn(forever):cancel()       -- never runs
            end)
            assert.equal("cancelled finished", states(one, two))
        end)
    end)
end

describe("a block that is left", function()
    local cleaned

    local function leave(how)
        for _ = 1, 2 do
            local g <close> = neap.group()
            g:spawn(function()
                local _ <close> = guard(function()
                    neap.shield(neap.sleep, soon)
                    cleaned = cleaned + 1
                end)
                if how == "error" or how == "cancel" then forever() end
            end)
            neap.yield()
            if how == "break" then break end
            if how == "goto" then goto out end
            if how == "return" then return "returned", nil, 3, nil end
            if how == "call" then return after(1, "called", nil) end
            if how == "error" then error("raised", 0) end
            if how == "cancel" then forever() end
        end
        ::out::
        return "end"
    end

    for how, expected in pairs {
        ["end"] = {n = 2, true, "end"},
        ["break"] = {n = 2, true, "end"},
        ["goto"] = {n = 2, true, "end"},
        ["return"] = {n = 5, true, "returned", nil, 3, nil},
        call = {n = 3, true, "called", nil},
        error = {n = 2, false, "raised"},
    } do
        it("by " .. how .. " has waited", function()
            cleaned = 0
            assert.same(expected, table.pack(pcall(leave, how)))
            assert.equal(how == "end" and 2 or 1, cleaned)
        end)
    end

    it("by a cancel has waited", function()
        cleaned = 0
        local task = start(leave, "cancel")
        task:cancel "outside"
        pcall(task.await, task)
        assert.equal(1, cleaned)
        assert.equal("cancelled", task:state())
        assert.equal("outside", task:error().reason)
    end)

    it("closes its later variables first", function()
        local list = {}
        local function note(name)
            return guard(function() list[#list + 1] = name end)
        end
        do
            local _ <close> = note "outer"
            local g <close> = neap.group()
            g:spawn(function()
                neap.yield()
                list[#list + 1] = "child"
            end)
            local _ <close> = note "inner"
        end
        assert.same({"inner", "child", "outer"}, list)
    end)
end)

describe("wait:", function()
    it("waits for the tasks, and covers the body no longer", function()
        local list = {}
        local g <close> = neap.group()
        local function note(passes, name)
            after(passes)
            list[#list + 1] = name
        end
        g:spawn(note, 3, "one")
        g:spawn(function() g:spawn(note, 5, "two") end)
        g:wait()
        assert.same({"one", "two"}, list)
        g:cancel()
        neap.yield()
    end)

    it("a second time returns at once", function()
        local ran = false
        local g <close> = neap.group()
        g:spawn(after, 1)
        g:wait()
        neap.spawn(function() ran = true end)
        g:wait()
        assert.is_false(ran)
    end)

    it("never raises for the group's own cancel", function()
        local g <close> = neap.group()
        local task = g:spawn(forever)
        g:cancel "enough"
        g:wait()
        assert.equal("cancelled", task:state())
        assert.equal("enough", task:error().reason)
        neap.yield()
    end)

    it("nor for one that comes while it waits", function()
        local g <close> = neap.group()
        neap.call_later(soon, g.cancel, g)
        g:spawn(forever)
        g:wait()
        neap.yield()
    end)

    it("raises a task's error, which leaving does not raise again", function()
        -- C22
        local e, sibling = {}, nil
        local ok, raised = pcall(block, function(g)
            sibling = g:spawn(forever)
            g:spawn(error, e)
            g:wait()
        end)
        assert.is_false(ok)
        assert.is_true(raised == e)
        assert.equal("cancelled", sibling:state())
        assert.equal("went on", block(function(g)
            g:spawn(error, e)
            ok, raised = pcall(g.wait, g)
            neap.yield()
            return "went on"
        end))
        assert.is_true(raised == e)
        -- The body's own error then is alone.
        ok, raised = pcall(block, function(g)
            g:spawn(error, e)
            pcall(g.wait, g)
            error("body", 0)
        end)
        assert.equal("body", raised)
    end)

    it("in a task that is cancelled: cancels, waits, and raises that",
        function()
            local child, inside
            local task = start(block, function(g)
                child = g:spawn(function()
                    pcall(forever)
                    neap.shield(neap.sleep, soon)
                    return "cleaned up"
                end)
                inside = select(2, pcall(g.wait, g))
                neap.yield()
            end)
            task:cancel "outside"
            pcall(task.await, task)
            assert.equal("cleaned up", child:result())
            assert.equal("cancelled", task:state())
            assert.equal(task:error(), inside)
        end)
end)

describe("spawn is refused", function() -- C25
    local ran

    local function refused(g)
        ran = false
        local ok, e = pcall(g.spawn, g, function() ran = true end)
        assert.is_false(ok)
        assert.matches("group", e)
        settle()
        assert.is_false(ran)
        assert.is_false(neap.is_cancelled(e))
    end

    it("after the block", function()
        local kept
        block(function(g) kept = g end)
        refused(kept)
        pcall(block, function(g) kept = g error() end)
        refused(kept)
        neap.group(function(g) kept = g end)
        refused(kept)
    end)

    it("after wait", function()
        local g <close> = neap.group()
        g:wait()
        refused(g)
    end)

    it("after cancel, and by whoever it is", function()
        local g <close> = neap.group()
        g:cancel()
        neap.shield(refused, g)
        neap.spawn(function()
            refused(g)
            ran = "through"
        end)
        neap.shield(settle)
        neap.shield(settle)
        assert.equal("through", ran)
    end)

    it("after one of its tasks failed", function()
        local clean = 0
        pcall(neap.group, function(g)
            g:spawn(function()
                local _ <close> = guard(function()
                    neap.shield(refused, g)
                    clean = clean + 1
                end)
                forever()
            end)
            g:spawn(error, "boom")
            pcall(forever)
            neap.shield(refused, g)
            clean = clean + 1
        end)
        assert.equal(2, clean)
    end)

    it("after the body failed", function()
        local clean = 0
        pcall(neap.group, function(g)
            g:spawn(function()
                pcall(forever)
                neap.shield(refused, g)
                clean = clean + 1
            end)
            neap.yield()
            error "body"
        end)
        assert.equal(1, clean)
    end)
end)

describe("misuse:", function()
    it("of the constructor", function()
        assert.error_matches(function() neap.group(nil) end,
            "bad argument #1 to 'group' %(function expected, got nil%)")
        assert.error_matches(function() neap.group(5) end,
            "bad argument #1 to 'group' %(function expected, got number%)")
    end)

    it("of the methods", function()
        local g <close> = neap.group()
        assert.error_matches(function() g:spawn() end,
            "bad argument #1 to 'spawn' %(function expected, got no value%)")
        assert.error_matches(function() g:spawn(5) end,
            "bad argument #1 to 'spawn' %(function expected, got number%)")
        assert.error_matches(function() g:spawn({name = "x"}) end,
            "bad argument #2 to 'spawn' %(function expected, got no value%)")
        for _, name in ipairs {"spawn", "cancel", "wait"} do
            assert.error_matches(function() g[name](neap.Future(), print) end,
                "Group expected")
        end
        g:spawn(math.abs, 1)
    end)

    it("outside of a task", function()
        local errors = {}
        neap.call_soon(function()
            errors[1] = select(2, pcall(neap.group))
            errors[2] = select(2, pcall(neap.group, print))
        end)
        settle()
        assert.equal(2, #errors)
        for _, e in ipairs(errors) do
            assert.matches("outside of a task", e)
        end
    end)

    it("where nothing can wait, and its tasks have not ended", function()
        local ran, messages = false, {}
        table.sort({2, 1}, function(a, b)
            for i, group in ipairs {block, neap.group} do
                messages[i] = select(2, pcall(group, function(g)
                    g:spawn(function()
                        neap.yield()
                        ran = true
                    end)
                    return "not through"
                end))
            end
            assert.equal("empty", neap.group(function() return "empty" end))
            return a < b
        end)
        for _, message in ipairs(messages) do
            assert.matches("table.sort is on the stack", message)
        end
        settle()
        assert.is_false(ran)
    end)

    it("a task of its own that waits for it would wait for itself", function()
        local message
        neap.group(function(g)
            g:spawn(function()
                message = select(2, pcall(g.wait, g))
            end)
        end)
        assert.is_string(message)
    end)
end)
