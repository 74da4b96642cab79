-- SPDX-License-Identifier: MIT
--
-- A loop:close() that was given up left its watch armed: five seconds later it
-- named who had been cancelled a moment ago, and a deadlock was found no
-- sooner.

local neap = require "neap"

local function script(code)
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write(([[
        local loop = neap.loop()
        local victim = neap.spawn(function() neap.shield(neap.sleep, 1) end)
        neap.yield()
        assert(not pcall(neap.timeout, 0.5, loop.close, loop))
        pcall(victim.await, victim)
    ]]) .. code)
    file:close()
    local pipe <close> = assert(io.popen(("%s --clock=virtual %s 2>&1"):format(
        os.getenv "NEAP" or "build/dev/neap", path)))
    local said = pipe:read "a"
    os.remove(path)
    return said
end

-- In virtual time the deadlock is found at once, or when the watch is over.
assert(script [[
    local since = neap.time()
    assert(not pcall(function() neap.Event():wait() end))
    print(neap.time() - since)
]] == "0.0\n")

assert(script [[
    local late = neap.spawn(neap.shield, neap.sleep, 5)
    neap.sleep(4)
    late:cancel()
    neap.sleep(0.5)
    print "nobody is named"
]] == "nobody is named\n")
