-- SPDX-License-Identifier: MIT
--
-- Who holds what: the loop holds every task that has not ended, and nothing
-- else that nobody refers to. The numbers are those of SEMANTICS, group 10.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start = tasks.settle, tasks.start

after_each(tasks.sweep)

local function collect()
    collectgarbage()
    collectgarbage()
end

-- Whether what the function makes is collected once nobody refers to it.
local function is_collected(make)
    local weak = setmetatable({}, {__mode = "k"})
    local function fill() weak[make()] = true end
    fill()
    settle()
    collect()
    return next(weak) == nil
end

describe("a task that nobody refers to", function()
    it("is held by the loop, ready or waiting", function() -- Y9
        local log = {}
        local function note(name, wait)
            neap.spawn(function()
                wait()
                log[#log + 1] = name
            end)
        end
        local queue, gate = neap.Queue(), neap.Future()
        local a <close>, b = neap.socketpair()
        note("ready", function() end)
        note("yield", neap.yield)
        note("sleep", function() neap.sleep(0.001) end)
        note("future", function() gate:await() end)
        note("queue", function() queue:get() end)
        note("socket", function() b:recv(1) end)
        note("coroutine", coroutine.wrap(function() gate:await() end))
        settle()
        collect()
        gate:set_result()
        queue:put(1)
        a:send "x"
        neap.sleep(0.01)
        table.sort(log)
        assert.same({"coroutine", "future", "queue", "ready", "sleep", "socket",
            "yield"}, log)
    end)

    it("is held though all that it waits for is its own", function() -- Y11
        local weak = setmetatable({}, {__mode = "k"})
        neap.spawn(function()
            local future = neap.Future()
            weak[future] = true
            future:await()
        end)
        settle()
        collect()
        assert.is_not_nil(next(weak))
        assert.is_false(next(weak):done())
    end)

    it("is collected once it has ended", function() -- Y11
        assert.is_true(is_collected(function()
            return neap.spawn(function() return {} end)
        end))
        assert.is_true(is_collected(function()
            local task = neap.spawn(tasks.forever)
            settle()
            task:cancel()
            return task
        end))
    end)

    it("is collected once its error was reported", function() -- Y11
        assert.equal("true\n", tasks.run [[
            local weak = setmetatable({}, {__mode = "k"})
            weak[neap.spawn(error, "unseen")] = true
            neap.sleep(1)
            collectgarbage()
            collectgarbage()
            print(next(weak) == nil)
        ]].out)
    end)
end)

describe("what nobody refers to is collected:", function() -- Y10
    for name, make in pairs {
        ["a pending future"] = neap.Future,
        ["a queue with items"] = function()
            local queue = neap.Queue()
            queue:put({})
            return queue
        end,
        ["a future with a callback"] = function()
            local future = neap.Future()
            future:on_done(print, future)
            return future
        end,
        ["a callback that was called"] = function()
            return neap.call_soon(function() end, {})
        end,
        ["a callback that was cancelled"] = function()
            local handle = neap.call_later(1000, print, {})
            handle:cancel()
            return handle
        end,
        ["the results of a task"] = function()
            return neap.spawn(function() return {} end):await()
        end,
        ["the error of a task"] = function()
            local task = neap.spawn(function() error {} end)
            pcall(task.await, task)
            return task:error()
        end,
        ["the arguments of a task"] = function()
            local argument = {}
            neap.spawn(neap.yield, argument)
            return argument
        end,
        ["a suspended coroutine that has waited"] = function()
            local co = coroutine.create(function()
                neap.yield()
                coroutine.yield()
            end)
            coroutine.resume(co)
            return co
        end,
    } do
        it(name, function() assert.is_true(is_collected(make)) end)
    end

    it("but not a callback that is to be called", function()
        local called
        local weak = setmetatable({}, {__mode = "k"})
        weak[neap.call_later(0.001, function() called = true end)] = true
        collect()
        assert.is_not_nil(next(weak))
        neap.sleep(0.01)
        assert.is_true(called)
    end)

    it("a socket, whose peer is told", function()
        local a <close>, b = neap.socketpair()
        local number = b:fd()
        b = nil -- luacheck: ignore
        collect()
        assert.is_nil((a:recv(1)))
        local c <close>, d = neap.socketpair()
        assert.is_true(c:fd() == number or d:fd() == number)
    end)

    it("a listener, whose port is free", function()
        local listener = neap.listen("127.0.0.1", 0)
        local _, port = listener:sockname()
        listener = nil -- luacheck: ignore
        collect()
        local again <close> = assert(neap.listen("127.0.0.1", port))
        assert.equal(port, select(2, again:sockname()))
    end)

    it("and no callback comes after", function()
        local called = false
        is_collected(function()
            local future = neap.Future()
            future:on_done(function() called = true end)
            return future
        end)
        settle()
        assert.is_false(called)
    end)
end)

describe("a cycle", function() -- Y11
    it("of a finished task, a queue and a closure is collected", function()
        assert.is_true(is_collected(function()
            local queue = neap.Queue()
            local task
            local function work() return queue, task end
            task = neap.spawn(work)
            queue:put(task)
            queue:put(work)
            task:await()
            return queue
        end))
    end)

    it("through a task that waits is held until that ends", function()
        local weak = setmetatable({}, {__mode = "k"})
        local gate = neap.Future()
        local function make()
            local queue = neap.Queue()
            weak[queue] = true
            local task
            task = neap.spawn(function()
                gate:await()
                return queue, task
            end)
            queue:put(task)
        end
        make()
        settle()
        collect()
        assert.is_not_nil(next(weak))
        gate:set_result()
        settle()
        collect()
        assert.is_nil(next(weak))
    end)

    it("of a future and its callback is collected", function()
        assert.is_true(is_collected(function()
            local future = neap.Future()
            future:on_done(function() return future end)
            return future
        end))
    end)
end)

-- A program that uses most of it, for the collector to strike anywhere in.
local program = [[
    local a, b = neap.socketpair()
    local queue, log = neap.Queue(2), {}
    local function generate()
        for i = 1, 20 do
            neap.sleep(0.001)
            coroutine.yield({i})
        end
    end
    local producer = neap.spawn(function()
        for item in coroutine.wrap(generate) do queue:put(item) end
        queue:close()
    end)
    local consumer = neap.spawn(function()
        for item in queue:items() do a:send(("%d\n"):format(item[1])) end
        a:close()
    end)
    local reader = neap.spawn(function()
        local text = ""
        repeat
            local bytes = b:recv(7)
            text = text .. (bytes or "")
        until not bytes
        return text
    end)
    local sleepers = {}
    for i = 1, 50 do sleepers[i] = neap.spawn(neap.sleep, 1000) end
    neap.yield()
    neap.yield()
    for i = 1, 50, 2 do sleepers[i]:cancel({i}) end
    for i = 2, 50, 2 do sleepers[i]:cancel() end
    package.preload.m = function() neap.sleep(0.01) return {} end
    local one, two = neap.gather(function() return (require "m") end,
        function() return (require "m") end)
    local future = neap.Future()
    future:on_done(function(x) log[#log + 1] = x end, {})
    neap.call_later(0.001, future.set_result, future, {1})
    local failed = neap.spawn(function() error {} end)
    local ok, e = pcall(failed.await, failed)
    print(one == two, future:await()[1], ok, e)
    local sum = 0
    for number in reader:await():gmatch "%d+" do sum = sum + number end
    print(sum, #log, producer:state(), consumer:state())
]]

describe("in each mode of the collector all goes well:", function() -- Y15
    local function check(setup)
        local out = tasks.out(setup .. program):gsub("0x%x+", "0x")
        assert.equal("true\t1\tfalse\ttable: 0x\n210\t1\tfinished\tfinished\n",
            out)
    end

    for name, setup in pairs {
        generational = "collectgarbage 'generational' ",
        incremental = "collectgarbage 'incremental' ",
        ["the hasty incremental"] = "collectgarbage('incremental', 1, 1000) ",
        stop = "collectgarbage 'stop' ",
        ["a full collection at each line"] =
            "debug.sethook(function() collectgarbage() end, 'l') ",
        ["a full collection in each pass"] = [[
            neap.spawn({daemon = true}, function()
                while true do
                    collectgarbage()
                    neap.sleep(0.0001)
                end
            end)
        ]],
        ["modes that change in between"] = [[
            neap.spawn({daemon = true}, function()
                while true do
                    collectgarbage "incremental"
                    neap.sleep(0.0001)
                    collectgarbage "generational"
                    neap.sleep(0.0001)
                end
            end)
        ]],
    } do
        it(name, function() check(setup) end)
    end

    it("finalizers that spawn and call", function()
        check [[
            local function again()
                setmetatable({}, {__gc = function()
                    neap.spawn(neap.yield)
                    neap.call_soon(function() end)
                    pcall(neap.sleep, 0)
                    if not done then again() end
                end})
            end
            again()
            neap.spawn(function()
                for _ = 1, 100 do
                    collectgarbage()
                    neap.sleep(0.0001)
                end
                done = true
            end)
        ]]
    end)
end)

describe("with ten thousand tasks the collector", function() -- Y15
    local function mode_after(setup)
        return tasks.out(setup .. [[
            for _ = 1, 10001 do neap.spawn({daemon = true}, neap.sleep, 1) end
            print(collectgarbage "generational")
        ]])
    end

    it("goes over to incremental; a command begins generational", function()
        assert.equal("generational\n",
            tasks.out "print(collectgarbage 'generational')")
        assert.equal("incremental\n", mode_after "")
    end)

    it("takes small steps then", function()
        assert.equal("200\t8\n", tasks.out [[
            for _ = 1, 10001 do neap.spawn({daemon = true}, neap.sleep, 1) end
            print(collectgarbage("setpause", 200),
                collectgarbage("setstepmul", 10))
        ]])
    end)

    it("keeps what the script chose", function()
        assert.equal("10\t200\n", tasks.out [[
            collectgarbage("incremental", 200, 40)
            for _ = 1, 10001 do neap.spawn({daemon = true}, neap.sleep, 1) end
            local before = collectgarbage("setstepmul", 40)
            print(before // 4, collectgarbage("setpause", 200))
        ]])
    end)
end)
