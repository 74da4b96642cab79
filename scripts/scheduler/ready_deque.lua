-- SPDX-License-Identifier: MIT
-- Document 000, part 3, first program: a scheduler with a ready deque.
--
-- Two functions take turns on one thread. None of them can be interrupted, so
-- each does one step and then queues a closure that holds the rest of its work.
-- What is missing: a function that sleeps still holds up everybody else.
--
-- runs on: lua5.4, neap

package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local clock = require "clock"

-- A deque: a table and the positions of its two ends.
local Deque = {}
Deque.__index = Deque

function Deque.new()
    return setmetatable({first = 1, last = 0}, Deque)
end

function Deque:__len()
    return self.last - self.first + 1
end

function Deque:append(item)
    self.last = self.last + 1
    self[self.last] = item
end

function Deque:popleft()
    local item = self[self.first]
    self[self.first] = nil
    self.first = self.first + 1
    return item
end

local Scheduler = {}
Scheduler.__index = Scheduler

function Scheduler.new()
    return setmetatable({
        ready = Deque.new(),    -- functions that may run now, oldest first
    }, Scheduler)
end

function Scheduler:call_soon(func)
    self.ready:append(func)
end

function Scheduler:run()
    while #self.ready > 0 do
        local func = self.ready:popleft()
        func()
    end
end

local sched = Scheduler.new()

local function countdown(n)
    if n > 0 then
        print("Down " .. n)
        clock.sleep(1)    -- make it 5, and countup waits these 5 seconds too
        sched:call_soon(function() countdown(n - 1) end)
    end
end

local function countup(stop)
    local function _run(x)
        if x < stop then
            print("Up " .. x)
            clock.sleep(1)
            sched:call_soon(function() _run(x + 1) end)
        end
    end
    _run(0)
end

sched:call_soon(function() countdown(5) end)
sched:call_soon(function() countup(5) end)
sched:run()

--[[ output:
Down 5
Up 0
Down 4
Up 1
Down 3
Up 2
Down 2
Up 3
Down 1
Up 4
]]
