-- SPDX-License-Identifier: MIT
--
-- A wait that is refused named "a C function" for finalizers, hooks and C
-- functions of no module, and any module that happened to re-export the one.

local function refused(fn)
    local message
    fn(function()
        local ok, e = pcall(neap.sleep, 0)
        message = message or (not ok and e)
    end)
    return message:match "^cannot wait here: (.*) on the stack$" or message
end

package.loaded["a.module.with.all"] = {everything = table.sort}
assert(refused(function(try) table.sort({2, 1}, try) end) == "table.sort is")
assert(refused(function(try)
    setmetatable({}, {__gc = try})
    collectgarbage()
end) == "__gc is")
assert(refused(function(try)
    debug.sethook(function()
        debug.sethook()
        try()
    end, "l")
    local _ = 1
end) == "a debug hook is")
assert(refused(function(try)
    for _ in ipairs(setmetatable({}, {__index = try})) do break end
end) == "for iterator is")
assert(refused(function(try)
    local co = coroutine.create(function()
        local _ <close> = setmetatable({}, {__close = coroutine.wrap(try)})
        coroutine.yield()
    end)
    coroutine.resume(co)
    coroutine.close(co)
end) == "cannot wait here: coroutine.close is closing")
