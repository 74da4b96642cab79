-- SPDX-License-Identifier: MIT
--
-- neap.wait: some of a list, and what waits for each other in vain. The numbers
-- are those of SEMANTICS, group 3.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, states = tasks.settle, tasks.start, tasks.states
local forever = tasks.forever

after_each(tasks.sweep)

describe("wait:", function()
    -- Three futures, and a task that waits for them with these options.
    local function waiter(options)
        local list = {neap.Future(), neap.Future(), neap.Future()}
        return list, start(function()
            return neap.wait(list, options)
        end)
    end

    it("for all: returns when the last has ended", function() -- W16
        for _, options in ipairs {{}, {return_when = "all"}} do
            local list, task = waiter(options)
            list[3]:set_result()
            list[1]:set_error "bad"
            settle()
            assert.equal("pending", task:state())
            list[2]:cancel()
            assert.same({list, {}}, {task:await()})
        end
    end)

    it("for the first: all that ended in the pass are done", function() -- W16
        local list, task = waiter {return_when = "first_done"}
        list[3]:set_result()
        list[1]:set_result()
        assert.same({{list[1], list[3]}, {list[2]}}, {task:await()})
        assert.equal("pending", list[2]:state())
        local done, pending = neap.wait(list, {return_when = "first_done"})
        assert.same({{list[1], list[3]}, {list[2]}}, {done, pending})
    end)

    it("for the first error: done has what had ended by then", function()
        -- W18
        local list, task = waiter {return_when = "first_error"}
        list[2]:set_result()
        settle()
        assert.equal("pending", task:state())
        list[3]:set_error "bad"
        assert.same({{list[2], list[3]}, {list[1]}}, {task:await()})
        assert.equal("bad", list[3]:error())
        assert.equal("pending", list[1]:state())
    end)

    it("for the first error: without one, until all have ended", function()
        -- W18
        local list, task = waiter {return_when = "first_error"}
        for i = 1, 3 do list[i]:set_result() end
        assert.same({list, {}}, {task:await()})
    end)

    it("a cancelled one counts as an error", function() -- W18
        local list, task = waiter {return_when = "first_error"}
        list[1]:cancel()
        assert.same({{list[1]}, {list[2], list[3]}}, {task:await()})
    end)

    it("with a time-out: it returns, and cancels nothing", function() -- W17
        assert.equal("1.5\t1\t2\tfinished pending pending\n2.0 finished\n",
            tasks.out [[
                local list = {}
                for i = 1, 3 do
                    list[i] = neap.spawn(neap.sleep, i == 1 and 1 or 2)
                end
                list[3]:name "last"
                local done, pending = neap.wait(list, {timeout = 1.5})
                print(neap.time(), #done, #pending, list[1]:state() .. " " ..
                    list[2]:state() .. " " .. list[3]:state())
                pending[2]:await()
                print(neap.time() .. " " .. pending[2]:state())
            ]])
    end)

    it("with a time-out of 0, or less, it looks", function() -- W17
        local task, future = neap.spawn(neap.yield), neap.Future()
        for _, s in ipairs {0, -1, -math.huge} do
            local done, pending = neap.wait({task, future}, {timeout = s})
            assert.equal(2, #done + #pending)
            assert.equal(future, pending[#pending])
        end
        assert.equal("finished", task:state())
    end)

    it("with an infinite or huge time-out it waits", function() -- W17
        for _, s in ipairs {math.huge, 1e300, 2 ^ 53} do
            local list, task = waiter {timeout = s}
            for i = 1, 3 do list[i]:set_result() end
            assert.equal(3, #task:await())
        end
    end)

    it("the time-out is over with the wait", function() -- W17
        assert.equal("0.0\n", tasks.out [[
            neap.wait({neap.yield}, {timeout = 1000})
            pcall(neap.await, neap.Future())    -- a deadlock: no timer is left
            print(neap.time())
        ]])
    end)

    it("functions become tasks, in their place", function()
        local future = neap.Future()
        future:set_result()
        local done, pending = neap.wait {math.abs, future,
            function() return "x" end}
        assert.equal(0, #pending)
        assert.equal("failed finished finished",
            states(table.unpack(done)))
        assert.equal("x", done[3]:result())
        assert.equal(future, done[2])
    end)

    it("the same one twice stands twice in the result", function()
        local task = neap.spawn(neap.yield)
        assert.same({task, task}, (neap.wait {task, task}))
        local future = neap.Future()
        local done = neap.wait({task, future, task, future},
            {return_when = "first_done"})
        assert.same({task, task}, done)
    end)

    it("of nothing returns at once", function() -- W12
        local ran = false
        neap.spawn(function() ran = true end)
        for _, when in ipairs {"all", "first_done", "first_error"} do
            assert.same({{}, {}}, {neap.wait({}, {return_when = when})})
        end
        assert.is_false(ran)
    end)

    it("an error that is waited for is nobody's surprise", function() -- F6
        local result = tasks.run [[
            local done = neap.wait {function() error "seen" end}
            print(#done)
        ]]
        assert.same({out = "1\n", err = "", status = 0}, result)
    end)

    it("an error after its time-out is one that nobody waits for", function()
        -- F6
        local result = tasks.run [[
            neap.wait({function() neap.sleep(2) error "unseen" end},
                {timeout = 1})
        ]]
        assert.matches("task #2 failed: it:1: unseen", result.err)
        assert.equal(1, result.status)
    end)

    it("takes a list of tasks, futures and functions, and options", function()
        local function check(words, ...)
            local arguments = table.pack(...)
            local ok, e = pcall(function()
                neap.wait(table.unpack(arguments, 1, arguments.n))
            end)
            assert.is_false(ok)
            assert.truthy(e:find(words, 1, true), e)
        end
        check "bad argument #1 to 'wait' (table expected, got no value)"
        check("bad argument #1 to 'wait' (table expected, got function)", print)
        check("bad argument #2 to 'wait' (table expected, got number)", {}, 1)
        check("#1 to 'wait' (element 2: Task, Future or function expected, " ..
            "got string)", {forever, "x"})
        check("#1 to 'wait' (its length is negative)",
            setmetatable({}, {__len = function() return -1 end}))
        check("#1 to 'wait' (too many elements)",
            setmetatable({}, {__len = function() return 1 << 40 end}))
        check("object length is not an integer",
            setmetatable({}, {__len = function() return {} end}))
        check("#2 to 'wait' (option 'timeout': number of seconds expected, " ..
            "got nan)", {}, {timeout = 0 / 0})
        check("#2 to 'wait' (option 'timeout': number of seconds expected, " ..
            "got table)", {}, {timeout = {}})
        for _, when in ipairs {"ALL", "", 1, true} do
            check("#2 to 'wait' (option 'return_when': 'all', 'first_done' " ..
                "or 'first_error' expected, got " .. tostring(when) .. ")",
                {}, {return_when = when})
        end
        assert.equal(1, #neap.tasks())
    end)
end)

describe("waiting for each other:", function()
    it("two tasks: a deadlock, raised where main waits", function() -- W20 S19
        local result = tasks.run [[
            local a, b
            a = neap.spawn({name = "A"}, function() b:await() end)
            b = neap.spawn({name = "B"}, function() a:await() end)
            print(pcall(a.await, a))
            a:cancel()
            b:cancel()
        ]]
        assert.equal("", result.err)
        assert.equal(0, result.status)
        assert.matches("deadlock: nothing can wake these tasks", result.out)
        assert.matches("<Task #2 'A' pending, awaiting, it:2>: " ..
            "<Task #3 'B'", result.out)
        assert.matches("<Task #3 'B' pending, awaiting, it:3>: " ..
            "<Task #2 'A'", result.out)
    end)

    it("two tasks can be cancelled", function() -- W20
        local a, b
        a = neap.spawn(function() b:await() end)
        b = neap.spawn(function() a:await() end)
        settle()
        a:cancel()
        settle()
        assert.equal("cancelled failed", states(a, b))
        assert.equal(a:error(), b:error())
    end)

    for name, wait in pairs {gather = "neap.gather(%s)",
            settle = "neap.settle(%s)", race = "neap.race(%s)",
            as_completed = "for _ in neap.as_completed {%s} do end",
            wait = "neap.wait {%s}", await = "%s:await()"} do
        it("main and a task, by " .. name .. ": a deadlock, no hang", function()
            -- W20
            local result = tasks.run(([[
                local main = neap.current()
                local task = neap.spawn(function() pcall(function() %s end) end)
                print(pcall(function() %s end))
            ]]):format(wait:format "main", wait:format "task"))
            assert.equal("", result.err)
            assert.equal(0, result.status)
            assert.matches("^false\tdeadlock: nothing can wake", result.out)
        end)
    end
end)
