-- SPDX-License-Identifier: MIT
-- Document 001, "event loops of different threads": callbacks for another loop.
--
-- A second loop runs for ever in a thread of its own; the main thread sends it
-- functions to call, and is not blocked. They are called one after the other,
-- in the order of sending, and each holds the other loop up: 6 + 3 seconds.
--
-- Python makes a loop here and gives it to the thread. A loop of neap is its
-- thread's, and the Thread stands here for it: what asyncio calls
-- new_loop.call_soon_threadsafe is new_loop:call_soon.
--
-- runs on: neap
-- clock: real
-- args: 0.06 0.03

local neap = require "neap"

local function start_loop()
    neap.loop():run_forever()
end

-- Blocks the thread that calls it, as Python's time.sleep does.
local function more_work(x)
    print("More work " .. x)
    os.execute("sleep " .. x)
    print("Finished more work " .. x)
end

local start = neap.time()
local new_loop = neap.thread({name = "new loop"}, start_loop)
print(("TIME: %.1f"):format(neap.time() - start))

new_loop:call_soon(more_work, tonumber(arg[1]) or 6)
new_loop:call_soon(more_work, tonumber(arg[2]) or 3)

-- The document's program never ends. Here what is sent last begins last.
new_loop:spawn(function() end):await()
new_loop:stop()
new_loop:await()
print(neap.time() - start >= 0.09)

--[[ output:
TIME: 0.0
More work 0.06
Finished more work 0.06
More work 0.03
Finished more work 0.03
true
]]
