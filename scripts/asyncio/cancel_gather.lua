-- SPDX-License-Identifier: MIT
-- Document 001, "stopping coroutines": Ctrl-C, and one cancel for all.
--
-- Task by task is one way. But a gather owns what it gathers, and who cancels
-- it cancels all of that. So all tasks there are, main and those that it
-- spawned, are gathered, and then the gathering is cancelled.
--
-- Python's gather is a future from the start. Ours is a call that waits, so it
-- is given a task, and that has to begin: one that is cancelled before it has
-- begun never runs.
--
-- This second phase stands under neap.shield, because the interrupted main task
-- is cancelled: any wait that is not shielded would raise again.
--
-- Press Ctrl-C while it waits; the test sends the signal after the third line.
--
-- runs on: neap
-- clock: real
-- interrupt: after line 3

local neap = require "neap"

io.stdout:setvbuf("line")    -- who reads us through a pipe wants it at once

local function do_some_work(x)
    print("Waiting:  " .. x)
    neap.sleep(x)
    return ("Done after %ds"):format(x)
end

-- asyncio.Task.all_tasks(). Python's main program is no task, ours is one.
local function all_tasks()
    local tasks = neap.tasks()
    assert(table.remove(tasks, 1) == neap.current())
    return tasks
end

-- As Python prints a set.
local function print_tasks(tasks)
    local words = {}
    for i, task in ipairs(tasks) do
        words[i] = tostring(task)
    end
    print("{" .. table.concat(words, ", ") .. "}")
end

local function main()
    local tasks = {
        neap.spawn(do_some_work, 1),
        neap.spawn(do_some_work, 2),
        neap.spawn(do_some_work, 2),
    }
    local done, pending = neap.wait(tasks)
    assert(#pending == 0)
    for _, task in ipairs(done) do
        print("Task ret:  " .. task:result())
    end
end

local loop = neap.loop()
local task = neap.spawn(main)

local function keyboard_interrupt()
    print_tasks(all_tasks())
    local gathering = neap.spawn(neap.gather, table.unpack(all_tasks()))
    neap.yield()    -- it begins
    print(gathering:cancel())
    loop:stop()
    loop:run_forever()
end

local ok, err = pcall(loop.run_until_complete, loop, task)
assert(ok or neap.is_cancelled(err), err)

neap.shield(function()
    if not ok then
        keyboard_interrupt()
    end
    loop:close()
end)

--[[ output:
Waiting:  1
Waiting:  2
Waiting:  2
~ {<Task #2 pending, awaiting, %S+>, <Task #3 .->, <Task #4 .->, <Task #5 .->}
true
]]
