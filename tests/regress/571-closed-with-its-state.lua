-- SPDX-License-Identifier: MIT
--
-- lua_close calls the finalizers of what was made last first, the runtime's
-- near the end: its tasks were then woken in calls whose Thread, offload or
-- Channel had been finalized, and read there.

local stock = require "tests.spec.stock"

local function run(code)
    local result = stock.run(code .. " neap.run(neap.sleep, 0.02)")
    assert(result.err == "" and result.status == 0, code .. result.err)
    return result.out
end

-- One that had not begun.
local result = stock.run "neap.thread(function() require'neap'.sleep(100) end)"
assert(result.err == "" and result.status == 0, result.err)

-- What waits is cancelled, and its clean-up runs.
run "neap.thread(function() require'neap'.sleep(100) end)"
for _, wait in ipairs {
    "neap.thread(function() require'neap'.sleep(100) end):await()",
    "neap.offload(function() os.execute 'sleep 0.1' end)",
    "neap.offload({wait = true}, function() os.execute 'sleep 0.1' end)",
    "neap.Channel():get()",
    "for _ in neap.Channel():items() do end",
    "local c = neap.Channel(1) c:put(1) c:put(2)",
} do
    local said = run(([[neap.spawn(function()
        local out <close> = setmetatable({}, {__close = function(_, e)
            print(e)
        end})
        %s
    end)]]):format(wait))
    assert(said:find "cancelled", wait .. ": " .. said)
end

-- A shielded wait for what ends by itself is waited for.
assert(run [[neap.spawn(neap.shield, function()
    print(neap.offload(function() os.execute "sleep 0.1" return "done" end))
end)]] == "done\n")
