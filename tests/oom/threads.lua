-- SPDX-License-Identifier: MIT
--
-- Programs of tests/oom: work in other threads, and what crosses over to them.
--
-- What a thread asks for counts here, too: which request is which depends on
-- how the threads meet.

local neap = require "neap"

local threads = {}

-- A value of every kind that crosses.
local function parcel()
    local shared = {1.5, "text", true}
    local whole = {shared, shared, key = {nested = shared}}
    whole.self = whole
    return whole
end

function threads.offload()
    local whole = neap.offload(function(x)
        x.seen = #x
        return x, 1, "two"
    end, parcel())
    assert(whole.self == whole and whole.seen == 2)
end

function threads.offload_fails()
    local ok, e = pcall(neap.offload, function()
        error "not enough memory, over there"
    end)
    assert(not ok)
    error(e, 0)
end

function threads.offload_refused()
    local ok, e = pcall(neap.offload, function() end,
        {coroutine.create(print)})
    assert(not ok)
    if not tostring(e):find "coroutine" then error(e, 0) end
end

function threads.offload_abandoned()
    neap.move_on_after(0, neap.offload, function() return ("x"):rep(1000) end)
end

function threads.thread()
    expect "the thread has ended"
    local thread = neap.thread(function(whole)
        require "neap".sleep(0.001)
        return whole
    end, parcel())
    assert(thread:await().key)
end

function threads.thread_fails()
    expect "the thread has ended"
    local thread = neap.thread(function()
        error "not enough memory, said a thread"
    end)
    local ok, e = pcall(thread.await, thread)
    assert(not ok)
    error(e, 0)
end

-- A loop over there, which is ended with the program at the latest. Where main
-- has no memory the thread ends, and all that was sent to it.
local function forever()
    expect "the thread has ended"
    expect "the runtime is closing"
    expect "cancelled by the thread"
    return neap.thread({daemon = true}, function()
        require "neap".loop():run_forever()
    end)
end

function threads.thread_spawn()
    local thread = forever()
    local task = thread:spawn({name = "adder", daemon = true}, function(a, b)
        require "neap".sleep(0)
        return a, b
    end, 1, 2)
    local one, two = task:await()
    assert(one == 1 and two == 2)
end

function threads.thread_spawn_fails()
    local thread = forever()
    local task = thread:spawn(function()
        local _ <close> = setmetatable({}, {__close = function() end})
        error {"not enough memory, over there"}
    end)
    local ok, e = pcall(task.await, task)
    assert(not ok)
    error(type(e) == "table" and e[1] or e, 0)
end

function threads.thread_call_soon()
    local thread, went = forever(), neap.Channel()
    thread:call_soon(function(went) went:close() end, went)
    neap.move_on_after(0.01, went.get, went)
    thread:spawn(function() end):await()
end

function threads.thread_cancel()
    local thread = forever()
    local sleeper = thread:spawn(function() require "neap".sleep(1000) end)
    thread:spawn(function() end):await() -- it sleeps by now
    sleeper:cancel "no more"
    local ok, e = pcall(sleeper.await, sleeper)
    assert(not ok)
    if not neap.is_cancelled(e) then error(e, 0) end
end

function threads.thread_cancelled()
    local thread = forever()
    neap.sleep(0) -- its stand-in has begun
    thread:cancel()
    pcall(thread.await, thread)
end

function threads.thread_stop()
    local thread = forever()
    thread:spawn(function() end):await() -- it runs by now
    thread:stop()
    thread:await()
end

return threads
