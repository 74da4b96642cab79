-- SPDX-License-Identifier: MIT
-- Document 001, "binding a callback": who is told when the task has ended.
--
-- The callback is given the task itself, and asks it for the result. (Python's
-- add_done_callback is on_done here; spawn is its ensure_future.)
--
-- runs on: neap

local neap = require "neap"

local now = neap.time

local function do_some_work(x)
    print("Waiting:  " .. x)
    return ("Done after %ds"):format(x)
end

local function callback(future)
    print("Callback:  " .. future:result())
end

local start = now()

local loop = neap.loop()
local task = neap.spawn(do_some_work, 2)
task:on_done(callback)
loop:run_until_complete(task)

print("TIME:  " .. now() - start)

--[[ output:
Waiting:  2
Callback:  Done after 2s
TIME:  0.0
]]
