-- SPDX-License-Identifier: MIT
-- Document 000, part 2: the two functions at once, each in a thread.
--
-- Now they overlap, and the whole takes half as long. But who goes first each
-- second is the system's choice: Up and Down come in any order. (Python's
-- print even mixes the two within a line; here a print is one piece.) And a
-- thread costs a state of its own: the next parts do with one for both.
--
-- A thread of neap shares nothing with this one: `neap` is required over there,
-- and whatever else a function needs is an argument.
--
-- runs on: neap
-- clock: real
-- args: 0.01

local neap = require "neap"

local second = tonumber(arg[1]) or 1    -- how long one takes

local function countdown(n, second)
    while n > 0 do
        print("Down " .. n)
        neap.sleep(second)
        n = n - 1
    end
end

local function countup(stop, second)
    local x = 0
    while x < stop do
        print("Up " .. x)
        neap.sleep(second)
        x = x + 1
    end
end

local start = neap.time()
local down = neap.thread(countdown, 5, second)
local up = neap.thread(countup, 5, second)
neap.wait {down, up}
print(neap.time() - start < 10 * second + 1)

--[[ output:
~ [UD]%w+ %d
~ [UD]%w+ %d
~ [UD]%w+ %d
~ [UD]%w+ %d
~ [UD]%w+ %d
~ [UD]%w+ %d
~ [UD]%w+ %d
~ [UD]%w+ %d
~ [UD]%w+ %d
~ [UD]%w+ %d
true
]]
