-- SPDX-License-Identifier: MIT
--
-- Callbacks: call_soon, call_later, call_at, on_done. The numbers are those of
-- SEMANTICS, groups 1 and 4.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, forever = tasks.settle, tasks.forever

after_each(tasks.sweep)

-- A list in words, and a function that appends to it.
local function log()
    local list = {}
    return setmetatable({}, {__tostring = function()
        return table.concat(list, " ")
    end}), function(...)
        for i = 1, select("#", ...) do
            list[#list + 1] = tostring((select(i, ...)))
        end
    end
end

describe("call_soon:", function()
    it("calls in the next pass, in order, with the arguments", function() -- S4
        local list, note = log()
        neap.call_soon(note, 1, nil, "x")
        neap.spawn(note, 2)
        neap.call_soon(note)
        neap.call_soon(note, 3)
        assert.equal("", tostring(list))
        neap.yield()
        assert.equal("1 nil x 2 3", tostring(list))
    end)

    it("what a callback posts runs in the pass after its own", function() -- S4
        local list, note = log()
        neap.call_soon(function()
            note "first"
            neap.call_soon(note, "posted")
        end)
        neap.call_soon(note, "second")
        neap.yield()
        assert.equal("first second", tostring(list))
        neap.yield()
        assert.equal("first second posted", tostring(list))
    end)

    it("one that posts itself for ever starves nobody", function() -- S3
        local calls, stop = 0, false
        local function again()
            calls = calls + 1
            if not stop then neap.call_soon(again) end
        end
        neap.call_soon(again)
        neap.sleep(0.002)
        local before = calls
        neap.yield()
        neap.yield()
        assert.equal(2, calls - before)
        stop = true
        assert.is_true(before > 0)
    end)

    it("can be cancelled until it is called", function() -- S7
        local list, note = log()
        local handle = neap.call_soon(note, "never")
        assert.is_false(handle:cancelled())
        assert.is_true(handle:cancel())
        assert.is_false(handle:cancel())
        assert.is_true(handle:cancelled())
        local called = neap.call_soon(note, "called")
        neap.yield()
        assert.is_false(called:cancel())
        assert.equal("called", tostring(list))
    end)

    it("passes many arguments, but not too many", function()
        local count
        local function note(...) count = select("#", ...) end
        neap.call_soon(note, table.unpack({}, 1, 60000))
        neap.yield()
        assert.equal(60000, count)
        assert.error_matches(function()
            neap.call_soon(note, table.unpack({}, 1, 60001))
        end, "bad argument #2 to 'call_soon' %(too many arguments%)")
    end)
end)

describe("call_later and call_at:", function()
    it("call at their time, with the arguments", function()
        assert.equal("1.0\ta\n2.0\tb\tnil\n", tasks.out [[
            local function note(...) print(neap.time(), ...) end
            neap.call_at(2, note, "b", nil)
            neap.call_later(1, note, "a")
            neap.sleep(3)
        ]])
    end)

    it("0 within a timer's callback fires later", function() -- S6
        assert.equal("outer\nother\ninner\n0.0\n", tasks.out [[
            neap.call_later(0, function()
                neap.call_later(0, print, "inner")
                print "outer"
            end)
            neap.call_later(0, print, "other")
            neap.call_later(0, function() neap.call_later(0, function()
                print(neap.time())
            end) end)
            neap.sleep(1)
        ]])
    end)

    it("0 again and again starves no socket", function() -- S6
        local a, b = neap.socketpair()
        local reader = tasks.start(a.recv, a)
        local calls, stop = 0, false
        local function again()
            calls = calls + 1
            if calls == 3 then b:send "through" end
            if not stop then neap.call_later(0, again) end
        end
        again()
        assert.equal("through", reader:await())
        assert.is_true(calls >= 3 and calls < 1000)
        stop = true
        a:close()
        b:close()
    end)

    it("one that an earlier one of its turn cancels is not called", function()
        -- S7
        assert.equal("first\nthird\n", tasks.out [[
            local second
            neap.call_at(1, function()
                print "first"
                assert(second:cancel())
            end)
            second = neap.call_at(1, print, "second")
            neap.call_at(1, print, "third")
            neap.sleep(2)
        ]])
    end)

    it("one that cancels itself has been called once", function() -- S8
        assert.equal("1.0\tfalse\tfalse\n", tasks.out [[
            local handle
            handle = neap.call_later(1, function()
                print(neap.time(), handle:cancel(), handle:cancelled())
            end)
            neap.sleep(10)
        ]])
    end)

    it("one may begin a new one, again and again", function() -- S8
        assert.equal("1.0\n2.0\n3.0\nfalse\n", tasks.out [[
            local handle, old
            local function again()
                print(neap.time())
                old = handle
                handle = neap.time() < 3 and neap.call_later(1, again)
            end
            handle = neap.call_later(1, again)
            neap.sleep(10)
            print(old:cancel())
        ]])
    end)

    it("take a time and a function", function()
        for _, name in ipairs {"call_later", "call_at"} do
            local call = neap[name]
            local words = ("bad argument #%%d to '%s' %%%%(%%s%%%%)")
                :format(name)
            local function check(number, what, ...)
                local ok, e = pcall(call, ...)
                assert.is_false(ok)
                assert.matches(words:gsub("call", "neap.call", 1)
                    :format(number, what), e)
            end
            check(1, "number expected, got no value")
            check(1, "number expected, got string", "soon", print)
            check(1, "number expected, got function", print)
            check(2, "function expected, got no value", 1)
            check(2, "function expected, got table", 1, {})
            check(1, "number of seconds expected, got nan", 0 / 0, print)
        end
        assert.error_matches(function() neap.call_soon() end,
            "bad argument #1 to 'call_soon' " ..
            "%(function expected, got no value%)")
        assert.error_matches(function() neap.call_soon(1, print) end,
            "bad argument #1 to 'call_soon' %(function expected, got number%)")
    end)

    it("handles have words and methods of their own", function()
        local handle = neap.call_later(1000, print)
        assert.matches("^<Handle pending, .*callback_spec.lua:%d+>$",
            tostring(handle))
        handle:cancel()
        assert.matches("^<Handle cancelled, ", tostring(handle))
        handle = neap.call_soon(math.abs, 1)
        neap.yield()
        assert.matches("^<Handle called, ", tostring(handle))
        assert.error_matches(function()
            local call = {cancel = handle.cancel}
            call.cancel(neap.Future())
        end, "bad argument #1 to 'cancel' %(neap.Handle expected, " ..
            "got neap.Future%)")
    end)
end)

describe("in a callback:", function()
    local function inside(fn)
        local result
        neap.call_soon(function() result = table.pack(fn()) end)
        neap.yield()
        return table.unpack(result, 1, result.n)
    end

    it("there is no current task", function()
        assert.is_nil(inside(neap.current))
    end)

    it("no call may wait", function()
        local future = neap.Future()
        for name, wait in pairs {
            sleep = function() neap.sleep(1) end, yield = neap.yield,
            await = function() future:await() end,
            gather = function() neap.gather(forever) end,
            wait = function() neap.wait {forever} end,
            settle = function() neap.settle(forever) end,
            race = function() neap.race(forever) end,
            map = function() neap.map({1}, forever) end,
            as_completed = function() neap.as_completed {forever} end,
            run = function() neap.run(forever) end,
            every = function() neap.every(1)() end,
            run_forever = function() neap.loop():run_forever() end,
            run_until_complete = function()
                neap.loop():run_until_complete(forever)
            end,
            close = function() neap.loop():close() end,
            coroutine = function() coroutine.wrap(neap.yield)() end,
        } do
            local ok, e = inside(function() return pcall(wait) end)
            assert.is_false(ok, name)
            assert.matches("cannot wait here: this is a callback", e)
        end
        assert.equal(1, #neap.tasks())
    end)

    it("spawn puts the task into the run that made the callback", function()
        local task
        neap.run(function()
            neap.call_soon(function() task = neap.spawn(forever) end)
            neap.yield()
            neap.yield()
            assert(task:state() == "pending")
        end)
        assert.equal("cancelled", task:state())
        neap.run(function()
            neap.call_later(0, function() task = neap.spawn(forever) end)
        end)
        neap.sleep(0.001)
        assert.equal("pending", task:state())   -- that run is over
    end)

    it("what has ended is there without a wait", function()
        local future = neap.Future()
        future:set_result(5)
        assert.equal(5, inside(function() return future:await() end))
    end)
end)

describe("on_done:", function()
    for name, make in pairs {
        Future = neap.Future,
        Task = function() return neap.spawn(forever) end,
    } do
        local function finish(x)
            if name == "Future" then x:set_result() else x:cancel() end
            settle()
        end

        it("calls with the arguments and the " .. name, function() -- F2
            local list, note = log()
            local x = make()
            x:on_done(note, 1, nil)
            x:on_done(note, "second")
            settle()
            assert.equal("", tostring(list))
            finish(x)
            assert.equal(("1 nil %s second %s"):format(x, x), tostring(list))
        end)

        it("on an ended " .. name .. " calls in the next pass", function()
            -- F2
            local list, note = log()
            local x = make()
            finish(x)
            x:on_done(note, "late")
            assert.equal("", tostring(list))
            neap.yield()
            assert.equal(("late %s"):format(x), tostring(list))
        end)

        it("callbacks of a " .. name .. " may remove themselves and others",
            function() -- F3
                local list, note = log()
                local x = make()
                local function second() note "second" end
                local function third() note "third" end
                local function first()
                    note "first"
                    x:remove_done(first)
                    x:remove_done(third)
                    x:on_done(second)
                end
                x:on_done(first)
                x:on_done(second)
                x:on_done(third)
                finish(x)
                assert.equal("first second second", tostring(list))
            end)

        it("remove_done of a " .. name .. " says how many it removed",
            function() -- F3
                local list, note = log()
                local x = make()
                for i = 1, 3 do x:on_done(note, i) end
                x:on_done(settle)
                assert.equal(0, x:remove_done(print, "more"))
                assert.equal(3, x:remove_done(note, {}))
                assert.equal(0, x:remove_done(note))
                assert.equal(1, x:remove_done(settle))
                x:on_done(note, "again")
                finish(x)
                assert.equal(("again %s"):format(x), tostring(list))
                assert.equal(0, x:remove_done(note))
            end)
    end

    it("what was removed is not kept", function() -- F3
        local future, kept = neap.Future(), setmetatable({}, {__mode = "k"})
        for _ = 1, 100 do
            local argument = {}
            kept[argument] = true
            future:on_done(print, argument)
            future:remove_done(print)
        end
        collectgarbage()
        collectgarbage()
        assert.is_nil(next(kept))
    end)

    it("a task that is done with an error has a callback to see it", function()
        -- F6
        assert.equal("failed\tboom\n", tasks.out [[
            neap.spawn(error, "boom"):on_done(function(task)
                print(task:state(), task:error())
            end)
            neap.yield()
            neap.yield()
        ]])
    end)
end)

describe("a callback that fails:", function()
    it("is reported with its line; the others run, the future stands",
        function() -- F4
            local result = tasks.run [[
                local future = neap.Future()
                future:on_done(function() error "bad callback" end)
                future:on_done(print, "runs")
                future:set_result(7)
                neap.call_soon(error)
                neap.yield()
                print(future:result())
            ]]
            assert.matches("^runs\t<Future.-\n7\n$", result.out)
            assert.matches("neap: error: it:2: bad callback\nstack traceback:"
                .. ".-it:2: in .-\n\tspawned at it:2\n", result.err)
            assert.matches("neap: error: %(error object is a nil value%)\n",
                result.err)
            assert.equal(1, result.status)
        end)

    for how, call in pairs {
        ["loop:call_soon"] = "neap.loop():call_soon(f)",
        ["loop:call_later"] = "neap.loop():call_later(0, f)",
        ["pcall(call_soon)"] = "pcall(neap.call_soon, f)",
        ["a tail call"] = "(function() return neap.call_soon(f) end)()",
    } do
        it("is reported with the line of " .. how, function() -- F4
            local result = tasks.run(("local function f() error 'bad' end\n" ..
                "%s\nneap.sleep(1)"):format(call))
            assert.matches("spawned at it:2\n", result.err)
        end)
    end
end)
