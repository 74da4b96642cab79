-- SPDX-License-Identifier: MIT
-- Document 003, second section: the frame of a function that runs.
--
-- Each call has a frame of its own: the variables of this call and the line it
-- is at. Python hands out the frame itself, and keeps it alive for whoever
-- holds it. In Lua a frame is a level of the stack: it can be asked while the
-- call runs, and what is kept is a description.
--
-- runs on: lua5.4, neap

-- Python's inspect.currentframe(): describes the frame of whoever called.
local function currentframe()
    local frame = debug.getinfo(2, "nl")
    frame.locals = {}
    local i = 1
    local name, value = debug.getlocal(2, i)
    while name do
        frame.locals[name] = value
        i = i + 1
        name, value = debug.getlocal(2, i)
    end
    return frame
end

-- `return currentframe()` would be a tail call: it gives the frame of foo to
-- currentframe, and there would be nothing left to describe.
local function foo(x)
    local frame = currentframe()
    return frame
end

local f1 = foo("first")
local f2 = foo("second")
print(f1.name, f1.currentline, f1.locals.x)
print(f2.name, f2.currentline, f2.locals.x)
print(f1 == f2)

-- Frames are stacked: who was called last returns first.
local function names()
    local list = {}
    local level = 2
    local frame
    repeat
        frame = debug.getinfo(level, "nS")
        table.insert(list, frame.what == "main" and "main" or frame.name)
        level = level + 1
    until frame.what == "main"
    return table.concat(list, " < ")
end

local function inner()
    local stack = names()
    return stack
end

local function outer()
    print(names())
    local stack = inner()
    print(stack)
    print(names())
end

outer()

--[[ output:
foo	28	first
foo	28	second
false
outer < main
inner < outer < main
outer < main
]]
