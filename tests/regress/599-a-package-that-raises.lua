-- SPDX-License-Identifier: MIT
-- A package whose fields raise when they are read made neap.offload and
-- neap.thread lose what they had made by then: ASan tells.

local neap = require "neap"

local path = package.path
package.path = nil
setmetatable(package, {__index = function() error "no such path" end})
for _, start in ipairs {neap.offload, neap.thread} do
    local ok, e = pcall(start, function() end)
    assert(not ok and e:find "no such path", e)
end
setmetatable(package, nil)
package.path = path
assert(neap.offload(function() return 1 end) == 1)
assert(neap.thread(function() return 2 end):await() == 2)
