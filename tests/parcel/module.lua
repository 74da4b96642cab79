-- SPDX-License-Identifier: MIT
--
-- A module for code_spec.lua: each state that requires it has its own.

local module = {calls = 0}

function module.call()
    module.calls = module.calls + 1
    return module.calls
end

return module
