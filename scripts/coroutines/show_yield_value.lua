-- SPDX-License-Identifier: MIT
-- Document 003, fourth section: a value sent into a generator.
--
-- yield is an expression: its value is what send brings. The first send has
-- nowhere to bring anything to, it runs the body up to its first yield (to
-- "prime" it), and so it sends nothing. A body that ends makes send raise
-- StopIteration.
--
-- runs on: neap

local generator = require "neap.generator"

local function show_yield_value()
    print("开始")    -- "begin"
    local x = generator.yield()
    print("x is  " .. x)
end

local g = generator.new(show_yield_value)
g:send()
local _, err = pcall(g.send, g, "hello")
print(err)

-- Not in the document: what a value in the first send gives.
_, err = pcall(g.send, generator.new(show_yield_value), "hello")
print(err)

--[[ output:
开始
x is  hello
StopIteration
cannot send a value to a generator that has not started
]]
