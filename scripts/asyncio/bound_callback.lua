-- SPDX-License-Identifier: MIT
-- Document 001, "binding a callback": the same with an argument bound to it.
--
-- What on_done is given besides the function comes first when it is called, the
-- task comes last: Python needs functools.partial for that.
--
-- runs on: neap

local neap = require "neap"

local now = neap.time

local function do_some_work(x)
    print("Waiting:  " .. x)
    return ("Done after %ds"):format(x)
end

local function callback(t, future)
    print("Callback: " .. t .. " " .. future:result())
end

local start = now()

local loop = neap.loop()
local task = neap.spawn(do_some_work, 2)
task:on_done(callback, 2)
loop:run_until_complete(task)

print("TIME:  " .. now() - start)

--[[ output:
Waiting:  2
Callback: 2 Done after 2s
TIME:  0.0
]]
