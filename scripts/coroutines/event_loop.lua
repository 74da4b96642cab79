-- SPDX-License-Identifier: MIT
-- Document 003, eighth section: an EventLoop runs the Task.
--
-- When to take which step is written down beforehand, and the loop keeps to it:
-- at once, after three seconds, and an end after four. The Task and the time of
-- its second step still know nothing of each other.
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

local Awaitable = {}
Awaitable.__index = Awaitable

function Awaitable.new(...)
    return setmetatable({value = {...}}, Awaitable)
end

-- The only yield of the program: it leaves all the functions that are open, up
-- to the Task that resumes.
function Awaitable:await()
    coroutine.yield(self)
end

local main_task, big_step, small_step

function main_task()
    print("begin task " .. clock.time())
    local big_result = big_step()
    print("end task " .. clock.time())
    print("big_result is  " .. big_result)
end

function big_step()
    print(" - begin big task " .. clock.time())
    local small_result = small_step()
    print(" - end big task " .. clock.time())
    return small_result + 1
end

function small_step()
    print("   - begin small task " .. clock.time())
    print("     - 休息一下,马上回来")
    local start_time = clock.time()
    Awaitable.new(clock.sleep, 3):await()
    -- "the rest was too short"
    assert(clock.time() - start_time >= 3, "休息时间不足")
    print("     - 努力工作中...")
    print("   - end small task " .. clock.time())
    return 1
end

local Task = {}
Task.__index = Task

function Task.new(func)
    return setmetatable({
        coro = coroutine.create(func),
        _done = false,
        _result = nil,    -- what func returned
    }, Task)
end

-- One step: to the next await, or to the end.
function Task:run()
    print("---------------")
    if not self._done then
        local _, x = assert(coroutine.resume(self.coro))
        if coroutine.status(self.coro) == "dead" then
            self._result = x
            self._done = true
        else
            assert(getmetatable(x) == Awaitable)
        end
    end
    print("---------------")
end

local loop = EventLoop.new()
local t = Task.new(main_task)
loop:call_soon(function() t:run() end)
loop:call_later(3, function() t:run() end)
loop:call_later(4, function() loop:stop() end)
loop:run_forever()

--[[ output:
---------------
begin task 0.0
 - begin big task 0.0
   - begin small task 0.0
     - 休息一下,马上回来
---------------
---------------
     - 努力工作中...
   - end small task 3.0
 - end big task 3.0
end task 3.0
big_result is  2
---------------
]]
