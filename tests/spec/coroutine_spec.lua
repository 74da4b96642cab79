-- SPDX-License-Identifier: MIT
--
-- User coroutines in tasks: a wait suspends the task, the consumer sees only
-- real values, and in all else coroutine.* is Lua's own. The numbers are those
-- of SEMANTICS, group 10.

local neap = require "neap"
local shell = require "tests.spec.shell"
local tasks = require "tests.spec.tasks"
local settle, start, forever = tasks.settle, tasks.start, tasks.forever

after_each(tasks.sweep)

describe("a generator that waits", function()
    local function gentle(n)
        return coroutine.wrap(function()
            for i = 1, n do
                neap.sleep(0.001)
                coroutine.yield(i)
            end
        end)
    end

    it("gives its consumer only real values", function() -- Y1
        local values = {}
        for value in gentle(3) do values[#values + 1] = value end
        assert.same({1, 2, 3}, values)
    end)

    it("suspends the task: the others run meanwhile", function() -- Y1
        local gate, log = neap.Future(), {}
        local consumer = start(function()
            local wait = coroutine.wrap(function()
                log[#log + 1] = "waits"
                coroutine.yield(gate:await())
            end)
            local value = wait()
            log[#log + 1] = value
        end)
        log[#log + 1] = "another"
        gate:set_result("goes on")
        consumer:await()
        assert.same({"waits", "another", "goes on"}, log)
    end)

    it("may be one of several that take turns", function() -- Y1
        local function count(list)
            for value in gentle(4) do list[#list + 1] = value end
        end
        local lists = {{}, {}, {}}
        local counts = {}
        for i, list in ipairs(lists) do counts[i] = neap.spawn(count, list) end
        for _, task in ipairs(counts) do task:await() end
        for _, list in ipairs(lists) do assert.same({1, 2, 3, 4}, list) end
    end)

    it("does not mind a consumer that waits between", function() -- Y2
        local sum = 0
        for value in gentle(3) do
            neap.sleep(0.001)
            sum = sum + value
        end
        assert.equal(6, sum)
    end)

    it("may be resumed by one task after the other", function() -- Y2
        local nextvalue = gentle(3)
        local values = {}
        for i = 1, 3 do values[i] = neap.spawn(nextvalue):await() end
        assert.same({1, 2, 3}, values)
    end)

    it("takes and gives any number of values", function() -- Y1
        local echo = coroutine.wrap(function(...)
            local values = table.pack(...)
            while true do
                neap.yield()
                values = table.pack(coroutine.yield(
                    table.unpack(values, 1, values.n)))
            end
        end)
        assert.same({n = 0}, table.pack(echo()))
        assert.same({n = 1}, table.pack(echo(nil)))
        assert.same({n = 3, 1, nil, nil}, table.pack(echo(1, nil, nil)))
        assert.equal(20000, select("#", echo(table.unpack({}, 1, 20000))))
    end)

    it("passes a userdata on as a value like any other", function() -- Y1
        local value = io.stdout
        local give = coroutine.wrap(function()
            neap.yield()
            coroutine.yield(value, nil, value)
        end)
        assert.same({n = 3, value, nil, value}, table.pack(give()))
    end)

    it("waits at any depth", function() -- Y1
        local function nest(depth)
            if depth == 0 then
                neap.sleep(0.001)
                return "bottom"
            end
            return coroutine.wrap(nest)(depth - 1)
        end
        assert.equal("bottom", nest(100))
    end)

    it("waits at each of a chain's links", function() -- Y1
        local function range(n)
            return coroutine.wrap(function()
                for i = 1, n do
                    neap.yield()
                    coroutine.yield(i)
                end
            end)
        end
        local function map(source, fn)
            return coroutine.wrap(function()
                for value in source do
                    neap.yield()
                    coroutine.yield(fn(value))
                end
            end)
        end
        local squares = map(range(5), function(x) return x * x end)
        local sum = 0
        for square in map(squares, function(x) return x + 1 end) do
            sum = sum + square
        end
        assert.equal(60, sum)
    end)
end)

describe("an error in a coroutine that has waited", function()
    local function fail()
        neap.yield()
        error("broken", 0)
    end

    it("is what resume returns", function() -- Y1
        assert.same({false, "broken"},
            {coroutine.resume(coroutine.create(fail))})
    end)

    it("is what wrap raises, the object itself", function() -- Y1
        local object = {}
        local ok, e = pcall(coroutine.wrap(function()
            neap.yield()
            error(object)
        end))
        assert.is_false(ok)
        assert.equal(object, e)
    end)

    it("runs the to-be-closed variables of a wrap", function() -- Y1
        local closed
        pcall(coroutine.wrap(function()
            local _ <close> = tasks.guard(function(e) closed = e end)
            fail()
        end))
        assert.equal("broken", closed)
    end)
end)

describe("a cancel of a task that waits in a coroutine", function() -- Y3
    local function cancelled(resume)
        local log = {}
        local function note(name)
            return tasks.guard(function(e)
                log[#log + 1] = name .. " " .. tostring(e)
            end)
        end
        local task = start(function()
            local _ <close> = note "outer"
            resume(function()
                local _ <close> = note "inner"
                forever()
            end, log)
        end)
        task:cancel()
        settle()
        assert.equal("cancelled", task:state())
        return log
    end

    it("closes a wrap's variables, then unwinds what called it", function()
        assert.same({"inner cancelled", "outer cancelled"},
            cancelled(function(fn) coroutine.wrap(fn)() end))
    end)

    it("is what resume returns, and the next wait raises it again", function()
        assert.same({"false cancelled", "inner cancelled", "closed false",
            "outer cancelled"}, cancelled(function(fn, log)
                local co = coroutine.create(fn)
                local ok, e = coroutine.resume(co)
                log[#log + 1] = tostring(ok) .. " " .. tostring(e)
                local closed = coroutine.close(co)
                log[#log + 1] = "closed " .. tostring(closed)
                neap.yield()
                log[#log + 1] = "never"
            end))
    end)
end)

describe("in a task's body, as in a main chunk,", function() -- Y7
    it("running gives its coroutine and true", function()
        local co, main = coroutine.running()
        assert.equal("thread", type(co))
        assert.is_true(main)
        local other = neap.spawn(coroutine.running)
        assert.not_equal(co, (other:await()))
    end)

    it("nothing can be yielded", function()
        assert.is_false(coroutine.isyieldable())
        assert.is_false(coroutine.isyieldable((coroutine.running())))
        local ok, e = pcall(coroutine.yield, 1)
        assert.is_false(ok)
        assert.matches("^attempt to yield from outside a coroutine", e)
        assert.matches("neap.yield()", e, 1, true)
    end)

    it("its own coroutine is running", function()
        local co = coroutine.running()
        assert.equal("running", coroutine.status(co))
        assert.same({false, "cannot resume non-suspended coroutine"},
            {coroutine.resume(co)})
        assert.has_error(function() coroutine.close(co) end,
            "cannot close a running coroutine")
    end)

    it("another task's coroutine is refused", function()
        local co
        local task = start(function()
            co = coroutine.running()
            return forever() or "left alone"
        end)
        assert.equal("normal", coroutine.status(co))
        assert.same({false, "cannot resume non-suspended coroutine"},
            {coroutine.resume(co)})
        assert.has_error(function() coroutine.close(co) end,
            "cannot close a normal coroutine")
        assert.equal("pending", task:state())
        task:cancel()
        settle()
        assert.equal("dead", coroutine.status(co))
        assert.same({false, "cannot resume dead coroutine"},
            {coroutine.resume(co)})
    end)
end)

describe("in a user's coroutine, as Lua says,", function() -- Y7
    it("running gives it and false", function()
        local co
        co = coroutine.create(function() return coroutine.running() end)
        assert.same({true, co, false}, {coroutine.resume(co)})
    end)

    it("something can be yielded", function()
        assert.is_true(coroutine.wrap(coroutine.isyieldable)())
        local co = coroutine.create(function() end)
        assert.is_true(coroutine.isyieldable(co))
    end)

    it("states go from suspended to dead", function()
        local co
        local main = coroutine.running()
        co = coroutine.create(function()
            assert.equal("running", coroutine.status(co))
            assert.equal("normal", coroutine.status(main))
            coroutine.wrap(function()
                assert.equal("normal", coroutine.status(co))
            end)()
            coroutine.yield()
        end)
        assert.equal("suspended", coroutine.status(co))
        assert(coroutine.resume(co))
        assert.equal("suspended", coroutine.status(co))
        assert(coroutine.resume(co))
        assert.equal("dead", coroutine.status(co))
    end)

    it("one in which a task waits is normal", function()
        local gate = neap.Future()
        local co = coroutine.create(function() return gate:await() end)
        local task = start(coroutine.resume, co)
        assert.equal("normal", coroutine.status(co))
        assert.same({false, "cannot resume non-suspended coroutine"},
            {coroutine.resume(co)})
        assert.has_error(function() coroutine.close(co) end,
            "cannot close a normal coroutine")
        gate:set_result(7)
        assert.same({true, 7}, {task:await()})
    end)

    it("a wrap in which a task waits is refused to others", function()
        local gate = neap.Future()
        local wait = coroutine.wrap(function() return gate:await() end)
        local task = start(wait)
        assert.error_matches(wait, "cannot resume non%-suspended coroutine$")
        gate:set_result "first"
        assert.equal("first", task:await())
        assert.error_matches(wait, "cannot resume dead coroutine$")
    end)
end)

describe("closing", function()
    it("runs the to-be-closed variables of a suspended one", function() -- Y7
        local closed = {}
        local co = coroutine.create(function()
            local _ <close> = tasks.guard(function() closed[1] = "outer" end)
            local _ <close> = tasks.guard(function() closed[2] = "inner" end)
            neap.yield()
            coroutine.yield()
        end)
        coroutine.resume(co)
        assert.is_true(coroutine.close(co))
        assert.same({"outer", "inner"}, closed)
        assert.equal("dead", coroutine.status(co))
        assert.is_true(coroutine.close(co))
    end)

    it("gives the error of one that failed, once", function() -- Y7
        local co = coroutine.create(function()
            neap.yield()
            error("broken", 0)
        end)
        coroutine.resume(co)
        assert.same({false, "broken"}, {coroutine.close(co)})
        assert.is_true(coroutine.close(co))
    end)

    it("a deep chain is an error, not a crash", function() -- Y16
        local function chain(length)
            local outer
            for _ = 1, length do
                local inner = outer
                outer = coroutine.create(function()
                    local _ <close> = tasks.guard(function()
                        if not inner then return end
                        local ok, e = coroutine.close(inner)
                        if not ok then error(e, 0) end
                    end)
                    coroutine.yield()
                end)
                coroutine.resume(outer)
            end
            return outer
        end
        assert.is_true(coroutine.close(chain(100)))
        local ok, e = coroutine.close(chain(100000))
        assert.is_false(ok)
        assert.matches("C stack overflow", e)
        assert.is_true(coroutine.close(chain(100)))
    end)
end)

describe("to the letter of Lua", function()
    local function result(command, call)
        local code = ("print(pcall(function() return %s end))"):format(call)
        local line = ("%s -e %s"):format(command, shell.quote(code))
        return (shell.run(line).out:gsub("0x%x+", "0x"))
    end

    for _, call in ipairs {
        "coroutine.resume()", "coroutine.resume(1)", "coroutine.wrap()",
        "coroutine.wrap({})", "coroutine.status()", "coroutine.status('x')",
        "coroutine.close()", "coroutine.close(print)",
        "coroutine.isyieldable(1)", "coroutine.create()",
        "coroutine.resume(coroutine.create(print), 1, nil)",
        "coroutine.wrap(error)()", "coroutine.wrap(error)('x')",
        "coroutine.wrap(error)({}, 2)", "coroutine.wrap(error)(nil)",
        "coroutine.wrap(function() error 'x' end)()",
        "coroutine.wrap(coroutine.wrap(error))('x')",
        "coroutine.resume(coroutine.running())",
        "coroutine.close(coroutine.running())",
        "coroutine.wrap(function() return pcall(coroutine.yield) end)()",
        "coroutine.wrap(table.unpack)({}, 1, 1e6)",
        "select('#', coroutine.wrap(table.unpack)({}, 1, 1e5))",
    } do
        it(call, function() -- Y7
            assert.equal(result("lua5.4", call),
                result(shell.quote(shell.neap), call))
        end)
    end
end)
