-- SPDX-License-Identifier: MIT
--
-- Errors of threads: which object arrives, the tracebacks of both sides, and
-- the reports of those that nobody awaits. The numbers are those of SEMANTICS.

local elsewhere = require "tests.spec.elsewhere"
local neap = require "neap"
local sockets = require "tests.spec.sockets"
local tasks = require "tests.spec.tasks"

local caught = tasks.caught

teardown(sockets.clean)
after_each(tasks.sweep)
after_each(elsewhere.close_gates)

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- The error of a thread with this main function.
local function error_of(...)
  local thread = neap.thread(...)
  return caught(thread.await, thread), thread
end

describe("an error over there", function() -- P7
  test("is raised where it is awaited", function()
    local e, thread = error_of(function() error "boom" end)
    assert.matches("tests/spec/thread_error_spec.lua:%d+: boom$", e)
    assert.equal("failed", thread:state())
    assert.is_false(thread:cancelled())
    assert.equal(e, thread:error())
    assert.equal(e, caught(thread.result, thread))
    assert.equal(e, caught(thread.await, thread))
  end)

  for name, sent in pairs {
    ["a string"] = "words", ["a string with NULs"] = "a\0b\0",
    ["an integer"] = 7, ["a float"] = -0.0, ["true"] = true, ["false"] = false,
    ["a table"] = {code = 7, list = {1, {2}}},
  } do
    test("that is " .. name, function() -- F7
      local e = error_of(function(e) error(e, 0) end, sent)
      assert.same(sent, e)
      assert.equal(math.type(sent), math.type(e))
    end)
  end

  test("that is nil", function() -- F7
    local thread = neap.thread(function() error(nil) end)
    local ok, e = pcall(thread.await, thread)
    assert.is_false(ok)
    assert.is_nil(e)
  end)

  test("that is a table with a cycle", function()
    local e = error_of(function()
      local e = {}
      e.self = e
      error(e)
    end)
    assert.equal(e, e.self)
  end)

  test("is the same object for everyone who awaits", function()
    local e, thread = error_of(function() error {} end)
    assert.equal(e, caught(thread.await, thread))
  end)

  test("of C: as Lua words it", function()
    assert.matches("attempt to index a nil value %(local 'x'%)",
      error_of(function()
        local x
        return x.y
      end))
    assert.matches("bad argument #1 to 'rep'", error_of(function()
      return string.rep()
    end))
  end)

  test("that cannot cross becomes words", function()
    assert.matches("a coroutine", error_of(function()
      error {co = coroutine.create(print)}
    end), 1, true)
    assert.matches("C function", error_of(function() error(print) end), 1, true)
    assert.matches("told in words", error_of(function()
      error(setmetatable({}, {__tostring = function()
        return "told in words"
      end}))
    end))
    assert.is_string((error_of(function() error(io.stdout) end)))
  end)

  test("whose __tostring fails", function() -- F8
    assert.is_string((error_of(function()
      error(setmetatable({}, {__tostring = function() error "again" end}))
    end)))
  end)

  test("of a stack that overflows", function() -- F10
    assert.matches("stack overflow", error_of(function()
      local function down() return 1 + down() end
      down()
    end))
  end)

  test("of the function's code: what it needs cannot be required", function()
    package.loaded["tests.spec.only_here"] = tasks
    package.preload["tests.spec.only_here"] = nil
    local only = setmetatable({}, {__index = tasks})
    package.loaded["tests.spec.only_here"] = only
    local e = error_of(function() return only end)
    package.loaded["tests.spec.only_here"] = nil
    assert.matches("module 'tests.spec.only_here' not found", e, 1, true)
  end)

  test("that is a Timeout is one here", function()
    local e = error_of(function()
      local neap = require "neap"
      neap.timeout(0, neap.sleep, 10)
    end)
    assert.is_true(neap.is_timeout(e))
    assert.is_false(neap.is_cancelled(e))
  end)

  test("that is a Timeout is not taken for one of a scope here", function()
    local thread = neap.thread(function()
      local neap = require "neap"
      neap.timeout(0, neap.sleep, 10)
    end)
    local e = caught(neap.move_on_after, 5, thread.await, thread)
    assert.is_true(neap.is_timeout(e))
    assert.is_true(neap.is_timeout(caught(neap.timeout, 5, thread.await,
      thread)))
  end)

  test("that is a Cancelled of a task over there", function() -- W15
    local e, thread = error_of(function()
      local neap = require "neap"
      local task = neap.spawn(neap.sleep, 10)
      neap.yield()
      task:cancel "own reason"
      task:await()
    end)
    assert.is_true(neap.is_cancelled(e))
    assert.equal("own reason", e.reason)
    assert.equal("failed", thread:state())
    assert.is_false(thread:cancelled())
  end)

  test("that is an ErrorGroup: each error in it", function() -- C23
    local e = error_of(function()
      local neap = require "neap"
      neap.group(function(g)
        g:spawn(function()
          local _ <close> = setmetatable({}, {__close = function()
            error {two = 2}
          end})
          neap.sleep(10)
        end)
        neap.yield()
        error("one", 0)
      end)
    end)
    assert.equal(2, #e.errors)
    assert.equal("one", e.errors[1])
    assert.same({two = 2}, e.errors[2])
  end)

  test("that is a QueueClosed keeps its words", function()
    local e = error_of(function()
      local q = require "neap".Queue()
      q:close()
      q:put(1)
    end)
    local q = neap.Queue()
    q:close()
    assert.equal(tostring(caught(q.put, q, 1)), tostring(e))
    assert.equal(type(caught(q.put, q, 1)), type(e))
  end)

  test("passes through threads of threads", function()
    local e, thread = error_of(function()
      require "neap".thread(function()
        require "neap".thread(function()
          error {deep = true}
        end):await()
      end):await()
    end)
    assert.same({deep = true}, e)
    local _, levels = thread:traceback():gsub("in another thread:", "")
    assert.equal(3, levels)
  end)

  test("makes a gather cancel the others", function() -- W10
    local gate = elsewhere.gate()
    local idle = neap.thread(function(gate)
      local _ <close> = elsewhere.guard(gate, "c")
      elsewhere.tell(gate, "i")
      elsewhere.forever()
    end, gate)
    elsewhere.arrived(gate, 1)
    local failing = neap.thread(function() error("first", 0) end)
    assert.equal("first", caught(neap.gather, idle, failing))
    assert.equal("cancelled", idle:state())
    assert.equal("c", elsewhere.heard(gate))
  end)

  test("of main, and one of a task it left", function() -- C24
    local e = error_of(function()
      local neap = require "neap"
      neap.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          error("while cancelled", 0)
        end})
        neap.sleep(10)
      end):on_done(function(task) task:error() end)
      neap.yield()
      error("main", 0)
    end)
    assert.equal("main", e)
  end)
end)

describe("its traceback", function()
  test("is that of both sides", function()
    local function culprit() error "lost" end
    local thread = neap.thread(culprit)
    local function await_it() thread:await() end
    caught(await_it)
    local text = thread:traceback()
    local there, here = text:match(
      "in another thread:\n(stack traceback:.-)\nand here:\n(.*)$")
    assert.is_string(there, text)
    local line = debug.getinfo(culprit, "S").linedefined
    assert.matches(("thread_error_spec.lua:%d: in"):format(line), there, 1,
      true)
    assert.matches("stack traceback:", here, 1, true)
  end)

  test("is in the report of who does not catch it", function()
    local result = tasks.run [[
local neap = require "neap"
local function culprit() error "lost" end
local thread = neap.thread(function() error "lost" end)
local function careless() thread:await() end
neap.spawn({name = "careful"}, careless)
]]
    assert.matches("^neap: task #3 'careful' failed: it:3: lost\n", result.err)
    assert.matches("in another thread:\nstack traceback:\n.*it:3: in .*"
      .. "and here:\nstack traceback:\n.*it:4: in ", result.err)
    assert.equal(1, result.status)
    local _, reports = result.err:gsub("neap: ", "")
    assert.equal(1, reports)
  end)

  test("is what the command prints of main's", function()
    local result = tasks.run [[
local neap = require "neap"
local thread = neap.thread(function() error "lost" end)
local function careless() thread:await() end
careless()
]]
    assert.matches("^neap: it:2: lost\n", result.err)
    assert.matches("in another thread:\n.*it:2: in .*and here:\n.*it:3: in ",
      result.err)
    assert.equal(1, result.status)
  end)

  test("shows tasks of spawn, too", function()
    local thread = neap.thread(elsewhere.forever)
    local task = thread:spawn(function() error "lost" end)
    caught(task.await, task)
    assert.matches("in another thread:\n.*thread_error_spec.lua:%d+: in .*"
      .. "and here:\n", task:traceback())
    thread:cancel()
    neap.settle(thread)
  end)
end)

-- Programs: what is told of errors that nobody awaits, and the status.
local function reports(script, pattern, status)
  local result = tasks.run("local neap = require 'neap'\n" .. script)
  assert.matches(pattern, result.err)
  assert.equal(status, result.status)
  local _, count = ("\n" .. result.err):gsub("\nneap: ", "")
  return result.out, count
end

describe("an error that nobody awaits is reported, once:", function() -- F6
  test("a thread's", function()
    local out, count = reports([[
      neap.thread({name = "crew"}, function() error("lost", 0) end)
      neap.sleep(1)
      print "goes on"]], "^neap: task #2 'crew' failed: lost\nin another "
        .. "thread:\n.*\n%s+spawned at it:2\n$", 1)
    assert.equal("goes on\n", out)
    assert.equal(1, count)
  end)

  test("after the end of main", function()
    local _, count = reports([[
      neap.thread(function()
        require "neap".sleep(0.001)
        error("late", 0)
      end)]], "^neap: task #2 failed: late\n", 1)
    assert.equal(1, count)
  end)

  test("of spawn's", function()
    local _, count = reports([[
      local thread = neap.thread(function() require "neap".sleep(0.1) end)
      thread:spawn({name = "sent"}, function() error("lost", 0) end)
    ]], "^neap: task #3 'sent' failed: lost\n", 1)
    assert.equal(1, count)
  end)

  test("of call_soon's", function()
    local out, count = reports([[
      local thread = neap.thread(function()
        came = require "neap".Future()
        return came:await()
      end)
      thread:call_soon(function() error("lost", 0) end)
      thread:call_soon(function() came:set_result(1) end)
      print(thread:await())]], "^neap: .*lost\n", 1)
    assert.equal("1\n", out)
    assert.equal(1, count)
  end)

  test("of a task over there, while here one waits for the thread", -- P10
    function()
      local out, count = reports([[
        local thread = neap.thread(function()
          local neap = require "neap"
          neap.spawn({name = "inner"}, function() error("lost", 0) end)
          neap.sleep(0.001)
          return "results"
        end)
        print(thread:await())]], "^neap: task #%d 'inner' failed: lost\n", 1)
      assert.equal("results\n", out)
      assert.equal(1, count)
    end)

  test("in a thread of a thread", function()
    local out, count = reports([[
      print(neap.thread(function()
        local neap = require "neap"
        return neap.thread(function()
          local neap = require "neap"
          neap.spawn(function() error("lost", 0) end)
          neap.yield()
          return "deep"
        end):await()
      end):await())]], "^neap: task #%d failed: lost\n", 1)
    assert.equal("deep\n", out)
    assert.equal(1, count)
  end)

  test("but a cancel is none, nor what was awaited", function()
    local out, count = reports([[
      local thread = neap.thread(function() require "neap".sleep(1000) end)
      thread:cancel()
      print((pcall(neap.await, neap.thread(function() error "seen" end))))
    ]], "^$", 0)
    assert.equal("false\n", out)
    assert.equal(0, count)
  end)

  test("not those whose error was seen through a group or gather", function()
    local out = reports([[
      local fail = function() error("seen", 0) end
      print(pcall(neap.gather, neap.thread(fail)))
      print(neap.settle(neap.thread(fail))[1].error)
      local thread = neap.thread(fail)
      thread:on_done(function(task) print(task:error()) end)
      neap.settle(thread)
    ]], "^$", 0)
    assert.equal("false\tseen\nseen\nseen\n", out)
  end)
end)
