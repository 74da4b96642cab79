-- SPDX-License-Identifier: MIT
--
-- The next operation: what every program is followed by, on the same runtime,
-- when there is memory again. A little of everything, and no error.

local neap = require "neap"

local next_one = {}

local function talk()
    local a, b = assert(neap.socketpair())
    local _ <close> = a
    local _ <close> = b
    neap.gather(function()
        assert(a:write("one\n", "two"))
        assert(a:shutdown "send")
    end, function()
        assert(b:read() == "one" and b:read "a" == "two")
    end)
end

local function pass_on()
    local queue, sum = neap.Queue(1), 0
    local group <close> = neap.group()
    group:spawn(function()
        for i = 1, 3 do queue:put(i) end
        queue:close()
    end)
    for item in queue:items() do sum = sum + item end
    assert(sum == 6)
end

function next_one.operation()
    neap.sleep(10000) -- what was left behind has been called by then
    local future, lock = neap.Future(), neap.Lock()
    neap.call_later(0.01, future.set_result, future, 1, 2)
    local one, two = future:await()
    assert(one == 1 and two == 2)
    local function a() return "a" end
    assert(lock:with(neap.race, a, neap.Future()) == "a")
    assert(neap.move_on_after(0.01, neap.sleep, 1) == false)
    local ok, e = pcall(neap.timeout, 0.01, neap.sleep, 1)
    assert(not ok and neap.is_timeout(e))
    local wrapped = coroutine.wrap(function()
        neap.sleep(0.01)
        coroutine.yield(1)
    end)
    assert(wrapped() == 1)
    assert(#("x"):rep(5000) == 5000) -- by one of Lua's buffers
    pass_on()
    talk()
end

return next_one
