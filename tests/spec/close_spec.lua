-- SPDX-License-Identifier: MIT
--
-- How a state ends that has tasks in it: each task's clean-up runs, no wait
-- holds it up, and no finalizer finds anything gone. The numbers are those of
-- SEMANTICS, group 10.

local stock = require "tests.spec.stock"
local tasks = require "tests.spec.tasks"

local prelude = [[
    local function closing(name)
        return setmetatable({}, {__close = function(_, e)
            print(name, e, pcall(neap.sleep, 0))
        end})
    end
    -- spawns tasks and lets them go as far as they can
    local function begin(...)
        for _, fn in ipairs {...} do neap.spawn(fn) end
        for _ = 1, 2 do
            neap.loop():stop()
            neap.loop():run_forever()
        end
    end
]]

describe("tasks that are pending at the end", function() -- Y13
    local cancelled = "cancelled: the runtime is closing"

    it("run their clean-up, innermost first, and waits fail in it", function()
        local result = stock.run(prelude .. [[
            begin(function()
                local _ <close> = closing "outer"
                local _ <close> = closing "inner"
                neap.sleep(1000)
            end)
            print "end"
        ]])
        assert.equal(([[
end
inner	@	false	@
outer	@	false	@
]]):gsub("@", cancelled), result.out)
        assert.equal("", result.err)
    end)

    it("do so in every kind of wait", function()
        local result = stock.run(prelude .. [[
            local a, b = neap.socketpair()
            local queue, full = neap.Queue(), neap.Queue(1)
            full:put(1)
            local function waits(...)
                local call = table.pack(...)
                return function()
                    local _ <close> = closing(call[1])
                    table.unpack(call, 2)(table.unpack(call, 3))
                end
            end
            begin(waits("future", neap.await, neap.Future()),
                waits("get", queue.get, queue),
                waits("put", full.put, full, 2),
                waits("join", full.join, full),
                waits("every", neap.every(1000)),
                waits("run", neap.run, waits("main", neap.sleep, 1000)),
                waits("recv", function() b:recv(1) end))
            print "end"
        ]])
        assert.equal("", result.err)
        local closed = {}
        for name in result.out:gmatch "(%a+)\t[^\n]*\tfalse\tcancelled" do
            closed[#closed + 1] = name
        end
        table.sort(closed)
        assert.same({"every", "future", "get", "join", "main", "put", "recv",
            "run"}, closed)
    end)

    local function check(code, out)
        assert.equal(out, stock.out(prelude .. code))
    end

    it("close the coroutines in which they wait, too", function()
        check([[
            begin(function()
                local _ <close> = closing "outer"
                pcall(coroutine.wrap(function()
                    local _ <close> = setmetatable({}, {__close = function()
                        print "inner"
                    end})
                    neap.sleep(1000)
                end))
            end)
        ]], ("inner\nouter\tnil\tfalse\t%s\n"):format(cancelled))
    end)

    it("that never began have nothing to clean up", function()
        check([[neap.spawn(print, "begun") print "end"]], "end\n")
    end)

    it("may fail in their clean-up: it is reported", function()
        local result = stock.run(prelude .. [[
            begin(function()
                local _ <close> = setmetatable({}, {__close = function()
                    error("in clean-up", 0)
                end})
                neap.sleep(1000)
            end)
        ]])
        assert.equal(0, result.status)
        assert.matches("task #1 failed: in clean%-up", result.err)
    end)

    it("cannot begin anything that outlives them", function()
        check([[
            begin(function()
                local _ <close> = setmetatable({}, {__close = function()
                    neap.spawn(print, "never runs")
                    neap.call_later(1000, print, "never called")
                end})
                neap.sleep(1000)
            end)
            print "end"
        ]], "end\n")
    end)

    for _, mode in ipairs {"stop", "incremental", "generational"} do
        it("with the collector at " .. mode, function() -- Y12
            check(("collectgarbage %q"):format(mode) .. [[
                begin(function()
                    local _ <close> = closing "closed"
                    neap.sleep(1000)
                end)
            ]], ("closed\t%s\tfalse\t%s\n"):format(cancelled, cancelled))
        end)
    end

    it("after an error at the top", function()
        local result = stock.run(prelude .. [[
            begin(function()
                local _ <close> = closing "closed"
                neap.sleep(1000)
            end)
            error "top"
        ]])
        assert.equal(1, result.status)
        assert.matches("^lua5.4: it:%d+: top\n", result.err)
        assert.matches("^closed\t", result.out)
    end)

    it("after os.exit(code, true) of the main chunk", function() -- Y14
        local result = stock.run(prelude .. [[
            begin(function()
                local _ <close> = closing "closed"
                neap.sleep(1000)
            end)
            os.exit(3, true)
        ]])
        assert.equal(3, result.status)
        assert.matches("^closed\t", result.out)
    end)

    it("after os.exit in a task, the caller's first", function() -- Y14
        local result = stock.run(prelude .. [[
            neap.run(function()
                local a, b = neap.socketpair()
                neap.spawn(function()
                    local _ <close> = closing "other"
                    b:recv(1)
                end)
                neap.sleep(0.001)
                local _ <close> = closing "main"
                coroutine.wrap(function()
                    local _ <close> = closing "wrap"
                    os.exit(3, true)
                end)()
            end)
        ]])
        local refused = "cannot wait here: the runtime is closing"
        assert.equal(("wrap\tnil\tfalse\t%s\nmain\tnil\tfalse\t%s\n"
            .. "other\tnil\tfalse\t%s\n"):format(refused, refused, refused),
            result.out)
        assert.same({"", 3}, {result.err, result.status})
    end)
end)

describe("a finalizer that runs after neap's own", function() -- Y12
    -- Made before neap, so it is finalized after it.
    local function last(code)
        return stock.run([[
            last = setmetatable({}, {__gc = function()
                local function try(name, ...)
                    local ok, e = pcall(...)
                    print(name, ok, e)
                end
                ]] .. code .. [[
            end})
            neap = require "neap"
            a, b = neap.socketpair()
            listener = neap.listen("127.0.0.1", 0)
            queue, full, future = neap.Queue(), neap.Queue(1), neap.Future()
            full:put(1)
            future:on_done(print)
            soon = neap.call_soon(function() end)
            later = neap.call_later(1000, print)
            loop = neap.loop()
            loop:add_reader(b, print)
            neap.run(function()
                task = neap.spawn(neap.sleep, 1000)
                done = neap.spawn(function() return 1 end)
                neap.yield()
            end)
            waiting = neap.spawn(neap.sleep, 1000)
        ]], true)
    end

    it("finds everything closed, and nothing gone", function()
        local result = last [[
            for _, value in ipairs {a, listener, queue, future, soon, later,
                loop, task, done, waiting} do
                assert(tostring(value):match "^<")
            end
            for name, fn in pairs {
                run = neap.run, spawn = neap.spawn, gather = neap.gather,
                call_soon = neap.call_soon, pair = neap.socketpair,
                sleep = function() neap.sleep(0) end,
                later = function() neap.call_later(0, print) end,
                at = function() neap.call_at(0, print) end,
                listen = function() return neap.listen("127.0.0.1", 0) end,
                adopt = function() return neap.socket(0) end,
                connect = function() return neap.connect("127.0.0.1", 1) end,
                put = function() full:put(2) end,
                get = function() queue:get() end,
                join = function() full:join() end,
                await = function() waiting:await() end,
                every = function() neap.every(1)() end,
                forever = function() loop:run_forever() end,
                once = function() loop:run_once() end,
                create = function() loop:create_task(print) end,
                done = function() task:on_done(print) end,
                wait = function() neap.wait {neap.Future()} end,
                settle = neap.settle, race = neap.race,
                map = function() neap.map({1}, print) end,
                completed = function() neap.as_completed {print} end,
                reader = function() loop:add_reader(0, print) end,
                coroutine = coroutine.wrap(function() neap.sleep(0) end),
            } do
                local ok, e = pcall(fn, print)
                if ok then print(name, "does not fail") end
            end
        ]]
        assert.same({"", "", 0}, {result.out, result.err, result.status})
    end)

    it("may use what needs no loop", function()
        local result = last [[
            print(a:send "x", select(3, a:send "x"))
            print(select(3, b:recv(1)), a:close(), listener:close())
            queue:put(5)
            print(queue:get(), full:try_put(2), queue:len())
            future:set_result(7)
            print(future:result(), neap.Future():done(), future:await())
            print(soon:cancel(), later:cancel(), later:cancelled())
            print(task:state(), done:result(), waiting:state())
            print(task:cancel(), waiting:cancel(), neap.current())
            print(#neap.tasks(), loop:is_running(), type(neap.time()))
            print(loop:remove_reader(0), loop:stop(), loop:close())
            print(coroutine.wrap(function() return 1 end)())
            print(type(require "neap.generator"))
        ]]
        assert.same({"", 0}, {result.err, result.status})
        assert.matches("cancelled\t1\tcancelled", result.out)
        assert.matches("\ntable\n$", result.out)
    end)
end)

describe("objects in any order", function() -- Y12
    -- One of every type that Lua can hold, some of them in use.
    local kinds = {
        socket = "neap.socketpair()", queue = "neap.Queue()",
        future = "neap.Future()", task = "neap.spawn(neap.sleep, 1)",
        handle = "neap.call_later(1, print)", loop = "neap.loop()",
        listener = "neap.listen('127.0.0.1', 0)",
        udp = "neap.udp('127.0.0.1', 0)", lifo = "neap.LifoQueue()",
        priority = "neap.PriorityQueue()", event = "neap.Event()",
        lock = "neap.Lock()", semaphore = "neap.Semaphore(1)",
        condition = "neap.Condition()", barrier = "neap.Barrier(2)",
        waiter = "wait(neap.Lock())",
        holder = "hold(neap.Lock())", getter = "get(neap.Queue())",
        reader = "read(neap.socketpair())", group = "open(neap.group)",
        timeout = "open(neap.timeout, 9)", every = "neap.every(1)",
        completed = "inside(neap.as_completed, {neap.Future()})",
        context = "inside(neap.context)", failure = "inside(fail)",
        stdin = "neap.stdin",
    }
    local helpers = [[
        collectgarbage "stop"
        function inside(fn, ...)
            local list = {}
            neap.spawn(function(...)
                list[1] = table.pack(pcall(fn, ...))
                neap.sleep(1000)
            end, ...)
            return list
        end
        function wait(lock)
            local condition = neap.Condition(lock)
            neap.spawn(function() lock:acquire() condition:wait() end)
            return condition
        end
        function hold(lock) neap.spawn(lock.acquire, lock) return lock end
        function get(queue) neap.spawn(queue.get, queue) return queue end
        function read(a, b) neap.spawn(a.recv, a) return b end
        function fail() error({}) end
        function open(what, ...)
            local args = {...}
            local generator = coroutine.create(function()
                local block <close> = what(table.unpack(args))
                coroutine.yield(block)
            end)
            neap.spawn(coroutine.resume, generator)
            return generator
        end
        function finalize(t)
            io.write(#tostring(t[1]) > 0 and "." or "!")
        end
    ]]
    local names = {}
    for name in pairs(kinds) do names[#names + 1] = name end
    table.sort(names)

    local function shuffle(random)
        for i = #names, 2, -1 do
            local j = random(i)
            names[i], names[j] = names[j], names[i]
        end
    end

    -- Half of them are in use when the state ends, half have not begun.
    local function program(first)
        local code = {helpers}
        for i, name in ipairs(names) do
            code[#code + 1] = ("%s = {%s} others = {others, %s}")
                :format(name, kinds[name], name)
            code[#code + 1] = ("setmetatable(%s, {__gc = finalize})")
                :format(name)
            if i == #names // 2 and first then code[#code + 1] = first end
        end
        return table.concat(code, "\n")
    end

    it("are finalized without a crash", function()
        local state = 42
        local function random(n)
            state = (state * 1103515245 + 12345) & 0x7fffffff
            return (state >> 8) % n + 1
        end
        for _ = 1, 12 do
            shuffle(random)
            local result = stock.run(program "neap.loop():stop() "
                .. "neap.loop():run_forever()")
            local context = table.concat(names, " ")
            assert.same({0, ("."):rep(#names)}, {result.status, result.out},
                context .. "\n" .. result.err)
            local code = program "neap.yield() neap.yield()"
            for i, last in ipairs {"os.exit(0, true)", "error 'end'"} do
                result = tasks.run(code .. "\n" .. last)
                assert.equal(i - 1, result.status,
                    context .. "\n" .. result.err)
            end
        end
    end)
end)
