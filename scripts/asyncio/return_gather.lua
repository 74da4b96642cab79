-- SPDX-License-Identifier: MIT
-- Document 001, "nesting coroutines": main returns what gather does.
--
-- What main returns comes out of run_until_complete, all of it: a Lua function
-- has as many results as it likes. (The third sleeps two seconds here, and no
-- time is printed, as in the document.)
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
        neap.spawn(do_some_work, 2),
    }

    return neap.gather(table.unpack(tasks))
end

local loop = neap.loop()
local results = {loop:run_until_complete(main)}

for _, result in ipairs(results) do
    print("Task ret:  " .. result)
end

--[[ output:
Waiting:  1
Waiting:  2
Waiting:  2
Task ret:  Done after 1s
Task ret:  Done after 2s
Task ret:  Done after 2s
]]
