-- SPDX-License-Identifier: MIT
--
-- The words of a deadlock named nothing where a task waited within a coroutine
-- or in neap.wait, and in neap.gather the first future even if it had ended.
-- Where the main task had ended the report said "deadlock: deadlock:".

local neap = require "neap"
local shell = require "tests.spec.shell"

local done, future = neap.Future(), neap.Future()
done:set_result()
for _, wait in ipairs {
    function() coroutine.wrap(future.await)(future) end,
    function() neap.wait {done, future} end,
    function() neap.gather(done, future) end,
} do
    local _, e = pcall(wait)
    local address = tostring(future):match "0x%x+"
    assert(tostring(e):find(": <Future pending at " .. address), e)
end

local result = shell.command {"-e", "neap.spawn(neap.await, neap.Future())"}
assert(result.err:find "^neap: deadlock: nothing", result.err)
