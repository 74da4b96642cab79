-- SPDX-License-Identifier: MIT
--
-- require: Lua's, but a module may wait while it is loaded, and tasks share one
-- load. The numbers are those of SEMANTICS, group 10.

local neap = require "neap"
local shell = require "tests.spec.shell"
local tasks = require "tests.spec.tasks"
local settle, start = tasks.settle, tasks.start

-- A module that is loaded by the function.
local function module(name, loader)
    package.loaded[name] = nil
    package.preload[name] = loader
end

after_each(function()
    tasks.sweep()
    for _, name in ipairs {"m", "m1", "m2", "m3"} do
        package.loaded[name], package.preload[name] = nil, nil
    end
end)

local function caught(task)
    local ok, e = pcall(task.await, task)
    assert.is_false(ok)
    return e
end

describe("a module that waits", function() -- Y5
    it("is loaded, with what Lua gives it", function()
        module("m", function(...)
            neap.yield()
            return {...}
        end)
        local loaded, datum = require "m"
        assert.same({"m", ":preload:"}, loaded)
        assert.equal(":preload:", datum)
        assert.equal(loaded, package.loaded.m)
        assert.equal(loaded, (require "m"))
    end)

    it("is loaded once by tasks that require it together", function()
        local loads = 0
        local gate = neap.Future()
        module("m", function()
            loads = loads + 1
            gate:await()
            return {}
        end)
        local first, second = start(require, "m"), start(require, "m")
        local third = start(coroutine.wrap(require), "m")
        assert.equal("pending pending pending",
            tasks.states(first, second, third))
        gate:set_result()
        local value = first:await()
        assert.equal(value, second:await())
        assert.equal(value, third:await())
        assert.equal(1, loads)
    end)

    it("without a value is true", function()
        module("m", neap.yield)
        assert.is_true((require "m"))
        assert.is_true(package.loaded.m)
    end)

    it("that sets package.loaded early is returned as it stands", function()
        local gate = neap.Future()
        module("m", function()
            package.loaded.m = "early"
            gate:await()
            return "late"
        end)
        local loader = start(require, "m")
        assert.equal("early", (require "m"))
        gate:set_result()
        assert.equal("late", (loader:await()))
        assert.equal("late", (require "m"))
    end)

    it("waits in coroutines, and in modules that require others", function()
        module("m1", function()
            neap.yield()
            return "inner"
        end)
        module("m", function()
            return coroutine.wrap(function()
                return "outer " .. require "m1"
            end)()
        end)
        assert.equal("outer inner", (require "m"))
    end)

    it("may be found by a searcher that waits", function()
        local function search(name)
            if name ~= "m" then return "\n\tnot mine" end
            neap.yield()
            return function(...) return table.concat({...}, " ") end, "datum"
        end
        table.insert(package.searchers, 1, search)
        local value, datum = require "m"
        table.remove(package.searchers, 1)
        assert.same({"m datum", "datum"}, {value, datum})
    end)
end)

describe("a load that fails", function() -- Y5
    it("gives each of its waiters the error itself, and counts once", function()
        local loads, e = 0, {}
        module("m", function()
            loads = loads + 1
            neap.yield()
            error(e)
        end)
        local all = {}
        for i = 1, 3 do all[i] = neap.spawn(require, "m") end
        for i = 1, 3 do assert.equal(e, caught(all[i])) end
        assert.equal(1, loads)
    end)

    it("is begun anew by the next require", function()
        local loads = 0
        module("m", function()
            loads = loads + 1
            neap.yield()
            if loads == 1 then error("the first time", 0) end
            return loads
        end)
        assert.equal("the first time", caught(neap.spawn(require, "m")))
        assert.equal(2, (require "m"))
    end)

    it("with another task's Cancelled has failed like any other", function()
        local other = start(tasks.forever)
        other:cancel "not ours"
        local loads = 0
        module("m", function()
            loads = loads + 1
            neap.yield()
            other:await()
        end)
        local first, second = neap.spawn(require, "m"), neap.spawn(require, "m")
        assert.equal("not ours", caught(first).reason)
        assert.equal("not ours", caught(second).reason)
        assert.equal("failed failed", tasks.states(first, second))
        assert.equal(1, loads)
    end)
end)

describe("a load that is cancelled", function() -- Y5
    it("is taken over by the first waiter", function()
        local loaders, gate = {}, neap.Future()
        module("m", function()
            loaders[#loaders + 1] = neap.current():name()
            gate:await()
            return "loaded"
        end)
        local all = {}
        for i = 1, 3 do
            all[i] = neap.spawn({name = "task " .. i}, require, "m")
        end
        settle()
        all[1]:cancel()
        settle()
        assert.equal("cancelled pending pending",
            tasks.states(table.unpack(all)))
        gate:set_result()
        assert.equal("loaded", (all[2]:await()))
        assert.equal("loaded", (all[3]:await()))
        assert.same({"task 1", "task 2"}, loaders)
    end)

    it("is forgotten where nobody waits", function()
        local loads = 0
        module("m", function()
            loads = loads + 1
            if loads == 1 then tasks.forever() end
            return loads
        end)
        start(require, "m"):cancel()
        settle()
        assert.equal(2, (require "m"))
    end)

    it("leaves a waiter that is cancelled out", function()
        local gate = neap.Future()
        module("m", function() return gate:await() end)
        local loader, waiter = start(require, "m"), start(require, "m")
        waiter:cancel()
        settle()
        assert.equal("pending cancelled", tasks.states(loader, waiter))
        gate:set_result(5)
        assert.equal(5, (loader:await()))
    end)

    it("cannot be waited for in a cancelled task", function()
        module("m", tasks.forever)
        start(require, "m")
        local task = start(function()
            pcall(tasks.forever)
            return pcall(require, "m")
        end)
        task:cancel "enough"
        settle()
        local ok, e = task:result()
        assert.is_false(ok)
        assert.equal("enough", e.reason)
    end)
end)

describe("a coroutine that leaves a load half-way", function() -- Y5
    local function begin()
        module("m", function()
            coroutine.yield()
            return "first"
        end)
        local co = coroutine.create(require)
        assert(coroutine.resume(co, "m"))
        package.preload.m = function() return "second" end
        return co
    end

    it("ends it when it is closed: a waiter loads the module", function()
        local co = begin()
        local waiter = start(require, "m")
        assert.equal("pending", waiter:state())
        coroutine.close(co)
        assert.equal("second", (waiter:await()))
    end)

    it("ends it when it is collected", function()
        begin()
        collectgarbage()
        collectgarbage()
        assert.equal("second", (require "m"))
    end)

    it("ends it when it is collected for those who wait, too", function()
        local co = begin()
        local waiter = start(require, "m")
        assert.equal("suspended", coroutine.status(co))
        co = nil -- luacheck: ignore
        collectgarbage()
        collectgarbage()
        assert.equal("second", (waiter:await()))
    end)

    it("may come back and finish it", function()
        local co = begin()
        local waiter = start(require, "m")
        assert.same({true, "first", ":preload:"}, {coroutine.resume(co)})
        assert.equal("first", (waiter:await()))
    end)
end)

describe("a loop", function() -- Y5
    local function requires(name, other)
        module(name, function()
            neap.yield()
            return require(other)
        end)
    end

    local function check(words, ...)
        for _, task in ipairs {...} do
            assert.matches(words .. "$", caught(task))
        end
    end

    it("in one task is named", function()
        requires("m", "m")
        check("loop in require: m %-> m", neap.spawn(require, "m"))
        requires("m", "m1")
        requires("m1", "m2")
        requires("m2", "m")
        check("loop in require: m %-> m1 %-> m2 %-> m",
            neap.spawn(require, "m"))
    end)

    it("names only what is in it", function()
        requires("m", "m1")
        requires("m1", "m2")
        requires("m2", "m1")
        check("loop in require: m1 %-> m2 %-> m1", neap.spawn(require, "m"))
    end)

    it("across tasks is named, and each gets the error", function()
        requires("m", "m1")
        requires("m1", "m")
        check("loop in require: m1? %-> m1? %-> m1?",
            neap.spawn(require, "m"), neap.spawn(require, "m1"))
    end)

    it("across tasks and through their inner loads is named", function()
        local gate = neap.Future()
        requires("m", "m1")
        module("m1", function()
            gate:await()
            return require "m2"
        end)
        requires("m2", "m3")
        module("m3", function()
            gate:await()
            return require "m"
        end)
        local first, second = start(require, "m"), start(require, "m2")
        gate:set_result()
        check("loop in require: m2? .*%-> m3 .*", first, second)
        assert.matches("m %-> m1 %-> m2 %-> m3 %-> m$", caught(second))
    end)

    it("that only seems one is none", function()
        requires("m", "m1")
        requires("m2", "m1")
        module("m1", function()
            neap.yield()
            return "both"
        end)
        local first = neap.spawn(require, "m")
        local second = neap.spawn(require, "m2")
        assert.equal("both", (first:await()))
        assert.equal("both", (second:await()))
    end)
end)

describe("where nobody can wait", function() -- Y5
    it("a module is loaded, if it does not wait", function()
        module("m", function() return 7 end)
        local value
        string.gsub("x", ".", function() value = require "m" end)
        assert.equal(7, value)
    end)

    it("one that another task is loading is refused", function()
        local gate = neap.Future()
        module("m", function() return gate:await() end)
        local loader = start(require, "m")
        local function try() require "m" end
        assert.error_matches(function() string.gsub("x", ".", try) end,
            "cannot wait here: string.gsub is on the stack")
        gate:set_result(8)
        loader:await()
        string.gsub("x", ".", try)
    end)
end)

describe("as Lua has it:", function()
    it("searchers, path and preload are obeyed", function() -- Y5
        local folder = shell.run("mktemp -d").out:gsub("\n", "")
        shell.write(folder .. "/m.lua", "return 'file', ...")
        local path = package.path
        package.path = folder .. "/?.lua"
        local value, place = require "m"
        package.path = path
        shell.run("rm -r " .. folder)
        assert.same({"file", folder .. "/m.lua"}, {value, place})
    end)

    it("a file on the path goes before a module of neap's", function() -- Y5
        local folder = shell.run("mktemp -d").out:gsub("\n", "")
        shell.run(("mkdir %s/neap"):format(folder))
        shell.write(folder .. "/neap/generator.lua", "return 'mine'")
        local out = tasks.out([[print((require "neap.generator"))]], nil,
            ("LUA_PATH='%s/?.lua;;'"):format(folder))
        shell.run("rm -r " .. folder)
        assert.equal("mine\n", out)
        local theirs, place = require "neap.generator"
        assert.equal("table", type(theirs))
        assert.equal("=[neap.generator]", place)
    end)

    it("neap is found, whatever became of package", function() -- Y17
        assert.equal("true\ttrue\ttrue\n", tasks.out [[
            local first = require "neap"
            package.path, package.cpath = "", ""
            package.loaded.neap = nil
            local second = require "neap"
            package.loaded.neap, package.searchers = nil, {package.searchers[1]}
            local third = require "neap"
            third.run(second.yield)
            print(first == neap, first == second, first == third)
        ]])
    end)

    for _, call in ipairs {
        "require()", "require({})", "require(12)", "require('no\\0thing')",
        "require('no.thing')", "require('no.thing', 1, 2)",
    } do
        it("what " .. call .. " says is the same", function() -- Y5
            local code = ("print(select(2, pcall(function() return %s end)))")
                :format(call)
            local ours = shell.command {"-e", code}
            local theirs = shell.run("lua5.4 -e " .. shell.quote(code))
            assert.equal(theirs.out, ours.out)
        end)
    end

    it("without package.searchers it says so", function() -- Y5
        local searchers = package.searchers
        package.searchers = nil
        local ok, e = pcall(require, "m")
        package.searchers = searchers
        assert.same({false, "'package.searchers' must be a table"}, {ok, e})
    end)
end)
