-- SPDX-License-Identifier: MIT
-- Document 001, "blocking and await": a task that takes two seconds.
--
-- The sleep stands for input and output that take their time. Where Python has
-- `await asyncio.sleep(x)` there is a plain call: it gives the thread away, and
-- comes back when the time is over.
--
-- runs on: neap

local neap = require "neap"

local now = neap.time

local function do_some_work(x)
    print("Waiting:  " .. x)
    neap.sleep(x)
    return ("Done after %ds"):format(x)
end

local start = now()

local loop = neap.loop()
local task = neap.spawn(do_some_work, 2)
loop:run_until_complete(task)

print("Task ret:  " .. task:result())
print("TIME:  " .. now() - start)

--[[ output:
Waiting:  2
Task ret:  Done after 2s
TIME:  2.0
]]
