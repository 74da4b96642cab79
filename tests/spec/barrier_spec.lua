-- SPDX-License-Identifier: MIT
--
-- neap.Barrier: n tasks that wait for each other. Run by our command, so that a
-- test may wait.

local neap = require "neap"
local queues = require "tests.spec.queues"
local tasks = require "tests.spec.tasks"
local settle, start, states = queues.settle, queues.start, queues.states

teardown(tasks.clean)

local function results(list)
  local values = {}
  for i, task in ipairs(list) do values[i] = task:result() end
  return values
end

describe("a barrier", function()
  it("lets all go when the last has come", function()
    local barrier, list = neap.Barrier(3), {}
    for i = 1, 2 do list[i] = start(barrier, "wait") end
    assert.same({"pending", "pending"}, states(list))
    assert.equal("<Barrier 2/3 tasks waiting>", tostring(barrier))
    list[3] = start(barrier, "wait")
    assert.same({1, 2, 3}, results(list))
    assert.equal("<Barrier 0/3 tasks waiting>", tostring(barrier))
  end)

  it("lets them go on in the order of arrival, after the last", function()
    local barrier, log = neap.Barrier(4), {}
    for i = 1, 3 do
      neap.spawn(function()
        local number = barrier:wait()
        log[#log + 1] = {i, number}
      end)
    end
    settle()
    assert.equal(4, barrier:wait())
    log[#log + 1] = {"last"}
    settle()
    assert.same({{"last"}, {1, 1}, {2, 2}, {3, 3}}, log)
  end)

  it("can be used again, by those it has just let go", function()
    local barrier, log, list = neap.Barrier(2), {}, {}
    for name = 1, 2 do
      list[name] = neap.spawn(function()
        for round = 1, 50 do
          local number = barrier:wait()
          log[#log + 1] = ("%d.%d"):format(round, number)
        end
      end)
    end
    for _, task in ipairs(list) do task:await() end
    assert.equal(100, #log)
    table.sort(log, function(a, b) return tonumber(a) < tonumber(b) end)
    for round = 1, 50 do
      assert.equal(round .. ".1", log[2 * round - 1])
      assert.equal(round .. ".2", log[2 * round])
    end
  end)

  it("of one never waits", function()
    local barrier = neap.Barrier(1)
    assert.equal(1, barrier:wait())
    assert.equal(1, barrier:wait())
    assert.equal("<Barrier 0/1 tasks waiting>", tostring(barrier))
  end)

  it("opens for more than it lets through at once in rounds", function()
    local barrier, list = neap.Barrier(3), {}
    for i = 1, 7 do list[i] = start(barrier, "wait") end
    assert.equal("pending", list[7]:state())
    list[7]:cancel()
    list[7] = nil
    assert.same({1, 2, 3, 1, 2, 3}, results(list))
    settle()
  end)
end)

describe("a waiter that is cancelled", function()
  it("leaves, and the others go on waiting", function() -- Q4
    local barrier, list = neap.Barrier(3), {}
    for i = 1, 2 do list[i] = start(barrier, "wait") end
    list[1]:cancel()
    assert.equal("<Barrier 1/3 tasks waiting>", tostring(barrier))
    list[3] = neap.spawn(barrier.wait, barrier) -- in the turn of the cancel
    settle()
    assert.same({"cancelled", "pending", "pending"}, states(list))
    list[4] = start(barrier, "wait")
    assert.same({1, 2, 3}, results {list[2], list[3], list[4]})
  end)

  it("leaves no gap, however many come and go", function() -- Q4
    local barrier = neap.Barrier(3)
    for _ = 1, 20 do
      local waiter = start(barrier, "wait")
      waiter:cancel()
    end
    local first, second = start(barrier, "wait"), start(barrier, "wait")
    assert.same({"pending", "pending"}, states {first, second})
    assert.equal(3, barrier:wait())
    assert.equal(1, first:await())
    assert.equal(2, second:await())
  end)

  it("had been let go if the last came first", function() -- Q16
    local barrier, met = neap.Barrier(2), nil
    local waiter = neap.spawn(function()
      local number = barrier:wait()
      met = not pcall(neap.yield)
      return number
    end)
    settle()
    assert.equal(2, barrier:wait())
    waiter:cancel()
    assert.equal(1, waiter:await())
    assert.is_true(met)
  end)

  it("counts not at all when it is cancelled before", function()
    local barrier = neap.Barrier(2)
    local task = neap.spawn(function()
      neap.current():cancel()
      return pcall(barrier.wait, barrier)
    end)
    assert.is_false((task:await()))
    assert.equal("<Barrier 0/2 tasks waiting>", tostring(barrier))
  end)
end)

describe("where a call comes from:", function()
  it("coroutines in tasks may wait, a callback may come last", function()
    local barrier, number = neap.Barrier(3), nil
    local function wait()
      return coroutine.wrap(function() return (barrier:wait()) end)()
    end
    local first, second = neap.spawn(wait), neap.spawn(wait)
    settle()
    neap.call_soon(function() number = barrier:wait() end)
    assert.equal(1, first:await())
    assert.equal(2, second:await())
    assert.equal(3, number)
  end)

  it("a place that cannot wait is refused and not counted", function()
    local barrier, message = neap.Barrier(2), nil
    neap.call_soon(function()
      message = select(2, pcall(barrier.wait, barrier))
    end)
    settle()
    assert.matches("cannot wait here", message)
    local waiter = start(barrier, "wait")
    assert.equal("pending", waiter:state())
    assert.equal(2, barrier:wait())
    assert.equal(1, waiter:await())
  end)

  it("a number that counts nothing is refused", function()
    for value, shown in pairs {
      [0] = "0", [-1] = "-1", [1.5] = "1.5", [math.huge] = "inf",
    } do
      local ok, e = pcall(neap.Barrier, value)
      assert.is_false(ok)
      assert.truthy(e:find(("(a positive integer expected, got %s)")
        :format(shown), 1, true), e)
    end
    assert.error_matches(function() neap.Barrier "many" end,
      "bad argument #1 to 'Barrier' %(number expected, got string%)")
    assert.error_matches(function() neap.Barrier(1).wait(neap.Event()) end,
      "neap.Barrier expected")
  end)

  it("a deadlock names the barrier", function() -- S19
    assert.equal([[
neap: deadlock: nothing can wake these tasks
	<Task #1 pending, waiting at a barrier, it:1>: ]] ..
      "<Barrier 1/2 tasks waiting>\n", tasks.run("neap.Barrier(2):wait()").err)
  end)
end)
