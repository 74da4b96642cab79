-- SPDX-License-Identifier: MIT
--
-- Functions that cross between states: by their code, each upvalue made anew
-- over there or the function refused. See probe.c.

local probe = require "probe"
local module = require "tests.parcel.module"

-- What a call over there returns.
local function there(...)
    local results = table.pack(probe.call(...))
    assert(results[1], results[2])
    return table.unpack(results, 2, results.n)
end

-- Why the function is refused.
local function refusal(value)
    local ok, message = pcall(probe.pass, value)
    assert.is_false(ok)
    return message
end

before_each(probe.reset)

describe("a function", function()
    it("does over there what it does here", function()
        assert.equal(42, there(function(a, b) return a * b end, 6, 7))
        assert.same({n = 3, 1, nil, 3}, table.pack(there(function(...)
            local function inner(...) return ... end
            return inner(...)
        end, 1, nil, 3)))
        local copy = probe.pass(function() return "back" end)
        assert.equal("back", copy())
        assert.equal(3, probe.pass({{f = function(n) return n end}})[1].f(3))
    end)

    it("keeps its names and lines", function()
        local ok, e = probe.call(function() local x = {} return x.y.z end)
        assert.is_false(ok)
        assert.matches("code_spec.lua:%d+: .*field 'y'", e)
    end)

    it("may have none", function()
        local stripped = load(string.dump(function(n) return n + 1 end, true))
        assert.equal(2, there(stripped, 1))
        assert.equal("x", there(load "return ...", "x"))
        assert.equal("number", there(load(string.dump(load "return type(1)",
            true))))
    end)

    it("sees the globals of where it is", function()
        there(function() greeting = "hello" end)    -- luacheck: ignore
        assert.equal("hello", there(function() return greeting end))
        assert.is_nil(rawget(_G, "greeting"))
        local env = {}      -- as busted gives to its specs
        assert.equal("hello", there(load("return greeting", "=x", "t", env)))
    end)

    it("may call itself", function()
        local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
        assert.equal(55, there(fib, 10))
        assert.equal(55, probe.pass(fib)(10))
    end)

    it("has the modules of where it is", function()
        local string = string
        assert.equal("xx", there(function() return string.rep("x", 2) end))
        local function call() return module.call() end
        assert.equal(1, there(call))
        assert.equal(2, there(call))
        probe.reset()
        assert.equal(1, there(call))
        assert.equal(0, module.calls)
    end)

    it("is one where it is sent twice", function()
        local function f() end
        local copy, parts = probe.pass(f, {f, [f] = f})
        assert.not_equal(f, copy)
        assert.equal(copy, parts[1])
        assert.equal(copy, parts[copy])
    end)

    it("is a new one each time", function()
        local function me()
            local before = last
            last = me       -- luacheck: ignore
            return before == me
        end
        assert.is_false(there(me))
        assert.is_false(there(me))
        assert.not_equal(probe.pass(me), (probe.pass(me)))
    end)
end)

describe("a function that is called and no more", function()
    it("is as new", function()
        local string = string
        local function spoil()
            local found = string ~= nil
            string = nil
            return found
        end
        for _ = 1, 3 do
            assert.same({true, true}, {probe.recall(spoil)})
        end
    end)

    it("may be one of many", function()
        for i = 1, 1000 do
            local f = load("return " .. i)
            assert.same({true, i}, {probe.recall(f)})
            assert.same({true, i}, {probe.recall(f)})
        end
    end)

    it("is known by its text", function()
        for i = 1, 1000 do
            assert.same({true, i}, {probe.recall(function(n) return n end, i)})
        end
    end)
end)

describe("an upvalue of another kind", function()
    local advice = "pass it as an argument"

    local function refused(f, name, kind, what)
        assert.equal(("cannot pass: .job.run is a function with the upvalue "
            .. "'%s' (%s): %s"):format(name, kind, what or advice),
            refusal({job = {run = f}}))
    end

    it("is refused by its name", function()
        local count, words, t, flag, none = 1, "", {}, true, nil
        refused(function() count = count + 1 end, "count", "a number")
        refused(function() return words end, "words", "a string")
        refused(function() return t end, "t", "a table")
        refused(function() return flag end, "flag", "a boolean")
        refused(function() return none end, "none", "nil")
        refused(function() return refused end, "refused", "a function")
        refused(function() return string, t end, "t", "a table")
    end)

    it("is no argument either", function()
        local inside = "get it inside of the function"
        local print, file, co = print, io.stdout, coroutine.create(print)
        refused(function() return print end, "print", "a function", inside)
        refused(function() return file end, "file", "a userdata", inside)
        refused(function() return co end, "co", "a coroutine", inside)
    end)

    it("is looked for each time", function()
        local thing = string
        local function f() return thing.name or thing.rep("x", 2) end
        assert.equal("xx", there(f))
        thing = {name = "mine"}
        assert.matches("'thing' %(a table%)", refusal(f))
        package.loaded["tests.parcel.mine"] = thing
        local ok, e = pcall(probe.call, f)
        assert.is_false(ok)
        assert.matches("module 'tests.parcel.mine' not found", e)
        package.loaded["tests.parcel.mine"] = nil
        assert.matches("'thing' %(a table%)", refusal(f))
        thing = string
        assert.equal("xx", there(f))
    end)

    it("is no module by chance", function()
        package.loaded["tests.parcel.flag"] = true
        local flag = true
        refused(function() return flag end, "flag", "a boolean")
        package.loaded["tests.parcel.flag"] = nil
    end)
end)

describe("codes", function()
    it("go with their functions", function()
        local functions = setmetatable({}, {__mode = "k"})
        local function send(i)
            local f = load(("return '%s', %d"):format(("x"):rep(10000), i))
            functions[f] = true
            probe.pass(f)
        end
        for i = 1, 200 do send(i) end
        collectgarbage()
        collectgarbage()
        assert.is_nil(next(functions))
        local before = collectgarbage "count"
        for i = 1, 200 do send(i) end
        collectgarbage()
        collectgarbage()
        assert.is_true(collectgarbage "count" - before < 100)
    end)

    it("outlive the state that sent them", function()
        local copy = probe.pass(function() return 7 end)
        probe.reset()
        collectgarbage()
        assert.equal(7, copy())
        assert.equal(7, there(copy))
    end)
end)
