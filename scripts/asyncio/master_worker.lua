-- SPDX-License-Identifier: MIT
-- Document 001, "master and worker", "stopping the thread": a main thread that
-- takes jobs from a queue and sends them to the loop of a second thread.
--
-- The document's queue is Redis', which somebody fills by hand; here a task
-- does. The 5 seconds' job does not hold up those behind it.
--
-- Ctrl-C: in Python the second thread goes on, until it is made a daemon, which
-- dies with the program. Here a daemon's tasks are cancelled and awaited at the
-- program's end: one that is at work can clean up. And the question that the
-- document leaves open, how an error over there reaches this thread, has an
-- answer: it is raised by the await of what spawn has returned, or reported.
--
-- runs on: neap
-- clock: real
-- args: 0.05
-- interrupt: after line 12

local neap = require "neap"

io.stdout:setvbuf("line")    -- who reads us through a pipe wants it at once

local second = tonumber(arg[1]) or 1    -- how long one takes

-- What the document has of Redis.
local rcon = {list = {}}

function rcon.lpush(value)
    table.insert(rcon.list, 1, value)
end

function rcon.rpop()
    return table.remove(rcon.list)
end

local function start_loop()
    neap.loop():run_forever()
end

local function do_some_work(x, second)
    local _ <close> = setmetatable({}, {__close = function(_, err)
        if err then print("Interrupted  " .. x) end
    end})
    print("Waiting  " .. x)
    if x == 0 then error("no work", 0) end
    neap.sleep(x * second)
    print("Done " .. x)
end

-- Somebody at the keyboard.
neap.spawn({daemon = true}, function()
    local queue = {2, 5, 1, 1, 0, 3000}
    local pause = {3, 1, 1.5, 4, 1, 0}
    for i, x in ipairs(queue) do
        rcon.lpush(x)
        neap.sleep(pause[i] * second)
    end
end)

local new_loop = neap.thread({name = "new loop", daemon = true}, start_loop)

local function tell(task)
    local err = task:error()
    if err and not neap.is_cancelled(err) then
        print("from the thread: " .. err)
    end
end

local ok, e = pcall(function()
    while true do
        local task = rcon.rpop()
        if task then
            new_loop:spawn(do_some_work, task, second):on_done(tell)
        else
            neap.sleep(second / 10)
        end
    end
end)
assert(not ok and neap.is_cancelled(e), e)
print(e.reason)    -- Python: KeyboardInterrupt
new_loop:stop()

--[[ output:
Waiting  2
Done 2
Waiting  5
Waiting  1
Done 1
Waiting  1
Done 1
Done 5
Waiting  0
Interrupted  0
from the thread: no work
Waiting  3000
interrupted
Interrupted  3000
]]
