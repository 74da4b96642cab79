-- SPDX-License-Identifier: MIT
-- Document 003, ninth section: the same Future, completed by another thread.
--
-- The document's fake_io_read sleeps in a thread, which then sets the result,
-- and so calls into a loop that is not its own. Here the result comes back to
-- the thread that the Future belongs to, and is set there: no lock, no race.
-- The loop is neap's, which alone knows how to wait for threads and for time
-- at once; Future and Task are the document's, as in future.lua.
--
-- runs on: neap
-- clock: real
-- args: 0.1

local neap = require "neap"

local loop = neap.loop()
local most = tonumber(arg[1]) or 1    -- seconds that an answer may take

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

-- A Thread tells those who asked when it has ended, in the loop of this one.
local function fake_io_read(future)
    local function read(seed, most)
        math.randomseed(seed)
        os.execute("sleep " .. math.random() * most)    -- it blocks
        return math.random(1, 100)
    end
    neap.thread(read, math.random(1 << 30), most):on_done(function(thread)
        future:set_result(thread:result())
    end)
end

local main_task, big_step, small_step

local function now()
    return ("%.3f"):format(neap.time())
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

math.randomseed(1628)
local pending = 3
for _ = 1, 3 do
    Task.new(main_task):add_done_callback(function()
        pending = pending - 1
        if pending == 0 then
            loop:stop()
        end
    end)
end
loop:run_forever()

--[[ output:
--------Task Task-1-------
~ begin task %d+%.%d+
~  %- begin big task %d+%.%d+
---------------
--------Task Task-2-------
~ begin task %d+%.%d+
~  %- begin big task %d+%.%d+
---------------
--------Task Task-3-------
~ begin task %d+%.%d+
~  %- begin big task %d+%.%d+
---------------
~ %-%-%-%-%-%-%-%-Task Task%-%d%-%-%-%-%-%-%-
~  %- end big task %d+%.%d+
~ end task %d+%.%d+
~ big_result is  %d+
---------------
~ %-%-%-%-%-%-%-%-Task Task%-%d%-%-%-%-%-%-%-
~  %- end big task %d+%.%d+
~ end task %d+%.%d+
~ big_result is  %d+
---------------
~ %-%-%-%-%-%-%-%-Task Task%-%d%-%-%-%-%-%-%-
~  %- end big task %d+%.%d+
~ end task %d+%.%d+
~ big_result is  %d+
---------------
]]
