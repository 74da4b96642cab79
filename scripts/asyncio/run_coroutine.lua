-- SPDX-License-Identifier: MIT
-- Document 001, "defining a coroutine": one is run to its end.
--
-- In Python a call of a function marked async runs nothing of it: it gives a
-- coroutine, for the loop to run. Lua has no such mark, and a call is a call.
-- What the loop is given here is a function that nobody has called yet.
--
-- runs on: neap

local neap = require "neap"

local now = neap.time

local function do_some_work(x)
    print("Waiting:  " .. x)
end

local start = now()

local function coro()
    return do_some_work(2)
end

local loop = neap.loop()
loop:run_until_complete(coro)

print("TIME:  " .. now() - start)

--[[ output:
Waiting:  2
TIME:  0.0
]]
