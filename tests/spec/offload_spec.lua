-- SPDX-License-Identifier: MIT
--
-- neap.offload: plain functions in other threads. The numbers are those of
-- SEMANTICS.

local elsewhere = require "tests.spec.elsewhere"
local neap = require "neap"
local sockets = require "tests.spec.sockets"
local tasks = require "tests.spec.tasks"

local caught = tasks.caught
local offload = neap.offload

teardown(sockets.clean)
after_each(tasks.sweep)
after_each(elsewhere.close_gates)

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- How many block at once where the pool has its usual size.
local AT_ONCE <const> = 3

-- A task whose function passes the gate and returns its name.
local function passing(gate, name, options)
  return neap.spawn(offload, options or {}, function(gate, name)
    elsewhere.pass(gate, name)
    return name
  end, gate, name)
end

-- Fills the pool: so many tasks stand at the gate.
local function fill(gate)
  local list = {}
  for i = 1, AT_ONCE do list[i] = passing(gate, tostring(i)) end
  elsewhere.arrived(gate, AT_ONCE)
  return list
end

local function empty(gate, list)
  elsewhere.open(gate, #list)
  return neap.gather(table.unpack(list))
end

describe("neap.offload", function()
  test("gives the function's results, as many as there are", function() -- W25
    assert.same({n = 3, nil, 1, nil}, table.pack(offload(function(...)
      return nil, ..., nil
    end, 1, nil)))
    assert.equal(0, select("#", offload(function() end)))
    assert.equal(3, offload(function(...) return select("#", ...) end, nil, nil,
      nil))
    assert.equal(200, select("#", offload(function()
      return table.unpack({}, 1, 200)
    end)))
    assert.equal(5, offload({}, function(n) return n end, 5))
    assert.equal(5, offload({wait = true}, function(n) return n end, 5))
    assert.equal(5, offload({wait = false}, function(n) return n end, 5))
  end)

  test("while this loop goes on", function() -- D2
    local gate = elsewhere.gate()
    local task = passing(gate, "a")
    elsewhere.arrived(gate, 1)
    for _ = 1, 5 do neap.sleep(0.001) end
    assert.equal("pending", task:state())
    assert.matches("offload", tostring(task))
    elsewhere.open(gate)
    assert.equal("a", task:await())
  end)

  test("in a state of another thread", function()
    _G.neap_spec_global = "here"
    local global = offload(function() return neap_spec_global end)
    _G.neap_spec_global = nil
    assert.is_nil(global)
    local mine = {1}
    assert.same({2}, offload(function(t) t[1] = 2 return t end, mine))
    assert.same({1}, mine)
  end)

  test("a state is warm: its modules stay", function()
    local first, second
    for _ = 1, 2 do
      first, second = second, offload(function()
        local elsewhere = require "tests.spec.elsewhere"
        elsewhere.loads = (elsewhere.loads or 0) + 1
        return elsewhere.loads
      end)
    end
    assert.equal(first + 1, second)
  end)

  test("modules are looked for where they are looked for here", function()
    local path, cpath = package.path, package.cpath
    local function paths()
      return offload(function() return package.path, package.cpath end)
    end
    assert.same({path, cpath}, {paths()})
    package.path = "./tests/spec/?.lua;" .. path
    package.cpath = "/nowhere/?.so;" .. cpath
    local wanted, got = {package.path, package.cpath}, {paths()}
    local found = offload(function() return type(require "elsewhere") end)
    package.path, package.cpath = path, cpath
    assert.same(wanted, got)
    assert.equal("table", found)
    assert.same({path, cpath}, {paths()})
  end)

  for _, case in ipairs {
    {"neap.sleep", function() require "neap".sleep(0) end},
    {"await", function() require "neap".Future():await() end},
    {"offload", function() require "neap".offload(function() end) end},
    {"a queue", function() require "neap".Queue():get() end},
  } do
    local name, fn = table.unpack(case)
    test("in it nothing can wait: " .. name, function()
      assert.matches("cannot wait outside of a task", caught(offload, fn))
    end)
  end

  test("but inside of neap.run", function()
    assert.equal("slept", offload(function()
      local neap = require "neap"
      return neap.run(function()
        neap.sleep(0.001)
        neap.spawn(neap.yield):await()
        return "slept"
      end)
    end))
    assert.equal(3, offload(function()
      local neap = require "neap"
      return neap.run(function()
        return neap.offload(function() return 3 end)
      end)
    end))
    assert.equal("cannot", offload(function()
      local ok, words = pcall(require "neap".sleep, 0)
      return words:match "^.-(cannot)"
    end))
  end)

  test("nor does one that cannot wait harm the next in its state", function()
    for i = 1, 20 do
      pcall(offload, function() require "neap".offload(function() end) end)
      assert.equal(i, offload(function(i)
        local neap = require "neap"
        return neap.run(function()
          return neap.offload(function(i) return i end, i)
        end)
      end, i))
    end
  end)

  test("a thread in it, and it in a thread", function()
    assert.equal("a", offload(function()
      local neap = require "neap"
      return neap.run(function()
        return neap.thread(function() return "a" end):await()
      end)
    end))
    assert.equal("b", neap.thread(function()
      return require "neap".offload(function() return "b" end)
    end):await())
  end)

  test("outside of tasks cannot wait", function()
    local words
    neap.call_soon(function() words = caught(offload, function() end) end)
    neap.yield()
    neap.yield()
    assert.matches("cannot wait", words)
    assert.matches("raised .*cannot wait", tasks.outside
      [[require "neap".offload(function() end)]])
  end)

  test("makes no garbage where one comes after another", function()
    local function nothing() end
    offload(nothing)
    collectgarbage "collect"
    collectgarbage "stop"
    local before = collectgarbage "count"
    for _ = 1, 100 do offload(nothing) end
    local grown = collectgarbage "count" - before
    collectgarbage "restart"
    assert.is_true(grown < 1, grown .. " KiB")
  end)

  test("one that was refused or cancelled does not harm the next", function()
    local function same(n) return n end
    for i = 1, 3 do
      assert.matches("a C function", caught(offload, print, i))
      assert.equal(i, offload(same, i))
      local gate = elsewhere.gate()
      local late = neap.spawn(offload, function(gate)
        elsewhere.pass(gate, "a")
        elsewhere.tell(gate, "b")
      end, gate)
      elsewhere.arrived(gate, 1)
      late:cancel()
      neap.settle(late)
      assert.equal("cancelled", late:state())
      assert.equal(-i, offload(same, -i))
      elsewhere.open(gate)
      assert.equal("b", elsewhere.arrived(gate, 1))
    end
  end)

  test("10,000 of them", function()
    local function work()
      for i = 1, 2500 do
        assert(offload(function(n) return n + 1 end, i) == i + 1)
      end
    end
    neap.gather(work, work, work, work)
  end)

  test("1,000 at once, each with its own result", function()
    local list = {}
    for i = 1, 1000 do
      list[i] = neap.spawn(offload, function(n) return n end, i)
    end
    for i, result in ipairs {neap.gather(table.unpack(list))} do
      assert.equal(i, result)
    end
  end)
end)

describe("the pool", function() -- P11
  test("runs three at once, and the next ones when they can", function()
    local gate = elsewhere.gate()
    local list = fill(gate)
    for i = 1, 3 do list[#list + 1] = passing(gate, tostring(i)) end
    neap.sleep(0.02)
    assert.equal("", elsewhere.heard(gate))
    elsewhere.open(gate)
    elsewhere.arrived(gate, 1)
    neap.sleep(0.01)
    assert.equal("", elsewhere.heard(gate))
    elsewhere.open(gate, 5)
    neap.gather(table.unpack(list))
  end)

  test("serves who came first first", function()
    local gate, order = elsewhere.gate(), ""
    local list = fill(gate)
    for name in ("abcdefgh"):gmatch "." do
      list[#list + 1] = passing(gate, name)
    end
    tasks.settle()
    for _ = 1, 8 do
      elsewhere.open(gate)
      order = order .. elsewhere.arrived(gate, 1)
    end
    elsewhere.open(gate, AT_ONCE)
    neap.gather(table.unpack(list))
    assert.equal("abcdefgh", order)
  end)

  test("keeps a thread for names", function()
    local gate = elsewhere.gate()
    local list = fill(gate)
    local more = passing(gate, "m")
    local addresses = neap.timeout(5, neap.resolve, "localhost")
    assert.is_truthy(addresses)
    elsewhere.open(gate)
    assert.equal("m", elsewhere.arrived(gate, 1))
    elsewhere.open(gate, AT_ONCE)
    neap.gather(more, table.unpack(list))
  end)

  test("one that fails makes room, too", function()
    local list = {}
    for i = 1, 20 do
      list[i] = neap.spawn(offload, function() error "boom" end)
    end
    for _, outcome in ipairs(neap.settle(table.unpack(list))) do
      assert.matches("boom$", outcome.error)
    end
    assert.equal(1, offload(function() return 1 end))
  end)

  test("one that was cancelled before it began never runs", function()
    local gate = elsewhere.gate()
    local list = fill(gate)
    local dropped = passing(gate, "!")
    local after = passing(gate, "a")
    tasks.settle()
    dropped:cancel()
    neap.settle(dropped)
    assert.equal("cancelled", dropped:state())
    elsewhere.open(gate, AT_ONCE + 1)
    list[#list + 1] = after
    neap.gather(table.unpack(list))
    assert.equal("a", elsewhere.heard(gate))
  end)

  test("one with wait that was cancelled before it began ends", function()
    local gate = elsewhere.gate()
    local list = fill(gate)
    local task = passing(gate, "!", {wait = true})
    tasks.settle()
    task:cancel()
    neap.settle(task) -- the gate is shut: it waits for nobody
    assert.equal("cancelled", task:state())
    local after = passing(gate, "a")
    elsewhere.open(gate, AT_ONCE + 1)
    neap.gather(after, table.unpack(list))
    assert.equal("a", elsewhere.heard(gate))
  end)
end)

describe("cancelling an offload", function()
  test("ends the wait at once; the function runs on", function() -- C14
    local gate = elsewhere.gate()
    local task = neap.spawn(offload, function(gate)
      elsewhere.pass(gate, "a")
      elsewhere.tell(gate, "b")
      return {}
    end, gate)
    elsewhere.arrived(gate, 1)
    task:cancel "why"
    neap.settle(task)
    assert.equal("cancelled", task:state())
    assert.equal("why", task:error().reason)
    assert.equal("", elsewhere.heard(gate))
    elsewhere.open(gate)
    assert.equal("b", elsewhere.arrived(gate, 1)) -- P6
    assert.equal(1, offload(function() return 1 end))
  end)

  test("an error that comes late is dropped, too", function() -- P6
    local result = tasks.run([[
      local neap = require "neap"
      local task = neap.spawn(neap.offload, function()
        os.execute "sleep 0.05"
        error "late"
      end)
      neap.sleep(0.01)
      task:cancel()
      neap.sleep(0.1)
      print(neap.offload(function() return "next" end))
    ]], "")
    assert.equal("next\n", result.out)
    assert.equal("", result.err)
    assert.equal(0, result.status)
  end)

  test("with wait it waits for the end, then raises", function() -- C14
    local gate = elsewhere.gate()
    local task = passing(gate, "a", {wait = true})
    elsewhere.arrived(gate, 1)
    task:cancel "why"
    neap.wait({task}, {timeout = 0.02})
    assert.equal("pending", task:state())
    elsewhere.open(gate)
    neap.settle(task)
    assert.equal("cancelled", task:state())
    assert.equal("why", task:error().reason)
  end)

  test("a time-out is one", function()
    local gate = elsewhere.gate()
    local e = caught(function()
      local limit <close> = neap.timeout(3600)
      neap.spawn(function()     -- one that has not begun never would
        assert.equal("a", elsewhere.arrived(gate, 1))
        limit:reschedule(0.01)
      end)
      offload(function(gate)
        elsewhere.pass(gate, "a")
        elsewhere.tell(gate, "b")
      end, gate)
    end)
    assert.is_true(neap.is_timeout(e))
    elsewhere.open(gate)
    assert.equal("b", elsewhere.arrived(gate, 1))
  end)

  test("a time-out is one, with wait", function()
    local gate = elsewhere.gate()
    local opener = neap.spawn(function()
      elsewhere.arrived(gate, 1)
      neap.sleep(0.03)
      elsewhere.open(gate)
    end)
    local before = neap.time()
    assert.is_false(neap.move_on_after(0.01, offload, {wait = true},
      function(gate) elsewhere.pass(gate) end, gate))
    assert.is_true(neap.time() - before >= 0.03)
    opener:await()
  end)

  test("a shield keeps it", function() -- C11
    local gate, got = elsewhere.gate(), nil
    local task = neap.spawn(neap.shield, function()
      got = offload(function(gate)
        elsewhere.pass(gate)
        return "kept"
      end, gate)
    end)
    elsewhere.arrived(gate, 1)
    task:cancel()
    tasks.settle()
    assert.equal("pending", task:state())
    elsewhere.open(gate)
    neap.settle(task)
    assert.equal("kept", got)
  end)

  test("of one whose result has come: it is kept", function() -- W4
    local gate, got = elsewhere.gate(), nil
    local task = neap.spawn(function()
      got = offload(function() return "item" end)
      neap.yield()
    end)
    tasks.settle()
    task:cancel()
    neap.settle(task)
    assert.is_true(got == nil or got == "item")
    assert.equal("cancelled", task:state())
    assert.equal("", elsewhere.heard(gate))
  end)

  test("in a cancelled task it takes nothing", function() -- C5
    local gate = elsewhere.gate()
    local task = neap.spawn(function()
      pcall(neap.sleep, 10)
      for _ = 1, 3 do
        assert(neap.is_cancelled(caught(offload, function(gate)
          elsewhere.tell(gate, "!")
        end, gate)))
      end
    end)
    tasks.settle()
    task:cancel()
    neap.settle(task)
    offload(function() end)
    assert.equal("", elsewhere.heard(gate))
  end)

  test("race cancels the losers", function()
    local gate = elsewhere.gate()
    assert.equal("first", neap.race(function()
      offload(function(gate)
        elsewhere.pass(gate)
        elsewhere.tell(gate)
      end, gate)
    end, function()
      elsewhere.arrived(gate, 1)
      return "first"
    end))
    elsewhere.open(gate)
    elsewhere.arrived(gate, 1)
  end)

  test("1,000 times, at every moment", function()
    for i = 1, 1000 do
      local task = neap.spawn(offload, {wait = i % 3 == 0}, function(t)
        return t
      end, {i})
      for _ = 1, i % 5 do neap.yield() end
      task:cancel()
      if i % 10 == 0 then neap.settle(task) end
    end
    local gate = elsewhere.gate()
    assert.same({"1", "2", "3"}, {empty(gate, fill(gate))})
  end)
end)
