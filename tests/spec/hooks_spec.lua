-- SPDX-License-Identifier: MIT
--
-- The debug library in tasks: hooks stay with their coroutine, tracebacks show
-- where a task is. The numbers are those of SEMANTICS, group 10.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start = tasks.settle, tasks.start

after_each(function()
    debug.sethook()
    tasks.sweep()
end)

-- The lines of the function, from its first, that a hook saw.
local function lines_of(fn, list)
    local first = debug.getinfo(fn, "S").linedefined
    return function(_, line)
        if debug.getinfo(2, "f").func == fn then
            list[#list + 1] = line - first
        end
    end
end

describe("a hook", function() -- Y8
    it("goes on after each wait", function()
        local seen = {}
        local function body()
            neap.yield()
            neap.sleep(0.001)
            return 1
        end
        debug.sethook(lines_of(body, seen), "l")
        body()
        debug.sethook()
        assert.same({1, 2, 3}, seen)
    end)

    it("is the coroutine's that set it, across the waits of others", function()
        local here, there = {}, {}
        local function other()
            neap.yield()
            neap.yield()
            return 1
        end
        local function mine()
            neap.yield()
            return 1
        end
        local task = neap.spawn(function()
            debug.sethook(lines_of(other, there), "l")
            other()
            debug.sethook()
        end)
        debug.sethook(lines_of(mine, here), "l")
        mine()
        mine()
        debug.sethook()
        task:await()
        assert.same({1, 2, 1, 2}, here)
        assert.same({1, 2, 3}, there)
    end)

    it("is where debug.gethook finds it after a wait", function()
        local function hook() end
        debug.sethook(hook, "crl", 1000000)
        neap.sleep(0.001)
        local found, mask, count = debug.gethook()
        assert.same({hook, "crl", 1000000}, {found, mask, count})
        debug.sethook()
        neap.yield()
        assert.is_nil((debug.gethook()))
    end)

    it("may be set in another task's coroutine while that waits", function()
        local co
        local seen = {}
        local function body()
            neap.yield()
            return "done"
        end
        local gate = neap.Future()
        local task = start(function()
            co = coroutine.running()
            gate:await()
            return body()
        end)
        debug.sethook(co, lines_of(body, seen), "l")
        gate:set_result()
        assert.equal("done", task:await())
        assert.same({1, 2}, seen)
    end)

    it("of counts comes in a busy loop", function()
        local count = 0
        debug.sethook(function() count = count + 1 end, "", 1000)
        for _ = 1, 20000 do end
        debug.sethook()
        assert.is_true(count > 10)
    end)

    it("may raise an error, which passes as any other", function()
        local task = neap.spawn(function()
            neap.yield()
            debug.sethook(function()
                debug.sethook()
                error("struck", 0)
            end, "l")
            local x = 1
            return x
        end)
        assert.has_error(function() task:await() end, "struck")
    end)

    it("in a user's coroutine sees its lines across waits", function()
        local seen = {}
        local function body()
            neap.yield()
            coroutine.yield(1)
            neap.yield()
            return 2
        end
        local co = coroutine.create(body)
        debug.sethook(co, lines_of(body, seen), "l")
        assert.same({true, 1}, {coroutine.resume(co)})
        assert.same({true, 2}, {coroutine.resume(co)})
        assert.same({1, 2, 3, 4}, seen)
    end)
end)

describe("a traceback", function() -- Y8
    local function level_two() return neap.Future():await() end
    local function level_one()
        local result = level_two()
        return result
    end

    local function line(fn) return debug.getinfo(fn, "S").linedefined end

    it("of a task that waits shows where", function()
        local text = start(level_one):traceback()
        assert.matches("^stack traceback:\n", text)
        local inner = ("hooks_spec.lua:%d: in"):format(line(level_two))
        local outer = ("hooks_spec.lua:%d: in"):format(line(level_one) + 1)
        assert.matches("await.*" .. inner .. ".*" .. outer, text)
    end)

    it("of a coroutine in which a task waits shows where", function()
        local co = coroutine.create(level_one)
        start(coroutine.resume, co)
        local outer = ("hooks_spec.lua:%d: in"):format(line(level_one) + 1)
        assert.matches(outer, debug.traceback(co), 1, true)
    end)

    it("of a task that failed shows where, and outlives it", function()
        local function fail()
            neap.yield()
            error "here"
        end
        local task = neap.spawn(fail)
        assert.is_false(pcall(task.await, task))
        neap.spawn(level_one)
        settle()
        local place = ("hooks_spec.lua:%d: in"):format(line(fail) + 2)
        assert.matches(place, task:traceback(), 1, true)
    end)

    it("of one that ended well, or was cancelled, is nil", function()
        local well = neap.spawn(function() end)
        well:await()
        assert.is_nil(well:traceback())
        local cancelled = start(level_one)
        cancelled:cancel()
        settle()
        assert.is_nil(cancelled:traceback())
    end)

    it("of the task itself shows the call", function()
        local function ask() return (neap.current():traceback()) end
        assert.matches("in .-ask", ask())
    end)

    it("hands a task through debug.traceback as any message", function()
        local task = start(level_one)
        assert.equal(task, debug.traceback(task))
    end)

    it("goes from the error to the bottom, as in a main chunk", function()
        local result = tasks.run [[
            local function fail() error "boom" end
            neap.yield()
            fail()
        ]]
        assert.equal(("neap: it:1: boom\nstack traceback:\n"
            .. "\t[C]: in function 'error'\n"
            .. "\tit:1: in local 'fail'\n"
            .. "\tit:3: in main chunk\n"
            .. "\t[C]: in ?\n"), result.err)
    end)
end)

describe("debug.getinfo", function() -- Y8
    it("sees a task's body as it sees a main chunk", function()
        local levels = neap.spawn(function()
            neap.yield()
            local names = {}
            local level = 1
            while debug.getinfo(level, "S") do
                names[level] = debug.getinfo(level, "S").what
                level = level + 1
            end
            return names
        end):await()
        assert.same({"Lua", "C"}, levels)
    end)

    it("looks into another task's coroutine", function()
        local co
        local task = start(function()
            co = coroutine.running()
            local secret = 42
            neap.Future():await()
            return secret
        end)
        local name, value = debug.getlocal(co, 1, 1)
        assert.same({"secret", 42}, {name, value})
        debug.setlocal(co, 1, 1, 43)
        assert.equal("pending", task:state())
    end)
end)

describe("debug.sethook and errors at once", function() -- Y8
    it("leave the next task without either", function()
        for _ = 1, 10 do
            local task = neap.spawn(function()
                debug.sethook(function() end, "l")
                error "with a hook set"
            end)
            pcall(task.await, task)
        end
        assert.is_nil((neap.spawn(debug.gethook):await()))
    end)
end)
