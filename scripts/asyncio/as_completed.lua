-- SPDX-License-Identifier: MIT
-- Document 001, "nesting coroutines": whoever is through first comes first.
--
-- as_completed is an iterator that waits: each round brings the next task that
-- has ended. So each result is printed when it is there, not after the longest.
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

    for task in neap.as_completed(tasks) do
        local result = task:await()
        print("Task ret: " .. result)
    end
end

local start = now()

local loop = neap.loop()
loop:run_until_complete(main)

print("TIME: " .. now() - start)

--[[ output:
Waiting:  1
Waiting:  2
Waiting:  4
Task ret: Done after 1s
Task ret: Done after 2s
Task ret: Done after 4s
TIME: 4.0
]]
