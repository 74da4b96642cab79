-- SPDX-License-Identifier: MIT
-- Document 000, part 3, second program: sleeping is queued, too.
--
-- A function that wants to sleep says when it wants to go on, and returns. The
-- scheduler alone sleeps, and only when there is nothing else to do. So the two
-- functions now sleep at the same time.
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
        sleeping = {},          -- {deadline, func}, the earliest first
    }, Scheduler)
end

function Scheduler:call_soon(func)
    self.ready:append(func)
end

-- Equal deadlines are the weak spot: Python would go on to compare the
-- functions, and raise; table.sort promises no order among equals.
function Scheduler:call_later(delay, func)
    local deadline = clock.time() + delay
    table.insert(self.sleeping, {deadline = deadline, func = func})
    table.sort(self.sleeping, function(a, b)
        return a.deadline < b.deadline
    end)
end

-- Sleeps no longer than until the first one is due.
function Scheduler:wake_next()
    local item = table.remove(self.sleeping, 1)
    local delta = item.deadline - clock.time()
    if delta > 0 then
        clock.sleep(delta)
    end
    self.ready:append(item.func)
end

function Scheduler:run()
    while #self.ready > 0 or #self.sleeping > 0 do
        if #self.ready == 0 then
            self:wake_next()
        end
        while #self.ready > 0 do
            local func = self.ready:popleft()
            func()
        end
    end
end

local sched = Scheduler.new()

-- A function cannot pause yet: it ends, and a call of itself with the next
-- number plays the part of going on.
local function countdown(n)
    if n > 0 then
        print("Down " .. n)
        sched:call_later(4, function() countdown(n - 1) end)
    end
end

local function countup(stop)
    local function _run(x)
        if x < stop then
            print("Up " .. x)
            sched:call_later(1, function() _run(x + 1) end)
        end
    end
    _run(0)
end

sched:call_soon(function() countdown(5) end)
sched:call_soon(function() countup(20) end)
sched:run()

--[[ output:
Down 5
Up 0
Up 1
Up 2
Up 3
Down 4
Up 4
Up 5
Up 6
Up 7
Down 3
Up 8
Up 9
Up 10
Up 11
Down 2
Up 12
Up 13
Up 14
Up 15
Down 1
Up 16
Up 17
Up 18
Up 19
]]
