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

return threads
