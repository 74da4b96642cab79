-- SPDX-License-Identifier: MIT
--
-- A generator with a time-out open was closed in a callback: its own `<close>`
-- variable was refused. One that a finalizer went on with, after its scopes had
-- been dropped, could not leave the next it opened.

local neap = require "neap"

local function generator()
    local t <close> = neap.timeout(0.01)
    local g <close> = neap.group()
    g:spawn(neap.sleep, 10)
    coroutine.yield(1)
    local second <close> = neap.timeout(0.01)
    coroutine.yield(2)
    return 3
end

local closed, values
neap.run(function()
    local co = coroutine.create(generator)
    coroutine.resume(co)
    neap.call_soon(function() closed = {coroutine.close(co)} end)
    neap.sleep(0.02)

    co = coroutine.create(generator)
    local owner = setmetatable({co = co}, {__gc = function(self)
        values = {}
        for i = 1, 2 do
            values[i] = select(2, coroutine.resume(self.co))
        end
    end})
    coroutine.resume(co)
    owner, co = nil, nil
    collectgarbage()
    collectgarbage()
    neap.sleep(0.02)
end)
assert(closed[1] == true, closed[2])
assert(values[1] == 2 and values[2] == 3, values[2])
