-- SPDX-License-Identifier: MIT
-- Document 001, "nesting coroutines": main waits for three, by gather.
--
-- gather returns the results themselves, as its own results, in the order of
-- what it was given. It also differs from wait in that it owns: the first error
-- cancels the others, and is raised. (Python's lets the others run on.)
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

    local results = {neap.gather(table.unpack(tasks))}

    for _, result in ipairs(results) do
        print("Task ret:  " .. result)
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
