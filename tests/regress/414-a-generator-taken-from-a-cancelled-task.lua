-- SPDX-License-Identifier: MIT
--
-- A cancel reached the tasks of a generator's group; before they ran, another
-- task, which nobody had cancelled, went on with the generator: they had been
-- woken for a cancel that was none of theirs any more.

local neap = require "neap"

local function make()
    local sleeper
    local generator = coroutine.wrap(function()
        local g = neap.group()
        sleeper = g:spawn(neap.sleep, 100)
        coroutine.yield()
        coroutine.yield()
        g:wait()
        coroutine.yield "left"
    end)
    generator()
    return generator, sleeper
end

neap.run(function()
    local generator, sleeper
    local keeper = neap.spawn(function()
        generator, sleeper = make()
        neap.sleep(100)
    end)
    neap.sleep(0.01)
    keeper:cancel()
    generator()
    neap.wait {sleeper}
    assert(sleeper:state() == "cancelled", sleeper:state())
    assert(generator() == "left")
end)

neap.run(function()
    local generator, sleeper = make()
    neap.sleep(0.01)
    neap.move_on_after(0.01, function()
        pcall(neap.sleep, 1)
        generator()
    end)
    neap.wait {sleeper}
    assert(sleeper:state() == "cancelled", sleeper:state())
    assert(generator() == "left")
end)
