-- SPDX-License-Identifier: MIT
--
-- Errors of every kind, and what is refused: the loop lives on. Each script is
-- a process of its own; in the reports it is called "it". The numbers are those
-- of SEMANTICS, group 4.

local neap = require "neap"
local shell = require "tests.spec.shell"
local tasks = require "tests.spec.tasks"
local run, start = tasks.run, tasks.start

after_each(tasks.sweep)
teardown(tasks.clean)

-- The script goes on after this task has failed with these words.
local function check_report(words, body)
    local result = run(("neap.spawn(function() %s end)\nneap.sleep(1)\n" ..
        "print 'lives'"):format(body))
    assert.equal("lives\n", result.out)
    assert.matches("^neap: task #2 failed: " .. words .. "\n", result.err)
    assert.equal(1, result.status)
    local _, times = result.err:gsub("neap: ", "")
    assert.equal(1, times)
    return result.err
end

describe("the report of an error object:", function()
    local kinds = {
        [ [[error()]] ] = "%(error object is a nil value%)",
        [ [[error(nil)]] ] = "%(error object is a nil value%)",
        [ [[error(false)]] ] = "%(error object is a boolean value%)",
        [ [[error(42)]] ] = "42",
        [ [[error(0.5)]] ] = "0%.5",
        [ [[error({})]] ] = "%(error object is a table value%)",
        [ [[error(print)]] ] = "%(error object is a function value%)",
        [ [[error(coroutine.create(print))]] ] =
            "%(error object is a thread value%)",
        [ [[error(neap.Future())]] ] = "<Future pending at 0x%x+>",
        [ [[error(setmetatable({}, {__name = "My.Error"}))]] ] =
            "%(error object is a table value%)",
        ["error(setmetatable({}, {__tostring = function() " ..
            "return 'words' end}))"] = "words",
        [ [[error("two\nlines", 0)]] ] = "two\nlines",
        [ [[error("")]] ] = "it:1: ",
    }
    for body, words in pairs(kinds) do
        it(body, function() -- F7
            check_report(words, body)
        end)
    end

    local fails = "%(error object is a table value whose __tostring fails%)"
    for _, body in ipairs {"error 'again'", "error(self)", "error()",
            "return tostring(self)", "return {}", "return nil",
            "coroutine.yield()", "neap.sleep(1)", "neap.yield()",
            "local function f() return f() + 1 end f()"} do
        it("whose __tostring does " .. body, function() -- F8 F5
            check_report(fails, ("error(setmetatable({}, {__tostring = " ..
                "function(self) %s end}))"):format(body))
        end)
    end

    it("whose __tostring runs the loop, or spawns and fails", function() -- F8
        local result = run [[
            local meta = {}
            function meta.__tostring()
                return neap.run(function()
                    neap.sleep(1)
                    neap.spawn(error, "inner", 0)
                    neap.yield()
                    return "outer"
                end)
            end
            neap.spawn(error, setmetatable({}, meta))
            neap.sleep(5)
            print "lives"
        ]]
        assert.equal("lives\n", result.out)
        assert.matches("failed: inner\n", result.err)
        assert.matches("failed: outer\n", result.err)
    end)

    it("of the main task", function() -- F7 F8
        for _, body in ipairs {"error()", "error {}",
                "error(setmetatable({}, {__tostring = error}))"} do
            local result = run(body)
            assert.matches("^neap: %(error object is a %a+ value", result.err)
            assert.equal(1, result.status)
        end
    end)

    it("that cannot be written anywhere stops nothing", function() -- F5
        local result = shell.run(("%s -e 'neap.spawn(error) neap.yield() " ..
            "neap.yield() print(1)' 2>&-"):format(shell.quote(shell.neap)))
        assert.equal("1\n", result.out)
        assert.equal(1, result.status)
    end)

    it("reaches who awaits as it is", function() -- F7
        for _, e in ipairs {{}, print, io.stdout, setmetatable({}, {
                __tostring = error, __eq = error}), coroutine.create(print)} do
            local task = start(error, e)
            local _, raised = pcall(task.await, task)
            assert.is_true(rawequal(e, raised))
            assert.is_true(rawequal(e, task:error()))
        end
    end)
end)

describe("one task that fails badly:", function()
    it("in a message handler of its own", function() -- F9
        local out = tasks.out [[
            local function deep() return deep() + 1 end
            local task = neap.spawn(function()
                return pcall(xpcall, deep, function() return deep() end)
            end)
            local ok, inner, e = task:await()
            print(ok, inner, type(e))
            task = neap.spawn(xpcall, error, error, "x")
            print(task:await())
            neap.sleep(1)
            print "lives"
        ]]
        assert.matches("^true\tfalse\tstring\n.-\nlives\n$", out)
    end)

    it("waiting in its message handler", function() -- F9
        local out = tasks.out [[
            print(neap.spawn(xpcall, error, function()
                neap.sleep(1)
            end, "x"):await())
            neap.sleep(1)
            print "lives"
        ]]
        assert.matches("^false\t.-\nlives\n$", out)
    end)

    it("by a stack overflow", function() -- F10
        local words = check_report("it:1: stack overflow",
            "local function f() return f() + 1 end f()")
        assert.is_true(#words < 3000)
        check_report("it:1: stack overflow.-",
            "local function f(...) return (f(1, ...)) end f()")
    end)

    it("by a stack overflow of C", function() -- F10
        check_report(".-C stack overflow.-",
            "local function f(s) return s:gsub('.', f) end f 'x'")
    end)

    it("by an overflow that its clean-up meets, too", function() -- F10
        check_report("it:1: stack overflow.-", "local function f() " ..
            "local _ <close> = setmetatable({}, {__close = function() end}) " ..
            "return f() + 1 end f()")
    end)

    it("by an error of memory", function() -- F10
        local script = [[
            local neap = require "neap"
            neap.run(function()
                local task = neap.spawn(function()
                    local _ <close> = setmetatable({}, {
                        __close = function() neap.sleep(1) print "closed" end})
                    %s
                end)
                print(pcall(task.await, task))
                neap.spawn(print, neap.time()):await()
            end)
        ]]
        for _, body in ipairs {
            "local s = ('x'):rep(1e6) while true do s = s .. s end",
            "local list = {} while true do list[#list + 1] = {} end",
            "while true do neap.call_later(1, math.abs, 1) end",
        } do
            assert.matches("^closed\nfalse\t.*not enough memory\n1%.0\n$",
                tasks.outside(script:format(body), 8 << 20))
        end
    end)

    it("does not use up the coroutine of another", function() -- F10
        tasks.out [[
            for _ = 1, 3 do
                local task = neap.spawn(function()
                    local function f() return f() + 1 end
                    f()
                end)
                assert(not pcall(task.await, task))
                assert(neap.spawn(math.abs, -1):await() == 1)
            end
            collectgarbage()
            assert(collectgarbage "count" < 5000)
        ]]
    end)
end)

describe("what is the loop's:", function()
    it("coroutine.yield in a task's body is Lua's error, with a hint",
        function() -- F12
            local task = start(function()
                return pcall(coroutine.yield, 1)
            end)
            local ok, e = task:await()
            assert.is_false(ok)
            assert.equal("attempt to yield from outside a coroutine (a task " ..
                "lets the others run with neap.yield())", e)
            local direct = start(coroutine.yield)
            assert.matches("attempt to yield from outside", direct:error())
        end)

    it("coroutine.yield in a coroutine of the task's is its own", function()
        -- F12
        local task = start(function()
            local list = {}
            for i in coroutine.wrap(function()
                for i = 1, 3 do
                    neap.yield()
                    coroutine.yield(i)
                end
            end) do list[#list + 1] = i end
            return table.concat(list, " ")
        end)
        tasks.settle()
        assert.equal("1 2 3", task:await())
    end)

    -- Coroutines of tasks: running, waiting, ended.
    local function coroutines()
        local list = {running = coroutine.running()}
        local function note(name, wait)
            return tasks.start(function()
                list[name] = coroutine.running()
                wait()
            end)
        end
        note("waiting", tasks.forever)
        note("nested", function() coroutine.wrap(tasks.forever)() end)
        note("ended", neap.yield)
        return list
    end

    it("a task's coroutine is not to be resumed", function() -- F13
        for name, co in pairs(coroutines()) do
            local ok, e = coroutine.resume(co)
            assert.is_false(ok)
            assert.equal(name == "ended" and "cannot resume dead coroutine"
                or "cannot resume non-suspended coroutine", e)
        end
    end)

    it("nor to be closed", function() -- F13
        local list = coroutines()
        assert.equal("dead", coroutine.status(list.ended))
        assert.is_true(coroutine.close(list.ended))
        list.ended = nil
        for name, co in pairs(list) do
            local status = name == "running" and name or "normal"
            assert.equal(status, coroutine.status(co))
            assert.error_matches(function() coroutine.close(co) end,
                "cannot close a " .. status .. " coroutine")
        end
    end)

    it("a coroutine that waits is not to be resumed, or awaited", function()
        -- F13 F14
        local co = coroutine.create(tasks.forever)
        local task = start(coroutine.resume, co)
        assert.same({false, "cannot resume non-suspended coroutine"},
            {coroutine.resume(co)})
        assert.error_matches(function() neap.await(co) end,
            "Task or Future expected, got thread")
        task:cancel()
        assert.is_false((task:await()))
        assert.equal("dead", coroutine.status(co))
    end)

    it("spawn takes a function, not a coroutine", function() -- F14
        local dead = coroutine.create(math.abs)
        coroutine.resume(dead, 1)
        for _, co in ipairs {dead, coroutine.create(print)} do
            assert.error_matches(function() neap.spawn(co) end,
                "bad argument #1 to 'spawn' %(function expected, got thread%)")
        end
    end)

    it("a wrap that has ended is an error, no assertion", function() -- F14
        local dead = coroutine.wrap(function() end)
        dead()
        assert.matches("cannot resume dead coroutine", start(dead):error())
        local live = coroutine.wrap(function(a) return coroutine.yield(a) end)
        assert.equal(1, neap.spawn(live, 1):await())
        assert.equal(2, neap.spawn(live, 2):await())
        assert.matches("cannot resume dead coroutine",
            start(live, 3):error())
    end)
end)
