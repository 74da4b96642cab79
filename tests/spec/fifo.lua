-- SPDX-License-Identifier: MIT
--
-- Queue and Channel: first waiter first, nothing lost, nothing doubled. The
-- numbers are those of SEMANTICS, group 5. A spec of either loads this chunk
-- and calls it with the name, "Queue".

local kind = ...
local neap = require "neap"
local queues = require "tests.spec.queues"
local settle, start, states = queues.settle, queues.start, queues.states
local drain, memory = queues.drain, queues.memory
local new = neap[kind]

local function shows(words, q)
  assert.equal(("<%s %s>"):format(kind, words), tostring(q))
end

local function refusal(max)
  return select(2, pcall(new, max))
end

describe("first waiter first:", function()
  it("getters get in the order in which they came", function() -- Q5
    local q, got = new(), {}
    for i = 1, 5 do
      neap.spawn(function()
        local item = q:get()
        got[#got + 1] = {i, item}
      end)
    end
    settle()
    for i = 1, 5 do q:put(i * 10) end
    settle()
    assert.same({{1, 10}, {2, 20}, {3, 30}, {4, 40}, {5, 50}}, got)
  end)

  it("putters put in the order in which they came", function() -- Q5
    local q = new(2)
    for i = 1, 6 do neap.spawn(q.put, q, i) end
    settle()
    shows("2/2 items, 4 putters waiting", q)
    for i = 1, 6 do assert.equal(i, q:get()) end
  end)

  it("an item is the waiting getter's once it is put", function() -- Q5
    local q = new()
    local getter = start(q, "get")
    q:put(1)
    assert.equal(0, q:len())
    assert.is_false((q:try_get()))
    q:put(2)
    assert.equal(1, q:len())
    assert.equal(2, q:get())
    assert.equal(1, getter:await())
  end)

  it("room is the waiting putter's once it is made", function() -- Q5
    local q = new(1)
    q:put(1)
    start(q, "put", 2)
    assert.equal(1, q:get())
    assert.is_false(q:try_put(3))
    assert.same({2}, drain(q))
    assert.is_true(q:try_put(3))
  end)

  it("an item handed over takes no room", function() -- Q5
    local q = new(1)
    local getter = start(q, "get")
    assert.is_true(q:try_put(1))
    assert.is_true(q:try_put(2))
    assert.is_false(q:try_put(3))
    assert.equal(1, getter:await())
    assert.equal(2, q:get())
  end)

  it("getters and putters that come and go lose nothing", function() -- Q5
    local q, got, sum, done = new(3), 0, 0, 0
    local seed = 42
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n
    end
    local tasks, put = {}, 0
    for step = 1, 3000 do
      local kind = random(4)
      if kind == 0 then
        tasks[#tasks + 1] = neap.spawn(function()
          q:put(step)
          put = put + step
        end)
      elseif kind == 1 then
        tasks[#tasks + 1] = neap.spawn(function()
          local item = q:get()
          sum, got = sum + item, got + 1
        end)
      elseif kind == 2 and #tasks > 0 then
        tasks[random(#tasks) + 1]:cancel()
      else
        neap.yield()
      end
    end
    settle()
    for _, item in ipairs(drain(q)) do sum = sum + item end
    settle()
    for _, task in ipairs(tasks) do task:cancel() end
    settle()
    for _, task in ipairs(tasks) do
      if task:state() == "finished" then done = done + 1 end
    end
    assert.is_true(got > 100 and done > got)
    assert.equal(put, sum)
  end)
end)

describe("nil and false", function()
  it("are items like others", function() -- Q6
    local q = new()
    q:put(nil)
    q:put(false)
    q:put(nil)
    assert.equal(3, q:len())
    assert.same({n = 1}, table.pack(q:get()))
    assert.same({n = 1, false}, table.pack(q:get()))
    assert.same({n = 2, true}, table.pack(q:try_get()))
    assert.same({n = 1, false}, table.pack(q:try_get()))
  end)

  it("reach a getter that waits", function() -- Q6
    local q = new(0)
    local first, second = start(q, "get"), start(q, "get")
    q:put(nil)
    q:put(false)
    assert.same({n = 1}, table.pack(first:await()))
    assert.same({n = 1, false}, table.pack(second:await()))
  end)

  it("come from a putter that waits", function() -- Q6
    local q = new(0)
    start(q, "put", nil)
    start(q, "put", false)
    assert.same({n = 1}, table.pack(q:get()))
    assert.same({n = 2, true, false}, table.pack(q:try_get()))
  end)

  it("differ from the end, and no value is an error", function() -- Q6
    local q = new()
    q:put(nil)
    q:close()
    assert.same({n = 1}, table.pack(q:get()))
    assert.same({n = 2, nil, "closed"}, table.pack(q:get()))
    q = new()
    assert.error_matches(function() q:put() end,
      "bad argument #1 to 'put' %(value expected%)")
    assert.error_matches(function() q:try_put() end,
      "bad argument #1 to 'try_put' %(value expected%)")
    assert.equal(0, q:len())
  end)
end)

describe("many items", function()
  it("ping-pong through a bound of 1, memory flat", function() -- Q11
    local q, n = new(1), 100000
    local getter = neap.spawn(function()
      for i = 1, n do
        local item = q:get()
        if item ~= i then error(("%s for %d"):format(item, i)) end
      end
    end)
    local before, grown
    for i = 1, n do
      q:put(i)
      if i == 1000 then before = memory() end
    end
    grown = memory() - before
    getter:await()
    assert.is_true(grown < 50, grown .. " KB more")
    assert.equal(0, q:len())
  end)

  it("keep their order while the queue grows and goes round", function() -- Q11
    local q, put, got = new(), 0, 0
    for round = 1, 200 do
      for _ = 1, round do
        put = put + 1
        q:put(put)
      end
      for _ = 1, round - 1 do
        got = got + 1
        assert(q:get() == got)
      end
      assert.equal(round, q:len())
      assert.equal(round, #q)
    end
  end)



  it("do not hold the loop while nobody has to wait", function() -- Q11
    local q, others, stop = new(), 0, false
    neap.spawn(function()
      while not stop do
        others = others + 1
        neap.yield()
      end
    end)
    for i = 1, 10000 do
      q:put(i)
      q:get()
    end
    stop = true
    assert.is_true(others > 20)
  end)
end)

describe("a rendezvous", function()
  it("lets put return when the item is taken", function() -- Q12
    local q, log = new(0), {}
    neap.spawn(function()
      q:put "x"
      log[#log + 1] = "put"
    end)
    settle()
    shows("0/0 items, 1 putter waiting", q)
    log[#log + 1] = "get"
    assert.equal("x", q:get())
    settle()
    assert.same({"get", "put"}, log)
  end)

  it("keeps no item", function() -- Q12
    local q = new(0)
    assert.is_false(q:try_put(1))
    assert.is_false((q:try_get()))
    local getter = start(q, "get")
    assert.is_true(q:try_put(2))
    assert.is_false(q:try_put(3))
    assert.equal(0, q:len())
    assert.equal(2, getter:await())
    local putter = start(q, "put", 4)
    assert.same({true, 4}, {q:try_get()})
    assert.is_false((q:try_get()))
    putter:await()
  end)

  it("takes putters in their order, but not the cancelled", function() -- Q12
    local q, putters = new(0), {}
    for i = 1, 4 do putters[i] = start(q, "put", i) end
    putters[1]:cancel()
    putters[3]:cancel()
    assert.same({2, 4}, {q:get(), q:get()})
    assert.is_false((q:try_get()))
    settle()
    assert.same({"cancelled", "finished", "cancelled", "finished"},
      states(putters))
  end)
end)

describe("the bound", function()
  it("is none for nil and math.huge", function() -- Q13
    for _, q in ipairs {new(), new(nil), new(math.huge)} do
      for i = 1, 1000 do assert.is_true(q:try_put(i)) end
      shows("1000 items", q)
    end
  end)

  it("may be 0 or any positive integer, also as a float", function() -- Q13
    for bound, name in pairs {[0] = "0", [1] = "1", [100] = "100"} do
      for _, q in ipairs {new(bound), new(bound + 0.0)} do
        for _ = 1, bound do assert.is_true(q:try_put "x") end
        assert.is_false(q:try_put "x")
        shows(("%s/%s items"):format(name, name), q)
      end
    end
  end)

  it("is refused by its value otherwise", function() -- Q13
    local refused = ("bad argument #1 to 'neap.%s' %%(a non%%-negative "
      .. "integer or math%%.huge expected, got %%s%%)"):format(kind)
    for value, shown in pairs {
      [-1] = "%-1", [1.5] = "1%.5", [-0.5] = "%-0%.5", [1e300] = "1e%+300",
      [-math.huge] = "%-inf", [math.mininteger] = "%-%d+",
    } do
      assert.matches(refused:gsub("%%s", (shown:gsub("%%", "%%%%"))),
        refusal(value))
    end
    assert.matches(refused:gsub("%%s", "%%-?nan"), refusal(0 / 0))
  end)

  it("is refused by its type in Lua's own words", function() -- Q13
    for shown, value in pairs {table = {}, boolean = true, string = "many"} do
      assert.matches(("bad argument #1 to 'neap.%s' %%(number expected, "
        .. "got %s%%)"):format(kind, shown), refusal(value))
    end
  end)
end)

describe("items", function()
  it("goes on until the queue is closed and drained", function()
    local q, got = new(1), {}
    neap.spawn(function()
      for i = 1, 5 do q:put(i) end
      q:put(false)
      q:close()
    end)
    for item in q:items() do got[#got + 1] = item end
    assert.same({1, 2, 3, 4, 5, false}, got)
  end)

  it("raises at a nil item, waiting or not", function()
    local q = new()
    q:put(1)
    q:put(nil)
    q:put(2)
    local got = {}
    assert.error_matches(function()
      for item in q:items() do got[#got + 1] = item end
    end, "nil item")
    assert.same({1}, got)
    assert.same({2}, drain(q))
    local reader = neap.spawn(function()
      for item in q:items() do got[#got + 1] = item end
    end)
    settle()
    q:put(nil)
    assert.error_matches(function() reader:await() end, "nil item")
  end)

  it("lets several tasks share the work", function()
    local q, sum, readers = new(2), 0, {}
    for i = 1, 3 do
      readers[i] = neap.spawn(function()
        for item in q:items() do
          sum = sum + item
          neap.yield()
        end
      end)
    end
    for i = 1, 100 do q:put(i) end
    q:close()
    for i = 1, 3 do readers[i]:await() end
    assert.equal(5050, sum)
  end)
end)

describe("where a call comes from:", function()
  it("a coroutine inside a task may wait, at any depth", function() -- Q5
    local q = new(1)
    local function nested(depth, fn, ...)
      if depth == 0 then return fn(...) end
      return coroutine.wrap(nested)(depth - 1, fn, ...)
    end
    local got = {}
    local getters = {}
    for i = 1, 3 do
      getters[i] = neap.spawn(function() got[i] = nested(i, q.get, q) end)
    end
    settle()
    for i = 1, 3 do q:put(i * 10) end
    settle()
    assert.same({10, 20, 30}, got)
    q:put(0)
    local first = neap.spawn(nested, 1, q.put, q, 1)
    local second = neap.spawn(nested, 2, q.put, q, 2)
    local third = neap.spawn(nested, 3, q.put, q, 3)
    settle()
    second:cancel()
    assert.same({0, 1, 3}, {q:get(), q:get(), q:get()})
    first:await()
    third:await()
    settle()
    assert.is_true(second:cancelled())
  end)

  it("a generator over a queue yields its items only", function() -- Q5
    local q, got = new(0), {}
    neap.spawn(function()
      for i = 1, 4 do q:put(i) end
      q:close()
    end)
    local squares = coroutine.wrap(function()
      for item in q:items() do coroutine.yield(item * item) end
    end)
    for square in squares do got[#got + 1] = square end
    assert.same({1, 4, 9, 16}, got)
  end)

  it("a callback may do what need not wait", function() -- Q5
    local q, ok, message = new(1), nil, nil
    local getter = start(q, "get")
    neap.call_soon(function()
      q:put(1)
      q:put(2)
      ok, message = pcall(q.put, q, 3)
    end)
    assert.equal(1, getter:await())
    assert.is_false(ok)
    assert.matches("cannot wait here", message)
    assert.same({2}, drain(q))
    neap.call_soon(function() ok, message = pcall(q.get, q) end)
    settle()
    assert.is_false(ok)
    assert.matches("cannot wait here", message)
    shows("0/1 items", q)
  end)

  it("a place that cannot wait is refused, the queue intact", function() -- Q5
    local q, message = new(1), nil
    q:put(1)
    table.sort({2, 1}, function(a, b)
      message = select(2, pcall(q.put, q, 2))
      return a < b
    end)
    assert.matches("table.sort is on the stack", message)
    shows("1/1 items", q)
    assert.same({1}, drain(q))
  end)


  it("a queue that nobody knows any more is collected", function()
    local known = setmetatable({}, {__mode = "v"})
    do
      local q = new()
      known[1] = q
      q:put(q)
      neap.spawn(function() return q:get() end):await()
    end
    settle()
    memory()
    assert.is_nil(known[1])
  end)
end)
