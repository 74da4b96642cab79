-- SPDX-License-Identifier: MIT
--
-- neap.thread: what a Thread is here, and what runs there. What crosses and
-- what does not is in thread_values_spec.lua, errors in thread_error_spec.lua,
-- cancels in thread_cancel_spec.lua, what is sent to it in
-- thread_send_spec.lua, ends in thread_end_spec.lua. The numbers are those of
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

-- The results of a thread.
local function run(...) return neap.thread(...):await() end

describe("a Thread", function()
  test("is a Task with methods more", function()
    local thread = neap.thread(function() end)
    assert.matches("^<Task #%d+ pending.*[ /]tests/spec/thread_spec.lua:%d+>$",
      tostring(thread))
    assert.equal("pending", thread:state())
    for name in ("await result error done cancelled cancel state on_done "
        .. "remove_done name traceback"):gmatch "[%w_]+" do
      assert.equal(neap.current()[name], thread[name])
    end
    for _, name in ipairs {"spawn", "call_soon", "stop"} do
      assert.is_function(thread[name])
      assert.is_nil(neap.current()[name])
    end
    assert.equal(0, select("#", thread:await()))
    assert.equal("finished", thread:state())
    assert.is_true(thread:done())
    assert.is_false(thread:cancelled())
    assert.is_nil(thread:error())
  end)

  test("has the function's results, as many as there are", function() -- W25
    local results = table.pack(run(function(...) return nil, ..., nil end,
      1, nil))
    assert.same({n = 3, nil, 1, nil}, results)
    results = table.pack(run(function(...) return select("#", ...), ... end,
      nil, false, nil))
    assert.same({n = 4, 3, nil, false, nil}, results)
    local many = table.pack(run(function()
      return table.unpack({}, 1, 200)
    end))
    assert.equal(200, many.n)
  end)

  test("gives them any number of times, to anybody", function() -- W21
    local thread = neap.thread(function() return {7} end)
    local waiters = {}
    for i = 1, 5 do waiters[i] = neap.spawn(thread.await, thread) end
    for i = 1, 5 do assert.equal(thread:await(), waiters[i]:await()) end
    assert.equal(thread:result(), thread:await())
    assert.same({7}, (thread:result()))
  end)

  test("can be owned as any Task", function()
    local double = function(n) return 2 * n end
    local a, b = neap.thread(double, 1), neap.thread(double, 2)
    assert.same({2, 4}, {neap.gather(a, b)})
    a, b = neap.thread(double, 3), neap.thread(function() error "no" end)
    local outcomes = neap.settle(a, b)
    assert.equal(6, outcomes[1].value)
    assert.is_false(outcomes[2].ok)
    a, b = neap.thread(double, 5), neap.thread(double, 6)
    local done, pending = neap.wait {a, b}
    assert.same({2, 0}, {#done, #pending})
    local sum = 0
    for task in neap.as_completed {a, b} do sum = sum + task:await() end
    assert.equal(22, sum)
  end)

  test("its callbacks are called", function()
    local thread, seen = neap.thread(function() return 1 end), {}
    local function see(...) seen[#seen + 1] = {...} end
    local never = function() seen.never = true end
    thread:on_done(see, "a")
    thread:on_done(never)
    thread:remove_done(never)
    thread:await()
    neap.yield()
    assert.equal(1, #seen)
    assert.equal("a", seen[1][1])
    assert.equal(thread, seen[1][2])
    assert.is_nil(seen.never)
  end)

  test("is among the tasks while it runs", function()
    local gate = elsewhere.gate()
    local thread = neap.thread({name = "crew"}, elsewhere.forever)
    local function is_there()
      for _, task in ipairs(neap.tasks()) do
        if task == thread then return true end
      end
      return false
    end
    assert.is_true(is_there())
    assert.matches("crew", neap.tree())
    thread:cancel()
    neap.settle(thread)
    assert.is_false(is_there())
    assert.equal("", elsewhere.heard(gate))
  end)

  test("has a name", function()
    local thread = neap.thread({name = "first"}, function() end)
    assert.equal("first", thread:name())
    assert.matches("'first'", tostring(thread))
    thread:name "second"
    assert.equal("second", thread:name())
    thread:await()
    local nameless = neap.thread({}, function() end)
    assert.is_nil(nameless:name())
    nameless:await()
  end)

  test("is nobody's child: who awaits it and is cancelled", function() -- C9
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      elsewhere.pass(gate)
      return "went on"
    end, gate)
    local waiter = neap.spawn(thread.await, thread)
    elsewhere.arrived(gate, 1)
    assert.is_true(neap.is_timeout(caught(neap.timeout, 0, thread.await,
      thread)))
    waiter:cancel()
    neap.settle(waiter)
    elsewhere.open(gate)
    assert.equal("went on", thread:await())
  end)
end)

describe("over there", function()
  test("it runs while this loop does", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      elsewhere.pass(gate)
      return "through"
    end, gate)
    elsewhere.arrived(gate, 1)
    local timed_out = not neap.move_on_after(0.01, thread.await, thread)
    assert.is_true(timed_out)
    elsewhere.open(gate)
    assert.equal("through", thread:await())
  end)

  test("several run at the same time", function()
    local gate, threads = elsewhere.gate(), {}
    for i = 1, 5 do
      threads[i] = neap.thread(function(...) elsewhere.pass(...) end, gate)
    end
    elsewhere.arrived(gate, 5)
    elsewhere.open(gate, 5)
    neap.gather(table.unpack(threads))
  end)

  test("main is a task of a loop of its own", function()
    local state, alive, words = run(function()
      local neap = require "neap"
      neap.sleep(0)
      local main = neap.current()
      return main:state(), #neap.tasks(), tostring(neap.loop())
    end)
    assert.equal("running", state)
    assert.equal(1, alive)
    assert.is_string(words)
  end)

  test("everything may wait, as here", function()
    assert.equal("a b c", run(function()
      local neap = require "neap"
      local q = neap.Queue(1)
      local producer = neap.spawn(function()
        for item in ("abc"):gmatch "." do q:put(item) end
        q:close()
      end)
      local got = {}
      for item in q:items() do got[#got + 1] = item end
      producer:await()
      neap.timeout(5, neap.sleep, 0.001)
      return table.concat(got, " ")
    end))
  end)

  test("nothing is shared: globals, and tables that were passed", function()
    local mine = {1}
    _G.neap_spec_global = "here"
    local global, copy = run(function(t)
      local before = neap_spec_global
      neap_spec_global = "there"
      t[1] = t[1] + 1
      return before, t
    end, mine)
    assert.is_nil(global)
    assert.equal("here", _G.neap_spec_global)
    _G.neap_spec_global = nil
    assert.same({1}, mine)
    assert.same({2}, copy)
  end)

  test("each has a state of its own", function()
    local count = function()
      counted = (counted or 0) + 1
      return counted
    end
    for _ = 1, 5 do assert.equal(1, run(count)) end
  end)

  test("the standard libraries and neap are there", function()
    local missing = run(function()
      local missing = {}
      for _, name in ipairs {"string", "table", "math", "io", "os", "utf8",
          "debug", "coroutine", "package"} do
        if type(_G[name]) ~= "table" then missing[#missing + 1] = name end
      end
      for _, name in ipairs {"print", "require", "load", "pcall"} do
        if type(_G[name]) ~= "function" then missing[#missing + 1] = name end
      end
      if type(require "neap") ~= "table" then missing[#missing + 1] = "neap" end
      return table.concat(missing, " ")
    end)
    assert.equal("", missing)
  end)

  test("modules are looked for where they are looked for here", function()
    local path, cpath = package.path, package.cpath
    package.path = "./tests/spec/?.lua;" .. path
    package.cpath = "/nowhere/?.so;" .. cpath
    local there, cthere, name = run(function()
      return package.path, package.cpath, type(require "elsewhere")
    end)
    local wanted, cwanted = package.path, package.cpath
    package.path, package.cpath = path, cpath
    assert.equal(wanted, there)
    assert.equal(cwanted, cthere)
    assert.equal("table", name)
  end)

  test("a global of this name is the other state's", function()
    assert.equal("nil function", run(function()
      return type(describe) .. " " .. type(print)
    end))
  end)

  test("it ends when all its tasks have ended", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      local neap = require "neap"
      neap.spawn(function(gate)
        neap.sleep(0.001)
        elsewhere.pass(gate, "t")
      end, gate)
      elsewhere.tell(gate, "m")
      return "main's"
    end, gate)
    assert.equal("mt", elsewhere.arrived(gate, 2))
    assert.is_false(thread:done())
    assert.is_false((neap.move_on_after(0.01, thread.await, thread)))
    elsewhere.open(gate)
    assert.equal("main's", thread:await())
  end)

  test("its daemons are cancelled then", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      local neap = require "neap"
      neap.spawn({daemon = true}, function(gate)
        local _ <close> = elsewhere.guard(gate, "d")
        elsewhere.forever()
      end, gate)
      neap.yield()
      return "results"
    end, gate)
    assert.equal("results", thread:await())
    assert.equal("d", elsewhere.heard(gate))
  end)

  test("if main fails the others are cancelled first", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      local neap = require "neap"
      neap.spawn(function(gate)
        local _ <close> = elsewhere.guard(gate, "c")
        elsewhere.forever()
      end, gate)
      neap.yield()
      error("main", 0)
    end, gate)
    assert.equal("main", caught(thread.await, thread))
    assert.equal("c", elsewhere.heard(gate))
  end)

  test("threads make threads", function()
    assert.equal("a/b/c/d", run(function(path)
      local neap = require "neap"
      return neap.thread(function(path)
        local neap = require "neap"
        return neap.thread(function(path) return path .. "/d" end,
          path .. "/c"):await()
      end, path .. "/b"):await()
    end, "a"))
  end)

  test("it ends when its own threads have ended", function()
    local gate = elsewhere.gate()
    local thread = neap.thread(function(gate)
      require "neap".thread(function(gate) elsewhere.pass(gate) end, gate)
      return 1
    end, gate)
    elsewhere.arrived(gate, 1)
    assert.is_false((neap.move_on_after(0.01, thread.await, thread)))
    elsewhere.open(gate)
    assert.equal(1, thread:await())
  end)

  test("waiting for work from here is no deadlock", function()
    local thread = neap.thread(function()
      waited = require "neap".Future()
      return waited:await()
    end)
    neap.sleep(0.01)
    assert.equal("pending", thread:state())
    thread:spawn(function() waited:set_result "came" end):await()
    assert.equal("came", thread:await())
  end)
end)
