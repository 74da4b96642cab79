-- SPDX-License-Identifier: MIT
--
-- Programs of tests/oom: callbacks, and asyncio's face of the loop.

local neap = require "neap"

local callbacks = {}

function callbacks.calls()
    local count = 0
    local function add(...) count = count + select("#", ...) end
    neap.call_soon(add, 1, 2, 3)
    neap.call_later(1, add, 1)
    neap.call_at(neap.time() + 2, add, 1)
    local handle = neap.call_later(1, add, 1, 2)
    assert(handle:cancel() and handle:cancelled() and tostring(handle))
    neap.sleep(3)
    assert(count == 5, "not enough memory")
end

function callbacks.many()
    local count = 0
    for i = 1, 30 do
        neap.call_later(i % 7, function() count = count + 1 end)
    end
    neap.sleep(10)
    assert(count == 30, "not enough memory")
end

function callbacks.fails()
    expect "cannot wait here"
    neap.call_soon(error, "not enough memory, says a callback")
    neap.call_soon(function() neap.sleep(1) end) -- cannot wait
    neap.sleep(1)
end

function callbacks.spawns()
    local future = neap.Future()
    neap.call_soon(function()
        neap.spawn(function()
            neap.sleep(1)
            future:set_result(7)
        end)
    end)
    local ok, seven = neap.move_on_after(9, future.await, future)
    assert(ok and seven == 7, "not enough memory")
end

function callbacks.on_done()
    local seen = {}
    local task = neap.spawn(neap.sleep, 1)
    for i = 1, 5 do
        task:on_done(function(n) seen[#seen + 1] = n end, i)
    end
    local function never() seen = {} end
    task:on_done(never)
    assert(task:remove_done(never) == 1)
    task:await()
    neap.yield()
    assert(#seen == 5, "not enough memory")
    task:on_done(function() seen = nil end)
    neap.yield()
    assert(seen == nil, "not enough memory")
end

function callbacks.loop()
    local loop = neap.loop()
    assert(loop:is_running() and loop:time() == neap.time() and tostring(loop))
    local future = loop:create_future()
    local task = loop:create_task(future.set_result, future, 3)
    loop:run_until_complete(task)
    assert(loop:run_until_complete(future) == 3)
    assert(loop:run_until_complete(function() return 4 end) == 4)
    loop:call_later(1, loop.stop, loop)
    neap.move_on_after(2, loop.run_forever, loop)
    loop:call_at(neap.time() + 1, loop.stop, loop)
    neap.move_on_after(2, loop.run_forever, loop)
    loop:call_soon_threadsafe(loop.stop, loop)
    neap.move_on_after(1, loop.run_forever, loop) -- the stop may have failed
end

function callbacks.loop_close()
    for _ = 1, 3 do neap.spawn(neap.sleep, 100) end
    neap.sleep(1)
    neap.loop():close()
end

function callbacks.readers()
    local loop = neap.loop()
    local a, b = assert(neap.socketpair())
    local _ <close> = a
    local _ <close> = b
    local _ <close> = setmetatable({}, {__close = function()
        loop:remove_reader(b)
        loop:remove_writer(a)
    end})
    local got, sent = neap.Future(), neap.Future()
    loop:add_reader(b:fd(), function(prefix)
        loop:remove_reader(b)
        got:set_result(prefix .. b:recv())
    end, "got ")
    loop:add_writer(a, function()
        loop:remove_writer(a)
        a:send "it"
        sent:set_result(true)
    end)
    local ok = neap.move_on_after(0.05, sent.await, sent)
    assert(ok, "not enough memory")
    ok = neap.move_on_after(0.05, got.await, got)
    assert(ok and got:result() == "got it", "not enough memory")
end

return callbacks
