-- SPDX-License-Identifier: MIT
-- Document 004, section 3.1: a generator with two yields.
--
-- a and b live on from one send to the next, although the function is left in
-- between: they stand in the coroutine's stack, which is only put aside. Its
-- return value comes out with the StopIteration. (The numbers are those of the
-- document's session.)
--
-- runs on: neap

local generator = require "neap.generator"

-- Python's locals(), in the spelling of Python's print: those of our caller.
local function locals()
    local list = {}
    local i = 1
    local name, value = debug.getlocal(2, i)
    while name do
        if not name:find("^%(") then    -- "(temporary)" is none of ours
            table.insert(list, ("'%s': %s"):format(name, value))
        end
        i = i + 1
        name, value = debug.getlocal(2, i)
    end
    return "{" .. table.concat(list, ", ") .. "}"
end

local function demo()
    local a = 1
    local b = 2
    print("aaa " .. locals())
    generator.yield(1)
    print("bbb " .. locals())
    generator.yield(2)
    return "None"
end

local demo_gen = generator.new(demo)
print("Out[10]: " .. demo_gen:send())
print("Out[11]: " .. demo_gen:send())
local _, err = pcall(demo_gen.send, demo_gen)
print(err)

--[[ output:
aaa {'a': 1, 'b': 2}
Out[10]: 1
bbb {'a': 1, 'b': 2}
Out[11]: 2
StopIteration: None
]]
