-- SPDX-License-Identifier: MIT
--
-- Queue and Channel: waiters that are cancelled, and the end. The numbers are
-- those of SEMANTICS, group 5. A spec of either loads this chunk and calls it
-- with the name, "Queue".

local kind = ...
local neap = require "neap"
local queues = require "tests.spec.queues"
local settle, start, states = queues.settle, queues.start, queues.states
local drain, memory = queues.drain, queues.memory
local new = neap[kind]

local function shows(words, q)
  assert.equal(("<%s %s>"):format(kind, words), tostring(q))
end

local function assert_closed_error(fn, ...)
  local ok, e = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal("QueueClosed", e.name)
  assert.equal(kind:lower() .. " is closed", tostring(e))
end

describe("a getter that is cancelled", function()
  it("leaves an item put afterwards in its turn to the next", function() -- Q1
    local q = new()
    local first, second = start(q, "get"), start(q, "get")
    first:cancel()
    q:put "x"
    q:put "y"
    settle()
    assert.is_true(first:cancelled())
    assert.equal("x", second:await())
    assert.equal(1, q:len())
    assert.same({"y"}, drain(q))
  end)

  it("leaves the item in the queue where nobody else waits", function() -- Q1
    local q = new()
    local getter = start(q, "get")
    getter:cancel()
    q:put "x"
    settle()
    assert.is_true(getter:cancelled())
    assert.equal(1, q:len())
    assert.same({true, "x"}, {q:try_get()})
  end)

  it("keeps the item that it was woken with before", function() -- Q1
    local q, met = new(), nil
    local getter = neap.spawn(function()
      local item = q:get()
      met = not pcall(neap.yield)
      return item
    end)
    settle()
    q:put "x"
    getter:cancel()
    q:put "y"
    settle()
    assert.equal("x", getter:await())
    assert.is_true(met, "the cancel is met at the next wait")
    assert.same({"y"}, drain(q))
  end)

  it("is passed over, be there many of them", function() -- Q2
    local q, getters = new(), {}
    for i = 1, 50 do getters[i] = neap.spawn(q.get, q) end
    settle()
    for i = 1, 49 do getters[i]:cancel() end
    q:put "x"
    settle()
    assert.equal("x", getters[50]:await())
    for i = 1, 49 do assert.is_true(getters[i]:cancelled()) end
    assert.equal(0, q:len())
  end)

  it("is passed over wherever it stands in the line", function() -- Q2
    local q, getters = new(), {}
    for i = 1, 9 do getters[i] = neap.spawn(q.get, q) end
    settle()
    for i = 1, 9, 3 do getters[i]:cancel() end
    for i = 1, 7 do q:put(i) end
    settle()
    local got = {}
    for i = 1, 9 do got[i] = getters[i]:cancelled() or getters[i]:result() end
    assert.same({true, 1, 2, true, 3, 4, true, 5, 6}, got)
    assert.same({7}, drain(q))
  end)

  it("takes nothing when it calls get in a cancelled task", function() -- Q1
    local q = new()
    q:put "x"
    local getter = neap.spawn(function()
      neap.current():cancel()
      local ok, e = pcall(q.get, q)
      assert.is_false(ok)
      assert.is_true(neap.is_cancelled(e))
      return q:try_get() -- never raises Cancelled
    end)
    assert.is_true(getter:await())
  end)

  it("is out of the line at once", function() -- Q4
    local q, getters = new(), {}
    for i = 1, 100 do getters[i] = neap.spawn(q.get, q) end
    settle()
    shows("0 items, 100 getters waiting", q)
    for i = 1, 99 do getters[i]:cancel() end
    shows("0 items, 1 getter waiting", q)
    getters[100]:cancel()
    shows("0 items", q)
    settle()
  end)

  it("leaves nothing behind, 10^6 times", function() -- Q4
    local q, at_start = new(), nil
    for round = 1, 101 do
      local getters = {}
      for i = 1, 10000 do getters[i] = neap.spawn(q.get, q) end
      neap.yield()
      for i = 1, 10000 do getters[i]:cancel() end
      settle()
      assert.is_true(getters[10000]:cancelled())
      getters = nil
      if round == 1 then at_start = memory() end
    end
    local grown = memory() - at_start
    assert.is_true(grown < 500, grown .. " KB more after 10^6 cancels")
    q:put "x"
    assert.equal(1, q:len())
  end)
end)

describe("a putter that is cancelled", function()
  it("takes its item with it", function() -- Q3
    local q = new(1)
    q:put(0)
    local putters = {}
    for i = 1, 4 do putters[i] = start(q, "put", i) end
    putters[1]:cancel()
    putters[3]:cancel()
    settle()
    assert.same({0, 2, 4}, {q:get(), q:get(), q:get()})
    settle()
    assert.same({"cancelled", "finished", "cancelled", "finished"},
      states(putters))
    assert.equal(0, q:len())
  end)

  it("leaves room made in the same turn to the next", function() -- Q3
    local q = new(1)
    q:put(0)
    local first, second = start(q, "put", 1), start(q, "put", 2)
    first:cancel()
    assert.equal(0, q:get())
    settle()
    assert.is_true(first:cancelled())
    assert.equal("finished", second:state())
    assert.same({2}, drain(q))
  end)

  it("has put when there was room before the cancel", function() -- Q3
    local q = new(1)
    q:put(0)
    local putter = start(q, "put", 1)
    assert.equal(0, q:get())
    putter:cancel()
    settle()
    assert.equal("finished", putter:state())
    assert.same({1}, drain(q))
  end)

  it("puts nothing when it calls put in a cancelled task", function() -- Q3
    local q = new()
    local putter = neap.spawn(function()
      neap.current():cancel()
      assert.is_false(pcall(q.put, q, "x"))
      return q:len(), q:try_put "y"
    end)
    assert.same({0, true}, {putter:await()})
  end)
end)

describe("close", function()
  it("lets what is in be got, then says closed", function() -- Q7
    local q = new()
    q:put(1)
    q:put(2)
    q:close()
    q:close()
    shows("2 items, closed", q)
    assert.equal(1, q:get())
    assert.same({true, 2}, {q:try_get()})
    for _ = 1, 2 do
      assert.same({n = 2, nil, "closed"}, table.pack(q:get()))
      assert.same({n = 2, nil, "closed"}, table.pack(q:try_get()))
    end
    q:close()
  end)

  it("refuses what is put afterwards", function() -- Q7
    local q = new(1)
    q:close()
    assert_closed_error(q.put, q, 1)
    assert_closed_error(q.try_put, q, 1)
    assert.equal(0, q:len())
  end)

  it("wakes getters with nil and closed", function() -- Q8
    local q = new()
    local first, second = start(q, "get"), start(q, "get")
    q:close()
    shows("0 items, closed", q)
    assert.same({n = 2, nil, "closed"}, table.pack(first:await()))
    assert.same({n = 2, nil, "closed"}, table.pack(second:await()))
  end)

  it("wakes putters with QueueClosed, their items stay out", function() -- Q8
    local q = new(1)
    q:put(1)
    local putters = {start(q, "put", 2), start(q, "put", 3)}
    q:close()
    for _, putter in ipairs(putters) do
      assert_closed_error(putter.await, putter)
    end
    assert.same({1}, drain(q))
  end)

  it("takes nothing from those woken before it", function() -- Q8
    local q = new(1)
    local getter = start(q, "get")
    q:put(1)
    q:close()
    assert.equal(1, getter:await())
    q = new(1)
    q:put(1)
    local putter = start(q, "put", 2)
    assert.equal(1, q:get())
    q:close()
    putter:await()
    assert.same({2}, drain(q))
  end)



  it("drops nothing that a woken getter has", function() -- Q9
    local q = new()
    local getter = start(q, "get")
    q:put(1)
    q:put(2)
    q:close(true)
    assert.equal(1, getter:await())
    assert.equal(0, q:len())
  end)
end)
