-- SPDX-License-Identifier: MIT
--
-- neap.as_completed: several in the order in which they end. The numbers are
-- those of SEMANTICS, group 3.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, states = tasks.settle, tasks.start, tasks.states
local forever, caught = tasks.forever, tasks.caught
local after, fail_after = tasks.after, tasks.fail_after
local ended, failed = tasks.ended, tasks.failed

after_each(tasks.sweep)

local function values_of(list, options)
    local values = {}
    for task in neap.as_completed(list, options) do
        values[#values + 1] = task:result()
    end
    return values
end

describe("as_completed:", function()
    it("gives each when it has ended, in that order", function() -- W24
        assert.same({"d", "b", "c", "a"}, values_of {after(5, "a"),
            neap.spawn(after(1, "b")), after(3, "c"), ended("d")})
        assert.same({}, values_of {})
    end)

    it("those that had ended come first, in the list's order", function()
        assert.same({1, 2, 3, 0}, values_of {after(0, 0), ended(1), ended(2),
            ended(3)})                                          -- W24
    end)

    it("gives the very task or future, ended", function() -- W24
        local future, task = neap.Future(), neap.spawn(after(2))
        neap.call_soon(future.set_result, future)
        local list = {}
        for x in neap.as_completed {task, future} do
            assert.is_true(x:done())
            list[#list + 1] = x
        end
        assert.same({future, task}, list)
    end)

    it("keeps the order while the body waits", function() -- W24
        local list = {}
        for task in neap.as_completed {after(4, "c"), after(2, "b"),
                after(1, "a")} do
            list[#list + 1] = task:result()
            settle()
        end
        assert.equal("a b c", table.concat(list, " "))
    end)

    it("raises no error of theirs: result does", function() -- W10 W15
        local cancelled = neap.spawn(forever)
        cancelled:cancel()
        local list = {}
        for task in neap.as_completed {fail_after(2, "bad"), cancelled,
                after(4, "good")} do
            list[#list + 1] = task:state()
        end
        assert.equal("cancelled failed finished", table.concat(list, " "))
    end)

    it("the same one twice comes twice", function() -- W13
        local task = neap.spawn(after(1, "x"))
        assert.same({"x", "x"}, values_of {task, task})
    end)

    it("functions begin with the call, not with the first round", function()
        local ran = false
        local next_ended = neap.as_completed {function() ran = true end}
        settle()
        assert.is_true(ran)
        assert.equal("finished", next_ended():state())
        assert.is_nil(next_ended())
        assert.is_nil(next_ended())
    end)

    it("left early, the rest runs on", function() -- W24
        local slow, future = neap.spawn(after(5, "slow")), neap.Future()
        for task in neap.as_completed {slow, after(1, "quick"), future} do
            assert.equal("quick", task:result())
            break
        end
        assert.equal("slow", slow:await())
        assert.equal("pending", future:state())
        future:set_result()
    end)

    it("left early, and by whatever way, it holds nothing", function() -- W24
        local future = neap.Future()
        local weak = setmetatable({}, {__mode = "k"})
        local function each(leave)
            for task in neap.as_completed {ended({}), future} do
                weak[task] = true
                leave()
            end
        end
        for _ = 1, 3 do
            pcall(each, function() error "left" end)
            local task = start(each, forever)
            task:cancel()
            settle()
            pcall(coroutine.wrap(function() each(coroutine.yield) end))
        end
        start(function() each(function() end) end):cancel()
        settle()
        collectgarbage()
        collectgarbage()
        assert.is_nil(next(weak))
        future:set_result()     -- no watch is left in its line
    end)

    it("what it gave it keeps no longer", function() -- W24
        local weak = setmetatable({}, {__mode = "k"})
        local next_ended = neap.as_completed {ended(1), ended(2), ended(3)}
        weak[next_ended()], weak[next_ended()] = true, true
        collectgarbage()
        collectgarbage()
        assert.is_nil(next(weak))
        assert.equal(3, next_ended():result())
    end)

    it("an iterator that was dropped leaves the lines", function() -- W24
        local future = neap.Future()
        for _ = 1, 100 do neap.as_completed {future, neap.Future()} end
        collectgarbage()
        collectgarbage()
        future:set_result()
        for _ = 1, 100 do
            local lost = neap.Future()
            neap.as_completed {lost, lost}
            lost = nil
        end
        collectgarbage()
        collectgarbage()
    end)

    it("a cancel of who waits in it cancels nothing else", function() -- W14
        local other, future = neap.spawn(after(40, 1)), neap.Future()
        local task = start(function()
            for _ in neap.as_completed {other, future} do end
        end)
        task:cancel "enough"
        assert.equal("enough", caught(task.await, task).reason)
        assert.equal("pending pending", states(other, future))
        assert.equal(1, other:await())
        future:set_result()
    end)

    it("after a cancel that was caught it goes on elsewhere", function()
        local future = neap.Future()
        local next_ended = neap.as_completed {future, ended "x"}
        local task = start(function() while true do next_ended() end end)
        task:cancel()
        settle()
        future:set_result "y"
        assert.equal(future, next_ended())
    end)

    it("several tasks may share one iterator", function() -- W24
        local next_ended, sum = neap.as_completed {after(1, 1), after(9, 2),
            after(3, 4), after(3, 8), after(0, 16)}, 0
        neap.gather(table.unpack(setmetatable({}, {
            __len = function() return 7 end,
            __index = function()
                return function()
                    for task in next_ended do sum = sum + task:result() end
                end
            end,
        }), 1, 7))
        assert.equal(31, sum)
    end)
end)

describe("as_completed, closed:", function()
    it("its round is the last, for others that wait in it, too", function()
        local future = neap.Future()
        local next_ended, _, _, closing = neap.as_completed {future}
        local other = start(next_ended)
        do local _ <close> = closing end
        assert.is_nil(other:await())
        assert.is_nil(next_ended())
        future:set_result()
    end)
end)

describe("as_completed, with a time-out:", function()
    it("raises a Timeout in the iterator, from the call on", function() -- W24
        assert.equal("a\t1.0\nTimeout\tas_completed: time-out, 1 of 2 still " ..
            "run\t5.0\npending\n", tasks.out [[
                local slow = neap.spawn(neap.sleep, 60)
                local _, e = pcall(function()
                    for task in neap.as_completed({slow, function()
                        neap.sleep(1)
                        return "a"
                    end}, {timeout = 5}) do
                        print(task:result(), neap.time())
                        neap.sleep(1)
                    end
                end)
                print(e.name, e, neap.time())
                print(slow:state())
                slow:cancel()
            ]])
    end)

    it("what has ended comes all the same, also late", function() -- W24
        assert.equal("a 6,b 12,Timeout", tasks.out [[
            local words = {}
            local function sleep(s, x) neap.sleep(s) return x end
            print((select(2, pcall(function()
                for task in neap.as_completed({neap.spawn(sleep, 1, "a"),
                    neap.spawn(sleep, 2, "b"), neap.spawn(sleep, 60)},
                    {timeout = 3})
                do
                    neap.sleep(6 - neap.time() % 6)
                    io.write(task:result(), " ", neap.time(), ",")
                end
            end))).name)
            os.exit(true, true)
        ]]:gsub("\n", ""))
    end)

    it("of 0 it gives what has ended", function()
        local next_ended = neap.as_completed({neap.Future(), ended(1)},
            {timeout = 0})
        assert.equal(1, next_ended():result())
        assert.equal("Timeout", caught(next_ended).name)
        assert.equal("Timeout", caught(next_ended).name)
    end)

    it("that is infinite, or not reached, it does not matter", function()
        for _, s in ipairs {math.huge, 1e300, 1000} do
            assert.same({1, 2}, values_of({after(3, 2), after(1, 1)},
                {timeout = s}))
        end
    end)
end)

describe("as_completed and reports:", function()
    it("an error that it gave is nobody's surprise", function() -- F6
        local result = tasks.run [[
            for task in neap.as_completed {function() error "seen" end} do
                print(task:state())
            end
        ]]
        assert.same({out = "failed\n", err = "", status = 0}, result)
    end)

    it("nor is one that came while the body waited", function() -- F6
        local result = tasks.run [[
            for task in neap.as_completed {neap.yield, function()
                neap.sleep(1)
                error "seen"
            end} do
                neap.sleep(2)
                print(task:state())
            end
        ]]
        assert.same({out = "finished\nfailed\n", err = "", status = 0}, result)
    end)

    for name, leave in pairs {
        ["left at the time"] = "break",
        ["left later"] = "neap.sleep(5) break",
        ["left by an error"] = "neap.sleep(5) error 'left'",
    } do
        it("one that nobody was given is reported, " .. name, function() -- F6
            local result = tasks.run(([[
                pcall(function()
                    for task in neap.as_completed {neap.yield, function()
                        neap.sleep(1)
                        error("lost", 0)
                    end} do
                        %s
                    end
                end)
                neap.sleep(10)
                print "on"
            ]]):format(leave))
            assert.equal("on\n", result.out)
            assert.matches("^neap: task #3 failed: lost\n", result.err)
            assert.equal(1, result.status)
        end)
    end

    it("also when the iterator was dropped", function() -- F6
        local result = tasks.run [[
            neap.as_completed {function() error("lost", 0) end}
            neap.sleep(1)
            collectgarbage()
            collectgarbage()
            neap.sleep(1)
            print "on"
        ]]
        assert.equal("on\n", result.out)
        assert.matches("^neap: task #2 failed: lost\n", result.err)
        assert.equal(1, result.status)
    end)

    it("one that is never asked for at least shows in the status", function()
        local result = tasks.run [[                             -- F6
            kept = neap.as_completed {neap.Future(), function() error "x" end}
            neap.yield()
        ]]
        assert.same({out = "", err = "", status = 1}, result)
        result = tasks.run [[
            kept = neap.as_completed {neap.Future(), function() error "x" end}
            neap.yield()
            print((kept():state()))
        ]]
        assert.same({out = "failed\n", err = "", status = 0}, result)
    end)
end)

describe("as_completed takes", function()
    it("a list of tasks, futures and functions, and a time-out", function()
        local function check(words, ...)
            words = words:gsub("to ", "to 'neap.as_completed' ")
            assert.equal("bad argument " .. words,
                caught(neap.as_completed, ...))
        end
        check "#1 to (table expected, got no value)"
        check("#2 to (table expected, got number)", {}, 1)
        check("#1 to (element 2: Task, Future or function " ..
            "expected, got number)", {forever, 2})
        check("#2 to (unknown option 'return_when'; known: " ..
            "timeout)", {}, {return_when = "all"})
        check("#2 to (option 'timeout': number of seconds " ..
            "expected, got boolean)", {}, {timeout = true})
        settle()
        assert.equal(1, #neap.tasks())
        assert.equal("bad", caught(failed "bad".result, failed "bad"))
    end)
end)
