-- SPDX-License-Identifier: MIT
--
-- A task of a generator's group resumed the generator: its scopes were put
-- beneath the task, which stood beneath them, and nothing reached them any
-- more.

local neap = require "neap"

local tries = {}
neap.run(function()
    local co
    co = coroutine.create(function()
        local g <close> = neap.group()
        g:spawn(function()
            tries = {pcall(coroutine.resume, co)}
            table.insert(tries, (pcall(coroutine.close, co)))
            g:spawn(function() tries.inner = coroutine.resume(co) end)
        end)
        coroutine.yield()
    end)
    coroutine.resume(co)
    neap.sleep(0.01)
    assert(#neap.tasks() == 2)
    assert(coroutine.resume(co))
end)
assert(tries[1] and tries[2] == false and tries[4] == false)
assert(tries[3]:find "that this task belongs to" and tries.inner == false)
