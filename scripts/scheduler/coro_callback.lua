-- SPDX-License-Identifier: MIT
-- Document 000, part 7: coro_callback, coroutines and callbacks together.
--
-- A Task is a coroutine that can be called. So the scheduler of callbacks runs
-- both and knows no difference: to sleep is call_later with oneself, and a
-- queue that wakes its consumer just puts the task in the ready deque.
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

local Scheduler = {}
Scheduler.__index = Scheduler

function Scheduler.new()
    return setmetatable({
        ready = Deque.new(),    -- functions that may run now, oldest first
        sleeping = {},          -- a heap of {deadline, sequence, func}
        sequence = 0,           -- grows by one with each sleeper
        current = nil,          -- the task that runs
    }, Scheduler)
end

function Scheduler:call_soon(func)
    self.ready:append(func)
end

function Scheduler:call_later(delay, func)
    self.sequence = self.sequence + 1
    heappush(self.sleeping, {
        deadline = clock.time() + delay,
        sequence = self.sequence,
        func = func,
    })
end

-- Sleeps no longer than until the first one is due.
function Scheduler:wake_next()
    local item = heappop(self.sleeping)
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

-- Leaves the coroutine, until its task is called again.
local function switch()
    coroutine.yield()
end

-- A coroutine that looks like a callback.
local Task = {}

function Task.new(func)
    return setmetatable({coro = coroutine.create(func)}, Task)
end

function Task:__call()
    sched.current = self
    assert(coroutine.resume(self.coro))
    if sched.current and coroutine.status(self.coro) ~= "dead" then
        sched.ready:append(self)
    end
end

function Scheduler:new_task(func)
    self.ready:append(Task.new(func))
end

function Scheduler:sleep(delay)
    self:call_later(delay, self.current)
    self.current = nil    -- it stands in the heap: not in the deque as well
    switch()
end

local AsyncQueue = {}
AsyncQueue.__index = AsyncQueue

function AsyncQueue.new()
    return setmetatable({
        items = Deque.new(),      -- what was put and not yet taken
        waiting = Deque.new(),    -- tasks that wait in get
    }, AsyncQueue)
end

function AsyncQueue:put(item)
    self.items:append(item)
    if #self.waiting > 0 then
        sched.ready:append(self.waiting:popleft())
    end
end

-- One consumer is assumed, as in the document: whoever is woken has an item.
function AsyncQueue:get()
    if #self.items == 0 then
        self.waiting:append(sched.current)
        sched.current = nil    -- it stands here: not in the deque as well
        switch()
    end
    return self.items:popleft()
end

-- Tasks: they pause.

local function producer(q, count)
    for n = 0, count - 1 do
        print("Producing " .. n)
        q:put(n)
        sched:sleep(1)
    end
    print("Producer done")
    q:put(nil)    -- the mark for the end: a deque holds nil as well
end

local function consumer(q)
    while true do
        local item = q:get()
        if item == nil then
            break
        end
        print("Consuming " .. item)
    end
    print("Consumer done")
end

local q = AsyncQueue.new()
sched:new_task(function() producer(q, 10) end)
sched:new_task(function() consumer(q) end)

-- Callbacks: they queue the rest of their work.

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
Producing 0
Consuming 0
Down 5
Up 0
Producing 1
Consuming 1
Up 1
Producing 2
Consuming 2
Up 2
Producing 3
Consuming 3
Up 3
Down 4
Producing 4
Consuming 4
Up 4
Producing 5
Consuming 5
Up 5
Producing 6
Consuming 6
Up 6
Producing 7
Consuming 7
Up 7
Down 3
Producing 8
Consuming 8
Up 8
Producing 9
Consuming 9
Up 9
Producer done
Consumer done
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
