-- SPDX-License-Identifier: MIT
--
-- A generator with a group open went on in a task of another run than the one
-- it was made in, and that ended: tasks of the group spawned into its memory.

local neap = require "neap"

local generator, spawned
local ran = 0
neap.run(function()
    local other = neap.spawn(neap.run, function()
        generator = coroutine.wrap(function()
            local g <close> = neap.group()
            g:spawn(function()
                local inner <close> = neap.group()
                inner:spawn(function()
                    neap.sleep(0.01)
                    spawned = neap.spawn(function() ran = ran + 1 end)
                end)
            end)
            coroutine.yield()
            coroutine.yield()
        end)
        generator()
        neap.sleep(0.005)
    end)
    neap.sleep(0)
    neap.sleep(0)
    generator()
    other:await()
    for _ = 1, 10 do neap.run(neap.yield) end
    generator()
    spawned:await()
end)
assert(ran == 1)
