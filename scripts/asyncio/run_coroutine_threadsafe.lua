-- SPDX-License-Identifier: MIT
-- Document 001, "coroutines in a new thread": tasks for another loop.
--
-- The main thread sends tasks to the loop of a second one. They wait there side
-- by side: 6 and 4 seconds are 6 in all. What asyncio calls
-- run_coroutine_threadsafe(do_some_work(6), new_loop) is new_loop:spawn; what
-- it returns is a task of this loop, which can be awaited and cancelled here.
--
-- runs on: neap
-- clock: real
-- args: 0.06 0.03

local neap = require "neap"

local function start_loop()
    neap.loop():run_forever()
end

local function do_some_work(x)
    print("Waiting " .. x)
    neap.sleep(x)
    print(("Done after %ss"):format(x))
end

local start = neap.time()
local new_loop = neap.thread({name = "new loop"}, start_loop)
print(("TIME: %.1f"):format(neap.time() - start))

local first = new_loop:spawn(do_some_work, tonumber(arg[1]) or 6)
local second = new_loop:spawn(do_some_work, tonumber(arg[2]) or 4)

neap.wait {first, second}
new_loop:stop()

--[[ output:
TIME: 0.0
Waiting 0.06
Waiting 0.03
Done after 0.03s
Done after 0.06s
]]
