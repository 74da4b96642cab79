-- SPDX-License-Identifier: MIT
--
-- neap.Condition: waiting for a change of what a lock protects. The numbers are
-- those of SEMANTICS, group 5. Run by our command, so that a test may wait.

local neap = require "neap"
local queues = require "tests.spec.queues"
local tasks = require "tests.spec.tasks"
local settle, states = queues.settle, queues.states

teardown(tasks.clean)

-- Tasks that wait for the condition, and write their number to `log` when they
-- have been notified, while they hold the lock.
local function waiters(condition, count, log)
  local list = {}
  for i = 1, count do
    list[i] = neap.spawn(function()
      local _ <close> = condition:acquire()
      condition:wait()
      assert(condition:locked())
      log[#log + 1] = i
    end)
  end
  settle()
  return list
end

local function notify(condition, ...)
  condition:acquire()
  condition:notify(...)
  condition:release()
end

describe("a condition", function()
  it("gives the lock away while it waits, and takes it again", function()
    local lock, log = neap.Lock(), {}
    local condition = neap.Condition(lock)
    local task = neap.spawn(function()
      local _ <close> = lock:acquire()
      local results = select("#", condition:wait())
      log[1] = tostring(lock):match "Task #%d+ running" and results
    end)
    settle()
    assert.is_false(lock:locked())
    assert.equal("<Condition of <Lock free>, 1 task waiting>",
      tostring(condition))
    lock:acquire()
    condition:notify()
    settle()
    assert.same({}, log) -- it waits for the lock now
    assert.matches("^<Condition of <Lock held by .*, 1 task waiting>>$",
      tostring(condition))
    lock:release()
    task:await()
    assert.same({0}, log)
    assert.is_false(lock:locked())
  end)

  it("has its lock's methods, and a lock of its own", function()
    local condition = neap.Condition()
    local lock = condition:acquire()
    assert.matches("^<Lock held by", tostring(lock))
    assert.is_true(condition:locked())
    condition:release()
    assert.is_false(lock:locked())
    assert.equal(7, condition:with(function(n)
      assert.is_true(lock:locked())
      return n
    end, 7))
    do
      local _ <close> = condition:acquire()
      assert.is_true(lock:locked())
    end
    assert.is_false(lock:locked())
    assert.equal("<Condition of <Lock free>>", tostring(condition))
  end)

  it("notifies those who wait longest, one or n or all", function() -- Q20
    local condition, log = neap.Condition(), {}
    local list = waiters(condition, 7, log)
    notify(condition)
    settle()
    assert.same({1}, log)
    notify(condition, 3)
    settle()
    assert.same({1, 2, 3, 4}, log)
    condition:with(condition.notify_all, condition)
    settle()
    assert.same({1, 2, 3, 4, 5, 6, 7}, log)
    for _, task in ipairs(list) do assert.equal("finished", task:state()) end
    notify(condition, 100)
    condition:with(condition.notify_all, condition)
    assert.is_false(condition:locked())
  end)

  it("forgets a notification that nobody waits for", function() -- Q20
    local condition, log = neap.Condition(), {}
    notify(condition)
    local list = waiters(condition, 1, log)
    assert.equal("pending", list[1]:state())
    notify(condition)
    settle()
    assert.same({1}, log)
  end)

  it("makes a queue with the lock", function() -- Q20
    local condition, items, sum = neap.Condition(), {}, 0
    local list = {}
    for i = 1, 3 do
      list[i] = neap.spawn(function()
        for _ = 1, 10 do
          local _ <close> = condition:acquire()
          while #items == 0 do condition:wait() end
          sum = sum + table.remove(items, 1)
        end
      end)
    end
    for i = 1, 30 do
      condition:with(function()
        items[#items + 1] = i
        condition:notify()
      end)
      if i % 4 == 0 then neap.yield() end
    end
    for _, task in ipairs(list) do task:await() end
    assert.equal(465, sum)
  end)
end)

describe("a waiter that is cancelled", function()
  it("takes its lock again before it raises", function() -- Q14
    local condition, held = neap.Condition(), nil
    local go = neap.Event()
    local task = neap.spawn(function()
      local _ <close> = condition:acquire()
      local ok, e = pcall(condition.wait, condition)
      held = tostring(condition):match "Task #%d+ running"
      assert(not ok)
      error(e)
    end)
    local holder = neap.spawn(function()
      local _ <close> = condition:acquire()
      go:wait()
    end)
    settle()
    task:cancel "enough"
    settle()
    assert.equal("pending", task:state()) -- under a shield, for the lock
    go:set()
    settle()
    assert.equal("finished", holder:state())
    assert.is_true(task:cancelled())
    assert.matches("#", held)
    assert.equal("cancelled: enough", tostring(task:error()))
    assert.equal("<Condition of <Lock free>>", tostring(condition))
  end)

  it("and whose lock is free takes it at once", function() -- Q14
    local condition, log = neap.Condition(), {}
    local list = waiters(condition, 1, log)
    list[1]:cancel()
    settle()
    assert.is_true(list[1]:cancelled())
    assert.is_false(condition:locked())
  end)

  it("before notify leaves the notification to the next", function() -- Q20
    local condition, log = neap.Condition(), {}
    local list = waiters(condition, 3, log)
    list[1]:cancel()
    notify(condition)
    settle()
    assert.same({2}, log)
    assert.same({"cancelled", "finished", "pending"}, states(list))
    notify(condition)
    settle()
  end)

  it("after notify, before it runs, passes it on", function() -- Q20
    local condition, log = neap.Condition(), {}
    local list = waiters(condition, 3, log)
    notify(condition)
    list[1]:cancel()
    settle()
    assert.same({2}, log)
    assert.same({"cancelled", "finished", "pending"}, states(list))
    assert.is_false(condition:locked())
    notify(condition)
    settle()
  end)

  it("after notify, while it waits for the lock, passes it on", function()
    -- Q14 Q20
    local condition, log = neap.Condition(), {}
    local list = waiters(condition, 3, log)
    condition:acquire()
    condition:notify()
    settle()
    list[1]:cancel()
    settle()
    assert.same({"pending", "pending", "pending"}, states(list))
    condition:release()
    settle()
    assert.same({2}, log)
    assert.same({"cancelled", "finished", "pending"}, states(list))
    assert.is_false(condition:locked())
    notify(condition)
    settle()
  end)

  it("passes nothing on that it was not given", function() -- Q20
    local condition, log = neap.Condition(), {}
    local list = waiters(condition, 2, log)
    list[1]:cancel()
    settle()
    assert.same({"cancelled", "pending"}, states(list))
    assert.same({}, log)
    notify(condition)
    settle()
    assert.same({2}, log)
  end)

  it("keeps its lock where it is cancelled before it waits", function() -- Q14
    local condition = neap.Condition()
    local task = neap.spawn(function()
      local _ <close> = condition:acquire()
      neap.current():cancel()
      local ok, e = pcall(condition.wait, condition)
      return ok, neap.is_cancelled(e), condition:locked()
    end)
    assert.same({false, true, true}, {task:await()})
    assert.is_false(condition:locked())
  end)

  it("can clean up: the shield is down again", function() -- Q14
    local condition, ok, waits = neap.Condition(), nil, nil
    local go = neap.Event()
    local task = neap.spawn(function()
      local _ <close> = condition:acquire()
      ok = pcall(condition.wait, condition)
      waits = pcall(neap.sleep, 60)
    end)
    settle()
    neap.spawn(condition.with, condition, go.wait, go)
    settle()
    task:cancel()
    settle()
    go:set()
    settle()
    assert.same({false, false}, {ok, waits})
    assert.equal("finished", task:state())
  end)
end)

describe("misuse:", function()
  it("wait and notify want the lock held", function() -- Q15
    local condition = neap.Condition()
    local held = "nobody holds the lock; acquire it first"
    assert.error_matches(function() condition:wait() end,
      "cannot wait: " .. held)
    assert.error_matches(function() condition:notify() end,
      "cannot notify: " .. held)
    assert.error_matches(function() condition:notify_all() end,
      "cannot notify: " .. held)
    local go = neap.Event()
    neap.spawn({name = "holder"}, condition.with, condition, go.wait, go)
    settle()
    assert.error_matches(function() condition:wait() end, "cannot wait: " ..
      "the lock is held by <Task #%d+ 'holder' pending, .->, not by <Task #1 ")
    go:set()
    settle()
    assert.is_false(condition:locked())
  end)

  it("numbers that count nothing", function()
    local condition = neap.Condition()
    condition:acquire()
    for _, value in ipairs {0, -1, 1.5} do
      assert.error_matches(function() condition:notify(value) end,
        "bad argument #1 to 'notify' %(a positive integer expected")
    end
    condition:release()
  end)

  it("a place that cannot wait is refused, the lock still held", function()
    local condition, message = neap.Condition(), nil
    condition:acquire()
    table.sort({2, 1}, function(a, b)
      message = select(2, pcall(condition.wait, condition))
      return a < b
    end)
    assert.matches("table.sort is on the stack", message)
    assert.is_true(condition:locked())
    condition:release()
    assert.equal("<Condition of <Lock free>>", tostring(condition))
  end)

  it("another thing than a lock or a condition is named", function()
    assert.error_matches(function() neap.Condition(neap.Semaphore(1)) end,
      "neap.Lock expected")
    local condition = neap.Condition()
    for _, name in ipairs {
      "wait", "notify", "notify_all", "acquire", "release", "locked", "with",
    } do
      assert.error_matches(function() condition[name](neap.Lock(), print) end,
        "neap.Condition expected")
    end
  end)

  it("a deadlock names the condition, and is raised with the lock", function()
    -- S19
    local result = tasks.run [[
local condition = neap.Condition()
local _ <close> = condition:acquire()
print(pcall(condition.wait, condition))
print(condition)
]]
    assert.matches("#1 pending, waiting for a condition, it:3>: " ..
      "<Condition of <Lock free>, 1 task waiting>\n", result.out)
    assert.matches("\n<Condition of <Lock held by <Task #1 running, it:4>>>\n$",
      result.out)
    assert.equal(0, result.status)
  end)

  it("a deadlock about its lock is raised without it", function() -- S19
    local result = tasks.run [[
local lock = neap.Lock()
local condition = neap.Condition(lock)
neap.spawn(lock.acquire, lock) -- and ends with it
lock:acquire()
local ok, e = pcall(condition.wait, condition)
print(ok, e.name, lock)
print(pcall(neap.sleep, 1))
]]
    assert.equal("false\tDeadlock\t<Lock held by <Task #2>, which has ended>\n"
      .. "true\n", result.out)
  end)

  it("so is one that is met when it was notified", function() -- S19
    local result = tasks.run [[
local condition = neap.Condition()
condition:acquire()
neap.spawn(function() -- ends with the lock
    condition:acquire()
    condition:notify()
end)
local ok, e = pcall(condition.wait, condition)
print(ok, e.name, condition)
neap.current():cancel() -- the shield is down again
print(pcall(neap.sleep, 1))
]]
    assert.equal("false\tDeadlock\t<Condition of <Lock held by <Task #2>, " ..
      "which has ended>>\nfalse\tcancelled\n", result.out)
  end)
end)
