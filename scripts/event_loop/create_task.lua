-- SPDX-License-Identifier: MIT
-- Document 002, "coroutine objects and Tasks": create_task and run_forever.
--
-- create_task puts the task's first step in the ready deque, and nothing of it
-- runs before the loop does. Its sleep stands in the timer heap; when that is
-- over the task ends, and whoever asked to be told is called.
--
-- runs on: neap

local neap = require "neap"

local loop = neap.loop()

local function test_co()
    print(("test_co begins at %.1f s"):format(neap.time()))
    neap.sleep(3)
    return "result"
end

local task = loop:create_task(test_co)
print(task:done(), task:state())

-- run_forever means it: somebody has to say when to stop.
task:on_done(function()
    print(("test_co ended at %.1f s"):format(neap.time()))
    loop:stop()
end)

loop:run_forever()
print(task:done(), task:state(), task:result())

--[[ output:
false	pending
test_co begins at 0.0 s
test_co ended at 3.0 s
true	finished	result
]]
