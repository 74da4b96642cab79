-- SPDX-License-Identifier: MIT
-- Ours: a pipeline of tasks, with queues in between.
--
--     source -> jobs -> three workers -> results -> printer
--
-- The queue of jobs has room for two: a source that is faster than the workers
-- waits in put, and never has more than that in stock. The end comes in order.
-- join returns when every job was dealt with; then the queues are closed, one
-- after the other, and a loop over the items of a closed queue ends when
-- nothing is left in it. So no job is lost, and no task is cancelled.

local neap = require "neap"

local function tell(words, ...)
    print(("%.1f s  "):format(neap.time()) .. words:format(...))
end

local function worker(name, jobs, results)
    for job in jobs:items() do
        neap.sleep(job / 10)
        results:put(("%s: %d squared is %d"):format(name, job, job * job))
        jobs:task_done()
    end
    tell("%s goes home", name)
end

local function printer(results)
    for line in results:items() do
        tell("%s", line)
    end
    tell("the printer goes home")
end

local function main()
    local jobs, results = neap.Queue(2), neap.Queue()

    local group <close> = neap.group()
    for _, name in ipairs {"Ada", "Ben", "Cleo"} do
        group:spawn(worker, name, jobs, results)
    end
    group:spawn(printer, results)

    for job = 1, 8 do
        jobs:put(job)
    end
    tell("the last job is in the queue")
    jobs:join()
    tell("the last job is done")
    jobs:close()
    results:close()
end

main()

--[[ output:
0.1 s  Ada: 1 squared is 1
0.2 s  Ben: 2 squared is 4
0.3 s  Cleo: 3 squared is 9
0.3 s  the last job is in the queue
0.5 s  Ada: 4 squared is 16
0.7 s  Ben: 5 squared is 25
0.9 s  Cleo: 6 squared is 36
1.2 s  Ada: 7 squared is 49
1.5 s  Ben: 8 squared is 64
1.5 s  the last job is done
1.5 s  Cleo goes home
1.5 s  Ada goes home
1.5 s  Ben goes home
1.5 s  the printer goes home
]]
