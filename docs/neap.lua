---@meta neap
-- SPDX-License-Identifier: MIT
--
-- The types of neap for editors that speak LuaCATS (lua-language-server).
-- It is never run. Add the folder that it stands in to the setting
-- `Lua.workspace.library`; `make install` puts it into PREFIX/share/neap.
--
-- A call marked (waits) lets other tasks run until it returns. docs/manual.md
-- says everything else; tests/spec/manual_spec.lua holds both to the module.

-- What neap raises as a thing of its own ------------------------------------

---An error object: `tostring` gives its message.
---@class neap.Error
---@field name "Cancelled"|"Timeout"|"ErrorGroup"|"QueueClosed"|"Deadlock"
---@field message string

---Raised by every wait in a cancelled scope, and by awaiting what was cancelled.
---@class neap.Cancelled: neap.Error
---@field name "Cancelled"
---@field reason any  as given to `cancel`
---@field task? neap.Awaitable  what was cancelled, or the Task that opened the
---group or time-out that was; nil: a whole run

---Raised by `neap.timeout` and by the iterator of `neap.as_completed`.
---@class neap.TimeoutError: neap.Error
---@field name "Timeout"

---Raised by leaving a group in which several failed.
---@class neap.ErrorGroup: neap.Error
---@field name "ErrorGroup"
---@field errors any[]  in the order in which they were raised

---Raised by putting into a closed queue.
---@class neap.QueueClosed: neap.Error
---@field name "QueueClosed"

---Raised in a main task, where nothing can wake anybody any more.
---@class neap.Deadlock: neap.Error
---@field name "Deadlock"

---@alias neap.State "pending"|"running"|"finished"|"failed"|"cancelled"

-- Tasks and futures ---------------------------------------------------------

---What a Task and a Future have in common.
---@class neap.Awaitable
local Awaitable = {}

---Waits until it has ended (waits): its results, or its error raised.
---@return any ...
function Awaitable:await() end

---The results of one that has ended; raises its error.
---@return any ...
function Awaitable:result() end

---The error of one that has ended; nil if it has finished.
---@return any error
function Awaitable:error() end

---Whether it has ended.
---@return boolean
function Awaitable:done() end

---Whether it ended because of a cancel, its own or of a scope around it.
---@return boolean
function Awaitable:cancelled() end

---Asks it to end.
---@param reason? any
---@return boolean pending  whether it had not ended yet
function Awaitable:cancel(reason) end

---@return neap.State
function Awaitable:state() end

---Calls `fn(..., self)` in the pass after it has ended.
---@param fn fun(...: any)
---@param ... any
function Awaitable:on_done(fn, ...) end

---Takes out what was added with this function and has not been called.
---@param fn fun(...: any)
---@return integer count
function Awaitable:remove_done(fn) end

---A function that the loop runs; `neap.spawn` makes one.
---@class neap.Task: neap.Awaitable
local Task = {}

---Its name; with an argument, names it first.
---@param name? any
---@return string?
function Task:name(name) end

---Of its error; of one that is pending, where it is.
---@return string?
function Task:traceback() end

---Whose run or group it is in; nil: it is the script's own, or it has ended.
---@return neap.Task?
function Task:parent() end

---Where it was spawned: "app.lua:12".
---@return string?
function Task:spawned_at() end

---What it waits for; nil if it does not wait.
---@return string? words  "sleeping"
---@return any object  nil: none
---@return number? seconds  for how long, to a tenth
function Task:waits() end

---A Task that stands for a loop in another thread.
---@class neap.Thread: neap.Task
local Thread = {}

---A task over there, and one here that stands for it.
---@param fn function  copied over, with its arguments
---@return neap.Task
---@overload fun(self: neap.Thread, options: neap.SpawnOptions, fn: function, ...): neap.Task
function Thread:spawn(fn, ...) end

---Calls fn in the loop over there.
---@param fn function  copied over, with its arguments
function Thread:call_soon(fn, ...) end

---Ends its run_forever, or else all that it runs.
function Thread:stop() end

---A value that comes later; `neap.Future` makes one.
---@class neap.Future: neap.Awaitable
local Future = {}

---Ends it with these results.
---@param ... any
function Future:set_result(...) end

---Ends it with an error.
---@param e any
function Future:set_error(e) end

---A table of a task's whose values its children inherit.
---@class neap.Context: { [any]: any }

---A callback that may still be cancelled.
---@class neap.Handle
local Handle = {}

---The callback will not be called.
---@return boolean pending  false: it was called or cancelled before
function Handle:cancel() end

---Whether it is over: cancelled, or called already.
---@return boolean
function Handle:cancelled() end

-- Time-outs and groups ------------------------------------------------------

---A time-out around the rest of a block: `local t <close> = neap.timeout(s)`.
---@class neap.Timeout
local Timeout = {}

---The time is up in so many seconds from now.
---@param seconds number
---@return boolean pending  false: it has struck
function Timeout:reschedule(seconds) end

---Tasks that end before the block that spawned them:
---`local group <close> = neap.group()`.
---@class neap.Group
local Group = {}

---@class neap.GroupSpawnOptions
---@field name? any  for people to read

---Makes a task of `fn(...)` that belongs to the group.
---@param fn fun(...: any): any ...
---@param ... any
---@return neap.Task
---@overload fun(self: neap.Group, options: neap.GroupSpawnOptions, fn: function, ...: any): neap.Task
function Group:spawn(fn, ...) end

---Cancels its body and its tasks.
---@param reason? any
---@return boolean pending  whether it was not over
function Group:cancel(reason) end

---Leaves it: awaits its tasks and raises their errors (waits).
function Group:wait() end

-- Queue ---------------------------------------------------------------------

---Values from task to task: first in, first out; or the newest first
---(LifoQueue); or the least priority first (PriorityQueue).
---@class neap.Queue
---@operator len: integer
local Queue = {}

---Puts a value in (waits for room). Raises QueueClosed.
---@param value any
---@param priority? number|string  a PriorityQueue's; default: the value itself
function Queue:put(value, priority) end

---@param value any
---@param priority? number|string
---@return boolean put  whether there was room
function Queue:try_put(value, priority) end

---Takes the next value (waits for one); `nil, "closed"` at the end.
---@return any value
---@return "closed"? closed
function Queue:get() end

---`true, value`, or `false`, or `nil, "closed"`.
---@return boolean? got
---@return any value
function Queue:try_get() end

---The values until the queue is closed and drained (waits).
---@return fun(queue: neap.Queue): any iterator
---@return neap.Queue
function Queue:items() end

---Nothing comes in any more.
---@param drop? boolean  drop what is in
function Queue:close(drop) end

---An item that was got has been dealt with.
function Queue:task_done() end

---Waits until every item put has been dealt with (waits).
function Queue:join() end

---@return integer count  items that can be got
function Queue:len() end

-- Channel -------------------------------------------------------------------

---A Queue between threads: values are copied when they are put.
---@class neap.Channel
---@operator len: integer
local Channel = {}

---Puts a copy of a value in (waits for room). Raises QueueClosed.
---@param value any
function Channel:put(value) end

---@param value any
---@return boolean put  whether there was room
function Channel:try_put(value) end

---Takes the next value (waits for one); `nil, "closed"` at the end.
---@return any value
---@return "closed"? closed
function Channel:get() end

---`true, value`, or `false`, or `nil, "closed"`.
---@return boolean? got
---@return any value
function Channel:try_get() end

---The values until the Channel is closed and drained (waits).
---@return fun(channel: neap.Channel): any iterator
---@return neap.Channel
function Channel:items() end

---Nothing comes in any more.
---@param drop? boolean  drop what is in
function Channel:close(drop) end

---@return integer count  items that can be got
function Channel:len() end

-- Event, Lock, Semaphore, Condition, Barrier --------------------------------

---Something that happens, and may be waited for.
---@class neap.Event
local Event = {}

---Wakes all that wait.
function Event:set() end

---From now on one waits again.
function Event:clear() end

---@return boolean
function Event:is_set() end

---Returns when it is set (waits).
function Event:wait() end

---One task at a time. May be a `<close>` variable.
---@class neap.Lock
local Lock = {}

---Waits until this task holds it: `local _ <close> = lock:acquire()` (waits).
---@return neap.Lock
function Lock:acquire() end

---Hands it to who waits longest.
function Lock:release() end

---Whether somebody holds it.
---@return boolean
function Lock:locked() end

---Calls `fn(...)` while this task holds it: its results (waits).
---@param fn fun(...: any): any ...
---@param ... any
---@return any ...
function Lock:with(fn, ...) end

---A number of permits. May be a `<close>` variable, for one of them.
---@class neap.Semaphore
local Semaphore = {}

---Takes permits: `local _ <close> = semaphore:acquire(n)` (waits).
---@param n? integer  default: 1
---@return any permits  to be closed: gives as many back
function Semaphore:acquire(n) end

---Gives permits back.
---@param n? integer  default: 1
function Semaphore:release(n) end

---Whether `acquire` would have to wait.
---@return boolean
function Semaphore:locked() end

---Calls `fn(...)` with one permit taken: its results (waits).
---@param fn fun(...: any): any ...
---@param ... any
---@return any ...
function Semaphore:with(fn, ...) end

---A lock, and who waits for what it protects to change.
---@class neap.Condition
local Condition = {}

---Waits to be notified; the lock is given away meanwhile (waits).
function Condition:wait() end

---Wakes those who wait longest.
---@param n? integer  how many; default: 1
function Condition:notify(n) end

---Wakes all that wait.
function Condition:notify_all() end

---Acquires the lock (waits).
---@return neap.Lock
function Condition:acquire() end

---Releases the lock.
function Condition:release() end

---Whether somebody holds the lock.
---@return boolean
function Condition:locked() end

---Calls `fn(...)` while this task holds the lock: its results (waits).
---@param fn fun(...: any): any ...
---@param ... any
---@return any ...
function Condition:with(fn, ...) end

---Tasks that wait for each other, so many at a time.
---@class neap.Barrier
local Barrier = {}

---Waits until all have come (waits).
---@return integer number  1 to n, in the order of arrival
function Barrier:wait() end

-- Socket --------------------------------------------------------------------

---A stream of bytes, a listener, or one for datagrams. May be a `<close>` variable.
---@class neap.Socket
local Socket = {}

---The next connection (waits), and its peer's host and port, or path.
---@return neap.Socket? conn
---@return string? host  or the message of a failure
---@return integer|string? port  or the code of a failure
function Socket:accept() end

---What has arrived (waits); nil alone is the end of the stream.
---@param max? integer  at most so many bytes; default and most: 65536
---@return string? bytes
---@return string? message
---@return string? code
function Socket:recv(max) end

---The next datagram (waits), its sender's host and port, or path; and true if it
---was longer than `max`. Of a path, true comes third.
---@param max? integer  at most so many bytes; default and most: 65536
---@return string? data
---@return string? host  or the message of a failure
---@return integer|string|true|nil port  or the code of a failure
---@return true? truncated
function Socket:recv_from(max) end

---Sends one datagram (waits while there is no room).
---@param data string
---@param host string  an address, "localhost", or "unix:/path"
---@param port integer
---@return true? done
---@return string? message
---@return string? code
---@overload fun(self: neap.Socket, data: string, path: string): true?, string?, string?
function Socket:send_to(data, host, port) end

---Of datagrams: whom `send` sends to, and `recv` receives from.
---@param host string  an address, "localhost", or "unix:/path"
---@param port integer
---@return true? done
---@return string? message
---@return string? code
---@overload fun(self: neap.Socket, path: string): true?, string?, string?
function Socket:connect(host, port) end

---Sends all of it (waits).
---@param data string
---@return true? sent
---@return string? message
---@return string? code
function Socket:send(data) end

---Sends all of its arguments in one (waits).
---@param ... string|number
---@return neap.Socket? self
---@return string? message
---@return string? code
function Socket:write(...) end

---@alias neap.format "l"|"L"|"a"|integer

---What the format asks for (waits); nil alone is the end of the stream.
---@param format? neap.format  default "l"
---@return string? bytes
---@return string? message
---@return string? code
---@return string? part  of a failure: what was read, if anything was
function Socket:read(format) end

---Up to a delimiter and with it (waits).
---@param delimiter string
---@param max? integer  how many bytes may stand before it; default: the limit
---@return string? bytes
---@return string? message
---@return string? code
---@return string? part  of a failure: what was read, if anything was
function Socket:read_until(delimiter, max) end

---Reads at each step (waits), and raises failures.
---@param format? neap.format  default "l"
---@return fun(): string?
function Socket:lines(format) end

---@param direction? "send"|"recv"|"both"
---@return true? done
---@return string? message
---@return string? code
function Socket:shutdown(direction) end

---Closes it and wakes whoever waits on it.
---@return true
function Socket:close() end

---@return integer? number  of the descriptor
---@return string? message
---@return string? code
function Socket:fd() end

---The name of this end: host and port, or the path.
---@return string? host
---@return integer|string? port  or the message of a failure
---@return string? code
function Socket:sockname() end

---The name of the other end: host and port, or the path.
---@return string? host
---@return integer|string? port  or the message of a failure
---@return string? code
function Socket:peername() end

---@alias neap.flag "nodelay"|"keepalive"|"reuseaddr"|"reuseport"|"broadcast"

---@param name neap.flag
---@param value boolean
---@return true? done
---@return string? message
---@return string? code
---@overload fun(self: neap.Socket, name: "rcvbuf"|"sndbuf", bytes: integer): true?, string?, string?
function Socket:setopt(name, value) end

-- Standard streams ----------------------------------------------------------

---Descriptor 0.
---@class neap.Stdin
local Stdin = {}

---As `Socket:read`; a line has no limit (waits).
---@param format? "l"|"L"|"a"|integer
---@return string? bytes
---@return string? message
---@return string? code
---@return string? read  what was read before the failure
function Stdin:read(format) end

---As `Socket:read_until` (waits).
---@param delimiter string
---@param max? integer
---@return string? bytes
---@return string? message
---@return string? code
---@return string? read  what was read before the failure
function Stdin:read_until(delimiter, max) end

---As `Socket:lines` (waits).
---@param format? "l"|"L"|"a"|integer
---@return fun(): string?
function Stdin:lines(format) end

---What has arrived (waits); nil alone is the end.
---@param max? integer
---@return string? bytes
---@return string? message
---@return string? code
function Stdin:recv(max) end

---Descriptor 1.
---@class neap.Stdout
local Stdout = {}

---Writes all of it (waits).
---@param ... string|number
---@return neap.Stdout? self
---@return string? message
---@return string? code
function Stdout:write(...) end

---Writes all of it (waits).
---@param data string
---@return true? sent
---@return string? message
---@return string? code
function Stdout:send(data) end

-- Loop ----------------------------------------------------------------------

---asyncio's face of the loop.
---@class neap.Loop
local Loop = {}

---@param fn fun(...: any)
---@param ... any
---@return neap.Handle
function Loop:call_soon(fn, ...) end

---@param fn fun(...: any)
---@param ... any
---@return neap.Handle
function Loop:call_soon_threadsafe(fn, ...) end

---@param seconds number
---@param fn fun(...: any)
---@param ... any
---@return neap.Handle
function Loop:call_later(seconds, fn, ...) end

---@param time number
---@param fn fun(...: any)
---@param ... any
---@return neap.Handle
function Loop:call_at(time, fn, ...) end

---@return number seconds
function Loop:time() end

---@param fn fun(...: any): any ...
---@param ... any
---@return neap.Task
---@overload fun(self: neap.Loop, options: neap.SpawnOptions, fn: function, ...: any): neap.Task
function Loop:create_task(fn, ...) end

---@return neap.Future
function Loop:create_future() end

---Its results, or its error raised (waits).
---@param x neap.Awaitable|fun(): any ...
---@return any ...
function Loop:run_until_complete(x) end

---Until `stop` (waits).
function Loop:run_forever() end

---Ends the innermost run_forever or run_until_complete, or the next one.
function Loop:stop() end

---One turn; not in tasks and callbacks.
function Loop:run_once() end

---Cancels and awaits every other task of this run (waits).
function Loop:close() end

---@return boolean
function Loop:is_running() end

---Calls `fn(...)` each time that the descriptor can be read.
---@param fd neap.Socket|integer
---@param fn fun(...: any)
---@param ... any
function Loop:add_reader(fd, fn, ...) end

---@param fd neap.Socket|integer
---@return boolean removed
function Loop:remove_reader(fd) end

---Calls `fn(...)` each time that the descriptor can be written.
---@param fd neap.Socket|integer
---@param fn fun(...: any)
---@param ... any
function Loop:add_writer(fd, fn, ...) end

---@param fd neap.Socket|integer
---@return boolean removed
function Loop:remove_writer(fd) end

-- The module ----------------------------------------------------------------

---@class neap
---@field _VERSION string  "neap 0.1.0"
---@field stdin neap.Stdin
---@field stdout neap.Stdout
local neap = {}

---Runs main until it returns; cancels and awaits what it left behind (waits).
---@param main fun(...: any): any ...
---@param ... any
---@return any ...  main's results
function neap.run(main, ...) end

---@class neap.SpawnOptions
---@field name? any  for people to read
---@field daemon? boolean  does not keep a script alive

---Makes a task of `fn(...)`; it starts soon.
---@param fn fun(...: any): any ...
---@param ... any
---@return neap.Task
---@overload fun(options: neap.SpawnOptions, fn: function, ...: any): neap.Task
function neap.spawn(fn, ...) end

---The task that runs; nil in callbacks and outside of tasks.
---@return neap.Task?
function neap.current() end

---All tasks that have not ended, in spawn order.
---@return neap.Task[]
function neap.tasks() end

---All tasks in words, a line each, indented by what they stand in.
---@return string
function neap.tree() end

---The running task's context; in a callback, that of who made it.
---@return neap.Context
function neap.context() end

---Waits for so many seconds (waits).
---@param seconds number
function neap.sleep(seconds) end

---Waits until `neap.time()` says so (waits).
---@param time number
function neap.sleep_until(time) end

---Lets every other task that is ready run once (waits).
function neap.yield() end

---`for i in neap.every(s) do`: a round every so many seconds (waits).
---@param seconds number
---@return fun(): integer
function neap.every(seconds) end

---The loop's time in seconds.
---@return number
function neap.time() end

---The same as `x:await()` (waits).
---@param x neap.Awaitable
---@return any ...
function neap.await(x) end

---The first result of each; the first error cancels the others (waits).
---@param ... neap.Awaitable|fun(): any ...
---@return any ...
function neap.gather(...) end

---@class neap.Outcome
---@field ok boolean
---@field value? any  the first result
---@field n? integer  how many results; they stand at 1 to n
---@field error? any  where ok is false
---@field [integer] any

---How each ended; cancels nothing, but what it owns if it is cancelled (waits).
---@param ... neap.Awaitable|fun(): any ...
---@return neap.Outcome[]
function neap.settle(...) end

---All results of the first to end; the others are cancelled (waits).
---@param a neap.Awaitable|fun(): any ...
---@param ... neap.Awaitable|fun(): any ...
---@return any ...
function neap.race(a, ...) end

---@class neap.MapOptions
---@field limit? integer  at most so many at once

---The first result of `fn` for each element, in the list's order (waits).
---@generic T
---@param list T[]
---@param fn fun(element: T): any ...
---@param options? neap.MapOptions
---@return any[]
function neap.map(list, fn, options) end

---@class neap.CompletedOptions
---@field timeout? number  at most so many seconds

---`for task in neap.as_completed(list) do`: in the order of ending (waits).
---@param list (neap.Awaitable|fun(): any ...)[]
---@param options? neap.CompletedOptions
---@return fun(): neap.Awaitable?
function neap.as_completed(list, options) end

---@class neap.WaitOptions
---@field timeout? number  at most so many seconds
---@field return_when? "all"|"first_done"|"first_error"

---What has ended and what has not, both in the list's order (waits).
---@param list (neap.Awaitable|fun(): any ...)[]
---@param options? neap.WaitOptions
---@return neap.Awaitable[] done
---@return neap.Awaitable[] pending
function neap.wait(list, options) end

---Whether an error value is a Cancelled.
---@param e any
---@return boolean
function neap.is_cancelled(e) end

---Whether an error value is a Timeout.
---@param e any
---@return boolean
function neap.is_timeout(e) end

---The results of `fn(...)`, or a Timeout raised; without `fn`, a time-out
---around the rest of the block.
---@param seconds number
---@param fn fun(...: any): any ...
---@param ... any
---@return any ...
---@overload fun(seconds: number): neap.Timeout
function neap.timeout(seconds, fn, ...) end

---true and the results of `fn(...)`, or false when the time was up.
---@param seconds number
---@param fn fun(...: any): any ...
---@param ... any
---@return boolean ended
---@return any ...
function neap.move_on_after(seconds, fn, ...) end

---The results of `fn(...)`, which no cancel from outside reaches.
---@param fn fun(...: any): any ...
---@param ... any
---@return any ...
function neap.shield(fn, ...) end

---The results of `fn(group, ...)`, when the group's tasks have ended (waits);
---without `fn`, a group around the rest of the block.
---@param fn fun(group: neap.Group, ...: any): any ...
---@param ... any
---@return any ...
---@overload fun(): neap.Group
function neap.group(fn, ...) end

---Calls `fn(...)` in the next pass.
---@param fn fun(...: any)
---@param ... any
---@return neap.Handle
function neap.call_soon(fn, ...) end

---Calls `fn(...)` in so many seconds.
---@param seconds number
---@param fn fun(...: any)
---@param ... any
---@return neap.Handle
function neap.call_later(seconds, fn, ...) end

---Calls `fn(...)` when `neap.time()` says so.
---@param time number
---@param fn fun(...: any)
---@param ... any
---@return neap.Handle
function neap.call_at(time, fn, ...) end

---The Loop; always the same one.
---@return neap.Loop
function neap.loop() end

---A Future that is pending.
---@return neap.Future
function neap.Future() end

---A queue.
---@param max? number  room; nil, math.huge: no bound; 0: a rendezvous
---@return neap.Queue
function neap.Queue(max) end

---A queue from which the newest comes out first.
---@param max? number  as for neap.Queue
---@return neap.Queue
function neap.LifoQueue(max) end

---A queue from which the least priority comes out first.
---@param max? number  as for neap.Queue
---@return neap.Queue
function neap.PriorityQueue(max) end

---An Event that is not set.
---@return neap.Event
function neap.Event() end

---A Lock that nobody holds.
---@return neap.Lock
function neap.Lock() end

---A Semaphore.
---@param n integer  permits, at least 1
---@return neap.Semaphore
function neap.Semaphore(n) end

---A Condition.
---@param lock? neap.Lock  default: one of its own
---@return neap.Condition
function neap.Condition(lock) end

---A Barrier.
---@param n integer  how many go together, at least 1
---@return neap.Barrier
function neap.Barrier(n) end

---@class neap.StreamOptions
---@field limit? integer  bytes before a line end or a delimiter; default 65536

---@class neap.ConnectOptions: neap.StreamOptions
---@field nodelay? boolean  default true

---@class neap.ListenOptions: neap.ConnectOptions
---@field reuseport? boolean
---@field backlog? integer  how many connections may wait; default 4096

---A Socket that listens.
---@param host string  an address, "localhost", "*", or "unix:/path"
---@param port integer  0: the system chooses
---@param options? neap.ListenOptions
---@return neap.Socket? listener
---@return string? message
---@return string? code
---@overload fun(path: string, options?: neap.ListenOptions): neap.Socket?, string?, string?
function neap.listen(host, port, options) end

---@class neap.Address
---@field host string  in digits
---@field port? integer  where a service was given
---@field family "inet"|"inet6"

---The addresses of a name (waits).
---@param host string  a name, an address, or "localhost"
---@param service? integer|string  a port, or as "http"
---@return neap.Address[]? addresses
---@return string? message
---@return string? code
function neap.resolve(host, service) end

---@class neap.OffloadOptions
---@field wait? boolean  a cancel waits for the function's end

---Calls fn in a worker thread; its results (waits).
---@param fn function  copied over, with its arguments
---@return any ...
---@overload fun(options: neap.OffloadOptions, fn: function, ...): any
function neap.offload(fn, ...) end

---A Channel.
---@param max? number  room; nil, math.huge: no bound; 0: a rendezvous
---@return neap.Channel
function neap.Channel(max) end

---A loop of its own in a thread of the system, fn being its main task.
---@param fn function  copied over, with its arguments
---@return neap.Thread
---@overload fun(options: neap.SpawnOptions, fn: function, ...): neap.Thread
function neap.thread(fn, ...) end

---A Socket that is connected (waits).
---@param host string  a name, an address, "localhost", or "unix:/path"
---@param port integer|string  or a service as "http"
---@param options? neap.ConnectOptions
---@return neap.Socket? conn
---@return string? message
---@return string? code
---@overload fun(path: string, options?: neap.ConnectOptions): neap.Socket?, string?, string?
function neap.connect(host, port, options) end

---@class neap.ServeOptions
---@field max? integer|number  connections at once; default math.huge
---@field grace? number  seconds that the last ones have when the listener was
---closed; default math.huge

---Serves the connections of a listener (waits), each in a task of its own,
---until the listener is closed: true, when all of them have ended.
---@param listener neap.Socket
---@param handler fun(conn: neap.Socket, host?: string, port?: integer)
---@param options? neap.ServeOptions
---@return true? ended
---@return string? message
---@return string? code
function neap.serve(listener, handler, options) end

---A Socket for datagrams.
---@param host? string  an address, "localhost", "*" (default), or "unix:/path"
---@param port? integer  0 (default): the system chooses
---@param options? neap.ListenOptions
---@return neap.Socket? socket
---@return string? message
---@return string? code
---@overload fun(path: string, options?: neap.ListenOptions): neap.Socket?, string?, string?
function neap.udp(host, port, options) end

---Two Sockets that are connected to each other.
---@param options? neap.StreamOptions
---@return neap.Socket? one
---@return neap.Socket|string? other  or the message of a failure
---@return string? code
function neap.socketpair(options) end

---A Socket of a descriptor's number, which is neap's from then on.
---@param fd integer
---@param options? neap.StreamOptions
---@return neap.Socket? socket
---@return string? message
---@return string? code
function neap.socket(fd, options) end

---Waits until a descriptor can be read (waits).
---@param fd neap.Socket|integer
---@return true? ready
---@return string? message
---@return string? code
function neap.wait_readable(fd) end

---Waits until a descriptor can be written (waits).
---@param fd neap.Socket|integer
---@return true? ready
---@return string? message
---@return string? code
function neap.wait_writable(fd) end

-- neap.generator ------------------------------------------------------------
--
-- Editors take a module's type from its file: say which it is, as in
--
--     local generator = require "neap.generator" ---@type neap.generator

---A function that pauses. An iterator for `for`; may be a `<close>` variable.
---@class neap.Generator
---@operator call: any
local Generator = {}

---Goes on; the paused yield returns these values.
---@param ... any
---@return any ...  what is yielded next
function Generator:send(...) end

---Goes on; the paused yield raises this error.
---@param e any
---@return any ...  what is yielded next
function Generator:throw(e) end

---Raises GeneratorExit at the paused yield, so that it ends.
function Generator:close() end

---@class neap.StopIteration
---@field value any  the first result
---@field n integer  how many; they stand at 1 to n
---@field [integer] any

---@class neap.generator
---@field GeneratorExit table  what `close` raises
local generator = {}

---A generator of `fn(...)`, which has not started.
---@param fn fun(...: any): any ...
---@param ... any
---@return neap.Generator
function generator.new(fn, ...) end

---Gives values to the consumer and pauses.
---@param ... any
---@return any ...  what is sent
function generator.yield(...) end

---Yields what another generator yields, until it ends.
---@param inner neap.Generator
---@return any ...  what its function returns
function generator.delegate(inner) end

---What `send` raises when the function has returned.
---@param ... any
---@return neap.StopIteration
function generator.StopIteration(...) end

---@param e any
---@return boolean
function generator.is_stop(e) end

_G.neap = neap    -- in the command; elsewhere local neap = require "neap"

return neap
