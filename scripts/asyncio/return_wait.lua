-- SPDX-License-Identifier: MIT
-- Document 001, "nesting coroutines": main returns what wait does.
--
-- Now the two lists come out of run_until_complete. Their tasks have ended, and
-- keep their results for whoever asks, however long that takes.
--
-- runs on: neap

local neap = require "neap"

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

    return neap.wait(tasks)
end

local loop = neap.loop()
local done, pending = loop:run_until_complete(main)
assert(#pending == 0)

for _, task in ipairs(done) do
    print("Task ret:  " .. task:result())
end

--[[ output:
Waiting:  1
Waiting:  2
Waiting:  4
Task ret:  Done after 1s
Task ret:  Done after 2s
Task ret:  Done after 4s
]]
