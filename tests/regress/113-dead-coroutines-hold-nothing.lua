-- SPDX-License-Identifier: MIT
--
-- Lua closes what a coroutine that died of an error has left open only when it
-- is closed, if ever. So a load that failed in one was under way for ever, a
-- wait's stand-ins stood in lines though their memory was gone, and a loop's
-- run_forever could be stopped after its end.

local function dies(fn, ...)
    local ok, e = coroutine.resume(coroutine.create(fn), ...)
    assert(not ok)
    return e
end

-- require
package.preload.bad = function() error("bad", 0) end
assert(dies(require, "bad") == "bad")
assert(select(2, pcall(require, "bad")) == "bad")

local gate = neap.Future()
package.preload.late = function() gate:await() end
local loader = neap.spawn(dies, require, "late")
local waiter = neap.spawn(require, "late")
neap.yield()
neap.yield()
gate:set_error "late"
loader:await()
assert(select(2, pcall(waiter.await, waiter)) == "late")

-- wait and gather
local future = neap.Future()
for _ = 1, 100 do
    local one = neap.spawn(dies, neap.wait, {future})
    local two = neap.spawn(dies, neap.gather, neap.Future(), neap.Future())
    neap.yield()
    neap.yield()
    one:cancel()
    two:cancel()
    assert(neap.is_cancelled(one:await()))
    assert(neap.is_cancelled(two:await()))
end
collectgarbage()
local others = {}
for i = 1, 1000 do others[i] = neap.Future() end
neap.spawn(function() neap.wait(others) end):cancel()
future:set_result()
neap.yield()

-- run_forever and run_until_complete
local loop = neap.loop()
for _, run in ipairs {loop.run_forever, loop.run_until_complete} do
    local task = neap.spawn(dies, run, loop, neap.Future())
    neap.yield()
    neap.yield()
    task:cancel()
    assert(neap.is_cancelled(task:await()))
end
collectgarbage()
local outer = neap.spawn(loop.run_forever, loop)
neap.yield()
neap.yield()
loop:stop()
outer:await()
