-- SPDX-License-Identifier: MIT
-- Document 000, part 6: yproducer, a queue for coroutines.
--
-- get can now wait, so it returns its item as any function does, and raises
-- when the queue is closed: callback and Result are no longer needed. A queue
-- keeps waiting coroutines just as the scheduler keeps sleeping ones.
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

local QueueClosed = setmetatable({}, {
    __tostring = function() return "QueueClosed" end,
})

local AsyncQueue = {}
AsyncQueue.__index = AsyncQueue

function AsyncQueue.new()
    return setmetatable({
        items = Deque.new(),      -- what was put and not yet taken
        waiting = Deque.new(),    -- coroutines that wait in get
        _close = false,
    }, AsyncQueue)
end

-- Whoever waits for an item that will never come must hear of it.
function AsyncQueue:close()
    self._close = true
    while #self.waiting > 0 do
        sched.ready:append(self.waiting:popleft())
    end
end

function AsyncQueue:put(item)
    if self._close then
        error(QueueClosed)
    end
    self.items:append(item)
    if #self.waiting > 0 then
        sched.ready:append(self.waiting:popleft())
    end
end

-- Asks again after each switch: another consumer may have been quicker.
function AsyncQueue:get()
    while #self.items == 0 do
        if self._close then
            error(QueueClosed)
        end
        self.waiting:append(sched.current)
        sched.current = nil    -- it stands here: not in the deque as well
        switch()
    end
    return self.items:popleft()
end

local function producer(q, count)
    for n = 0, count - 1 do
        print("Producing " .. n)
        q:put(n)
        sched:sleep(1)
    end
    print("Producer done")
    q:close()
end

local function consumer(q)
    local _, err = pcall(function()
        while true do
            print("Consuming " .. q:get())
        end
    end)
    if err ~= QueueClosed then
        error(err, 0)
    end
    print("Consumer done")
end

local q = AsyncQueue.new()
sched:new_task(function() producer(q, 10) end)
sched:new_task(function() consumer(q) end)
sched:run()

--[[ output:
Producing 0
Consuming 0
Producing 1
Consuming 1
Producing 2
Consuming 2
Producing 3
Consuming 3
Producing 4
Consuming 4
Producing 5
Consuming 5
Producing 6
Consuming 6
Producing 7
Consuming 7
Producing 8
Consuming 8
Producing 9
Consuming 9
Producer done
Consumer done
]]
