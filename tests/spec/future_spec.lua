-- SPDX-License-Identifier: MIT
--
-- Futures, and what Tasks share with them. The numbers are those of SEMANTICS,
-- group 4.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, states = tasks.settle, tasks.start, tasks.states
local forever = tasks.forever

after_each(tasks.sweep)

describe("a future:", function()
    it("is pending, then finished, failed or cancelled", function() -- F1
        local one, two, three = neap.Future(), neap.Future(), neap.Future()
        assert.equal("pending pending pending", states(one, two, three))
        assert.is_false(one:done())
        one:set_result(1, nil, 3)
        two:set_error "bad"
        assert.is_true(three:cancel "why")
        assert.equal("finished failed cancelled", states(one, two, three))
        for _, future in ipairs {one, two, three} do
            assert.is_true(future:done())
            assert.equal(future == three, future:cancelled())
        end
        assert.same({n = 3, 1, nil, 3}, table.pack(one:result()))
        assert.is_nil(one:error())
        assert.equal("bad", two:error())
        assert.same({false, "bad"}, {pcall(two.result, two)})
        assert.equal("why", three:error().reason)
        assert.equal(three, three:error().task)
        assert.is_true(neap.is_cancelled(select(2, pcall(three.result, three))))
    end)

    it("ends once: what was first stands", function() -- F1
        local ends = {
            finished = function(f) f:set_result(1) end,
            failed = function(f) f:set_error(1) end,
            cancelled = function(f) f:cancel(1) end,
        }
        for state, finish in pairs(ends) do
            local future = neap.Future()
            finish(future)
            local words = "invalid state: <Future " .. state
            assert.error_matches(function() future:set_result(2) end, words)
            assert.error_matches(function() future:set_error(2) end, words)
            assert.is_false(future:cancel(2))
            assert.equal(state, future:state())
            assert.not_equal(2, future:error())
        end
    end)

    it("that is pending has neither result nor error", function() -- F1
        for _, x in ipairs {neap.Future(), neap.spawn(forever)} do
            local words = tostring(x):gsub("%p", "%%%0") ..
                " has not finished yet"
            assert.error_matches(function() x:result() end, words)
            assert.error_matches(function() x:error() end, words)
        end
    end)

    it("wakes whoever waits, in the next pass", function() -- F2
        local future = neap.Future()
        local task = start(future.await, future)
        future:set_result(7)
        assert.equal("pending", task:state())
        neap.yield()
        assert.equal(7, task:result())
    end)

    it("raises its error, the same object, in all who wait", function() -- F7
        local future, e = neap.Future(), setmetatable({}, {})
        local list = {}
        for i = 1, 3 do list[i] = start(future.await, future) end
        future:set_error(e)
        settle()
        for i = 1, 3 do assert.is_true(list[i]:error() == e) end
    end)

    it("that nobody refers to is collected, with its callbacks", function()
        local gone = setmetatable({}, {__mode = "k"})
        do
            local future = neap.Future()
            future:on_done(print, future)
            gone[future] = true
        end
        collectgarbage()
        collectgarbage()
        assert.is_nil(next(gone))
    end)

    it("has words", function()
        local future = neap.Future()
        assert.matches("^<Future pending at 0x%x+>$", tostring(future))
        future:set_result()
        assert.matches("^<Future finished at 0x%x+>$", tostring(future))
    end)

    it("an error that is nil, false, a number or a table comes as it is",
        function() -- F7
            for _, e in ipairs {false, 0, 1.5, {}, print, io.stdout, "nil"} do
                local value = e
                if e == "nil" then value = nil end
                local future = neap.Future()
                future:set_error(value)
                assert.equal("failed", future:state())
                assert.is_true(future:error() == value)
                assert.same({n = 2, false, value},
                    table.pack(pcall(future.await, future)))
                local task = neap.spawn(error, value)
                assert.same({n = 2, false, value},
                    table.pack(pcall(task.await, task)))
                assert.equal("failed", task:state())
            end
        end)

    it("its own metatable is not to be had", function()
        assert.is_false(getmetatable(neap.Future()))
        assert.is_false(getmetatable(neap.current()))
        assert.is_false(getmetatable(neap.loop()))
        assert.is_false(pcall(setmetatable, neap.Future(), {}))
    end)
end)

describe("a task, to others:", function()
    it("is pending, running, and then what it came to", function()
        local inside
        local fine = neap.spawn(function()
            inside = neap.current():state()
            neap.yield()
        end)
        local bad, gone = neap.spawn(error, "bad"), neap.spawn(forever)
        assert.equal("pending pending pending", states(fine, bad, gone))
        neap.yield()
        assert.equal("running", inside)
        assert.equal("pending failed pending", states(fine, bad, gone))
        gone:cancel()
        settle()
        assert.equal("finished failed cancelled", states(fine, bad, gone))
        assert.equal("bad", bad:error())
    end)

    it("has no set_result: its end is its own", function()
        local task, future = neap.spawn(forever), neap.Future()
        assert.is_nil(task.set_result)
        assert.error_matches(function() future.set_result(task, 1) end,
            "bad argument #1 to 'set_result' %(neap.Future expected, " ..
            "got neap.Task%)")
        assert.equal("pending", task:state())
    end)

    it("its name is what one calls it", function()
        local task = neap.spawn({name = "fetch"}, forever)
        assert.equal("fetch", task:name())
        assert.equal("get", task:name "get")
        assert.equal("get", task:name())
        assert.matches("^<Task #%d+ 'get' pending, ", tostring(task))
        local plain = neap.spawn(forever)
        assert.is_nil(plain:name())
        assert.equal("42", plain:name(42))
    end)

    it("its words say what it does and where", function()
        assert.equal([[
<Task #2 pending, it:5>
<Task #2 'it' pending, sleeping, it:3>
<Task #1 running, it:9>
<Task #2 'it' pending, awaiting, it:4>
<Task #2 'it' finished>
]], tasks.out [[
local future = neap.Future()
local function run()
    neap.sleep(1)
    future:await()
end local task = neap.spawn(run) print(task)
task:name "it"
neap.yield()
print(task)
print(neap.current())
neap.sleep(2)
print(task)
future:set_result()
neap.yield()
print(task)
]])
    end)

    it("its traceback is where it waits, then where it failed", function()
        local function deep(wait)
            wait()
            error "boom"
        end
        local here = "future_spec.lua:%d+: in .-"
        local waiting, task = start(deep, forever), start(deep, neap.yield)
        assert.matches("stack traceback:.-'await'.-tasks.lua:%d+: in .-" ..
            here, waiting:traceback())
        assert.matches("boom", task:error())
        assert.matches("stack traceback:.-'error'.-" .. here,
            task:traceback())
        local fine = start(math.abs, 1)
        assert.is_nil(fine:traceback())
    end)

    it("looking at its traceback while it runs hides no error", function()
        -- F6
        local result = tasks.run [[
            local task = neap.spawn(function() neap.sleep(1) error "boom" end)
            neap.yield()
            task:traceback()
            neap.sleep(2)
        ]]
        assert.matches("task #2 failed: it:1: boom", result.err)
        assert.equal(1, result.status)
    end)
end)

describe("methods:", function()
    local future, task = neap.Future(), nil
    before_each(function() task = neap.spawn(forever) end)

    -- What x.method(...) and x:method(...) raise: Lua knows the name only of
    -- what is written out.
    local function check(words, code, ...)
        local ok, e = pcall(load("local x, y = ... " .. code), ...)
        assert.is_false(ok)
        assert.truthy(e:find(words, 1, true), e)
    end

    for _, method in ipairs {"await", "result", "error", "done", "cancelled",
            "cancel", "state", "on_done", "remove_done"} do
        it(method .. " is a Task's or Future's", function()
            local words = ("bad argument #1 to '%s' (Task or Future " ..
                "expected, got %%s)"):format(method)
            for _, x in ipairs {future, task} do
                local code = ("x.%s(y)"):format(method)
                check(words:format "number", code, x, 1)
                check(words:format "FILE*", code, x, io.stdout)
                check(words:format "neap.Loop", code, x, neap.loop())
                check(words:format "no value", ("x.%s()"):format(method), x)
            end
        end)
    end

    for _, method in ipairs {"name", "traceback"} do
        it(method .. " is a Task's", function()
            assert.is_nil(future[method])
            check(("bad argument #1 to '%s' (neap.Task expected, got " ..
                "neap.Future)"):format(method), ("x.%s(y)"):format(method),
                task, future)
        end)
    end

    it("on_done and remove_done take a function", function()
        for _, x in ipairs {future, task} do
            for _, method in ipairs {"on_done", "remove_done"} do
                local words = "bad argument #1 to '" .. method ..
                    "' (function expected, got "
                check(words .. "no value)", ("x:%s()"):format(method), x)
                check(words .. "table)", ("x:%s {}"):format(method), x)
            end
        end
    end)

    it("set_error takes an error", function()
        check("bad argument #1 to 'set_error' (value expected)",
            "x:set_error()", future)
        assert.equal("pending", future:state())
    end)
end)
