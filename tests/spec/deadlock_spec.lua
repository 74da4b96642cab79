-- SPDX-License-Identifier: MIT
--
-- Deadlocks, and what becomes of the others when the main task fails. Each
-- script is a process of its own; in the words it is called "it". The numbers
-- are those of SEMANTICS.

local tasks = require "tests.spec.tasks"
local run = tasks.run

teardown(tasks.clean)

-- What the script prints and tells, without the addresses of futures.
local function check(expected, script)
    local result = run(script)
    local function plain(text) return (text:gsub("0x%x+", "0x")) end
    assert.equal(expected.out or "", plain(result.out))
    assert.equal(expected.err or "", plain(result.err))
    assert.equal(expected.status or 1, result.status)
end

describe("a deadlock:", function()
    it("where main waits is raised there, and names who waits for what",
        function() -- S19
            check({err = [[
neap: deadlock: nothing can wake these tasks
	<Task #1 pending, awaiting, it:4>: <Future pending at 0x>
	<Task #2 'getter' pending, getting from a queue, it:2>: ]] ..
                "<Queue 0 items, 1 getter waiting>\n" .. [[
	<Task #3 pending, awaiting, it:3>: <Task #2 'getter' pending, ]] ..
                "getting from a queue, it:2>\n"}, [[
local queue = neap.Queue()
local getter = neap.spawn({name = "getter"}, function() queue:get() end)
local waiter = neap.spawn(function() getter:await() end)
neap.Future():await()
]])
        end)

    for name, case in pairs {
        gather = {"neap.gather(done, future, future)", "awaiting"},
        wait = {"neap.wait {done, future}", "awaiting"},
        settle = {"neap.settle(done, future)", "awaiting"},
        race = {"neap.race(future, neap.Future())", "awaiting"},
        as_completed = {"for _ in neap.as_completed {done, future} do end",
            "awaiting"},
        run_until_complete = {"neap.loop():run_until_complete(future)",
            "awaiting"},
        ["a coroutine"] = {"coroutine.wrap(future.await)(future)", "awaiting"},
        ["a coroutine in a coroutine"] = {"coroutine.wrap(function() local " ..
            "co = coroutine.create(future.await) assert(coroutine.resume(co, "
            .. "future)) end)()", "awaiting"},
    } do
        it("names what is waited for in " .. name, function() -- S19
            check({err = ("neap: deadlock: nothing can wake these tasks\n" ..
                "\t<Task #1 pending, %s, it:3>: <Future pending at 0x>\n")
                :format(case[2])}, ([[
local done, future = neap.Future(), neap.Future()
done:set_result()
%s
]]):format(case[1]))
        end)
    end

    it("in a gather of a thousand names the first that is left", function()
        check({err = "neap: deadlock: nothing can wake these tasks\n" ..
            "\t<Task #1 pending, awaiting, it:7>: <Future pending at 0x>\n"},
            [[
local list = {}
for i = 1, 1000 do
    list[i] = neap.Future()
    if i ~= 500 then list[i]:set_result() end
end

neap.gather(table.unpack(list))
]])
    end)

    it("of an endless sleep", function() -- S19 S11
        check({err = [[
neap: deadlock: nothing can wake these tasks
	<Task #1 pending, sleeping, it:1>
]]}, "neap.sleep(math.huge)")
    end)

    it("can be caught, and the program goes on", function() -- S19
        check({status = 0, out = "false\tdeadlock: nothing can wake these " ..
            "tasks\n\t<Task #1 pending, awaiting, it:1>: <Future pending at " ..
            "0x>\ntrue\n"}, [[
print(pcall(neap.await, neap.Future()))
neap.sleep(1)
print(pcall(neap.sleep, 1))
]])
    end)

    it("clean-up runs, and may wait", function() -- S19
        check({out = "main closed\nthe other closed\n", err = [[
neap: deadlock: nothing can wake these tasks
	<Task #1 pending, awaiting, it:11>: <Future pending at 0x>
	<Task #2 pending, awaiting, it:8>: <Future pending at 0x>
]]}, [[
local function guard(name, wait)
    return setmetatable({}, {__close = function()
        pcall(wait, 1)
        print(name .. " closed") end}), neap.Future()
end
neap.spawn(function()
    local _ <close>, future = guard("the other", neap.sleep)
    future:await()
end)
local _ <close>, future = guard("main", neap.sleep)
future:await()
]])
    end)

    it("where main has ended is told, and the others are cancelled", function()
        -- S19
        check({out = "closed\tcancelled: deadlock\n", err = [[
neap: deadlock: nothing can wake these tasks
	<Task #2 'left' pending, awaiting, it:4>: <Future pending at 0x>
]]}, [[
neap.spawn({name = "left"}, function()
    local _ <close>, future = setmetatable({}, {__close = function(_, e)
        print("closed", e) end}), neap.Future()
    future:await()
end)
]])
    end)

    it("where main has ended, of one that ignores its cancel", function()
        -- S19
        check({out = "9 times\n", err = [[
neap: deadlock: nothing can wake these tasks
	<Task #2 pending, awaiting, it:2>: <Future pending at 0x>
]]}, [[
neap.spawn(function()
    local future = neap.Future() pcall(future.await, future)
    local times = 0
    for _ = 1, 9 do
        if not pcall(neap.sleep, 1) then times = times + 1 end
    end
    print(times .. " times")
end)
]])
    end)

    it("in a run is raised in the run's main task", function() -- S19 S20
        check({status = 0, out = [[
caught	false	deadlock: nothing can wake these tasks
	<Task #1 pending, running a main function, it:2>: ]] ..
            "<Task #2 pending, awaiting, it:3>\n" .. [[
	<Task #2 pending, awaiting, it:3>: <Future pending at 0x>
results
]]}, [[
local run = neap.run
print(run(function()
    print("caught", pcall(neap.await, neap.Future()))
    return "results"
end))
]])
    end)

    it("many tasks: 20 are named, the others counted", function() -- S19
        local result = run [[
            for _ = 1, 1000 do neap.spawn(neap.await, neap.Future()) end
        ]]
        local _, named = result.err:gsub("\n\t<Task", "")
        assert.equal(20, named)
        assert.matches("\n\tand 980 more\n$", result.err)
        assert.equal(1, result.status)
    end)

    it("is none while a deadline or a descriptor is waited for", function()
        -- S19 S24
        check({status = 0, out = "read\nlater\n"}, [[
            local a, b = neap.socketpair()
            local later = neap.Future()
            neap.call_later(1, later.set_result, later)
            local reader = neap.spawn(a.recv, a)
            neap.spawn(function() neap.sleep(0.01) b:send "x" end)
            reader:await()
            print "read"
            later:await()
            print "later"
        ]])
    end)

    it("outside of tasks: run raises it, and run_until_complete", function()
        -- S19
        assert.matches("^deadlock: nothing can wake these tasks\n" ..
            "\t<Task #1 pending, awaiting, code:3>: <Future .->\n" ..
            "deadlock: nothing can end the wait\n$", tasks.outside [[
                local neap = require "neap"
                local _, e = pcall(neap.run, function()
                    neap.Future():await()
                end)
                print(e)
                local loop = neap.loop()
                _, e = pcall(loop.run_until_complete, loop, neap.Future())
                print(e)
            ]])
    end)
end)

describe("a main task that fails:", function()
    it("the others are cancelled and cleaned up, the status is 1", function()
        check({out = "closed\tcancelled: the runtime is closing\n",
            err = "neap: it:6: boom\nstack traceback:\n" ..
                "\t[C]: in function 'error'\n\tit:6: in main chunk\n" ..
                "\t[C]: in ?\n"}, [[
local task = neap.spawn(function()
    local _ <close> = setmetatable({}, {__close = function(_, e)
        print("closed", e) end})
    neap.sleep(1000) end)
neap.yield()
error "boom"
]])
    end)

    it("by its own cancel, too", function()
        check({err = "neap: cancelled: enough\n"}, [[
            neap.current():cancel "enough"
            neap.sleep(1)
        ]])
    end)
end)
