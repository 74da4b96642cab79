-- SPDX-License-Identifier: MIT
--
-- neap.tasks made room for the tasks that there were; a finalizer that ran while
-- it did so spawned more, which were then written behind the room.

local function again()
    setmetatable({}, {__gc = function()
        for _ = 1, 100 do neap.spawn({daemon = true}, neap.sleep, 1000) end
        again()
    end})
end
again()

for _ = 1, 30 do neap.spawn({daemon = true}, neap.sleep, 1000) end
local most = 0
for _ = 1, 500 do
    collectgarbage("incremental", 100, 1000, 1)
    local all = neap.tasks()
    for i = 2, #all do assert(tostring(all[i]):find "^<Task") end
    if #all > most then most = #all end
    if #all > 5000 then
        for i = 2, #all do all[i]:cancel() end
        neap.yield()
        neap.yield()
    end
end
assert(most > 1000)
os.exit(0, true)
