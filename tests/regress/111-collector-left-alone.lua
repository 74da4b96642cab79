-- SPDX-License-Identifier: MIT
--
-- With ten thousand tasks the collector goes over to incremental, unless the
-- script did so itself: then its parameters were overwritten.

collectgarbage("incremental", 120, 400)
local all = {}
for i = 1, 10001 do all[i] = neap.spawn(neap.yield) end
assert(collectgarbage("setpause", 200) == 120)
assert(collectgarbage("setstepmul", 100) == 400)
for i = 1, 10001 do all[i]:await() end
