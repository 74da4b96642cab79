-- SPDX-License-Identifier: MIT
-- Document 001, "creating a task": printed pending, printed finished.
--
-- run_until_complete makes a task of what it is given. Made by hand, a task can
-- be looked at: it is a Future with a function behind it, knows its state, and
-- keeps what the function returned. It takes the arguments along, too, so no
-- function need be written around the call.
--
-- Python prints <Task pending coro=<do_some_work() running at FILE:LINE>>. Ours
-- has a number; a task that has not begun shows the line that made it, one that
-- has ended shows none.
--
-- runs on: neap

local neap = require "neap"

local now = neap.time

local function do_some_work(x)
    print("Waiting:  " .. x)
end

local start = now()

local loop = neap.loop()
-- local task = neap.spawn(do_some_work, 2)    is the same
local task = loop:create_task(do_some_work, 2)
print(task)
loop:run_until_complete(task)
print(task)

print("TIME:  " .. now() - start)

--[[ output:
<Task #2 pending, scripts/asyncio/create_task.lua:27>
Waiting:  2
<Task #2 finished>
TIME:  0.0
]]
