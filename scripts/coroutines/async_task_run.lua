-- SPDX-License-Identifier: MIT
-- Document 003, third section: a naive runner of tasks.
--
-- A generator need not yield anything: that it runs its code in pieces is what
-- makes it a task. The runner gives each task one piece in turn.
--
-- runs on: lua5.4, neap

local function async_task()
    print("step1")
    coroutine.yield()
    print("step2")
    coroutine.yield()
    print("step3")
    coroutine.yield()
end

local all_tasks = {
    coroutine.create(async_task),
    coroutine.create(async_task),
}

-- One round: every task goes on to its next yield.
local function async_task_run()
    for _, task in ipairs(all_tasks) do
        assert(coroutine.resume(task))
    end
end

async_task_run()
async_task_run()
async_task_run()

--[[ output:
step1
step1
step2
step2
step3
step3
]]
