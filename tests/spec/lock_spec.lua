-- SPDX-License-Identifier: MIT
--
-- neap.Lock: one at a time, first waiter first, never lost, never doubled. The
-- numbers are those of SEMANTICS, group 5. Run by our command, so that a test
-- may wait.

local neap = require "neap"
local queues = require "tests.spec.queues"
local stock = require "tests.spec.stock"
local tasks = require "tests.spec.tasks"
local settle, start, states = queues.settle, queues.start, queues.states

teardown(tasks.clean)

-- A task that holds the lock until it is told to go on.
local function hold(lock)
  local go = neap.Event()
  local task = neap.spawn(function()
    lock:acquire()
    go:wait()
    lock:release()
  end)
  settle()
  return task, go
end

describe("a lock", function()
  it("is free, then held, then free", function()
    local lock = neap.Lock()
    assert.is_false(lock:locked())
    assert.equal("<Lock free>", tostring(lock))
    assert.equal(lock, lock:acquire())
    assert.is_true(lock:locked())
    assert.matches("^<Lock held by <Task #1 running, .*>>$", tostring(lock))
    assert.equal(0, select("#", lock:release()))
    assert.is_false(lock:locked())
  end)

  it("goes to those who wait in the order of arrival", function() -- Q5
    local lock, log = neap.Lock(), {}
    local _, go = hold(lock)
    for i = 1, 5 do
      neap.spawn(function()
        lock:acquire()
        log[#log + 1] = i
        neap.yield()
        log[#log + 1] = -i
        lock:release()
      end)
    end
    settle()
    assert.matches(", 5 tasks waiting>$", tostring(lock))
    go:set()
    while lock:locked() do neap.yield() end
    assert.same({1, -1, 2, -2, 3, -3, 4, -4, 5, -5}, log)
  end)

  it("is handed over: nobody barges in", function() -- Q5
    local lock, log = neap.Lock(), {}
    lock:acquire()
    local waiter = neap.spawn(function()
      lock:acquire()
      log[#log + 1] = "waiter"
      lock:release()
    end)
    settle()
    lock:release()
    assert.is_true(lock:locked())
    lock:acquire()
    log[#log + 1] = "main"
    lock:release()
    waiter:await()
    assert.same({"waiter", "main"}, log)
  end)

  it("is released at the end of a block, however that ends", function() -- Q14
    local lock = neap.Lock()
    local function leave(how)
      local _ <close> = lock:acquire()
      assert.is_true(lock:locked())
      if how == "error" then error("oops", 0) end
      if how == "wait" then neap.sleep(60) end
      return how
    end
    assert.equal("return", leave "return")
    assert.is_false(lock:locked())
    assert.same({false, "oops"}, {pcall(leave, "error")})
    assert.is_false(lock:locked())
    for _ = 1, 2 do
      local _ <close> = lock:acquire()
      break
    end
    assert.is_false(lock:locked())
    local task = neap.spawn(leave, "wait")
    settle()
    task:cancel()
    settle()
    assert.is_true(task:cancelled())
    assert.is_false(lock:locked())
  end)
end)

describe("with", function()
  it("passes arguments and results, and may wait", function()
    local lock = neap.Lock()
    local results = table.pack(lock:with(function(...)
      assert.is_true(lock:locked())
      neap.yield()
      return select("#", ...), nil, ..., nil
    end, 1, nil, nil))
    assert.same({n = 4, 3, nil, 1}, results)
    assert.equal(0, select("#", lock:with(function() end)))
    assert.is_false(lock:locked())
  end)

  it("waits its turn", function() -- Q5
    local lock, log = neap.Lock(), {}
    local _, go = hold(lock)
    for i = 1, 3 do
      neap.spawn(lock.with, lock, function(name)
        neap.yield()
        log[#log + 1] = name
      end, "task " .. i)
    end
    settle()
    assert.same({}, log)
    go:set()
    while lock:locked() do neap.yield() end
    assert.same({"task 1", "task 2", "task 3"}, log)
  end)

  it("releases after an error, the same, and a cancel", function() -- Q14
    local lock, object = neap.Lock(), {}
    local ok, e = pcall(lock.with, lock, error, object)
    assert.is_false(ok)
    assert.equal(object, e)
    assert.is_false(lock:locked())
    local task = start(lock, "with", neap.sleep, 60)
    assert.is_true(lock:locked())
    task:cancel()
    settle()
    assert.is_true(task:cancelled())
    assert.is_false(lock:locked())
  end)

  it("never calls where it is cancelled while it waits", function() -- Q16
    local lock, called = neap.Lock(), false
    lock:acquire()
    local task = start(lock, "with", function() called = true end)
    task:cancel()
    lock:release()
    settle()
    assert.is_true(task:cancelled())
    assert.is_false(called)
    assert.is_false(lock:locked())
  end)

  it("wants a function", function()
    local lock = neap.Lock()
    assert.error_matches(function() lock:with(1) end,
      "bad argument #1 to 'with' %(function expected, got number%)")
    assert.is_false(lock:locked())
  end)
end)

describe("a waiter that is cancelled", function()
  it("before the lock is released leaves it to the next", function() -- Q16
    local lock = neap.Lock()
    lock:acquire()
    local first, second = start(lock, "acquire"), start(lock, "acquire")
    first:cancel()
    lock:release()
    settle()
    assert.same({"cancelled", "finished"}, states {first, second})
  end)

  it("leaves it free where nobody else waits", function() -- Q14
    local lock = neap.Lock()
    lock:acquire()
    local waiter = start(lock, "acquire")
    waiter:cancel()
    lock:release()
    assert.is_false(lock:locked())
    settle()
    assert.is_true(waiter:cancelled())
    lock:acquire()
    lock:release()
  end)

  it("after it was handed the lock holds it, and closes it", function() -- Q16
    local lock, log = neap.Lock(), {}
    lock:acquire()
    local function work(name)
      local _ <close> = lock:acquire()
      log[#log + 1] = name .. " has it"
      neap.yield()
      log[#log + 1] = name .. " goes on"
    end
    local first, second = neap.spawn(work, "first"), neap.spawn(work, "second")
    settle()
    lock:release()
    first:cancel()
    settle()
    assert.same({"cancelled", "finished"}, states {first, second})
    assert.same({"first has it", "second has it", "second goes on"}, log)
    assert.is_false(lock:locked())
  end)

  it("is out of the line at once", function() -- Q4
    local lock, list = neap.Lock(), {}
    lock:acquire()
    for i = 1, 100 do list[i] = neap.spawn(lock.acquire, lock) end
    settle()
    for i = 1, 100 do list[i]:cancel() end
    assert.matches("running, .*>>$", tostring(lock))
    lock:release()
    assert.equal("<Lock free>", tostring(lock))
    settle()
  end)

  it("takes nothing when it calls acquire in a cancelled task", function()
    -- Q14
    local lock = neap.Lock()
    local task = neap.spawn(function()
      neap.current():cancel()
      local ok, e = pcall(lock.acquire, lock)
      return ok, neap.is_cancelled(e), lock:locked()
    end)
    assert.same({false, true, false}, {task:await()})
  end)

  it("was one of 750: none is lost, one at a time", function() -- Q17
    local lock, inside, most, got, list = neap.Lock(), 0, 0, 0, {}
    local seed = 7
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n
    end
    local function work(i)
      local _ <close> = i % 2 == 0 and lock:acquire() or nil
      local function count()
        inside = inside + 1
        most = math.max(most, inside)
        local _ <close> = setmetatable({}, {__close = function()
          inside = inside - 1
        end})
        for _ = 1, random(3) do neap.yield() end
        got = got + 1
      end
      if i % 2 == 0 then count() else lock:with(count) end
    end
    for i = 1, 750 do list[i] = neap.spawn(work, i) end
    for _ = 1, 300 do
      list[random(750) + 1]:cancel()
      neap.yield()
    end
    while lock:locked() do neap.yield() end
    settle()
    local finished, cancelled = 0, 0
    for _, task in ipairs(list) do
      if task:state() == "finished" then finished = finished + 1 end
      if task:state() == "cancelled" then cancelled = cancelled + 1 end
    end
    assert.equal(750, finished + cancelled)
    assert.equal(finished, got)
    assert.is_true(finished > 100 and cancelled > 100)
    assert.equal(1, most)
    assert.equal("<Lock free>", tostring(lock))
  end)
end)

describe("misuse:", function()
  it("acquiring what one holds would wait for itself", function() -- Q15
    local lock = neap.Lock()
    local task = neap.spawn({name = "twice"}, function()
      local _ <close> = lock:acquire()
      lock:acquire()
    end)
    neap.wait {task}
    assert.matches("cannot acquire: <Task #%d+ 'twice' running, .-> holds " ..
      "this lock already and would wait for itself; release it first$",
      task:error())
    assert.is_false(lock:locked())
    lock:acquire()
    assert.error_matches(function() lock:with(print) end, "holds this lock")
    lock:release()
  end)

  it("releasing what nobody holds", function() -- Q15
    local lock = neap.Lock()
    local words = "cannot release: nobody holds the lock; acquire it first"
    assert.error_matches(function() lock:release() end, words)
    lock:acquire()
    lock:release()
    assert.error_matches(function() lock:release() end, words)
    assert.is_false(lock:locked())
  end)

  it("releasing what another task holds names both", function() -- Q15
    local lock = neap.Lock()
    local _, go = hold(lock)
    local thief = neap.spawn({name = "thief"}, lock.release, lock)
    neap.wait {thief}
    assert.matches("^cannot release: the lock is held by <Task #%d+ pending, "
      .. "waiting for an event, .->, not by <Task #%d+ 'thief' running, .->$",
      thief:error())
    assert.is_true(lock:locked())
    go:set()
    settle()
    assert.is_false(lock:locked())
  end)

  it("closing what was released already says so", function() -- Q15
    local lock = neap.Lock()
    local function block(error_object)
      local _ <close> = lock:acquire()
      lock:release()
      if error_object then error(error_object, 0) end
    end
    assert.error_matches(block, "cannot release: nobody holds the lock")
    assert.same({false, "the real one"}, {pcall(block, "the real one")})
  end)

  it("another thing than a lock is named", function()
    local lock = neap.Lock()
    for _, name in ipairs {"acquire", "release", "locked", "with"} do
      assert.error_matches(function() lock[name](neap.Event(), print) end,
        "neap.Lock expected")
    end
  end)

  it("a task that ends with a lock in hand is named", function() -- Q14
    local lock = neap.Lock()
    local task = start(lock, "acquire")
    assert.equal("finished", task:state())
    assert.matches("^<Lock held by <Task #%d+>, which has ended>$",
      tostring(lock))
    assert.error_matches(function() lock:release() end,
      "is held by <Task #%d+>, which has ended, not by <Task #1 running")
    assert.equal([[
neap: deadlock: nothing can wake these tasks
	<Task #1 pending, acquiring a lock, it:4>: <Lock held by ]] ..
      "<Task #2>, which has ended, 1 task waiting>\n", tasks.run([[
local lock = neap.Lock()
neap.spawn(lock.acquire, lock)
neap.yield()
lock:acquire()
]]).err)
  end)

  it("two that wait for each other are named", function() -- S19
    local err = tasks.run([[
local a, b = neap.Lock(), neap.Lock()
local function work(first, second)
    local _ <close> = first:acquire()
    neap.yield()
    local _ <close> = second:acquire()
end
neap.spawn(work, a, b)
neap.spawn(work, b, a):await()
]]).err
    assert.matches("#2 pending, acquiring a lock, it:5>: <Lock held by " ..
      "<Task #3 pending, acquiring a lock, it:5>, 1 task waiting>", err)
    assert.matches("#3 pending, acquiring a lock, it:5>: <Lock held by " ..
      "<Task #2 pending, acquiring a lock, it:5>, 1 task waiting>", err)
  end)
end)

describe("where a call comes from:", function()
  it("a coroutine of the holder holds it, too", function() -- Q15
    local lock = neap.Lock()
    local _, go = hold(lock)
    local task = neap.spawn(coroutine.wrap(function()
      lock:acquire()
      coroutine.wrap(lock.release)(lock)
      return lock:locked()
    end))
    settle()
    go:set()
    assert.is_false(task:await())
  end)

  it("a callback may take what is free, and is no task", function() -- Q15
    local lock, results = neap.Lock(), {}
    neap.call_soon(function()
      lock:acquire()
      results[1] = tostring(lock)
      results[2] = {pcall(lock.acquire, lock)}
      lock:release()
    end)
    settle()
    assert.equal("<Lock held by code outside of tasks>", results[1])
    assert.matches("^cannot acquire: code outside of tasks holds this lock",
      results[2][2])
    lock:acquire()
    neap.call_soon(function() results[3] = {pcall(lock.acquire, lock)} end)
    settle()
    assert.matches("cannot wait here", results[3][2])
    lock:release()
    assert.equal("<Lock free>", tostring(lock))
  end)

  it("a place that cannot wait is refused, the lock intact", function() -- Q14
    local lock, message = neap.Lock(), nil
    local _, go = hold(lock)
    table.sort({2, 1}, function(a, b)
      message = select(2, pcall(lock.acquire, lock))
      return a < b
    end)
    assert.matches("table.sort is on the stack", message)
    go:set()
    settle()
    assert.equal("<Lock free>", tostring(lock))
  end)

  it("a task whose coroutine is closed from outside releases", function()
    -- Q14
    local result = stock.run([[
      local yield = coroutine.yield -- of before neap: it ends the task
      local neap = require "neap"
      neap.run(function()
        local lock = neap.Lock()
        neap.spawn(function()
          local _ <close> = lock:acquire()
          yield(1)
        end)
        neap.spawn(function()
          lock:acquire()
          print "the next one has it"
        end):await()
      end)
    ]], true)
    assert.equal("the next one has it\n", result.out)
  end)
end)
