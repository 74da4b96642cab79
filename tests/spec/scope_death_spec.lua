-- SPDX-License-Identifier: MIT
--
-- Scopes whose coroutine dies, is closed or is collected while they are open,
-- and scopes that nobody closes. The numbers are those of SEMANTICS, group 10.

local neap = require "neap"
local stock = require "tests.spec.stock"
local tasks = require "tests.spec.tasks"
local settle, start = tasks.settle, tasks.start
local guard, forever = tasks.guard, tasks.forever

after_each(tasks.sweep)

local soon = 0.001

local function collect()
    collectgarbage()
    collectgarbage()
    settle()
end

-- A generator with a group open, whose one task notes that it has cleaned up;
-- what comes after the first yield is `fn`. Second, what is noted.
local function grouped(fn)
    local note = {}
    return coroutine.create(function()
        local g <close> = neap.group()
        note.task = g:spawn(function()
            local _ <close> = guard(function()
                note.cleaned = pcall(neap.shield, neap.sleep, soon)
            end)
            forever()
        end)
        neap.yield()
        coroutine.yield "open"
        fn()
    end), note
end

describe("a coroutine that dies of an error", function()
    it("under wrap: the call awaits its group, then raises", function() -- Y6
        local e, note = {}, {}
        local gen = coroutine.wrap(function()
            local g <close> = neap.group()
            note.task = g:spawn(function()
                pcall(forever)
                note.cleaned = pcall(neap.shield, neap.sleep, soon)
            end)
            neap.yield()
            coroutine.yield "open"
            error(e)
        end)
        assert.equal("open", gen())
        local ok, raised = pcall(gen)
        assert.is_false(ok)
        assert.is_true(raised == e)
        assert.is_true(note.cleaned)
        assert.equal("finished", note.task:state())
        neap.yield()
    end)

    it("under resume: the call awaits its group, then is false", function()
        -- Y6
        local e = {}
        local co, note = grouped(function() error(e) end)
        assert.same({true, "open"}, {coroutine.resume(co)})
        local ok, raised = coroutine.resume(co)
        assert.is_false(ok)
        assert.is_true(raised == e)
        assert.equal("cancelled", note.task:state())
        assert.is_true(note.cleaned)
        assert.equal("dead", coroutine.status(co))
        coroutine.close(co)
        neap.yield()
    end)

    it("its time-outs are disarmed", function() -- Y6
        assert.equal("dead\tfalse\t0.0\ndead\tfalse\t0.0\n", tasks.out [[
            local function die()
                local t <close> = neap.timeout(5)
                local u = neap.timeout(6)               -- nobody closes it
                error("dead", 0)
            end
            local co = coroutine.create(die)
            local _, e = coroutine.resume(co)
            print(e, (pcall(neap.await, neap.Future())), neap.time())
            _, e = pcall(coroutine.wrap(die))
            print(e, (pcall(neap.await, neap.Future())), neap.time())
        ]])
    end)

    it("groups within groups within it", function() -- Y6
        local ended = 0
        local function child()
            pcall(forever)
            neap.shield(neap.sleep, soon)
            ended = ended + 1
        end
        local gen = coroutine.wrap(function()
            local a <close> = neap.group()
            local t <close> = neap.timeout(60)
            local b <close> = neap.group()
            a:spawn(child)
            b:spawn(child)
            b:spawn(function()
                local c <close> = neap.group()
                c:spawn(child)
            end)
            settle()
            error("dead", 0)
        end)
        assert.same({false, "dead"}, {pcall(gen)})
        assert.equal(3, ended)
        neap.yield()
    end)

    it("of its task's cancel: its group is awaited, and the task goes on " ..
        "unwinding", function() -- Y3
            local note, outer = {}, nil
            local task = start(function()
                local _ <close> = guard(function() outer = note.cleaned end)
                coroutine.wrap(function()
                    local g <close> = neap.group()
                    note.task = g:spawn(function()
                        pcall(forever)
                        note.cleaned = pcall(neap.shield, neap.sleep, soon)
                    end)
                    forever()
                end)()
            end)
            task:cancel "outside"
            pcall(task.await, task)
            assert.equal("cancelled", task:state())
            assert.equal("outside", task:error().reason)
            assert.is_true(outer)           -- before the task's own clean-up
            assert.equal("finished", note.task:state())
        end)

    it("of its task's cancel, under resume", function() -- Y3
        local log = {}
        local task = start(function()
            local co = coroutine.create(function()
                local _ <close> = guard(function(e)
                    log[#log + 1] = tostring(e)
                end)
                local _ <close> = neap.timeout(60)
                forever()
            end)
            local ok, e = coroutine.resume(co)
            log[#log + 1] = tostring(ok) .. " " .. tostring(e)
            coroutine.close(co)
            neap.yield()
            log[#log + 1] = "never"
        end)
        task:cancel()
        settle()
        assert.equal("cancelled", task:state())
        assert.same({"false cancelled", "cancelled"}, log)
    end)
end)

describe("a coroutine that is closed", function()
    it("the call awaits its group", function() -- Y6
        local co, note = grouped(forever)
        coroutine.resume(co)
        assert.equal("pending", note.task:state())
        assert.is_true((coroutine.close(co)))
        assert.equal("cancelled", note.task:state())
        assert.is_true(note.cleaned)
        neap.yield()
    end)

    it("its time-outs are disarmed", function() -- Y6
        assert.equal("dead\tfalse\t0.0\n", tasks.out [[
            local co = coroutine.create(function()
                local t <close> = neap.timeout(5)
                local u = neap.timeout(6)               -- nobody closes it
                coroutine.yield()
            end)
            coroutine.resume(co)
            coroutine.close(co)             -- false: t is left before u
            print(coroutine.status(co), (pcall(neap.await, neap.Future())),
                neap.time())
        ]])
    end)

    it("by a task that is cancelled: its group is awaited all the same",
        function() -- Y3
            local co, note = grouped(forever)
            local task = neap.spawn(function()
                coroutine.resume(co)
                neap.current():cancel()
                coroutine.close(co)
                local cleaned = note.cleaned
                neap.yield()
                return cleaned
            end)
            pcall(task.await, task)
            assert.is_true(note.cleaned)
            assert.equal("cancelled", note.task:state())
            assert.equal("cancelled", task:state())
        end)

    it("by a callback: its group is cancelled", function() -- Y6
        local co, note = grouped(forever)
        coroutine.resume(co)
        neap.call_soon(function() note.closed = coroutine.close(co) end)
        settle()
        assert.is_true(note.closed)
        assert.equal("dead", coroutine.status(co))
        pcall(note.task.await, note.task)
        assert.equal("cancelled", note.task:state())
    end)

    it("by a coroutine of a task that owns nothing of it", function() -- Y4
        local co, note = grouped(forever)
        neap.spawn(coroutine.resume, co):await()
        neap.spawn(coroutine.wrap(coroutine.close), co):await()
        assert.equal("cancelled", note.task:state())
        assert.is_true(note.cleaned)
    end)
end)

describe("a coroutine that is dropped", function()
    it("its time-outs are disarmed", function() -- Y4
        assert.equal("false\t0.0\n", tasks.out [[
            do
                local gen = coroutine.wrap(function()
                    local t <close> = neap.timeout(5)
                    coroutine.yield()
                end)
                gen()
            end
            collectgarbage()
            collectgarbage()
            neap.yield()
            print((pcall(neap.await, neap.Future())), neap.time())
        ]])
    end)

    it("its group's tasks are cancelled and awaited, at the latest by the " ..
        "task's end", function() -- Y4
            local child, cleaned
            local task = neap.spawn(function()
                do
                    local gen = coroutine.wrap(function()
                        local g <close> = neap.group()
                        child = g:spawn(function()
                            pcall(forever)
                            cleaned = pcall(neap.shield, neap.sleep, soon)
                        end)
                        neap.yield()
                        coroutine.yield()
                    end)
                    gen()
                end
                collect()
            end)
            task:await()
            assert.is_true(cleaned)
            assert.equal("finished", child:state())
        end)

    it("20,000 of them leave nothing behind", function() -- Y4
        assert.equal("true\n", tasks.out [[
            local function round()
                for _ = 1, 5000 do
                    local gen = coroutine.wrap(function()
                        local t <close> = neap.timeout(1000)
                        coroutine.yield()
                    end)
                    gen()
                end
                for _ = 1, 3 do collectgarbage() neap.yield() end
                return collectgarbage "count"
            end
            round()
            local before = round()
            round()
            print(round() < before + 100)
        ]])
    end)
end)

describe("a scope that nobody closes", function()
    for _, scope in ipairs {"neap.timeout(60)", "neap.group()"} do
        it("is reported when its task ends: " .. scope, function()
            for _, script in ipairs {
                "\nlocal scope = " .. scope .. "\nprint 'end'",
                "neap.spawn(function()\nlocal scope = " .. scope ..
                    "\nprint 'end' end)",
                "pcall(neap.run, function()\nlocal scope = " .. scope ..
                    "\nprint 'end' end)",
            } do
                local result = tasks.run(script)
                assert.equal("end\n", result.out)
                assert.matches("it:2", result.err)
                assert.matches("local %a+ <close>", result.err)
            end
        end)
    end

    it("is left then: a group's tasks are cancelled and awaited", function()
        local result = tasks.run [[
            local child
            neap.spawn(function()
                local g = neap.group()
                child = g:spawn(function()
                    pcall(neap.sleep, 60)
                    neap.shield(neap.sleep, 2)
                    print("cleaned up", neap.time())
                end)
                neap.sleep(1)
                return "value"
            end):await()
            print(child:state(), neap.time())
        ]]
        assert.equal("cleaned up\t3.0\nfinished\t3.0\n", result.out)
        assert.matches("it:3", result.err)
    end)

    it("covers the task until then, and no other in its thread", function()
        local result = tasks.run [[
            for _ = 1, 10 do
                neap.spawn(function()
                    local t = neap.timeout(1)
                    return neap.yield()
                end):await()
            end
            for _ = 1, 10 do neap.spawn(neap.sleep, 5):await() end
            print(neap.time())
            local ok, e = pcall(neap.await, neap.spawn(function()
                local t = neap.timeout(1)
                neap.sleep(60)
            end))
            print(ok, neap.time())
        ]]
        assert.equal("50.0\nfalse\t51.0\n", result.out)
    end)

    it("of a task that was cancelled", function()
        local result = tasks.run [[
            local task = neap.spawn(function()
                local t = neap.timeout(60)
                neap.sleep(60)
            end)
            neap.yield()
            task:cancel()
            neap.sleep(1)
            print(task:state())
        ]]
        assert.equal("cancelled\n", result.out)
    end)

    it("within a block that is left: both are named", function()
        local result = tasks.run [[
            local function careless() return neap.timeout(60) end
            local t <close> = neap.timeout(70)
            careless()
        ]]
        assert.equal(1, result.status)
        assert.matches("it:1", result.err)
        assert.matches("it:2", result.err)
    end)
end)

describe("tasks in scopes at the end of the state", function() -- Y13
    local prelude = [[
        local function closing(name)
            return setmetatable({}, {__close = function()
                print(name, (pcall(neap.sleep, 0)))
            end})
        end
    ]]
    local bodies = {
        timeout = [[
            neap.timeout(60, function()
                local _ <close> = closing "inner"
                local t <close> = neap.timeout(50)
                neap.sleep(1000)
            end)
        ]],
        shield = [[
            neap.shield(function()
                local _ <close> = closing "inner"
                neap.sleep(1000)
            end)
        ]],
        group = [[
            local g <close> = neap.group()
            g:spawn(function()
                local _ <close> = closing "inner"
                neap.sleep(1000)
            end)
            neap.sleep(1000)
        ]],
        ["group that waits"] = [[
            neap.group(function(g)
                g:spawn(function()
                    local _ <close> = closing "inner"
                    neap.sleep(1000)
                end)
            end)
        ]],
        generator = [[
            coroutine.wrap(function()
                local _ <close> = setmetatable({}, {__close = function()
                    print("inner", false)       -- where nothing can wait
                end})
                local g <close> = neap.group()
                g:spawn(neap.sleep, 1000)
                local t <close> = neap.timeout(60)
                neap.sleep(1000)
            end)()
        ]],
    }
    for name, body in pairs(bodies) do
        local code = prelude .. [[
            neap.spawn(function()
                local _ <close> = closing "outer"
                ]] .. body .. "end)\n"

        it("by os.exit: " .. name, function()
            local result = tasks.run(code .. [[
                neap.sleep(1)
                os.exit(3, true)
            ]])
            assert.equal("inner\tfalse\nouter\tfalse\n", result.out)
            assert.same({"", 3}, {result.err, result.status})
        end)

        if name ~= "shield" then        -- it would have its five seconds
            it("by lua_close: " .. name, function()
                local out = stock.out(code .. [[
                    for _ = 1, 3 do
                        neap.loop():stop()
                        neap.loop():run_forever()
                    end
                ]])
                assert.equal("inner\tfalse\nouter\tfalse\n", out)
            end)
        end
    end
end)
