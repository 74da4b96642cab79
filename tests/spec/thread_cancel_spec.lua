-- SPDX-License-Identifier: MIT
--
-- Cancelling a thread, and a task in it: over there all is cancelled, here one
-- waits for its end. The numbers are those of SEMANTICS.

local elsewhere = require "tests.spec.elsewhere"
local neap = require "neap"
local sockets = require "tests.spec.sockets"
local tasks = require "tests.spec.tasks"

local caught = tasks.caught

teardown(sockets.clean)
after_each(tasks.sweep)
after_each(elsewhere.close_gates)

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- A thread that waits for ever; it tells the gate "i" when it does, and "c"
-- when it has cleaned up.
local function idle(gate)
  local thread = neap.thread(function(gate)
    local _ <close> = elsewhere.guard(gate, "c")
    elsewhere.tell(gate, "i")
    elsewhere.forever()
  end, gate)
  assert.equal("i", elsewhere.arrived(gate, 1))
  return thread
end

-- A cancelled thread or task is such in every way.
local function is_cancelled(task, reason)
  local e = caught(task.await, task)
  assert.is_true(neap.is_cancelled(e), tostring(e))
  assert.equal("cancelled", task:state())
  assert.is_true(task:cancelled())
  assert.equal(reason, e.reason)
end

describe("cancelling a thread", function() -- C21
  test("cancels main over there, which cleans up", function() -- C2
    local gate = elsewhere.gate()
    local thread = idle(gate)
    assert.is_true(thread:cancel "enough")
    assert.equal("pending", thread:state())
    is_cancelled(thread, "enough")
    assert.equal("c", elsewhere.heard(gate))
  end)

  test("cancels all tasks over there", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      local neap = require "neap"
      for _ = 1, 3 do
        neap.spawn(function()
          local _ <close> = elsewhere.guard(gate, "t")
          elsewhere.forever()
        end)
      end
      neap.spawn({daemon = true}, function()
        local _ <close> = elsewhere.guard(gate, "t")
        elsewhere.forever()
      end)
      neap.yield()
      elsewhere.tell(gate, "i")
      elsewhere.forever()
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:cancel()
    is_cancelled(thread)
    assert.equal("tttt", elsewhere.heard(gate))
  end)

  test("what main left is cancelled, too", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      require "neap".spawn(function()
        local _ <close> = elsewhere.guard(gate, "c")
        elsewhere.tell(gate, "i")
        elsewhere.forever()
      end)
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:cancel()
    neap.settle(thread)
    assert.equal("c", elsewhere.heard(gate))
    assert.is_true(thread:done())
  end)

  test("waits for its end", function() -- W6
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      local _ <close> = setmetatable({}, {__close = function()
        elsewhere.pass(gate, "c")
      end})
      elsewhere.tell(gate, "i")
      elsewhere.forever()
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:cancel()
    elsewhere.arrived(gate, 1)
    neap.wait({thread}, {timeout = 0.02})
    assert.equal("pending", thread:state())
    elsewhere.open(gate)
    is_cancelled(thread)
  end)

  test("before it began", function() -- C1
    for _ = 1, 50 do
      local thread = neap.thread(elsewhere.forever)
      assert.is_true(thread:cancel "early")
      is_cancelled(thread, "early")
    end
  end)

  test("twice: the first reason is kept", function() -- C5
    local thread = idle(elsewhere.gate())
    thread:cancel "one"
    thread:cancel "two"
    neap.yield()
    thread:cancel "three"
    is_cancelled(thread, "one")
  end)

  test("that has ended does nothing", function() -- C8
    local thread = neap.thread(function() return 1 end)
    thread:await()
    assert.is_false(thread:cancel())
    assert.equal(1, thread:await())
    assert.equal("finished", thread:state())
  end)

  test("that swallows it: its results", function() -- C6
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      elsewhere.tell(gate)
      local ok, e = pcall(elsewhere.forever)
      return "kept", ok, require "neap".is_cancelled(e)
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:cancel()
    assert.same({"kept", false, true}, {thread:await()})
    assert.equal("finished", thread:state())
    assert.is_false(thread:cancelled())
  end)

  test("that fails of it: its error", function() -- C7
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      elsewhere.tell(gate)
      pcall(elsewhere.forever)
      error({instead = true})
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:cancel()
    assert.same({instead = true}, caught(thread.await, thread))
    assert.equal("failed", thread:state())
  end)

  test("is level-triggered over there", function() -- C5, C13
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      elsewhere.tell(gate)
      local count = 0
      for _ = 1, 10 do
        if not pcall(elsewhere.forever) then count = count + 1 end
      end
      return count
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:cancel()
    assert.equal(10, thread:await())
  end)

  test("leaves a shield over there alone", function() -- C11
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      local neap = require "neap"
      neap.shield(function()
        elsewhere.tell(gate, "i")
        neap.sleep(0.01)
        elsewhere.tell(gate, "s")
      end)
      elsewhere.tell(gate, "l")
      neap.sleep(10)
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:cancel()
    is_cancelled(thread)
    assert.equal("sl", elsewhere.heard(gate))
  end)

  test("cancels the threads of the thread", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      local neap = require "neap"
      neap.thread(function(gate)
        local _ <close> = elsewhere.guard(gate, "c")
        elsewhere.tell(gate, "i")
        elsewhere.forever()
      end, gate):await()
    end, gate)
    elsewhere.arrived(gate, 1)
    thread:cancel()
    is_cancelled(thread)
    assert.equal("c", elsewhere.heard(gate))
  end)

  test("at every moment of its life", function()
    for i = 1, 100 do
      local thread = neap.thread(function(count)
        local neap = require "neap"
        for _ = 1, count do neap.yield() end
        return "through"
      end, i % 10)
      for _ = 1, i % 7 do neap.yield() end
      thread:cancel()
      neap.settle(thread)
      assert.is_truthy(thread:cancelled() or thread:result() == "through")
    end
  end)
end)

describe("who owns a thread cancels it:", function()
  test("gather, when it is cancelled", function() -- W14
    local gate = elsewhere.gate()
    local thread = idle(gate)
    local task = tasks.start(neap.gather, thread)
    task:cancel()
    neap.settle(task)
    assert.equal("cancelled", thread:state())
    assert.equal("c", elsewhere.heard(gate))
  end)

  test("race, the losers", function()
    local gate = elsewhere.gate()
    local thread = idle(gate)
    assert.equal("first", neap.race(thread, function() return "first" end))
    assert.equal("cancelled", thread:state())
    assert.equal("c", elsewhere.heard(gate))
  end)

  test("a time-out around a gather, and it waits", function() -- W6
    local gate = elsewhere.gate()
    local thread = idle(gate)
    assert.is_true(neap.is_timeout(caught(neap.timeout, 0.001, neap.gather,
      thread)))
    assert.equal("cancelled", thread:state())
    assert.equal("c", elsewhere.heard(gate))
  end)

  test("move_on_after", function()
    local gate = elsewhere.gate()
    local thread = idle(gate)
    assert.is_false(neap.move_on_after(0.001, neap.gather, thread))
    assert.equal("cancelled", thread:state())
    assert.equal("c", elsewhere.heard(gate))
  end)

  test("a run, what it left", function()
    local gate, thread = elsewhere.gate(), nil
    assert.equal(7, neap.run(function()
      thread = idle(gate)
      return 7
    end))
    assert.equal("cancelled", thread:state())
    assert.equal("c", elsewhere.heard(gate))
  end)

  test("a group whose child waits for it in a gather", function() -- C22
    local gate = elsewhere.gate()
    local thread = idle(gate)
    assert.equal("body", caught(neap.group, function(g)
      g:spawn(neap.gather, thread)
      neap.yield()
      error("body", 0)
    end))
    assert.equal("cancelled", thread:state())
    assert.equal("c", elsewhere.heard(gate))
  end)

  test("a shield lets one wait for it", function()
    local gate, got = elsewhere.gate(), nil
    local thread = neap.thread(function(gate)
      elsewhere.pass(gate)
      return "through"
    end, gate)
    elsewhere.arrived(gate, 1)
    local task = tasks.start(function()
      neap.shield(function() got = thread:await() end)
      neap.yield()
    end)
    task:cancel()
    tasks.settle()
    assert.equal("pending", task:state())
    elsewhere.open(gate)
    neap.settle(task)
    assert.equal("through", got)
    assert.equal("cancelled", task:state())
  end)

  test("a cancelled thread is an error like any other to a gather", -- W15
    function()
      local gate = elsewhere.gate()
      local thread, other = idle(gate), idle(gate)
      local task = tasks.start(neap.gather, thread, other)
      thread:cancel "from outside"
      local e = caught(task.await, task)
      assert.equal("from outside", e.reason)
      assert.equal("failed", task:state())
      assert.equal("cancelled", other:state())
    end)
end)

describe("cancelling a task of thread:spawn", function() -- C21
  local thread, gate

  before_each(function()
    gate = elsewhere.gate()
    thread = idle(gate)
  end)

  -- One that waits there.
  local function start(...)
    local task = thread:spawn(...)
    elsewhere.arrived(gate, 1)
    return task
  end

  local function finish()
    thread:cancel()
    neap.settle(thread)
  end

  local function waiting(gate, name)
    local _ <close> = elsewhere.guard(gate, name)
    elsewhere.tell(gate, "i")
    elsewhere.forever()
  end

  test("cancels it and no other", function()
    local one, two = start(waiting, gate, "1"), start(waiting, gate, "2")
    assert.is_true(one:cancel "only one")
    is_cancelled(one, "only one")
    assert.equal("1", elsewhere.heard(gate))
    assert.equal("pending pending", tasks.states(two, thread))
    finish()
  end)

  test("waits for its end", function() -- W6
    local task = start(function(gate)
      local _ <close> = setmetatable({}, {__close = function()
        elsewhere.pass(gate, "c")
      end})
      elsewhere.tell(gate)
      elsewhere.forever()
    end, gate)
    task:cancel()
    assert.equal("c", elsewhere.arrived(gate, 1))
    neap.wait({task}, {timeout = 0.02})
    assert.equal("pending", task:state())
    elsewhere.open(gate)
    is_cancelled(task)
    finish()
  end)

  test("before it began: it never runs", function() -- C1
    thread:call_soon(function(gate) elsewhere.pass(gate) end, gate)
    elsewhere.arrived(gate, 1)
    local tell = function(...) elsewhere.tell(...) end
    local task = thread:spawn(tell, gate, "!")
    local after = thread:spawn(tell, gate, "a")
    task:cancel "early"
    neap.yield()
    elsewhere.open(gate)
    is_cancelled(task, "early")
    after:await()
    assert.equal("a", elsewhere.heard(gate))
    finish()
  end)

  test("that has ended does nothing", function() -- C8
    local task = thread:spawn(function() return 3 end)
    task:await()
    assert.is_false(task:cancel())
    assert.equal(3, task:await())
    finish()
  end)

  test("that has ended over there, which is not known here", function() -- P6
    local task = thread:spawn(function(gate) elsewhere.tell(gate, "e") end,
      gate)
    assert.equal("e", sockets.raw.read(gate.told)) -- blocks this loop
    task:cancel()
    neap.settle(task)
    assert.is_true(task:done())
    finish()
  end)

  test("that swallows it: its results", function() -- C6
    local task = start(function(gate)
      elsewhere.tell(gate)
      return (pcall(elsewhere.forever))
    end, gate)
    task:cancel()
    assert.is_false(task:await())
    assert.equal("finished", task:state())
    finish()
  end)

  test("that fails of it: its error", function() -- C7
    local task = start(function(gate)
      elsewhere.tell(gate)
      pcall(elsewhere.forever)
      error("instead", 0)
    end, gate)
    task:cancel()
    assert.equal("instead", caught(task.await, task))
    assert.equal("failed", task:state())
    finish()
  end)

  test("over there, by somebody else, is a cancel here, too", function()
    local task = start(function(gate)
      victim = require "neap".current()
      elsewhere.tell(gate)
      elsewhere.forever()
    end, gate)
    thread:call_soon(function() victim:cancel "over there" end)
    is_cancelled(task, "over there")
    finish()
  end)

  test("by what owns it", function()
    local task = start(waiting, gate, "t")
    assert.is_false(neap.move_on_after(0.001, neap.gather, task))
    assert.equal("cancelled", task:state())
    assert.equal("t", elsewhere.heard(gate))
    finish()
  end)

  test("by the end of the thread: all have ended", function()
    local list = {}
    for i = 1, 5 do list[i] = start(waiting, gate, "t") end
    finish()
    neap.settle(table.unpack(list))
    assert.equal(("cancelled "):rep(5), tasks.states(table.unpack(list)) .. " ")
    local names = elsewhere.heard(gate)
    assert.equal(6, #names)
    assert.equal("ttttt", (names:gsub("c", "")))
  end)

  test("by the failure of its main", function()
    local failing = neap.thread(function()
      go = require "neap".Event()
      go:wait()
      error("main", 0)
    end)
    local task = failing:spawn(waiting, gate, "t")
    elsewhere.arrived(gate, 1)
    failing:call_soon(function() go:set() end)
    neap.settle(task)
    assert.equal("main", caught(failing.await, failing))
    assert.equal("cancelled", task:state())
    assert.equal("t", elsewhere.heard(gate))
    finish()
  end)
end)
