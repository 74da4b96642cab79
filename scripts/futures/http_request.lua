-- SPDX-License-Identifier: MIT
-- Document 004, section 3.2: HttpRequest, four hosts at once with Future, Task.
--
-- The callbacks are still there, but each is one line that sets a Future, and
-- the rest reads from top to bottom again, as the blocking request did: request
-- connects, sends, and reads until there is no more. It is a generator; a Task
-- takes it from Future to Future, each step inside the set_result of the one
-- that it was left with.
--
-- Future and Task are those of future_task.lua, the selector and the loop at
-- the end those of callback_request.lua. Where the document has `yield f`, this
-- has what it means, `yield from f`.
--
-- runs on: neap

package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local generator = require "neap.generator"
local hosts = require "hosts"
local neap = require "neap"
local selectors = require "selectors"
local EVENT_READ, EVENT_WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

local selector = selectors.DefaultSelector()
local running_cnt = 0    -- requests that are under way

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

local HttpRequest = {}
HttpRequest.__index = HttpRequest

function HttpRequest.new(host)
    running_cnt = running_cnt + 1
    return setmetatable({
        _host = host,
        url = "http://" .. host,
        connecting = neap.spawn(neap.connect, hosts.address(host)),
        sock = nil,    -- once it is connected
    }, HttpRequest)
end

-- Runs a method as a generator inside ours: yield from self:name().
local function from(self, name)
    return generator.delegate(generator.new(HttpRequest[name], self))
end

-- Waits for what the socket gives, by way of a Future.
function HttpRequest:read()
    local f = Future.new()
    selector:register(self.sock, EVENT_READ, function()
        f:set_result(self.sock:recv(4096))
    end)
    local chunk = generator.delegate(f:__iter())
    selector:unregister(self.sock)
    return chunk
end

-- Everything up to the end of the response.
function HttpRequest:read_response()
    local response = ""
    local chunk = from(self, "read")
    while chunk do
        response = response .. chunk
        chunk = from(self, "read")
    end
    return response
end

-- Waits until the connection stands.
function HttpRequest:connected()
    local f = Future.new()
    selector:register(self.connecting, EVENT_WRITE, function()
        f:set_result(nil)
    end)
    generator.delegate(f:__iter())
    selector:unregister(self.connecting)
    self.sock = assert(self.connecting:result())
    print(("%s connect success"):format(self._host))
end

function HttpRequest:request()
    from(self, "connected")
    self.sock:send(("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n")
        :format(self.url, self._host))
    local response = from(self, "read_response")
    print(("request %s success, length:%d"):format(self._host, #response))
    self.sock:close()
    running_cnt = running_cnt - 1
end

local function start(host)
    Task.new(generator.new(HttpRequest.request, HttpRequest.new(host)))
end

-- Several requests at once.
start("so1n.me")
start("github.com")
start("google.com")
start("baidu.com")
-- As long as one is under way, wait for what happens, and call who is told.
while running_cnt > 0 do
    for _, key in ipairs(selector:select()) do
        key.data()
    end
end

--[[ output:
so1n.me connect success
github.com connect success
google.com connect success
baidu.com connect success
request google.com success, length:292
request github.com success, length:292
request baidu.com success, length:291
request so1n.me success, length:637
]]
