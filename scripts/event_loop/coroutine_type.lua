-- SPDX-License-Identifier: MIT
-- Document 002, "coroutine objects and Tasks": what kind of thing it is.
--
-- In Python calling an async function makes a coroutine object. A Lua function
-- has no such mark: it becomes a coroutine by coroutine.create, and whether it
-- ever waits is its own affair. Either way nothing of it has run yet.
--
-- runs on: lua5.4, neap

local function test_co()
    print("never printed: nobody resumes it")
    coroutine.yield()
    return ""
end

-- Python's asyncio.iscoroutine: coroutines are the values of type "thread".
local function iscoroutine(x)
    return type(x) == "thread"
end

local coro = coroutine.create(test_co)
print(type(coro))
print(iscoroutine(coro))

-- The function it was made from is none, nor is a wrapped one, which hides it.
print(iscoroutine(test_co))
print(iscoroutine(coroutine.wrap(test_co)))

print(coroutine.status(coro))

--[[ output:
thread
true
false
false
suspended
]]
