-- SPDX-License-Identifier: MIT
-- Document 003, second section: the frame of a generator.
--
-- Calling a generator function runs nothing: it makes a generator, which owns a
-- frame. Each next puts the same frame on the stack again, each yield takes it
-- off, and only the end of the function destroys it. In Lua what is kept is a
-- whole stack, the coroutine: all the frames from the body to the yield.
--
-- runs on: lua5.4, neap

local function gen_foo()
    for _ = 1, 10 do
        local thread = coroutine.running()
        coroutine.yield(thread)
    end
end

-- The frame of a paused body, seen from outside: level 0 is yield itself.
local function body_frame(thread)
    local frame = debug.getinfo(thread, 1, "f")
    return frame and frame.func
end

local gf = coroutine.create(gen_foo)
local frames, bodies = {}, {}
local _, frame = coroutine.resume(gf)
while frame do
    table.insert(frames, frame)
    table.insert(bodies, body_frame(gf))
    _, frame = coroutine.resume(gf)
end

print(body_frame(gf))    -- no frame is left
for i, f in ipairs(frames) do
    print(f == gf and bodies[i] == gen_foo)
end

--[[ output:
nil
true
true
true
true
true
true
true
true
true
true
]]
