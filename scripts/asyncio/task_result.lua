-- SPDX-License-Identifier: MIT
-- Document 001, "future and result": a task that has ended is asked.
--
-- No callback: run_until_complete returns when the task has ended, and from
-- then on result returns what the function did. (Asked before, it raises.)
--
-- runs on: neap

local neap = require "neap"

local now = neap.time

local function do_some_work(x)
    print("Waiting:  " .. x)
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
TIME:  0.0
]]
