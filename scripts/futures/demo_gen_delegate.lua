-- SPDX-License-Identifier: MIT
-- Document 004, section 3.1: a generator that delegates to another.
--
-- The consumer of demo_gen_2 deals with demo_gen_1 without knowing it. Python
-- spells it `yield from`; with a coroutine for each function this is how
-- coroutines call one another.
--
-- runs on: neap

local generator = require "neap.generator"

local function demo_gen_1()
    for i = 0, 2 do
        generator.yield(i)
    end
end

local function demo_gen_2()
    generator.delegate(generator.new(demo_gen_1))
end

local demo_gen_obj = generator.new(demo_gen_2)
print("Out[4]: " .. demo_gen_obj:send())
print("Out[5]: " .. demo_gen_obj:send())
print("Out[6]: " .. demo_gen_obj:send())
local _, err = pcall(demo_gen_obj.send, demo_gen_obj)
print(err)

-- Not in the document: in Lua a plain call does the same, since a yield leaves
-- all functions that are open in the coroutine.
for i in generator.new(function() demo_gen_1() end) do
    print(i)
end

--[[ output:
Out[4]: 0
Out[5]: 1
Out[6]: 2
StopIteration
0
1
2
]]
