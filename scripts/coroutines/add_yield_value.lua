-- SPDX-License-Identifier: MIT
-- Document 003, fourth section: how far a yield reaches.
--
-- Python's yield binds so loosely that `yield + 1` yields +1, and parentheses
-- are needed to add 1 to what was sent. Lua's yield is a function: what is
-- yielded stands in its parentheses, and there is nothing to confuse. Here are
-- both readings.
--
-- runs on: neap

local generator = require "neap.generator"

local function yield_one()
    local x = generator.yield(1)
    print("x is  " .. x)
end

local function add_yield_value()
    local x = generator.yield() + 1
    print("x is  " .. x)
end

local g = generator.new(yield_one)
print(g:send())
print(select(2, pcall(g.send, g, 1)))

g = generator.new(add_yield_value)
g:send()
print(select(2, pcall(g.send, g, 1)))

--[[ output:
1
x is  1
StopIteration
x is  2
StopIteration
]]
