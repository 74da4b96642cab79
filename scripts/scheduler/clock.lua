-- SPDX-License-Identifier: MIT
-- module
-- time() and sleep(s) for the scripts beside it: neap's where there is a neap.
-- Stock Lua can neither sleep nor tell parts of a second, so the shell sleeps
-- and we count for how long: time stands still while the script computes.
local found, neap = pcall(require, "neap")
if found then    -- outside a task (stock Lua with the module) a run may wait
    local function run(s) neap.run(neap.sleep, s) end
    return {time = neap.time, sleep = neap.current() and neap.sleep or run}
end

local clock, slept_ns = {}, 0
function clock.time() return slept_ns / 1e9 end
function clock.sleep(s)
    assert(os.execute(("sleep %.9f"):format(s)))    -- Ctrl-C ends the script
    slept_ns = slept_ns + math.ceil(s * 1e9)
end
return clock
