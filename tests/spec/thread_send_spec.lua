-- SPDX-License-Identifier: MIT
--
-- What is sent to a thread: spawn, call_soon and stop. The numbers are those of
-- SEMANTICS.

local elsewhere = require "tests.spec.elsewhere"
local neap = require "neap"
local sockets = require "tests.spec.sockets"
local tasks = require "tests.spec.tasks"

local caught = tasks.caught

teardown(sockets.clean)
after_each(tasks.sweep)
after_each(elsewhere.close_gates)

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- A test of a thread that waits for work until it is through.
local function served(name, fn)
  test(name, function()
    local thread = neap.thread(elsewhere.forever)
    fn(thread)
    thread:cancel()
    neap.settle(thread)
    assert.is_true(thread:done())
  end)
end

-- One that has ended.
local function ended()
  local thread = neap.thread(function() return "main's" end)
  thread:await()
  return thread
end

describe("thread:spawn", function()
  served("gives a Task of this loop", function(thread)
    local task = thread:spawn(function(...) return ..., nil end, 1, nil)
    assert.matches("^<Task #%d+ pending.*[ /]tests/spec/thread_send_spec.lua:",
      tostring(task))
    assert.equal("pending", task:state())
    assert.is_nil(task.spawn)
    local results = table.pack(task:await())
    assert.same({n = 2, 1, nil}, results)
    assert.equal("finished", task:state())
    assert.same({n = 2, 1, nil}, table.pack(task:await()))    -- W21
  end)

  served("runs a task of the loop over there", function(thread)
    local alive, state, results = thread:spawn(function(a, b)
      local neap = require "neap"
      neap.sleep(0)
      return #neap.tasks(), neap.current():state(), a + b
    end, 1, 2):await()
    assert.same({2, "running", 3}, {alive, state, results})
  end)

  served("in the state of the others", function(thread)
    thread:spawn(function() shared = {1} end):await()
    assert.equal(1, thread:spawn(function() return shared[1] end):await())
  end)

  served("many at once, each with its results", function(thread)
    local list = {}
    for i = 1, 2000 do
      list[i] = thread:spawn(function(i)
        require "neap".yield()
        return i
      end, i)
    end
    local results = table.pack(neap.gather(table.unpack(list)))
    assert.equal(2000, results.n)
    for i = 1, 2000 do assert.equal(i, results[i]) end
  end)

  served("takes a name, here and there", function(thread)
    local task = thread:spawn({name = "sent"}, function()
      return require "neap".current():name()
    end)
    assert.equal("sent", task:name())
    assert.equal("sent", task:await())
  end)

  test("a daemon does not keep the thread", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function()
      go = require "neap".Event()
      go:wait()
      return "main's"
    end)
    local task = thread:spawn({daemon = true}, function(gate)
      local _ <close> = elsewhere.guard(gate, "d")
      elsewhere.tell(gate, "i")
      elsewhere.forever()
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:call_soon(function() go:set() end)
    assert.equal("main's", thread:await())
    neap.settle(task)
    assert.equal("cancelled", task:state())
    assert.equal("d", elsewhere.heard(gate))
  end)

  test("keeps the thread until it has ended", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function()
      go = require "neap".Event()
      go:wait()
    end)
    local task = thread:spawn(function(gate) elsewhere.pass(gate) end, gate)
    thread:call_soon(function() go:set() end)
    elsewhere.arrived(gate, 1)
    neap.wait({thread}, {timeout = 0.01})
    assert.is_false(thread:done())
    elsewhere.open(gate)
    neap.gather(task, thread)
  end)

  test("goes on where nobody has kept the Task", function() -- Y9
    local gate = elsewhere.gate()
    local thread = neap.thread(elsewhere.forever)
    for _ = 1, 10 do
      thread:spawn(function(gate)
        require "neap".sleep(0.001)
        elsewhere.tell(gate, "t")
      end, gate)
    end
    collectgarbage()
    collectgarbage()
    assert.equal(("t"):rep(10), elsewhere.arrived(gate, 10))
    thread:cancel()
    thread = nil
    collectgarbage()
  end)

  test("so does the thread", function()
    local gate = elsewhere.gate()
    for _ = 1, 5 do
      neap.thread(function(gate)
        require "neap".sleep(0.001)
        elsewhere.tell(gate, "t")
      end, gate)
    end
    collectgarbage()
    collectgarbage()
    assert.equal("ttttt", elsewhere.arrived(gate, 5))
  end)

  test("after the end", function()
    local thread, before = ended(), #neap.tasks()
    for _ = 1, 3 do
      assert.matches("the thread has ended", caught(thread.spawn, thread,
        function() end))
      assert.matches("the thread has ended", caught(thread.spawn, thread,
        {name = "x"}, function() end))
    end
    assert.equal(before, #neap.tasks())
    assert.equal("main's", thread:await())
  end)

  test("while it ends: each is refused, or ends", function() -- P4
    for round = 1, 100 do
      local thread, list = neap.thread(function(count)
        for _ = 1, count do require "neap".yield() end
      end, round % 20), {}
      for i = 1, 20 do
        local ok, task = pcall(thread.spawn, thread,
          function(i) return i end, i)
        if ok then list[#list + 1] = task
        else assert.matches("the thread has ended", task) end
        if i % 5 == 0 then neap.yield() end
      end
      for i, outcome in ipairs(neap.settle(table.unpack(list))) do
        if outcome.ok then assert.is_number(outcome.value)
        else
          assert.is_true(list[i]:done())
          local words = tostring(outcome.error)
          assert.is_truthy(words:find "the thread has ended"
            or neap.is_cancelled(outcome.error), words)
        end
      end
      thread:await()
    end
  end)
end)

describe("thread:call_soon", function()
  served("gives nothing and calls the function", function(thread)
    assert.equal(0, select("#", thread:call_soon(function(...)
      seen = table.pack(...)
    end, 1, nil, {2}, nil)))
    assert.same({n = 4, 1, nil, {2}, nil},
      thread:spawn(function() return seen end):await())
  end)

  served("outside of tasks", function(thread)
    thread:call_soon(function()
      local neap = require "neap"
      current, ok, words = neap.current(), pcall(neap.sleep, 0)
    end)
    local current, ok, words = thread:spawn(function()
      return current, ok, words
    end):await()
    assert.is_nil(current)
    assert.is_false(ok)
    assert.matches("cannot wait", words)
  end)

  served("what it spawns runs", function(thread)
    local gate = elsewhere.gate()
    thread:call_soon(function(gate)
      require "neap".spawn(function()
        require "neap".yield()
        elsewhere.tell(gate, "t")
      end)
    end, gate)
    assert.equal("t", elsewhere.arrived(gate, 1))
  end)

  served("wakes a loop that waits in the kernel", function(thread) -- P1
    local gate = elsewhere.gate()
    thread:spawn(function() end):await()
    for _ = 1, 20 do
      neap.sleep(0.001)                 -- nothing is left to do over there
      thread:call_soon(function(gate) elsewhere.tell(gate, "w") end, gate)
      elsewhere.arrived(gate, 1)
    end
  end)

  test("after the end", function()
    local thread = ended()
    assert.matches("the thread has ended", caught(thread.call_soon, thread,
      function() end))
    assert.equal("main's", thread:await())
  end)

  served("what cannot be sent is refused, the next one is not", function(thread)
    assert.matches("[1]", caught(thread.call_soon, thread, function() end,
      {print}), 1, true)
    thread:call_soon(function() came = true end)
    assert.is_true(thread:spawn(function() return came end):await())
  end)
end)

describe("what one sends begins in the order of sending:", function() -- P2
  served("calls and tasks among each other", function(thread)
    thread:call_soon(function() order = {} end)
    for i = 1, 3000 do
      if i % 3 == 0 then
        thread:spawn(function(i) order[#order + 1] = i end, i)
      else
        thread:call_soon(function(i) order[#order + 1] = i end, i)
      end
    end
    local order = thread:spawn(function() return order end):await()
    assert.equal(3000, #order)
    for i = 1, 3000 do assert.equal(i, order[i]) end
  end)

  test("from four threads at once, none lost", function()
    local threads = {}
    for i = 1, 4 do
      threads[i] = neap.thread(function(count)
        local neap = require "neap"
        local other = neap.thread(function()
          require "neap".loop():run_forever()
        end)
        for i = 1, count do
          other:call_soon(function(i)
            if (numbers or 0) == i - 1 then numbers = i end
          end, i)
        end
        local numbers = other:spawn(function() return numbers end):await()
        other:stop()
        return numbers
      end, 5000)
    end
    assert.same({5000, 5000, 5000, 5000},
      {neap.gather(table.unpack(threads))})
  end)

  served("a flood that comes while it is held up", function(thread) -- P3
    local gate = elsewhere.gate()
    thread:call_soon(function(gate) elsewhere.pass(gate) end, gate)
    elsewhere.arrived(gate, 1)
    for _ = 1, 20000 do
      thread:call_soon(function() count = (count or 0) + 1 end)
    end
    elsewhere.open(gate)
    assert.equal(20000, thread:spawn(function() return count end):await())
  end)

  served("a flood leaves the tasks there their turns", function(thread) -- P5
    local ticker = thread:spawn(function()
      local neap = require "neap"
      ticks = 0
      while not over do
        neap.sleep(0)
        ticks = ticks + 1
      end
    end)
    local seen
    for _ = 1, 20 do
      for _ = 1, 1000 do thread:call_soon(function() last = ticks end) end
      seen = thread:spawn(function() return ticks end):await()
    end
    assert.is_true(seen >= 10) -- two rounds are more than a pass
    thread:spawn(function() over = true end):await()
    ticker:await()
  end)

  served("and this loop its own", function(thread) -- P5
    local ticks, list = 0, {}
    local ticker = neap.spawn(function()
      while true do
        neap.sleep(0)
        ticks = ticks + 1
      end
    end)
    for i = 1, 5000 do
      list[i] = thread:spawn(function() end)
      if i % 100 == 0 then neap.yield() end
    end
    neap.gather(table.unpack(list))
    assert.is_true(ticks > 40)
    ticker:cancel()
  end)
end)

describe("thread:stop", function()
  test("returns from run_forever over there", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      local neap = require "neap"
      neap.loop():call_soon(function() elsewhere.tell(gate) end)
      neap.loop():run_forever()
      return "after"
    end, gate)
    elsewhere.arrived(gate, 1)
    assert.equal(0, select("#", thread:stop()))
    assert.equal("after", thread:await())
    assert.equal("finished", thread:state())
  end)

  test("each returns from the innermost", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      local neap = require "neap"
      local loop = neap.loop()
      loop:call_soon(function() elsewhere.tell(gate) end)
      loop:run_forever()
      loop:call_soon(function() elsewhere.tell(gate) end)
      loop:run_forever()
      return "twice"
    end, gate)
    for _ = 1, 2 do
      elsewhere.arrived(gate, 1)
      thread:stop()
    end
    assert.equal("twice", thread:await())
  end)

  test("else cancels everything: no results, and no error", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      local neap = require "neap"
      neap.spawn(function()
        local _ <close> = elsewhere.guard(gate, "t")
        elsewhere.forever()
      end)
      neap.yield()
      local _ <close> = elsewhere.guard(gate, "m")
      elsewhere.tell(gate, "i")
      elsewhere.forever()
    end, gate)
    elsewhere.arrived(gate, 1)
    local task = thread:spawn(function()
      require "neap".Future():await()
    end)
    thread:stop()
    assert.equal(0, select("#", thread:await()))
    assert.equal("finished", thread:state())
    assert.is_false(thread:cancelled())
    assert.equal(2, #elsewhere.heard(gate))
    neap.settle(task)
    assert.is_true(task:done())
  end)

  test("what main left behind, too: main's results stay", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      require "neap".spawn(function()
        elsewhere.tell(gate, "i")
        elsewhere.forever()
      end)
      return "main's"
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:stop()
    assert.equal("main's", thread:await())
  end)

  test("main may swallow it: its results", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      elsewhere.tell(gate)
      pcall(elsewhere.forever)
      return "kept"
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:stop()
    assert.equal("kept", thread:await())
  end)

  test("an error of its clean-up is raised", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      elsewhere.tell(gate)
      pcall(elsewhere.forever)
      error("clean-up", 0)
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:stop()
    assert.equal("clean-up", caught(thread.await, thread))
  end)

  test("twice, and before it began", function()
    for _ = 1, 50 do
      local thread = neap.thread(elsewhere.forever)
      thread:stop()
      thread:stop()
      assert.equal(0, select("#", thread:await()))
      assert.equal("finished", thread:state())
    end
  end)

  test("after the end does nothing", function()
    local thread = ended()
    assert.equal(0, select("#", thread:stop()))
    thread:stop()
    assert.equal("main's", thread:await())
  end)

  test("comes after what was sent before it", function()
    local gate = elsewhere.gate()
    for _ = 1, 20 do
      local thread = neap.thread(function() require "neap".loop():run_forever()
        return seen
      end)
      thread:call_soon(function() seen = true end)
      thread:stop()
      assert.is_true(thread:await() or true)
    end
    assert.equal("", elsewhere.heard(gate))
  end)

  test("together with a cancel: it ends", function()
    for i = 1, 20 do
      local thread = neap.thread(elsewhere.forever)
      if i % 2 == 0 then thread:stop() end
      thread:cancel()
      thread:stop()
      neap.settle(thread)
      assert.is_true(thread:done())
      assert.is_true(thread:state() ~= "failed")
    end
  end)
end)
