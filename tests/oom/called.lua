-- SPDX-License-Identifier: MIT
--
-- Called: which public functions the programs call. tests/spec/oom_spec.lua
-- asks, so that none is forgotten.

local neap = require "neap"
local generator = require "neap.generator"

local called = {}

-- The same function, which says its name on stderr when it is first called.
local function wrap(name, fn)
    local said = false
    return function(...)
        if not said then io.stderr:write(name, "\n") end
        said = true
        return fn(...)
    end
end

local function wrap_all(prefix, functions)
    for name, fn in pairs(functions) do
        if type(fn) == "function" then
            functions[name] = wrap(prefix .. name, fn)
        end
    end
end

-- In this state; names as docs/neap.lua has them: neap.sleep, Queue:put.
function called.announce()
    wrap_all("neap.", neap)
    wrap_all("generator.", generator)
    local methods = debug.getmetatable(generator.new(print)).__index
    wrap_all("Generator:", methods)
    for name, meta in pairs(debug.getregistry()) do
        local kind = type(name) == "string" and name:match "^neap%.(%u%a*)$"
        methods = kind and meta.__index
        if type(methods) == "table" then wrap_all(kind .. ":", methods) end
    end
end

return called
