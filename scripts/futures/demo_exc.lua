-- SPDX-License-Identifier: MIT
-- Document 004, section 3.1: errors in a generator, and errors thrown into it.
--
-- What the body raises comes out of send. It also goes the other way: what the
-- consumer throws is raised inside, at the yield where the body waits, and a
-- cancel is made of just that. An error that nobody catches in there comes out
-- again, and the generator is at its end.
--
-- runs on: neap

local generator = require "neap.generator"

local function demo_exc()
    generator.yield(1)
    error("RuntimeError")    -- Lua puts file and line before a message
end

local function demo_exc_1()
    for i = 0, 2 do
        generator.yield(i)
    end
end

local demo_exc_gen = generator.new(demo_exc)
print("Out[4]: " .. demo_exc_gen:send())
local _, err = pcall(demo_exc_gen.send, demo_exc_gen)
print(err)

local demo_exc_gen_1 = generator.new(demo_exc_1)
print("Out[7]: " .. demo_exc_gen_1:send())
print("Out[8]: " .. demo_exc_gen_1:send())
_, err = pcall(demo_exc_gen_1.throw, demo_exc_gen_1, "RuntimeError")
print(err)

-- Not in the document: both have ended.
print(select(2, pcall(demo_exc_gen.send, demo_exc_gen)))
print(select(2, pcall(demo_exc_gen_1.send, demo_exc_gen_1)))

--[[ output:
Out[4]: 1
scripts/futures/demo_exc.lua:15: RuntimeError
Out[7]: 0
Out[8]: 1
RuntimeError
StopIteration
StopIteration
]]
