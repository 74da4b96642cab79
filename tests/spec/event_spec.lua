-- SPDX-License-Identifier: MIT
--
-- neap.Event: a flag that one waits for. The numbers are those of SEMANTICS,
-- group 5. Run by our command, so that a test may wait.

local neap = require "neap"
local queues = require "tests.spec.queues"
local tasks = require "tests.spec.tasks"
local settle, start, states = queues.settle, queues.start, queues.states

teardown(tasks.clean)

describe("an event", function()
  it("is not set at first; set and clear say so", function()
    local event = neap.Event()
    assert.is_false(event:is_set())
    assert.equal("<Event not set>", tostring(event))
    event:set()
    event:set()
    assert.is_true(event:is_set())
    assert.equal("<Event set>", tostring(event))
    event:wait()
    event:clear()
    event:clear()
    assert.is_false(event:is_set())
  end)

  it("wakes all that wait, in the order in which they came", function() -- Q21
    local event, log, list = neap.Event(), {}, {}
    for i = 1, 5 do
      list[i] = neap.spawn(function()
        event:wait()
        log[#log + 1] = i
      end)
    end
    settle()
    assert.equal("<Event not set, 5 tasks waiting>", tostring(event))
    assert.same({}, log)
    event:set()
    assert.equal("<Event set>", tostring(event))
    settle()
    assert.same({1, 2, 3, 4, 5}, log)
  end)

  it("wakes them also where it is cleared before they run", function() -- Q21
    local event = neap.Event()
    local first, second = start(event, "wait"), start(event, "wait")
    event:set()
    event:clear()
    local third = start(event, "wait")
    settle()
    assert.same({"finished", "finished", "pending"},
      states {first, second, third})
    assert.equal("<Event not set, 1 task waiting>", tostring(event))
    event:set()
    third:await()
  end)

  it("returns nothing from wait, set and clear", function()
    local event = neap.Event()
    local waiter = start(event, "wait")
    assert.equal(0, select("#", event:set()))
    assert.equal(0, select("#", event:wait()))
    assert.equal(0, select("#", event:clear()))
    assert.equal(0, select("#", waiter:await()))
  end)
end)

describe("a waiter that is cancelled", function()
  it("is out of the line at once, the others wait on", function() -- Q4
    local event, list = neap.Event(), {}
    for i = 1, 100 do list[i] = neap.spawn(event.wait, event) end
    settle()
    for i = 1, 99 do list[i]:cancel() end
    assert.equal("<Event not set, 1 task waiting>", tostring(event))
    event:set()
    settle()
    assert.is_true(list[99]:cancelled())
    assert.equal("finished", list[100]:state())
  end)

  it("was woken if set came first", function() -- Q21
    local event, met = neap.Event(), nil
    local waiter = neap.spawn(function()
      event:wait()
      met = not pcall(neap.yield)
      return "came"
    end)
    settle()
    event:set()
    waiter:cancel()
    event:clear()
    assert.equal("came", waiter:await())
    assert.is_true(met, "the cancel is met at the next wait")
  end)

  it("raises in a cancelled task, set or not; set does not", function() -- Q21
    local event = neap.Event()
    event:set()
    local task = neap.spawn(function()
      neap.current():cancel()
      local ok, e = pcall(event.wait, event)
      event:clear()
      event:set()
      return ok, neap.is_cancelled(e), pcall(event.wait, event)
    end)
    local ok, cancelled, again = task:await()
    assert.same({false, true, false}, {ok, cancelled, again})
  end)
end)

describe("where a call comes from:", function()
  it("a coroutine in a task may wait, a callback may set", function() -- Q21
    local event = neap.Event()
    local waiter = neap.spawn(function()
      return coroutine.wrap(function()
        event:wait()
        return "through"
      end)()
    end)
    settle()
    neap.call_soon(event.set, event)
    assert.equal("through", waiter:await())
  end)

  it("a callback cannot wait, but for what is set", function()
    local event, results = neap.Event(), {}
    neap.call_soon(function() results[1] = {pcall(event.wait, event)} end)
    settle()
    event:set()
    neap.call_soon(function() results[2] = {pcall(event.wait, event)} end)
    settle()
    assert.is_false(results[1][1])
    assert.matches("cannot wait here", results[1][2])
    assert.same({true}, results[2])
    assert.equal("<Event set>", tostring(event))
  end)

  it("another thing than an event is named", function()
    local event = neap.Event()
    for _, name in ipairs {"set", "clear", "is_set", "wait"} do
      assert.error_matches(function() event[name](neap.Queue()) end,
        "neap.Event expected")
    end
  end)

  it("a deadlock names the event", function() -- S19
    assert.equal([[
neap: deadlock: nothing can wake these tasks
	<Task #1 pending, waiting for an event, it:1>: ]] ..
      "<Event not set, 1 task waiting>\n", tasks.run("neap.Event():wait()").err)
  end)
end)
