-- SPDX-License-Identifier: MIT
-- Document 002, "the core of the event loop": run_once.
--
-- One turn: sleep until something is due (asyncio sleeps in select, where
-- sockets wake it too); move the due timers from _scheduled to _ready; run what
-- is ready. Nothing is run where it is found, everything goes through _ready:
-- core/loop.c keeps to the same rule.
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
    if a._when ~= b._when then
        return a._when < b._when
    end
    return a._sequence < b._sequence
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

-- A callback with its arguments, and when it is due if it is a timer's.
local Handle = {}
Handle.__index = Handle

function Handle.new(callback, ...)
    return setmetatable({
        _callback = callback,
        _args = table.pack(...),
        _scheduled = false,    -- does it stand in the heap?
    }, Handle)
end

function Handle:_run()
    self._callback(table.unpack(self._args, 1, self._args.n))
end

local EventLoop = {}
EventLoop.__index = EventLoop

function EventLoop.new()
    return setmetatable({
        _ready = Deque.new(),    -- Handles that run in the next turn
        _scheduled = {},         -- a heap of Handles that wait for their time
        _sequence = 0,           -- settles equal times
        _stopping = false,
        turns = 0,
    }, EventLoop)
end

function EventLoop:call_soon(callback, ...)
    self._ready:append(Handle.new(callback, ...))
end

function EventLoop:call_later(delay, callback, ...)
    local handle = Handle.new(callback, ...)
    self._sequence = self._sequence + 1
    handle._sequence = self._sequence
    handle._when = clock.time() + delay
    handle._scheduled = true
    heappush(self._scheduled, handle)
end

function EventLoop:stop()
    self._stopping = true
end

function EventLoop:run_forever()
    repeat
        self:run_once()
    until self._stopping
end

-- Where asyncio has select(timeout): nothing to do until the first timer.
function EventLoop:_select()
    local first = self._scheduled[1]
    if #self._ready == 0 and first then
        local timeout = first._when - clock.time()
        if timeout > 0 then
            clock.sleep(timeout)
        end
    end
end

function EventLoop:_expire(end_time)
    while #self._scheduled > 0 and self._scheduled[1]._when <= end_time do
        local handle = heappop(self._scheduled)
        handle._scheduled = false
        self._ready:append(handle)
    end
end

function EventLoop:run_once()
    self.turns = self.turns + 1
    self:_select()
    self:_expire(clock.time())
    -- Counted first: what a handle makes ready waits for the next turn, so that
    -- two handles that call each other cannot keep the timers from their due.
    local ntodo = #self._ready
    for _ = 1, ntodo do
        local handle = self._ready:popleft()
        handle:_run()
    end
end

local loop = EventLoop.new()

local function say(what)
    print(("turn %d, %.2f s: %s"):format(loop.turns, clock.time(), what))
end

-- A task that awaits a Future goes on a turn after the Future was set.
local function wake(task)
    say("the Future is FINISHED")
    loop:call_soon(say, task .. " goes on")
end

-- As Tornado's reloading does it: a timer that sets itself anew.
local function check_files()
    say("has a file changed?")
    loop:call_later(0.5, check_files)
end

loop:call_soon(say, "first")
loop:call_soon(function()
    say("second, and makes the fourth ready")
    loop:call_soon(say, "fourth")
end)
loop:call_soon(say, "third")
loop:call_later(1.25, wake, "a task that slept")
loop:call_later(0.5, check_files)
loop:call_later(2, loop.stop, loop)
loop:run_forever()

--[[ output:
turn 1, 0.00 s: first
turn 1, 0.00 s: second, and makes the fourth ready
turn 1, 0.00 s: third
turn 2, 0.00 s: fourth
turn 3, 0.50 s: has a file changed?
turn 4, 1.00 s: has a file changed?
turn 5, 1.25 s: the Future is FINISHED
turn 6, 1.25 s: a task that slept goes on
turn 7, 1.50 s: has a file changed?
turn 8, 2.00 s: has a file changed?
]]
