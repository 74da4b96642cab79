-- SPDX-License-Identifier: MIT
-- Document 000, part 4: aproducer, a queue for callbacks.
--
-- Who gets from an empty queue cannot stop and wait, so it leaves a callback
-- behind. As nothing is returned or raised to it either, the callback is given
-- a Result: a value or an error, to be unpacked where it is used.
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

-- What a callback is told: a value, or the error that came in its place.
local Result = {}
Result.__index = Result

function Result.new(value, exc)
    return setmetatable({value = value, exc = exc}, Result)
end

function Result:result()
    if self.exc then
        error(self.exc, 0)
    end
    return self.value
end

local QueueClosed = setmetatable({}, {
    __tostring = function() return "QueueClosed" end,
})

local AsyncQueue = {}
AsyncQueue.__index = AsyncQueue

function AsyncQueue.new()
    return setmetatable({
        items = Deque.new(),      -- what was put and not yet taken
        waiting = Deque.new(),    -- functions that try their get again
        _closed = false,
    }, AsyncQueue)
end

-- Whoever waits for an item that will never come must hear of it.
function AsyncQueue:close()
    self._closed = true
    if #self.items == 0 then
        while #self.waiting > 0 do
            sched:call_soon(self.waiting:popleft())
        end
    end
end

function AsyncQueue:put(item)
    if self._closed then
        error(QueueClosed)
    end
    self.items:append(item)
    if #self.waiting > 0 then
        -- Not called here: it may put again, and we would nest ever deeper.
        sched:call_soon(self.waiting:popleft())
    end
end

function AsyncQueue:get(callback)
    if #self.items > 0 then
        callback(Result.new(self.items:popleft()))
    elseif self._closed then
        callback(Result.new(nil, QueueClosed))
    else
        self.waiting:append(function() self:get(callback) end)
    end
end

local function producer(q, count)
    local function _run(n)
        if n < count then
            print("Producing " .. n)
            q:put(n)
            sched:call_later(1, function() _run(n + 1) end)
        else
            print("Producer done")
            q:close()
        end
    end
    _run(0)
end

local function consumer(q)
    local function _consum(result)
        local ok, item = pcall(result.result, result)
        if ok then
            print("Consuming " .. item)
            sched:call_soon(function() consumer(q) end)
        elseif item == QueueClosed then
            print("Consumer done")
        else
            error(item, 0)
        end
    end
    q:get(_consum)
end

local q = AsyncQueue.new()
sched:call_soon(function() producer(q, 10) end)
sched:call_soon(function() consumer(q) end)
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
