-- SPDX-License-Identifier: MIT
--
-- neap.PriorityQueue: a Queue, but the least item comes out first. The numbers
-- are those of SEMANTICS, group 5. Run by our command, so that a test may wait.

local neap = require "neap"
local queues = require "tests.spec.queues"
local settle, start, states = queues.settle, queues.start, queues.states
local drain, memory = queues.drain, queues.memory

describe("the least comes first:", function()
  it("numbers, whole or not", function() -- Q5
    local q = neap.PriorityQueue()
    for _, n in ipairs {3, 1.5, -1, 2, math.huge, -math.huge, 0} do q:put(n) end
    assert.equal("<PriorityQueue 7 items>", tostring(q))
    assert.same({-math.huge, -1, 0, 1.5, 2, 3, math.huge}, drain(q))
  end)

  it("strings, and numbers before them", function() -- Q5
    local q = neap.PriorityQueue()
    for _, s in ipairs {"b", "10", 10, "a", "", 9} do q:put(s) end
    assert.same({9, 10, "", "10", "a", "b"}, drain(q))
  end)

  it("of any values, by the priority given", function() -- Q5 Q6
    local q, object = neap.PriorityQueue(), {}
    q:put(nil, 2)
    q:put(object, 1)
    q:put(false, 3)
    q:put(100, 0)
    assert.equal(100, q:get())
    assert.equal(object, q:get())
    assert.same({n = 1}, table.pack(q:get()))
    assert.same({n = 2, true, false}, table.pack(q:try_get()))
  end)

  it("equal ones in the order in which they came", function() -- Q5
    local q = neap.PriorityQueue()
    for i = 1, 100 do q:put(i, i % 3) end
    local last, before = -1, 0
    for _ = 1, 100 do
      local item = q:get()
      if item % 3 ~= last then before, last = 0, item % 3 end
      assert.is_true(item > before)
      before = item
    end
    assert.equal(2, last)
  end)

  it("an integer and the float equal to it are equal", function() -- Q5
    local q = neap.PriorityQueue()
    q:put("first", 1.0)
    q:put("second", 1)
    q:put("third", 1.0)
    assert.same({"first", "second", "third"}, drain(q))
  end)

  it("among 10^4 that come and go", function() -- Q11
    local q, model, stamp = neap.PriorityQueue(), {}, 0
    local seed = 3
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n
    end
    local function least()
      local best = 1
      for i = 2, #model do
        local a, b = model[i], model[best]
        if a[1] < b[1] or a[1] == b[1] and a[2] < b[2] then best = i end
      end
      return table.remove(model, best)[2]
    end
    for _ = 1, 10000 do
      if random(9) < 5 and #model < 200 then
        stamp = stamp + 1
        local priority = random(20)
        model[#model + 1] = {priority, stamp}
        q:put(stamp, priority)
      elseif #model > 0 then
        assert.equal(least(), q:get())
      end
      assert(q:len() == #model)
    end
  end)

  it("but waiters are served in the order of arrival", function() -- Q5
    local q, got = neap.PriorityQueue(), {}
    for i = 1, 3 do
      neap.spawn(function()
        local item = q:get()
        got[#got + 1] = {i, item}
      end)
    end
    settle()
    for i = 3, 1, -1 do q:put("x" .. i, i) end
    settle()
    assert.same({{1, "x3"}, {2, "x2"}, {3, "x1"}}, got)
  end)

  it("and a waiting putter's item keeps its priority", function() -- Q5
    local q = neap.PriorityQueue(2)
    q:put("a", 1)
    q:put("b", 2)
    start(q, "put", "z", 9)
    start(q, "put", "c", 3)
    assert.equal("<PriorityQueue 2/2 items, 2 putters waiting>", tostring(q))
    assert.same({"a", "b", "c", "z"}, {q:get(), q:get(), q:get(), q:get()})
    settle()
    assert.equal(0, q:len())
    q:put(5)
    q:put(6)
    local putter = start(q, "put", 4) -- its own priority
    assert.equal(5, q:get())
    assert.equal(4, q:get())
    assert.equal(6, q:get())
    putter:await()
  end)
end)

describe("a priority", function()
  local words = "%(a priority %(number or string%) expected, got %s%)"

  it("is refused unless it is a number or a string", function() -- Q13
    local q = neap.PriorityQueue()
    for shown, value in pairs {table = {}, boolean = true} do
      assert.error_matches(function() q:put("x", value) end,
        "bad argument #2 to 'put' " .. words:gsub("%%s", shown))
    end
    assert.error_matches(function() q:put("x", nil) end, "got nil")
    assert.error_matches(function() q:put("x", 0 / 0) end, "got nan")
    assert.error_matches(function() q:try_put({}, {}) end,
      "bad argument #2 to 'try_put'")
    assert.equal(0, q:len())
  end)

  it("is asked for where the value is none", function() -- Q13
    local q = neap.PriorityQueue()
    assert.error_matches(function() q:put {} end, "bad argument #2 to 'put' "
      .. "%(a priority %(number or string%) expected, got none, and the value, "
      .. "a table, is no priority%)")
    assert.error_matches(function() q:put() end,
      "bad argument #1 to 'put' %(value expected%)")
    assert.equal(0, q:len())
  end)

  it("means nothing to the other queues", function()
    for _, new in ipairs {neap.Queue, neap.LifoQueue} do
      local q = new()
      q:put("x", {})
      assert.same({"x"}, drain(q))
    end
  end)
end)

describe("as in a Queue", function()
  it("a cancelled getter leaves the item, a putter takes its own along",
    function() -- Q1 Q2 Q3
      local q = neap.PriorityQueue(1)
      local getter = start(q, "get")
      getter:cancel()
      q:put(5)
      local first, second = start(q, "put", 1), start(q, "put", 2)
      first:cancel()
      assert.same({5, 2}, {q:get(), q:get()})
      settle()
      assert.same({"cancelled", "cancelled", "finished"},
        states {getter, first, second})
      assert.equal(0, q:len())
    end)

  it("close drains, or drops, and wakes", function() -- Q7 Q8 Q9
    local q = neap.PriorityQueue(3)
    for _, n in ipairs {3, 1, 2} do q:put(n) end
    local putter, joiner = start(q, "put", 0), start(q, "join")
    q:close()
    neap.wait {putter}
    assert.equal("QueueClosed", putter:error().name)
    assert.equal(1, q:get())
    q:close(true)
    joiner:await()
    assert.same({n = 2, nil, "closed"}, table.pack(q:get()))
    assert.equal("<PriorityQueue 0/3 items, closed>", tostring(q))
  end)

  it("items goes on until the end, in order", function() -- Q7
    local q, got = neap.PriorityQueue(), {}
    for _, n in ipairs {3, 1, 2} do q:put(n) end
    q:close()
    for item in q:items() do got[#got + 1] = item end
    assert.same({1, 2, 3}, got)
  end)

  it("join waits for task_done", function() -- Q10
    local q = neap.PriorityQueue()
    q:put(1)
    local joiner = start(q, "join")
    q:get()
    assert.equal("pending", joiner:state())
    q:task_done()
    joiner:await()
  end)

  it("0 is a rendezvous, and bad bounds are refused", function() -- Q12 Q13
    local q = neap.PriorityQueue(0)
    local putter = start(q, "put", "x", 1)
    assert.equal("pending", putter:state())
    assert.equal("x", q:get())
    putter:await()
    local getter = start(q, "get")
    assert.is_true(q:try_put({}, 1))
    assert.equal("table", type(getter:await()))
    assert.error_matches(function() neap.PriorityQueue(1.5) end,
      "bad argument #1 to 'PriorityQueue' %(a non%-negative integer or")
  end)

  it("what was got is not kept alive, nor a burst's memory", function() -- Q11
    local q, seen = neap.PriorityQueue(), setmetatable({}, {__mode = "k"})
    for i = 1, 5 do
      local item = {}
      seen[item] = true
      q:put(item, i)
    end
    for _ = 1, 4 do q:get() end
    memory()
    local kept = 0
    for _ in pairs(seen) do kept = kept + 1 end
    assert.equal(1, kept)
    drain(q)
    local before = memory()
    assert.is_nil(next(seen))
    for i = 1, 20000 do q:put(i) end
    for i = 1, 20000 do assert(q:get() == i) end
    assert.is_true(memory() - before < 50)
    q:put "again"
    assert.equal("again", q:get())
  end)
end)
