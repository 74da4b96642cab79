-- SPDX-License-Identifier: MIT
--
-- require: a task that was cancelled waited for another's load all the same; a
-- load that failed with another task's Cancelled was begun anew by each waiter;
-- one that a dropped coroutine had begun was waited for for ever; and a loop
-- was named without what lay in between.

local loads = 0

-- a cancelled task
package.preload.slow = function() neap.sleep(1) end
neap.spawn({daemon = true}, require, "slow")
local task = neap.spawn(function()
    pcall(neap.sleep, 1)
    local started = neap.time()
    local ok = pcall(require, "slow")
    return ok, neap.time() - started
end)
neap.yield()
task:cancel()
local ok, waited = task:await()
assert(not ok and waited < 0.5)

-- another task's Cancelled
local dead = neap.spawn(neap.sleep, 1)
dead:cancel()
package.preload.awaits = function()
    loads = loads + 1
    neap.yield()
    dead:await()
end
local one, two = neap.spawn(require, "awaits"), neap.spawn(require, "awaits")
assert(not pcall(one.await, one) and not pcall(two.await, two))
assert(loads == 1)

-- a dropped coroutine
package.preload.dropped = coroutine.yield
coroutine.resume(coroutine.create(require), "dropped")
collectgarbage()
collectgarbage()
package.preload.dropped = function() return "second" end
assert(require "dropped" == "second")

-- a loop
package.preload.a = function() require "b" end
package.preload.b = function() require "a" end
local _, message = pcall(require, "a")
assert(message:find("loop in require: a -> b -> a", 1, true), message)
