-- SPDX-License-Identifier: MIT
-- Document 004, section 3.2: Future and Task, three waiters and a cancel.
--
-- A Future is a small state machine: pending, until it is set or cancelled. Who
-- iterates it pauses, and comes back when it is done. It cannot drive anybody:
-- that is the Task's part, which goes a step further each time that the Future
-- it was left with is done.
--
-- Everything happens inside set_result: callback, step, and the waiter itself.
-- neap's loop only wakes there and runs later, so that who sets a result is not
-- held up by those who waited for it.
--
-- cancel throws the CancelledError where the generator waits. Nobody catches it
-- there, so it comes out of cancel, as in the document.
--
-- runs on: neap

local generator = require "neap.generator"

local CancelledError = setmetatable({}, {
    __tostring = function() return "CancelledError" end,
})

-- The states of a Future.
local Status = {pending = 1, finished = 2, cancelled = 3}

local Future = {}
Future.__index = Future

function Future.new()
    return setmetatable({
        status = Status.pending,
        _result = nil,       -- what it was set to
        _exception = nil,    -- or the error that it was set to
        _callbacks = {},     -- whom to tell when it is done, in order
    }, Future)
end

function Future:add_done_callback(fn)
    table.insert(self._callbacks, fn)
end

function Future:_tell()
    for _, fn in ipairs(self._callbacks) do
        fn(self)
    end
end

function Future:cancel()
    if self.status ~= Status.pending then
        return false
    end
    self.status = Status.cancelled
    self:_tell()
    return true
end

-- The document's does not tell the callbacks, and who waits would never know.
function Future:set_exception(exc)
    assert(self.status == Status.pending, "Can not set exc")
    self._exception = exc
    self.status = Status.finished
    self:_tell()
end

function Future:set_result(result)
    assert(self.status == Status.pending, "Can not set result")
    self.status = Status.finished
    self._result = result
    self:_tell()
end

function Future:result()
    if self.status == Status.cancelled then
        error(CancelledError, 0)
    end
    assert(self.status == Status.finished, "Result is not read")
    if self._exception then
        error(self._exception, 0)
    end
    return self._result
end

-- What yield from runs: a generator that yields the Future, once.
function Future:__iter()
    return generator.new(function()
        if self.status == Status.pending then
            generator.yield(self)
        end
        return self:result()
    end)
end

local Task = {}
Task.__index = Task

-- Takes the first step, with a Future that is done already.
function Task.new(coro)
    local self = setmetatable({cancelled = false, coro = coro}, Task)
    local f = Future.new()
    f:set_result(nil)
    self:step(f)
    return self
end

function Task:cancel()
    self.coro:throw(CancelledError)
end

-- One step, with the result of the Future f; the next, when the Future is done
-- with which the generator comes out.
function Task:step(f)
    local ok, _future = pcall(function()
        return self.coro:send(f:result())
    end)
    if ok then
        _future:add_done_callback(function(done) self:step(done) end)
    elseif _future == CancelledError then
        self.cancelled = true
    elseif not generator.is_stop(_future) then
        error(_future, 0)
    end
end

local function wait_future(f, flag_int)
    return generator.new(function()
        local result = generator.delegate(f:__iter())    -- yield from f
        print(flag_int .. " " .. result)
    end)
end

local future = Future.new()
for i = 0, 2 do
    local coro = wait_future(future, i)
    Task.new(coro)    -- takes care of wait_future, and so of the Future in it
end

print("ready")
future:set_result("ok")

future = Future.new()
local task = Task.new(wait_future(future, 3))
print(select(2, pcall(task.cancel, task)))

--[[ output:
ready
0 ok
1 ok
2 ok
CancelledError
]]
