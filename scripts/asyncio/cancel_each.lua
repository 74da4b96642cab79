-- SPDX-License-Identifier: MIT
-- Document 001, "stopping coroutines": Ctrl-C, and each task is cancelled.
--
-- Python raises KeyboardInterrupt out of run_until_complete. The command neap
-- cancels the main task: there run_until_complete raises a Cancelled, whose
-- reason is "interrupted". The other tasks know nothing of it. So each of them
-- is cancelled, and the loop turned once more, for them to end.
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

local now = neap.time

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

local tasks = {
    neap.spawn(do_some_work, 1),
    neap.spawn(do_some_work, 2),
    neap.spawn(do_some_work, 2),
}

local start = now()

local loop = neap.loop()

local function keyboard_interrupt()
    print_tasks(all_tasks())
    for _, task in ipairs(all_tasks()) do
        print(task:cancel())
    end
    loop:stop()
    loop:run_forever()
end

local ok, err = pcall(loop.run_until_complete, loop, function()
    return neap.wait(tasks)
end)
assert(ok or neap.is_cancelled(err), err)

neap.shield(function()
    if not ok then
        keyboard_interrupt()
    end
    loop:close()
end)

print("TIME:  " .. now() - start)

--[[ output:
Waiting:  1
Waiting:  2
Waiting:  2
~ {<Task #2 pending, sleeping, %S+>, <Task #3 .->, <Task #4 .->, <Task #5 .->}
true
true
true
true
~ TIME:  0%.%d+
]]
