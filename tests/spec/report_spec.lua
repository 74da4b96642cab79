-- SPDX-License-Identifier: MIT
--
-- Errors that nobody waits for, and deadlocks: what is told, and the status of
-- the command. Each script is a process of its own; in the reports it is called
-- "it". The numbers are those of SEMANTICS.

local tasks = require "tests.spec.tasks"
local run = tasks.run

-- Runs the script: its reports must be these words, its status this one.
local function check(words, status, script, ...)
    local result = run(script, ...)
    assert.equal(words, result.err)
    assert.equal(status, result.status)
    return result.out
end

describe("an error that nobody waits for:", function()
    it("is told once: number, name, words, traceback, place of spawning",
        function() -- F6
            local out = check([[
neap: task #2 'fetch' failed: it:2: lost
stack traceback:
	[C]: in function 'error'
	it:2: in upvalue 'inner'
	it:4: in function <it:4>
	[C]: in ?
	spawned at it:6
]], 1, [[
local function inner()
    error "lost"
end
local function outer() inner() end

local task = neap.spawn({name = "fetch"}, outer)
neap.sleep(1)
task = nil
collectgarbage()
neap.sleep(1)
print "the program goes on"
]])
            assert.equal("the program goes on\n", out)
        end)

    it("without a name, spawned through pcall", function() -- F6
        check([[
neap: task #2 failed: bare
stack traceback:
	[C]: in function 'error'
	[C]: in ?
	spawned at it:1
]], 1, "pcall(neap.spawn, error, 'bare', 0)")
    end)

    it("is told at the end of its turn, not before", function() -- F6
        local out = check("", 0, [[
            local task = neap.spawn(error, "seen in time", 0)
            neap.yield()                        -- it has failed by now
            print(task:state(), pcall(task.await, task))
        ]])
        assert.equal("failed\tfalse\tseen in time\n", out)
    end)

    it("is raised all the same where it is awaited later", function() -- F6
        local result = run [[
            local e = {}
            local task = neap.spawn(error, e)
            neap.sleep(1)
            local ok, raised = pcall(task.await, task)
            print(ok, raised == e)
        ]]
        assert.equal("false\ttrue\n", result.out)
        assert.matches("^neap: task #2 failed: %(error object is a table " ..
            "value%)\n", result.err)
        assert.equal(0, result.status)      -- seen, if late
    end)

    for name, look in pairs {
        await = "pcall(task.await, task)",
        result = "pcall(task.result, task)",
        error = "task:error()",
        traceback = "task:traceback()",
        wait = "neap.wait {task}",
        gather = "pcall(neap.gather, task)",
        settle = "neap.settle(task)",
        race = "pcall(neap.race, task)",
        as_completed = "for _ in neap.as_completed {task} do end",
        on_done = "task:on_done(print) neap.yield()",
        run_until_complete =
            "pcall(neap.loop().run_until_complete, neap.loop(), task)",
    } do
        it("has been seen after " .. name, function() -- F6
            local script = [[
                local task = neap.spawn(error, "boom", 0)
                neap.sleep(1)
                %s
            ]]
            local seen = run(script:format(look))
            assert.matches("^neap: task #2 failed: boom\n", seen.err)
            assert.equal(0, seen.status)
        end)
    end

    for _, look in ipairs {"_ = task:state()", "_ = task:done()",
            "_ = task:cancelled()", "_ = tostring(task)", "_ = task:name()",
            "_ = task:traceback()", "pcall(task.error, task)",
            "pcall(task.result, task)", "neap.wait({task}, {timeout = 0})",
            "task:on_done(print) task:remove_done(print)"} do
        it("is not seen beforehand by " .. look, function() -- F6
            local result = run(([[
                local task, _ = neap.spawn(function()
                    neap.sleep(1)
                    error("boom", 0)
                end)
                neap.yield()
                %s
            ]]):format(look))
            assert.matches("^neap: task #2 failed: boom\n", result.err)
            assert.equal(1, result.status)
        end)
    end

    for _, look in ipairs {"_ = task:state()", "_ = task:done()",
            "_ = task:cancelled()", "_ = tostring(task)", "_ = task:name()",
            "task:cancel()", "task:remove_done(print)"} do
        it("has not been seen by " .. look, function() -- F6
            local result = run(([[
                local task, _ = neap.spawn(error, "boom", 0)
                neap.sleep(1)
                %s
            ]]):format(look))
            assert.matches("^neap: task #2 failed: boom\n", result.err)
            assert.equal(1, result.status)
        end)
    end

    it("of one whose waiter has gone", function() -- F6
        local result = run [[
            local task = neap.spawn(function() neap.sleep(2) error "boom" end)
            local waiter = neap.spawn(task.await, task)
            neap.sleep(1)
            waiter:cancel()
        ]]
        assert.matches("^neap: task #2 failed: it:1: boom\n", result.err)
        assert.equal(1, result.status)
    end)

    it("a cancel is none", function() -- F6
        check("", 0, [[
            local task = neap.spawn(neap.sleep, 1)
            neap.spawn(neap.sleep, 2):cancel "before it began"
            neap.yield()
            task:cancel()
        ]])
    end)

    it("one whose place a cancel took is told", function() -- C26 F6
        check([[
neap: task #2 failed: it:4: real
stack traceback:
	[C]: in function 'error'
	it:4: in function <it:1>
	[C]: in ?
	spawned at it:1
]], 1, [[
local task = neap.spawn(function()
    local _ <close> = setmetatable({}, {__close = function() neap.sleep(1) end})
    pcall(neap.sleep, 1)
    error "real"
end)
neap.yield()
task:cancel()
]])
    end)

    it("each of many is told", function() -- F6
        local result = run "for i = 1, 300 do neap.spawn(error, i) end"
        for i = 1, 300 do
            assert.matches("task #" .. i + 1 .. " failed: " .. i .. "\n",
                result.err)
        end
        assert.equal(1, result.status)
    end)

    it("through a chain of awaits: the same object, and each task's own " ..
        "frames", function() -- F11
            local out = check("", 0, [[
local list = {}
local function note() list[#list + 1] = neap.current() end
local function three() note() error "deep" end
local function two() note() neap.spawn(three):await() end
local function one() note() neap.spawn(two):await() end
print(pcall(neap.await, neap.spawn(one)))
for i = 1, 3 do print(list[i]:error(), list[i]:traceback()) end
]])
            assert.matches("^false\tit:3: deep\n", out)
            assert.matches("it:3: deep\tstack traceback:.-'await'.-it:5: in .-"
                .. "it:3: deep\tstack traceback:.-'await'.-it:4: in .-"
                .. "it:3: deep\tstack traceback:.-'error'.-it:3: in ", out)
        end)

    it("through a chain of awaits: told of the one that nobody awaits",
        function() -- F11
            check([[
neap: task #3 'head' failed: it:1: deep
stack traceback:
	[C]: in method 'await'
	it:2: in function <it:2>
	[C]: in ?
	spawned at it:3
]], 1, [[
local tail = neap.spawn({name = "tail"}, function() error "deep" end)
local function await() tail:await() end
neap.spawn({name = "head"}, await)
]])
        end)
end)
