-- SPDX-License-Identifier: MIT
--
-- neap.LifoQueue: a Queue, but the newest item comes out first. The numbers are
-- those of SEMANTICS, group 5. Run by our command, so that a test may wait.

local neap = require "neap"
local queues = require "tests.spec.queues"
local settle, start, states = queues.settle, queues.start, queues.states
local drain, memory = queues.drain, queues.memory

describe("the newest comes first:", function()
  it("of what is in", function() -- Q5
    local q = neap.LifoQueue()
    for i = 1, 5 do q:put(i) end
    assert.equal("<LifoQueue 5 items>", tostring(q))
    assert.same({5, 4, 3, 2, 1}, drain(q))
  end)

  it("also while the queue grows, and is emptied, and grows", function() -- Q11
    local q, model = neap.LifoQueue(), {}
    local seed = 5
    for _ = 1, 20000 do
      seed = (seed * 1103515245 + 12345) % 2147483648
      if seed // 65536 % 5 < 3 and #model < 300 then
        model[#model + 1] = seed
        q:put(seed)
      elseif #model > 0 then
        assert(q:get() == table.remove(model))
      end
      assert(q:len() == #model)
    end
  end)

  it("for each put a get, after some were got", function() -- Q11
    local q = neap.LifoQueue()
    for i = 1, 8 do q:put(i) end
    assert.equal(8, q:get())
    q:put(9)
    q:put(10)
    assert.same({10, 9, 7, 6, 5, 4, 3, 2, 1}, drain(q))
  end)

  it("but waiters are served in the order of arrival", function() -- Q5
    local q, got = neap.LifoQueue(), {}
    for i = 1, 3 do
      neap.spawn(function()
        local item = q:get()
        got[#got + 1] = {i, item}
      end)
    end
    settle()
    for i = 1, 3 do q:put(i * 10) end
    settle()
    assert.same({{1, 10}, {2, 20}, {3, 30}}, got)
  end)

  it("and a waiting putter's item is the newest when it is in", function() -- Q5
    local q = neap.LifoQueue(2)
    q:put(1)
    q:put(2)
    start(q, "put", 3)
    start(q, "put", nil)
    assert.equal("<LifoQueue 2/2 items, 2 putters waiting>", tostring(q))
    assert.equal(2, q:get())
    assert.equal(3, q:get())
    assert.same({n = 1}, table.pack(q:get()))
    assert.same({1}, drain(q))
  end)
end)

describe("as in a Queue", function()
  it("nil and false are items", function() -- Q6
    local q = neap.LifoQueue()
    q:put(false)
    q:put(nil)
    assert.equal(2, q:len())
    assert.same({n = 1}, table.pack(q:get()))
    assert.same({n = 2, true, false}, table.pack(q:try_get()))
    assert.same({n = 1, false}, table.pack(q:try_get()))
  end)

  it("a cancelled getter leaves the item, a putter takes its own along",
    function() -- Q1 Q2 Q3
      local q = neap.LifoQueue(1)
      local getter = start(q, "get")
      getter:cancel()
      q:put "x"
      local first, second = start(q, "put", "y"), start(q, "put", "z")
      first:cancel()
      assert.same({"x", "z"}, {q:get(), q:get()})
      settle()
      assert.same({"cancelled", "cancelled", "finished"},
        states {getter, first, second})
      assert.equal(0, q:len())
    end)

  it("close drains, or drops", function() -- Q7 Q8 Q9
    local q = neap.LifoQueue()
    q:put(1)
    q:put(2)
    q:close()
    assert.equal(2, q:get())
    q:close(true)
    assert.same({n = 2, nil, "closed"}, table.pack(q:get()))
    assert.error_matches(function() q:task_done() end, "too often")
  end)

  it("join waits for task_done", function() -- Q10
    local q = neap.LifoQueue()
    q:put(1)
    local joiner = start(q, "join")
    q:get()
    assert.equal("pending", joiner:state())
    q:task_done()
    joiner:await()
  end)

  it("0 is a rendezvous, and bad bounds are refused", function() -- Q12 Q13
    local q = neap.LifoQueue(0)
    local putter = start(q, "put", 1)
    assert.equal("pending", putter:state())
    assert.equal(1, q:get())
    putter:await()
    assert.error_matches(function() neap.LifoQueue(-1) end, "bad argument #1 "
      .. "to 'LifoQueue' %(a non%-negative integer or math%.huge expected")
  end)

  it("what was got is not kept alive, nor a burst's memory", function() -- Q11
    local q, seen = neap.LifoQueue(), setmetatable({}, {__mode = "k"})
    for _ = 1, 5 do
      local item = {}
      seen[item] = true
      q:put(item)
    end
    drain(q)
    local before = memory()
    assert.is_nil(next(seen))
    for i = 1, 100000 do q:put(i) end
    for i = 100000, 1, -1 do assert(q:get() == i) end
    assert.is_true(memory() - before < 50)
  end)
end)
