-- SPDX-License-Identifier: MIT
-- Document 003, ninth section: a Future, and the Task as a kind of Future.
--
-- So far a task could only wait for time. A Future is what will be known later,
-- whoever brings it: it keeps those who asked to be told, and tells them by the
-- loop. What a Task awaits is a Future, and the Task waits for it by asking to
-- be run when it is done. And since others may wait for what a task returns, a
-- Task is a Future itself.
--
-- The document's fake_io_read sleeps in a thread of its own. Here the loop
-- brings the result, after as long.
--
-- runs on: lua5.4, neap

package.path = arg[0]:gsub("[^/]*$", "../scheduler/?.lua;") .. package.path
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

local EventLoop = {}
EventLoop.__index = EventLoop

function EventLoop.new()
    return setmetatable({
        _ready = Deque.new(),    -- callbacks that may run now, oldest first
        _scheduled = {},         -- a heap of {deadline, sequence, callback}
        _sequence = 0,           -- settles equal deadlines
        _stopping = false,
    }, EventLoop)
end

function EventLoop:call_soon(callback)
    self._ready:append(callback)
end

function EventLoop:call_later(delay, callback)
    self._sequence = self._sequence + 1
    heappush(self._scheduled, {
        deadline = clock.time() + delay,
        sequence = self._sequence,
        callback = callback,
    })
end

function EventLoop:stop()
    self._stopping = true
end

function EventLoop:run_forever()
    repeat
        self:run_once()
    until self._stopping
end

-- The document's loop turns round and round until a deadline has passed. Ours
-- sleeps until then: that spares the processor, and a virtual clock stands
-- still as long as somebody runs.
function EventLoop:_wait()
    local first = self._scheduled[1]
    if #self._ready == 0 and first then
        local delta = first.deadline - clock.time()
        if delta > 0 then
            clock.sleep(delta)
        end
        self._ready:append(heappop(self._scheduled).callback)
    end
end

function EventLoop:run_once()
    self:_wait()
    local now = clock.time()
    while #self._scheduled > 0 and self._scheduled[1].deadline <= now do
        self._ready:append(heappop(self._scheduled).callback)
    end
    -- Counted first: what a callback makes ready waits for the next turn.
    for _ = 1, #self._ready do
        local callback = self._ready:popleft()
        callback()
    end
end

local loop = EventLoop.new()

local Future = {}
Future.__index = Future

function Future.new()
    return setmetatable({
        _loop = loop,
        _result = nil,       -- what it was set to
        _done = false,
        _callbacks = {},     -- whom to tell, in order
    }, Future)
end

function Future:set_result(result)
    assert(not self._done, "future already done.")
    self._result = result
    self._done = true
    for _, cb in ipairs(self._callbacks) do
        self._loop:call_soon(cb)
    end
end

function Future:result()
    assert(self._done, "future is not done")
    return self._result
end

function Future:add_done_callback(callback)
    table.insert(self._callbacks, callback)
end

-- The only yield of the program: it leaves all the functions that are open, up
-- to the Task that resumes. Back here, the Future is done.
function Future:await()
    coroutine.yield(self)
    return self:result()
end

local function fake_io_read(future)
    local function read()
        future:set_result(math.random(1, 100))
    end
    loop:call_later(math.random(), read)
end

local main_task, big_step, small_step

local function now()
    return ("%.3f"):format(clock.time())
end

function main_task()
    print("begin task " .. now())
    local big_result = big_step()
    print("end task " .. now())
    print("big_result is  " .. big_result)
end

function big_step()
    print(" - begin big task " .. now())
    local small_result = small_step()
    print(" - end big task " .. now())
    return small_result + 1
end

function small_step()
    local fut = Future.new()
    fake_io_read(fut)    -- who is to set the result
    return fut:await()
end

-- What a Task does not know itself, it knows as a Future.
local Task = setmetatable({}, {__index = Future})
Task.__index = Task

local task_count = 0

function Task.new(func)
    local self = setmetatable(Future.new(), Task)
    task_count = task_count + 1
    self.coro = coroutine.create(func)
    self._id = "Task-" .. task_count
    self._loop:call_soon(function() self:run() end)
    return self
end

-- One step: to the next await, or to the end, which is the Future's result.
function Task:run()
    print(("--------Task %s-------"):format(self._id))
    if not self._done then
        local _, x = assert(coroutine.resume(self.coro))
        if coroutine.status(self.coro) == "dead" then
            self:set_result(x)
        else
            assert(x.add_done_callback, "a task can only await a Future")
            x:add_done_callback(function() self:run() end)    -- goes on then
        end
    end
    print("---------------")
end

math.randomseed(1628)    -- a fixed seed, so that the output can be compared
for _ = 1, 3 do
    Task.new(main_task)
end
loop:call_later(1, function() loop:stop() end)
loop:run_forever()

--[[ output:
--------Task Task-1-------
begin task 0.000
 - begin big task 0.000
---------------
--------Task Task-2-------
begin task 0.000
 - begin big task 0.000
---------------
--------Task Task-3-------
begin task 0.000
 - begin big task 0.000
---------------
--------Task Task-3-------
 - end big task 0.127
end task 0.127
big_result is  83
---------------
--------Task Task-1-------
 - end big task 0.149
end task 0.149
big_result is  91
---------------
--------Task Task-2-------
 - end big task 0.843
end task 0.843
big_result is  58
---------------
]]
