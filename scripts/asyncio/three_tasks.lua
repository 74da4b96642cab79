-- SPDX-License-Identifier: MIT
-- Document 001, "concurrency and parallelism": three tasks, four seconds.
--
-- One teacher helps three pupils, whoever is not just thinking. While a task
-- sleeps the others run, so all three need as long as the longest: 4 s, and not
-- 1 + 2 + 4.
--
-- runs on: neap

local neap = require "neap"

local now = neap.time

local function do_some_work(x)
    print("Waiting:  " .. x)
    neap.sleep(x)
    return ("Done after %ds"):format(x)
end

local start = now()

local tasks = {
    neap.spawn(do_some_work, 1),
    neap.spawn(do_some_work, 2),
    neap.spawn(do_some_work, 4),
}

local loop = neap.loop()
loop:run_until_complete(function() return neap.wait(tasks) end)

for _, task in ipairs(tasks) do
    print("Task ret:  " .. task:result())
end

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
