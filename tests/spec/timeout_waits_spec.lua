-- SPDX-License-Identifier: MIT
--
-- Time-outs around everything that waits: it gives up in time, leaves its line,
-- and takes nothing along. The numbers are those of SEMANTICS, groups 2, 3 and
-- 5. Times of the virtual clock are exact.

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local stock = require "tests.spec.stock"
local tasks = require "tests.spec.tasks"
local settle, start = tasks.settle, tasks.start
local forever = tasks.forever

after_each(tasks.sweep)
teardown(sockets.clean)

local soon = 0.001

local function timed_out(fn, ...)
    local ok, e = pcall(fn, ...)
    assert.is_false(ok)
    assert(neap.is_timeout(e), tostring(e))
    return e
end

describe("out of time:", function()
    local function full()
        local queue = neap.Queue(1)
        queue:put(1)
        return queue
    end

    local waits = {
        sleep = function() neap.sleep(1000) end,
        ["endless sleep"] = function() neap.sleep(math.huge) end,
        sleep_until = function() neap.sleep_until(neap.time() + 1000) end,
        every = function() neap.every(1000)() end,
        ["await of a future"] = forever,
        ["await of a task"] = function() neap.spawn(forever):await() end,
        gather = function() neap.gather(forever, forever) end,
        wait = function() neap.wait({neap.Future()}, {timeout = 1000}) end,
        settle = function() neap.settle(forever, forever) end,
        race = function() neap.race(forever, forever) end,
        map = function() neap.map({1, 2}, forever) end,
        as_completed = function()
            for _ in neap.as_completed {forever} do error "never" end
        end,
        run = function() neap.run(forever) end,
        group = function() neap.group(function(g) g:spawn(forever) end) end,
        run_forever = function() neap.loop():run_forever() end,
        run_until_complete = function()
            neap.loop():run_until_complete(neap.Future())
        end,
        get = function() neap.Queue():get() end,
        put = function() full():put(2) end,
        rendezvous = function() neap.Queue(0):put(1) end,
        join = function() full():join() end,
        items = function() for _ in neap.Queue():items() do end end,
        ["an event"] = function() neap.Event():wait() end,
        ["a barrier"] = function() neap.Barrier(2):wait() end,
        ["a semaphore"] = function()
            neap.Semaphore(1):acquire():acquire()
        end,
        recv = function()
            local _, b, _ <close> = sockets.pair()
            b:recv()
        end,
        accept = function()
            local listener <close> = neap.listen("127.0.0.1", 0)
            listener:accept()
        end,
    }
    for name, wait in pairs(waits) do
        it(name, function() -- W6
            timed_out(neap.timeout, soon, wait)
            assert.is_false(neap.move_on_after(soon, wait))
            timed_out(function()
                local _ <close> = neap.timeout(soon)
                wait()
            end)
            timed_out(coroutine.wrap(function()
                neap.timeout(soon, wait)
            end))
        end)
    end

    it("two that await each other are no deadlock", function() -- W20
        assert.equal("2.0\ttrue\nfalse\ttrue\n", tasks.out [[
            local a, b
            a = neap.spawn(function() neap.timeout(2, b.await, b) end)
            b = neap.spawn(function() a:await() end)
            local _, e = pcall(a.await, a)
            print(neap.time(), neap.is_timeout(e))
            neap.yield()
            print(b:state() == "finished", neap.is_timeout(b:error()))
        ]])
    end)

    it("what owns its tasks has cancelled and awaited them", function()
        -- W6 W11 W14
        for name, own in pairs {
            gather = neap.gather, settle = neap.settle, race = neap.race,
        } do
            local cleaned = 0
            local function child()
                pcall(forever)
                neap.shield(neap.sleep, soon)
                cleaned = cleaned + 1
            end
            local lent = neap.spawn(child)
            assert.is_false(neap.move_on_after(soon, own, lent, child), name)
            assert.equal(2, cleaned)
            assert.is_false(neap.move_on_after(soon, neap.map, {1, 2, 3},
                child, {limit = 2}))
            assert.equal(4, cleaned)
        end
    end)

    it("what does not own them leaves them alone", function() -- W17 W24
        local task = neap.spawn(forever)
        for _, wait in ipairs {
            function() neap.wait {task} end,
            function() for _ in neap.as_completed {task} do end end,
            function() neap.shield(neap.yield) task:await() end,
        } do
            assert.is_false(neap.move_on_after(soon, wait))
            assert.equal("pending", task:state())
        end
    end)

    it("one of a race: a Timeout like any error", function() -- W10
        local loser
        timed_out(neap.race, function() neap.timeout(soon, forever) end,
            function() loser = select(2, pcall(forever)) end)
        assert.is_true(neap.is_cancelled(loser))
        local list = neap.settle(function() neap.timeout(soon, forever) end,
            function() return "fine" end)
        assert(neap.is_timeout(list[1].error), tostring(list[1].error))
        assert.equal("fine", list[2].value)
    end)

    it("one that a shield lends to a race ends in its own time", function()
        local lent = neap.spawn(function()
            neap.sleep(2 * soon)
            return "unhurt"
        end)
        assert.equal("quick", neap.race(function()
            return neap.shield(lent.await, lent)
        end, function() return "quick" end))
        assert.equal("unhurt", lent:result())
    end)

    it("a child that is cancelled meanwhile is an error, no Timeout",
        function() -- W15
            local child = neap.spawn(forever)
            neap.call_soon(child.cancel, child, "its own")
            local ok, e = pcall(neap.timeout, 60, neap.gather, child, forever)
            assert.is_false(ok)
            assert.equal("its own", e.reason)
            assert.equal(child, e.task)
        end)
end)

describe("nothing is lost:", function()
    it("a getter that gave up leaves the line, and the items", function() -- Q1
        local queue = neap.Queue()
        timed_out(neap.timeout, soon, queue.get, queue)
        queue:put "x"
        assert.equal("x", queue:get())
    end)

    it("a putter that gave up put nothing", function() -- Q3
        local queue = neap.Queue(1)
        queue:put "first"
        local second = start(queue.put, queue, "second")
        timed_out(neap.timeout, soon, queue.put, queue, "never")
        assert.equal("first", queue:get())
        second:await()
        assert.equal("second", queue:get())
        assert.same({false}, {queue:try_get()})
    end)

    it("an item that came first is kept, in and after the time", function()
        -- W3 W4
        local queue = neap.Queue()
        local task = start(function()
            local item = neap.timeout(60, queue.get, queue)
            local ok = pcall(neap.yield)
            return item, ok
        end)
        queue:put "x"
        task:cancel()
        assert.same({"x", false}, {task:await()})
    end)

    it("a lock whose holder's time runs out is released", function() -- Q14
        local lock, inside = neap.Lock(), nil
        timed_out(neap.timeout, soon, function()
            local _ <close> = lock:acquire()
            inside = lock:locked()
            forever()
        end)
        timed_out(neap.timeout, soon, lock.with, lock, forever)
        assert.is_true(inside)
        assert.is_false(lock:locked())
    end)

    for _, first in ipairs {"release", "deadline"} do
        it("a lock handed over in the tick of the deadline, " .. first ..
            " first", function() -- Q16
                local out = tasks.out(("local first = %q\n"):format(first) .. [[
                    local lock, log = neap.Lock(), {}
                    local function hold()
                        lock:acquire()
                        neap.yield()                -- the others stand in line
                        if first == "deadline" then neap.yield() end
                        neap.sleep_until(1)
                        lock:release()
                    end
                    local function work(name, s)
                        if first == "release" then neap.yield() end
                        local ok = neap.move_on_after(s, function()
                            local _ <close> = lock:acquire()
                            log[#log + 1] = name
                        end)
                        log[#log + 1] = tostring(ok)
                    end
                    neap.spawn(hold)
                    neap.spawn(work, "late", 1)
                    neap.spawn(work, "next", 60)
                    neap.sleep(10)
                    print(table.concat(log, " "), lock)
                ]])
                assert.equal("false next true\t<Lock free>\n", out)
            end)
    end

    it("750 that want a lock: some get it, some give up, some are cancelled",
        function() -- Q17
            assert.equal("750\ttrue\ttrue\ttrue\t<Lock free>\n", tasks.out [[
                local lock, inside = neap.Lock(), 0
                local got, late, list = 0, 0, {}
                local function work(i)
                    local s = i % 17 / 2
                    if not neap.move_on_after(s, lock.acquire, lock) then
                        late = late + 1
                        return
                    end
                    local _ <close> = lock
                    inside = inside + 1
                    local _ <close> = setmetatable({}, {__close = function()
                        inside = inside - 1
                    end})
                    assert(inside == 1)
                    got = got + 1
                    neap.sleep(i % 3 / 10)
                end
                for i = 1, 750 do list[i] = neap.spawn(work, i) end
                for i = 1, 750, 5 do
                    neap.call_at(i % 11 / 2, list[i].cancel, list[i])
                end
                neap.sleep(1000)
                local ended, cancelled = 0, 0
                for _, task in ipairs(list) do
                    if task:done() then ended = ended + 1 end
                    if task:cancelled() then cancelled = cancelled + 1 end
                end
                print(ended, got + late + cancelled >= 750, got > 20,
                    late > 100 and cancelled > 20, lock)
            ]])
        end)

    it("a semaphore's permits", function() -- Q16 Q17
        local semaphore = neap.Semaphore(2)
        semaphore:acquire(2)
        for _ = 1, 3 do
            timed_out(neap.timeout, soon, semaphore.acquire, semaphore)
        end
        semaphore:release(2)
        neap.timeout(60, semaphore.acquire, semaphore, 2)
        semaphore:release(2)
        assert.is_false(semaphore:locked())
    end)

    it("a condition: it takes its lock again, then raises", function() -- Q14
        assert.equal("false\ttrue\tfalse\t3.0\n<Lock free>\n", tasks.out [[
            local lock = neap.Lock()
            local condition = neap.Condition(lock)
            neap.spawn(function()
                neap.sleep(0.5)
                local _ <close> = lock:acquire()
                neap.sleep_until(3)                 -- beyond the deadline
            end)
            do
                local _ <close> = lock:acquire()
                local ok, e = pcall(neap.timeout, 1, condition.wait, condition)
                local mine = pcall(lock.acquire, lock)
                print(ok, neap.is_timeout(e), mine, neap.time())
            end
            print(lock)
        ]])
    end)

    it("a notification of one whose time runs out goes to the next", function()
        -- Q20
        assert.equal("late false\nnext true\n<Lock free>\n", tasks.out [[
            local lock = neap.Lock()
            local condition = neap.Condition(lock)
            local function wait(name, s)
                local ok = neap.move_on_after(s, function()
                    local _ <close> = lock:acquire()
                    condition:wait()
                end)
                print(name .. " " .. tostring(ok))
            end
            neap.spawn(wait, "late", 2)
            neap.spawn(wait, "next", 60)
            neap.sleep(1)
            lock:acquire()
            condition:notify()                      -- of "late"
            neap.sleep(2)                           -- which waits for the lock
            lock:release()
            neap.sleep(1)
            print(lock)
        ]])
    end)

    it("a barrier's place: the others go on waiting", function()
        local barrier = neap.Barrier(2)
        timed_out(neap.timeout, soon, barrier.wait, barrier)
        local one = start(barrier.wait, barrier)
        assert.equal(2, barrier:wait())
        assert.equal(1, one:await())
    end)
end)

describe("sockets:", function()
    local function test(name, fn) it(name, sockets.bounded(fn)) end

    test("a recv that gave up has taken nothing", function() -- C17
        local a, b, _ <close> = sockets.connection()
        timed_out(neap.timeout, soon, b.recv, b)
        a:send "kept"
        assert.equal("k", neap.timeout(60, b.recv, b, 1))
        sockets.expect(b, "ept")
        assert.is_false(neap.move_on_after(0, b.recv, b))
        a:send "more"
        sockets.expect(b, "more")
    end)

    test("a recv in whose tick the bytes come: nothing is lost", function()
        -- C17 W4
        local a, b, _ <close> = sockets.connection()
        local sent, got = {}, {}
        local reader = neap.spawn(function()
            while #table.concat(got) < 400 do
                local _, bytes = neap.move_on_after(1e-5, b.recv, b, 3)
                got[#got + 1] = bytes
            end
        end)
        for i = 1, 100 do
            sent[i] = ("%04d"):format(i)
            a:send(sent[i])
            if i % 3 == 0 then neap.sleep(1e-5) end
        end
        reader:await()
        assert.equal(table.concat(sent), table.concat(got))
    end)

    test("an accept that gave up leaves the connection", function() -- C16
        local listener <close> = assert(neap.listen("127.0.0.1", 0))
        timed_out(neap.timeout, soon, listener.accept, listener)
        local client <close> = assert(neap.connect(listener:sockname()))
        local conn <close> = assert(neap.timeout(60, listener.accept, listener))
        client:send "heard"
        sockets.expect(conn, "heard")
    end)

    test("a connect that gave up leaves no descriptor", function() -- C15
        local listener <close> = assert(neap.listen("127.0.0.1", 0,
            {backlog = 0}))
        local host, port = listener:sockname()
        local before = sockets.count(true)
        local open, given_up = {}, 0
        for i = 1, 8 do -- the backlog is full: the last ones stay on their way
            local ok, sock = neap.move_on_after(0.01, neap.connect, host, port)
            if ok then open[i] = assert(sock) else given_up = given_up + 1 end
        end
        for _, sock in pairs(open) do sock:close() end
        assert.is_true(given_up > 0)
        assert.equal(before, sockets.count())
    end)

    test("a send that gave up half-way shuts the socket", function() -- C18
        local a, b, _ <close> = sockets.connection()
        timed_out(neap.timeout, soon, a.send, a, ("x"):rep(10 << 20))
        assert.same({n = 3, nil, "socket is shut for sending", "closed"},
            table.pack(a:send "more"))
        b:send "still heard"
        sockets.expect(a, "still heard")
    end)

    test("a server: each connection its time, and all of them one", function()
        -- W6 C22
        local listener <close> = assert(neap.listen("127.0.0.1", 0))
        local slow, quick = 0, 0
        local server = neap.spawn(neap.move_on_after, 0.3, neap.group,
            function(g)
                while true do
                    local conn = assert(listener:accept())
                    g:spawn(function()
                        local _ <close> = conn
                        local ok, bytes = neap.move_on_after(0.05, conn.recv,
                            conn)
                        if ok and bytes then quick = quick + 1
                        else slow = slow + 1 end
                    end)
                end
            end)
        local clients <close> = setmetatable({}, {__close = function(list)
            for _, client in ipairs(list) do client:close() end
        end})
        for i = 1, 6 do
            clients[i] = assert(neap.connect(listener:sockname()))
            if i % 2 == 0 then clients[i]:send "quick" end
        end
        assert.is_false(server:await())
        assert.same({3, 3}, {quick, slow})
        settle()
    end)
end)

describe("runs:", function()
    it("one after the other, each leaving scopes open to be cleaned up",
        function() -- C19
            local out = stock.out [[
                local cleaned = 0
                local function linger()
                    local _ <close> = setmetatable({}, {__close = function()
                        neap.shield(neap.sleep, 0.001)
                        cleaned = cleaned + 1
                    end})
                    neap.sleep(1000)
                end
                local function main(round)
                    neap.spawn(neap.group, function(g)
                        g:spawn(linger)
                        g:spawn(neap.timeout, 60, linger)
                        linger()
                    end)
                    neap.spawn(neap.shield, neap.move_on_after, 0.001, linger)
                    neap.sleep(0.0001)
                    return round
                end
                for round = 1, 3 do
                    print(neap.run(main, round), cleaned, #neap.tasks())
                end
            ]]
            assert.equal("1\t4\t0\n2\t8\t0\n3\t12\t0\n", out)
        end)

    it("a time-out outside of a task says so", function()
        local out = stock.out [[
            for _, call in ipairs {
                function() neap.timeout(1) end,
                function() neap.timeout(1, print) end,
                function() neap.move_on_after(1, print) end,
                function() neap.shield(print) end,
                function() neap.group() end,
                function() neap.group(print) end,
            } do
                local ok, e = pcall(call)
                print(ok, e:match "outside of a task")
            end
            print(neap.run(neap.timeout, 1, math.abs, -1))
        ]]
        assert.equal(("false\toutside of a task\n"):rep(6) .. "1\n", out)
    end)
end)
