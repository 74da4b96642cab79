-- SPDX-License-Identifier: MIT
-- Document 000, part 5: yieldo, a scheduler of coroutines.
--
-- Now a function can pause. A loop is a loop again, and its sleep stands where
-- it belongs: the coroutine is queued in place of the closure with the rest of
-- its work. Python marks each function on the way to the pause with async and
-- await; a Lua coroutine pauses with all the calls that are open in it.
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

-- A heap: no item is before its parent, which is at half its position.
local function before(a, b)
    if a.deadline ~= b.deadline then
        return a.deadline < b.deadline
    end
    return a.sequence < b.sequence
end

local function heappush(heap, item)
    local i = #heap + 1
    while i > 1 and before(item, heap[i // 2]) do
        heap[i] = heap[i // 2]
        i = i // 2
    end
    heap[i] = item
end

-- The last item fills the hole at the top, and sinks to where it belongs.
local function heappop(heap)
    local top, item = heap[1], table.remove(heap)
    local i, child, count = 1, 2, #heap
    while child <= count do
        if child < count and before(heap[child + 1], heap[child]) then
            child = child + 1
        end
        if before(item, heap[child]) then
            break
        end
        heap[i] = heap[child]
        i, child = child, 2 * child
    end
    if count > 0 then
        heap[i] = item
    end
    return top
end

-- Leaves the coroutine, until the scheduler resumes it.
local function switch()
    coroutine.yield()
end

local Scheduler = {}
Scheduler.__index = Scheduler

function Scheduler.new()
    return setmetatable({
        ready = Deque.new(),    -- coroutines that may run now, oldest first
        sleeping = {},          -- a heap of {deadline, sequence, coro}
        sequence = 0,           -- grows by one with each sleeper
        current = nil,          -- the coroutine that runs
    }, Scheduler)
end

function Scheduler:new_task(func)
    self.ready:append(coroutine.create(func))
end

function Scheduler:sleep(delay)
    self.sequence = self.sequence + 1
    heappush(self.sleeping, {
        deadline = clock.time() + delay,
        sequence = self.sequence,
        coro = self.current,
    })
    self.current = nil    -- it stands in the heap: not in the deque as well
    switch()
end

-- Sleeps no longer than until the first one is due.
function Scheduler:wake_next()
    local item = heappop(self.sleeping)
    local delta = item.deadline - clock.time()
    if delta > 0 then
        clock.sleep(delta)    -- the only place where the program stands still
    end
    self.ready:append(item.coro)
end

-- Runs one coroutine up to its next switch, or to its end, which Python would
-- tell by a StopIteration and Lua tells by the coroutine's status.
function Scheduler:step()
    local coro = self.ready:popleft()
    self.current = coro
    assert(coroutine.resume(coro))
    if self.current and coroutine.status(coro) ~= "dead" then
        self.ready:append(coro)
    end
end

function Scheduler:run()
    while #self.ready > 0 or #self.sleeping > 0 do
        if #self.ready == 0 then
            self:wake_next()
        end
        self:step()
    end
end

local sched = Scheduler.new()

local function countdown(n)
    while n > 0 do
        print("Down " .. n)
        sched:sleep(4)
        n = n - 1
    end
end

local function countup(stop)
    local x = 0
    while x < stop do
        print("Up " .. x)
        sched:sleep(1)
        x = x + 1
    end
end

sched:new_task(function() countdown(5) end)
sched:new_task(function() countup(20) end)
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
