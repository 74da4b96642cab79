-- SPDX-License-Identifier: MIT
-- Document 001, "nesting coroutines": main waits for three, by wait.
--
-- The tasks move into a task of their own. wait returns two lists, those that
-- have ended and those that have not, and raises nobody's error: that is for
-- result. Python's are sets; ours are in the order of what was given.
--
-- runs on: neap

local neap = require "neap"

local now = neap.time

local function do_some_work(x)
    print("Waiting:  " .. x)
    neap.sleep(x)
    return ("Done after %ds"):format(x)
end

local function main()
    local tasks = {
        neap.spawn(do_some_work, 1),
        neap.spawn(do_some_work, 2),
        neap.spawn(do_some_work, 4),
    }

    local dones, pendings = neap.wait(tasks)
    assert(#pendings == 0)

    for _, task in ipairs(dones) do
        print("Task ret:  " .. task:result())
    end
end

local start = now()

local loop = neap.loop()
loop:run_until_complete(main)

print("TIME:  " .. now() - start)

--[[ output:
Waiting:  1
Waiting:  2
Waiting:  4
Task ret:  Done after 1s
Task ret:  Done after 2s
Task ret:  Done after 4s
TIME:  4.0
]]
