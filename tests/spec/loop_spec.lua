-- SPDX-License-Identifier: MIT
--
-- neap.loop(): asyncio's face of the one loop. The numbers are those of
-- SEMANTICS, group 1. What is outside of tasks runs in a runtime of its own.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local start, settle = tasks.start, tasks.settle
local outside, forever = tasks.outside, tasks.forever

after_each(tasks.sweep)
teardown(tasks.clean)

local loop = neap.loop()

describe("the loop:", function()
    it("is always the same", function()
        assert.equal(loop, neap.loop())
        assert.matches("^<Loop running, %d+ tasks>$", tostring(loop))
    end)

    it("its functions are those of neap", function()
        local list = {}
        loop:call_soon(table.insert, list, "soon")
        local handle = loop:call_soon_threadsafe(table.insert, list,
            "threadsafe")
        assert.is_false(handle:cancelled())
        assert.is_true(loop:call_soon_threadsafe(error):cancel())
        loop:call_later(0.0001, table.insert, list, "later")
        loop:call_at(loop:time() + 0.0002, table.insert, list, "at")
        local task = loop:create_task(function(...)
            list[#list + 1] = "task"
            return ...
        end, 1, nil)
        local future = loop:create_future()
        neap.sleep(0.001)
        assert.equal("soon threadsafe task later at", table.concat(list, " "))
        assert.same({n = 2, 1, nil}, table.pack(task:await()))
        assert.equal("pending", future:state())
        assert.is_true(loop:is_running())
        local named = loop:create_task({name = "n"}, forever)
        assert.equal("n", named:name())
        handle = loop:call_later(1000, print)
        assert.is_true(handle:cancel())
    end)

    it("its methods are called with a colon", function()
        for _, method in ipairs {"call_soon", "call_later", "call_at", "time",
                "create_task", "create_future", "run_until_complete",
                "run_forever", "run_once", "stop", "close", "is_running",
                "add_reader", "remove_reader", "add_writer", "remove_writer",
                "call_soon_threadsafe"} do
            local code = "local loop, x = ... loop." .. method .. "(x, x)"
            for _, x in ipairs {print, 1, {}, neap.Future()} do
                local ok, e = pcall(load(code), loop, x)
                assert.is_false(ok)
                assert.matches("bad argument #1 to '" .. method ..
                    "' %(neap.Loop expected, got ", e)
            end
        end
    end)

    it("its methods take what theirs take", function()
        local function check(words, call)
            local ok, e = pcall(call)
            assert.is_false(ok)
            assert.truthy(e:find(words, 1, true), e)
        end
        check("#1 to 'run_until_complete' (Task, Future or function expected, "
            .. "got no value)", function() loop:run_until_complete() end)
        check("#1 to 'run_until_complete' (Task, Future or function expected, "
            .. "got nil)", function() loop:run_until_complete(nil) end)
        check("(number expected, got string)",
            function() loop:call_later("soon", print) end)
        check("(function expected, got nil)",
            function() loop:create_task(nil) end)
        check("#1 to 'add_reader' (Socket or descriptor number expected, " ..
            "got string)", function() loop:add_reader("x", print) end)
        check("#1 to 'add_writer' (a descriptor's number expected)",
            function() loop:add_writer(-1, print) end)
        check("#1 to 'remove_reader' (Socket or descriptor number expected, " ..
            "got number)", function() loop:remove_reader(1.5) end)
        check("#2 to 'add_reader' (function expected, got no value)",
            function() loop:add_reader(0) end)
    end)
end)

describe("in a task:", function()
    it("run_once is an error, which says what to do", function() -- S20
        assert.error_matches(function() loop:run_once() end,
            "run_once inside the loop: it is running %(neap.yield%(%) lets")
    end)

    it("run_until_complete waits, and gives the results", function() -- S20
        local ran = false
        neap.spawn(function() ran = true end)
        local future = neap.Future()
        neap.call_later(0.001, future.set_result, future, 1, nil)
        assert.same({n = 2, 1, nil},
            table.pack(loop:run_until_complete(future)))
        assert.is_true(ran)
        assert.equal("x", loop:run_until_complete(function()
            neap.yield()
            return "x"
        end))
        assert.equal("x", loop:run_until_complete(start(tostring, "x")))
        local e = {}
        local ok, raised = pcall(loop.run_until_complete, loop,
            neap.spawn(error, e))
        assert.is_false(ok)
        assert.is_true(raised == e)
    end)

    it("run_forever waits until stop, and that is no deadlock", function()
        -- S21
        assert.equal("before\nstopped at 0.0\n", tasks.out [[
            local loop = neap.loop()
            neap.spawn(function()
                print "before"
                loop:stop()
            end)
            loop:run_forever()
            print("stopped at " .. neap.time())
        ]])
    end)

    it("stop ends the innermost that runs", function() -- S21
        local list = {}
        local function note(name, ...)
            loop:run_forever(...)
            list[#list + 1] = name
        end
        local outer, inner = start(note, "outer"), start(note, "inner")
        loop:stop()
        loop:stop()             -- twice: still one
        settle()
        assert.same({"inner"}, list)
        loop:stop()
        settle()
        assert.same({"inner", "outer"}, list)
        assert.is_true(outer:done() and inner:done())
    end)

    it("stop before any runs ends the next", function() -- S21
        loop:stop()
        loop:stop()
        loop:run_forever()
        local task = start(loop.run_forever, loop)
        assert.equal("pending", task:state())
        loop:stop()
        task:await()
    end)

    it("run_until_complete that is stopped says so", function() -- S21
        local future = neap.Future()
        local task = start(loop.run_until_complete, loop, future)
        loop:stop()
        settle()
        assert.matches("the loop was stopped before <Future pending at " ..
            "0x%x+> ended", task:error())
        assert.equal("pending", future:state())
    end)

    it("one that was cancelled is stopped by nobody", function() -- S21
        local first, second = start(loop.run_forever, loop),
            start(loop.run_forever, loop)
        second:cancel()
        settle()
        loop:stop()
        settle()
        assert.equal("finished cancelled", tasks.states(first, second))
    end)

    it("close cancels and awaits what is left of this run", function()
        local closed, other = {}, neap.spawn(forever)
        neap.run(function()
            for i = 1, 3 do
                neap.spawn(function()
                    local _ <close> = tasks.guard(function(e)
                        closed[i] = e.reason
                    end)
                    forever()
                end)
            end
            settle()
            loop:close()
            assert.same({"the loop was closed", "the loop was closed",
                "the loop was closed"}, closed)
            loop:close()                        -- nothing is left
            assert(neap.spawn(math.abs, -1):await() == 1)
        end)
        assert.equal("pending", other:state())
    end)

    it("in a cancelled task close raises, but has cancelled", function()
        local inner
        local task = start(function()
            pcall(forever)
            inner = neap.spawn(forever)
            return neap.run(function() loop:close() end)
        end)
        task:cancel()
        settle()
        assert.equal("cancelled", task:state())
        assert.equal("pending", inner:state())
    end)
end)

describe("outside of tasks:", function()
    it("run gives results, raises errors, awaits what is left", function()
        -- S17 S20
        assert.equal("1\tnil\nfalse\tcode:7: boom\nleft\tcancelled: the run " ..
            "that spawned it has ended\nagain\n", outside [[
            local neap = require "neap"
            print(neap.run(function(...) neap.sleep(1) return ... end, 1, nil))
            local function left()
                local _ <close> = setmetatable({}, {
                    __close = function(_, e) print("left", e) end})
                neap.sleep(1000) end
            print(pcall(neap.run, function() error "boom" end))
            neap.run(function() neap.spawn(left) neap.yield() end)
            neap.run(function() print "again" end)
        ]])
    end)

    it("no call may wait; it says what to do", function() -- S20
        assert.matches("cannot wait outside of a task: put it into neap.run",
            outside [[require "neap".sleep(1)]])
        assert.matches("cannot wait outside of a task: put it into neap.run",
            outside [[
                local neap = require "neap"
                neap.gather(function() end)
            ]])
    end)

    it("what was begun before is run by the next run", function() -- S21
        assert.equal("nil\tfalse\n<Loop idle, 1 tasks>\nsoon\ntask\tmain\n",
            outside [[
                local neap = require "neap"
                local loop = neap.loop()
                print(neap.current(), loop:is_running())
                loop:call_soon(print, "soon")
                local task = loop:create_task(function() return "task" end)
                print(loop)
                print(neap.run(function() return task:await(), "main" end))
            ]])
    end)

    it("stop before run_forever: it runs one pass and returns", function()
        -- S21
        assert.equal("1\nthrough\n2\nthrough again\n", outside [[
            local loop = require "neap".loop()
            loop:call_soon(function()
                print(1)
                loop:call_soon(print, 2)        -- kept for the next
            end)
            loop:stop()
            loop:stop()
            loop:run_forever()
            print "through"
            loop:stop()
            loop:run_forever()
            print "through again"
        ]])
    end)

    it("stop during run_forever: it returns once, the rest is kept", function()
        -- S21
        assert.equal("stopping\nin the same pass\nthrough\nkept\nthrough\n",
            outside [[
                local loop = require "neap".loop()
                loop:call_soon(function()
                    print "stopping"
                    loop:stop()
                    loop:stop()
                    loop:call_soon(print, "kept")
                end)
                loop:call_soon(print, "in the same pass")
                loop:run_forever()
                print "through"
                loop:call_later(10, loop.stop, loop)
                loop:run_forever()
                print "through"
            ]])
    end)

    it("run_until_complete gives results, and the others wait", function()
        -- S21
        assert.equal("results\tnil\nfinished\tpending\nthree\t3.0\n" ..
            "finished\n", outside [[
            local neap = require "neap"
            local loop = neap.loop()
            local one = loop:create_task(function()
                neap.sleep(1)
                return "results", nil
            end)
            local three = loop:create_task(function()
                neap.sleep(3)
                return "three"
            end)
            print(loop:run_until_complete(one))
            print(one:state(), three:state())
            print(loop:run_until_complete(three), loop:time())
            loop:run_until_complete(neap.yield)
            print(three:state())
        ]])
    end)

    it("run_once runs one turn", function() -- S21
        assert.equal("a\nb\n5.0\ntimer\n", outside [[
            local neap = require "neap"
            local loop = neap.loop()
            neap.call_soon(print, "a")
            neap.call_soon(neap.call_soon, print, "b")
            neap.call_later(5, function() print(neap.time()) end)
            neap.call_later(5, print, "timer")
            loop:run_once()
            loop:run_once()
            loop:run_once()
        ]])
    end)

    it("close cancels and awaits all tasks; more can be begun", function()
        assert.equal("cancelled: the loop was closed\ncancelled\n1\n",
            outside [[
            local neap = require "neap"
            local loop = neap.loop()
            local task = neap.spawn(function()
                local _ <close> = setmetatable({}, {
                    __close = function(_, e) print(e) end})
                neap.sleep(1000)
            end)
            loop:run_until_complete(neap.yield)
            loop:close()
            print(task:state())
            print(loop:run_until_complete(function() return 1 end))
            loop:close()
        ]])
    end)

    it("a callback cannot run the loop", function() -- S20
        assert.matches("^false\tcannot wait here: this is a callback" ..
            ".-\nfalse\tcannot wait here: this is a callback.-\n" ..
            "false\trun_once inside the loop", outside [[
            local neap = require "neap"
            local loop = neap.loop()
            loop:call_soon(function()
                print(pcall(neap.run, print))
                print(pcall(loop.run_forever, loop))
                print(pcall(loop.run_once, loop))
            end)
            loop:run_once()
        ]])
    end)

    it("a task that fails unseen is reported", function() -- F6
        assert.equal("error: boom\nthrough\n", outside [[
            local neap = require "neap"
            neap.spawn(error, "boom", 0)
            neap.run(neap.sleep, 1)
            print "through"
        ]])
    end)
end)
