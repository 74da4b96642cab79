-- SPDX-License-Identifier: MIT
--
-- The coroutines that tasks run in: used again without a trace, given up when
-- they were told to somebody, and safe from what foreign C does with them. The
-- numbers are those of SEMANTICS, group 10.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local start, forever = tasks.start, tasks.forever

local foreign = assert(package.loadlib(tasks.build "foreign",
    "luaopen_foreign"))()

teardown(tasks.clean)
after_each(tasks.sweep)

describe("a coroutine used again", function()
    it("is never one that was told to somebody", function() -- Y7
        local seen = {}
        for i = 1, 50 do
            neap.spawn(function()
                local co = coroutine.running()
                assert.is_nil(seen[co])
                seen[co] = i
            end):await()
        end
    end)

    it("keeps no value of the task before", function() -- Y10
        local weak = setmetatable({}, {__mode = "v"})
        for i = 1, 20 do
            neap.spawn(function()
                local value = {}
                weak[i] = value
                return i
            end):await()
        end
        collectgarbage()
        assert.is_nil(next(weak))
    end)

    it("is as good after an error and a cancel", function() -- Y16
        for _ = 1, 20 do
            local failed = neap.spawn(error, "fails")
            assert.is_false(pcall(failed.await, failed))
            local cancelled = start(forever)
            cancelled:cancel()
            assert.is_false(pcall(cancelled.await, cancelled))
            assert.equal(3, neap.spawn(function()
                neap.yield()
                return 3
            end):await())
        end
    end)

    it("brings no hook of the task before", function() -- Y8
        local struck = 0
        neap.spawn(function()
            debug.sethook(function() struck = struck + 1 end, "l")
        end):await()
        struck = 0
        assert.is_nil(neap.spawn(debug.gethook):await())
        -- with a hook here, a new task's coroutine gets one, too
        debug.sethook(function() end, "l")
        local task = neap.spawn(function()
            local x = 1
            return x + 1
        end)
        debug.sethook()
        assert.equal(2, task:await())
        assert.equal(0, struck)
    end)

    it("holds no large stack", function() -- Y16
        local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
        collectgarbage()
        collectgarbage()
        local before = collectgarbage "count"
        for _ = 1, 10 do
            assert.equal(50000, neap.spawn(deep, 50000):await())
            neap.spawn(function()
                deep(50000)
                neap.yield()
            end):await()
        end
        collectgarbage()
        collectgarbage()
        assert.is_true(collectgarbage "count" - before < 500)
    end)

    it("is one of any number", function() -- Y9
        local all, gate = {}, neap.Future()
        for i = 1, 3000 do
            all[i] = neap.spawn(function()
                gate:await()
                return i
            end)
        end
        gate:set_result()
        for i = 1, 3000 do assert.equal(i, all[i]:await()) end
    end)
end)

describe("depth has an end, which is an error:", function() -- Y16
    local function caught(fn)
        local task = neap.spawn(fn)
        local ok, e = pcall(task.await, task)
        assert.is_false(ok)
        return e
    end

    it("calls", function()
        local function f() return 1 + f() end
        assert.matches("stack overflow", caught(f))
    end)

    it("coroutines in coroutines", function()
        local function f() return coroutine.wrap(f)() end
        assert.matches("C stack overflow", caught(f))
    end)

    it("coroutines in coroutines that wait", function()
        local function f()
            neap.yield()
            return coroutine.wrap(f)()
        end
        assert.matches("C stack overflow", caught(f))
    end)

    it("dying coroutines in dying coroutines", function()
        local function f()
            local _ <close> = tasks.guard(function() coroutine.wrap(f)() end)
            error "dies"
        end
        assert.equal("string", type(caught(coroutine.wrap(f))))
    end)

    it("pcall in pcall, and what is above goes on", function()
        local depth = 0
        local function f()
            depth = depth + 1
            return pcall(f)
        end
        assert.is_true((neap.spawn(f):await()))
        assert.is_true(depth > 150)
    end)

    it("a task in a task in pcall: there it is memory", function()
        local depth = 0
        local function f()
            depth = depth + 1
            if depth < 1000 then
                local _, result = pcall(neap.run, f)
                return result
            end
            neap.yield()
            return "bottom"
        end
        assert.equal("bottom", neap.spawn(f):await())
    end)

    it("and then everything works as before", function()
        assert.equal(1, neap.run(function() return 1 end))
    end)
end)

describe("any number of results", function() -- Y19
    for _, count in ipairs {0, 1, 2, 30, 250, 100000, 900000} do
        it("crosses a task's end: " .. count, function()
            local task = neap.spawn(function()
                neap.yield()
                return table.unpack({}, 1, count)
            end)
            assert.equal(count, select("#", task:await()))
        end)
    end

    it("or there are too many, in words", function()
        local task = neap.spawn(function()
            return table.unpack({}, 1, 999990)
        end)
        local ok, e = pcall(function() return select("#", task:await()) end)
        assert.is_false(ok)
        assert.matches("too many results", e)
    end)
end)

describe("a yield that is not neap's", function()
    local words = "attempt to yield to the scheduler"

    it("fails its task, in words", function() -- Y5
        local task = neap.spawn(foreign.yield, 1)
        local ok, e = pcall(task.await, task)
        assert.is_false(ok)
        assert.matches(words, e)
        assert.equal("failed", task:state())
    end)

    it("runs the task's clean-up, in which nothing can wait", function() -- Y6
        local log = {}
        local task = neap.spawn({name = "yielder"}, function()
            local _ <close> = tasks.guard(function()
                log[1] = neap.current() == nil
                log[2] = #neap.tasks() >= 2
                log[3] = select(2, pcall(neap.sleep, 0))
            end)
            neap.yield()
            foreign.yield()
        end)
        pcall(task.await, task)
        assert.same({true, true,
            "cannot wait here: the task's coroutine is closing"}, log)
        assert.matches("'yielder'", tostring(task))
    end)

    it("is reported where nobody awaits it", function() -- Y5
        local result = tasks.run(([[
            local foreign = package.loadlib(%q, "luaopen_foreign")()
            neap.spawn(foreign.yield)
        ]]):format(tasks.build "foreign"))
        assert.equal(1, result.status)
        assert.matches(words, result.err)
        assert.matches("spawned at it:2", result.err)
    end)

    it("is a value like any other to a coroutine's consumer", function() -- Y5
        local give = coroutine.wrap(function(...)
            neap.yield()
            foreign.yield(...)
            neap.yield()
        end)
        assert.same({1, 2}, {give(1, 2)})
        assert.same({}, {give()})
    end)
end)

describe("a coroutine that foreign C resumed", function()
    it("cannot wait, and says so", function() -- Y5
        local co = coroutine.create(function() neap.sleep(0) end)
        local status, e = foreign.resume(co)
        assert.is_true(status > 1)
        assert.matches("cannot wait here: .* is on the stack", e)
        neap.sleep(0)
    end)

    it("yields its values", function() -- Y5
        local co = coroutine.create(function(...)
            coroutine.yield(...)
            return "end"
        end)
        assert.same({1, 5, 6}, {foreign.resume(co, 5, 6)})
        assert.same({0, "end"}, {foreign.resume(co)})
    end)

    it("resumes others, and these cannot wait either", function() -- Y5
        local co = coroutine.create(function()
            return coroutine.wrap(pcall)(neap.sleep, 0)
        end)
        local status, ok, e = foreign.resume(co)
        assert.same({0, false}, {status, ok})
        assert.matches("cannot wait here: .* is on the stack", e)
    end)

    it("leaves no module half-loaded when it dies", function() -- Y5
        package.preload.m = function() error("in m", 0) end
        local status = foreign.resume(coroutine.create(require), "m")
        assert.is_true(status > 1)
        assert.same({false, "in m"}, {pcall(require, "m")})
        package.preload.m = nil
    end)

    it("is named when C calls back", function() -- Y5
        package.loaded.foreign = foreign
        local ok, e = pcall(foreign.each, {1}, neap.sleep)
        package.loaded.foreign = nil
        assert.same({false, "cannot wait here: foreign.each is on the stack"},
            {ok, e})
    end)
end)

describe("an error in a coroutine that nobody resumed", function()
    it("fails the task whose slice it was", function() -- Y16
        local log = {}
        local task = neap.spawn(function()
            local _ <close> = tasks.guard(function() log[1] = "closed" end)
            neap.yield()
            pcall(foreign.call, error, "over the scheduler")
            log[2] = "never"
        end)
        local ok, e = pcall(task.await, task)
        assert.same({false, "over the scheduler"}, {ok, e})
        assert.same({"closed"}, log)
    end)

    it("leaves the others alone, in the same pass too", function() -- Y16
        local all = {}
        for i = 1, 5 do
            all[i] = neap.spawn(function()
                neap.yield()
                if i == 3 then foreign.call(error, "third") end
                neap.yield()
                return i
            end)
        end
        for i = 1, 5 do
            if i ~= 3 then assert.equal(i, all[i]:await()) end
        end
        assert.equal("third", all[3]:error())
    end)

    it("in a callback is reported", function() -- Y16
        local result = tasks.run(([[
            local foreign = package.loadlib(%q, "luaopen_foreign")()
            neap.call_soon(function() foreign.call(error, "callback") end)
            neap.call_soon(print, "and on")
            neap.sleep(1)
        ]]):format(tasks.build "foreign"))
        assert.equal("and on\n", result.out)
        assert.matches("callback", result.err)
        assert.equal(1, result.status)
    end)
end)
