-- SPDX-License-Identifier: MIT
--
-- lua_close finalizes what a call gathers before it closes the runtime, which
-- then wakes the task of that call: it read where nothing was any more.

local stock = require "tests.spec.stock"

local function run(wait, more)
    local result = stock.run(([[
        f = neap.Future()
        %s
        neap.spawn(function()
            local out <close> = setmetatable({}, {__close = function(_, e)
                print(e)
            end})
            %s
        end)
        neap.run(function() neap.sleep(0.01) f:set_result(1) end)]]
        ):format(more, wait))
    assert(result.status == 0, wait .. result.err)
    return result.out .. result.err
end

-- It waits: it is cancelled.
for _, wait in ipairs {
    "neap.gather(neap.Future())",
    "neap.gather(function() neap.sleep(9) end, neap.Future())",
    "neap.settle(neap.Future())",
    "neap.race(neap.Future(), neap.Future())",
    "neap.map({1, 2}, function() neap.sleep(9) end, {limit = 1})",
    "neap.wait {neap.Future()}",
    "for _ in neap.as_completed {neap.Future()} do end",
} do
    local said = run(wait, "")
    assert(said == "cancelled: the runtime is closing\n", wait .. said)
end

-- It was woken, and its turn has not come: more run than one turn lets.
local crowd = [[for _ = 1, 300 do
    neap.spawn(function() while true do neap.yield() end end)
end]]
for _, wait in ipairs {
    "neap.gather(f)", "neap.settle(f)", "neap.race(f)", "neap.wait {f}",
} do
    local said = run(wait, crowd)
    assert(said:find "is gone: its state is being closed", wait .. said)
end
