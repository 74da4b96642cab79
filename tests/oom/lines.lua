-- SPDX-License-Identifier: MIT
--
-- Programs of tests/oom: queues, and everything that has a line of tasks.

local neap = require "neap"

local lines = {}

local function produce(queue, n)
    return function()
        for i = 1, n do queue:put(i) end
        queue:close()
    end
end

local function consume(queue)
    return function()
        local sum = 0
        for item in queue:items() do sum = sum + item end
        return sum
    end
end

local function pass_through(queue)
    local _, sum = neap.gather(produce(queue, 10), consume(queue))
    assert(sum == 55)
end

function lines.queue() pass_through(neap.Queue()) end
function lines.queue_bounded() pass_through(neap.Queue(2)) end
function lines.queue_rendezvous() pass_through(neap.Queue(0)) end
function lines.queue_lifo() pass_through(neap.LifoQueue(4)) end
function lines.queue_priority() pass_through(neap.PriorityQueue(3)) end

function lines.queue_grows()
    local queue = neap.Queue()
    for i = 1, 100 do assert(queue:try_put(i)) end
    assert(queue:len() == 100)
    for i = 1, 100 do assert(queue:get() == i) end
end

function lines.priorities()
    local queue = neap.PriorityQueue()
    for i = 1, 30 do queue:put({}, (i * 7) % 30) end
    queue:put("text", "text")
    for _ = 1, 31 do assert(queue:try_get()) end
end

function lines.queue_join()
    local queue = neap.Queue()
    local group <close> = neap.group()
    group:spawn(function()
        for _ in queue:items() do
            neap.sleep(0.1)
            queue:task_done()
        end
    end)
    for i = 1, 5 do queue:put(i) end
    queue:join()
    queue:close(true)
end

function lines.queue_closed()
    local queue = neap.Queue(1)
    queue:put(0)
    local group <close> = neap.group()
    for i = 1, 3 do
        group:spawn(function()
            local ok, e = pcall(queue.put, queue, i)
            assert(not ok)
            if e.name ~= "QueueClosed" then error(e, 0) end
        end)
    end
    neap.sleep(1)
    queue:close(true)
end

function lines.queue_cancelled()
    local queue = neap.Queue()
    neap.move_on_after(1, queue.get, queue)
    assert(neap.move_on_after(1, neap.gather, function() queue:get() end,
        function() neap.Queue(0):put(1) end) == false)
    queue:put(1)
    assert(queue:get() == 1)
end

function lines.event()
    local event = neap.Event()
    local group <close> = neap.group()
    for _ = 1, 3 do group:spawn(event.wait, event) end
    neap.yield()
    event:set()
    assert(event:is_set() and tostring(event))
    event:clear()
end

function lines.lock()
    local lock, held = neap.Lock(), 0
    neap.group(function(group)
        for _ = 1, 3 do
            group:spawn(function()
                local _ <close> = lock:acquire()
                held = held + 1
                assert(held == 1)
                neap.sleep(0.1)
                held = held - 1
            end)
            group:spawn(lock.with, lock, neap.sleep, 0.1)
        end
    end)
    assert(not lock:locked() and tostring(lock))
end

function lines.lock_fails()
    local lock = neap.Lock()
    assert(not pcall(lock.release, lock))
    lock:acquire()
    assert(not pcall(lock.acquire, lock))
    assert(neap.move_on_after(1, neap.gather, function()
        lock:acquire()
    end) == false)
    lock:release()
end

function lines.semaphore()
    local semaphore = neap.Semaphore(3)
    neap.group(function(group)
        for i = 1, 6 do
            group:spawn(function()
                local _ <close> = semaphore:acquire(i % 3 + 1)
                neap.sleep(0.1)
            end)
        end
        group:spawn(semaphore.with, semaphore, neap.sleep, 0.1)
    end)
    semaphore:acquire(3)
    assert(semaphore:locked())
    semaphore:release(3)
end

function lines.condition()
    local condition, items = neap.Condition(neap.Lock()), {}
    local group <close> = neap.group()
    for _ = 1, 3 do
        group:spawn(function()
            local _ <close> = condition:acquire()
            while #items == 0 do condition:wait() end
            table.remove(items)
        end)
    end
    neap.sleep(1)
    condition:with(function()
        items[1], items[2], items[3] = 1, 2, 3
        condition:notify()
        condition:notify_all()
    end)
end

function lines.condition_cancelled()
    local condition = neap.Condition()
    assert(neap.move_on_after(1, condition.with, condition, function()
        condition:wait()
    end) == false)
    assert(not condition:locked())
    condition:acquire()
    condition:release()
end

function lines.barrier()
    local barrier = neap.Barrier(3)
    local group <close> = neap.group()
    for _ = 1, 6 do group:spawn(barrier.wait, barrier) end
end

return lines
