-- SPDX-License-Identifier: MIT
--
-- neap.tasks made room for the tasks that there were; a finalizer that ran
-- while it did so spawned more, which were then written behind the room.

local function spawn(count)
    for _ = 1, count do neap.spawn({daemon = true}, neap.sleep, 1000) end
end

for _ = 1, 100 do
    setmetatable({}, {__gc = function() spawn(50) end})
    collectgarbage("incremental", 1, 1000, 1)
    local before = #neap.tasks()
    for _ = 1, 20 do neap.tasks() end
    local all = neap.tasks()
    assert(#all >= before)
    for i = 2, #all do assert(all[i]:state() == "pending") end
    if #all > 500 then
        for i = 2, #all do all[i]:cancel() end
        neap.yield()
        neap.yield()
    end
end
