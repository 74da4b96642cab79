-- SPDX-License-Identifier: MIT
--
-- Threads and the end of the program: its own, a failure's, a signal's; threads
-- that cannot be made; and that nothing is left of those that have ended. Each
-- script is a process of its own. The numbers are those of SEMANTICS.

local elsewhere = require "tests.spec.elsewhere"
local neap = require "neap"
local shell = require "tests.spec.shell"
local sockets = require "tests.spec.sockets"
local tasks = require "tests.spec.tasks"

teardown(sockets.clean)
after_each(tasks.sweep)
after_each(elsewhere.close_gates)

-- What every script begins with: a thread that lasts, and says when it has
-- cleaned up.
local prelude = [[
local neap = require "neap"
local function lasting(options)
  local thread = neap.thread(options or {}, function()
    ready = require "neap".Event()
    local _ <close> = setmetatable({}, {__close = function()
      print "cleaned"
      io.stdout:flush()
    end})
    ready:set()
    require "neap".Future():await()
  end)
  repeat
    local is_ready = thread:spawn(function()
      return ready and ready:is_set()
    end):await()
  until is_ready
  return thread
end
-- One that computes for ever by now, or does before it hears anything more.
local function busy(options)
  neap.thread(options, function()
    require "neap".Future():await()
  end):spawn(function()
    require "neap".call_soon(function() while true do end end)
  end):await()
end
]]

-- What leaves at once frees nothing.
local lazy = "ASAN_OPTIONS=detect_leaks=0"

-- Runs such a script: its output, what it reports, its status.
local function check(script, out, words, status, environment)
  local result = tasks.run(prelude .. script, "", environment)
  assert.equal(out, result.out)
  assert.matches(words, result.err)
  assert.equal(status, result.status)
end

describe("at the end of a script", function() -- P9
  it("a thread is awaited", function()
    check([[
      neap.thread(function()
        require "neap".sleep(0.01)
        print "through"
      end)]], "through\n", "^$", 0)
  end)

  it("so is what was sent to one", function()
    check([[
      local thread = neap.thread(function() require "neap".sleep(0.01) end)
      thread:spawn(function()
        require "neap".sleep(0.02)
        print "through"
      end)]], "through\n", "^$", 0)
  end)

  it("a daemon is cancelled and awaited", function()
    check("lasting {daemon = true}", "cleaned\n", "^$", 0)
  end)

  it("all are cancelled where main has failed", function()
    check("lasting() lasting() error('main', 0)", "cleaned\ncleaned\n",
      "^neap: main\n", 1)
  end)

  it("a thread's failure is main's where it is awaited", function()
    check("lasting() neap.thread(function() error('its', 0) end):await()",
      "cleaned\n", "^neap: its\n", 1)
  end)

  it("is one inside of neap.run, too", function()
    check("neap.run(lasting) print 'after'", "cleaned\nafter\n", "^$", 0)
  end)

  it("a thread is never deadlocked, nor who awaits one", function() -- S19
    check([[
      local thread = lasting()
      local waiter = neap.spawn(thread.await, thread)
      neap.wait({waiter}, {timeout = 0.05})
      print(waiter:state(), thread:state())
      thread:stop()]], "pending\tpending\ncleaned\n", "^$", 0)
  end)

  it("a deadlock here is found while no thread runs", function() -- S19
    check([[
      neap.thread(function() end):await()
      neap.Future():await()]], "", "deadlock", 1)
  end)

  it("one that ignores its cancel is named after the grace", function() -- C20
    check([[
      neap.thread({name = "stubborn"}, function()
        while true do pcall(require "neap".sleep, 0.01) end
      end):spawn(function() end):await() -- main has begun, then
      error("main", 0)]], "", "^neap: main\n.*neap: task #2 'stubborn': "
        .. "did not end within 5 s of being cancelled\n", 1, lazy)
  end)

  it("one that computes for ever does not hold up the end", function() -- P9
    check([[
      busy {name = "busy", daemon = true}]], "",
      "^neap: task #2 'busy': did not end within 5 s", 0, lazy)
  end)
end)

describe("os.exit with threads running", function() -- Y14
  it("ends at once", function()
    check("lasting() os.exit(3)", "", "^$", 3, lazy)
  end)

  it("with true closes them", function() -- P9
    check("lasting() lasting() os.exit(3, true)", "cleaned\ncleaned\n", "^$", 3)
  end)

  it("with true from another task, and from a callback", function() -- P9
    check("lasting() neap.spawn(os.exit, 3, true) neap.sleep(10)", "cleaned\n",
      "^$", 3)
    check("lasting() neap.call_soon(os.exit, 3, true) neap.sleep(10)",
      "cleaned\n", "^$", 3)
  end)

  it("in a thread ends the process", function()
    check([[
      local thread = lasting()
      thread:call_soon(function() os.exit(3) end)
      thread:await()]], "", "^$", 3, lazy)
  end)
end)

-- Acts out a dialogue with such a script.
local function talk(script, dialogue)
  local file <close> = shell.temporary(prelude .. script)
  return shell.talk(dialogue, file.path)
end

describe("SIGINT with threads running", function() -- I1
  it("cancels main, and the threads with it", function()
    local out = talk("lasting() print 'ready' neap.sleep(1000)",
      "< ready\n> \\x03\nexit 130\n")
    assert.matches("cancelled: interrupted", out)
    assert.matches("cleaned", out)
  end)

  it("cancels a thread that main awaits", function()
    local out = talk("local thread = lasting() print 'ready' thread:await()",
      "< ready\n> \\x03\nexit 130\n")
    assert.matches("cancelled: interrupted", out)
    assert.matches("cleaned", out)
  end)

  it("cancels threads that main left", function()
    assert.matches("cleaned", talk("lasting() print 'ready'",
      "< ready\n> \\x03\nexit 130\n"))
  end)

  it("ends the process at once when it comes twice", function()
    talk([[
      busy {}
      pcall(function()
        print 'ready'
        neap.sleep(1000)
      end)
      print 'caught'
      neap.sleep(1000)]], "< ready\n> \\x03\n< caught\n> \\x03\nexit 130\n")
  end)
end)

describe("a thread that cannot start", function() -- P8
  local library = sockets.build "fault"

  local function check_fault(fault, script, out)
    local result = tasks.run(prelude .. script, "", table.concat({
      ("FAULT='%s'"):format(fault), "LD_PRELOAD=" .. library,
      "ASAN_OPTIONS=verify_asan_link_order=0"}, " "))
    assert.equal("", result.err)
    assert.equal(out, result.out)
    assert.equal(0, result.status)
  end

  it("is an error of the call, and the next one goes well", function()
    check_fault("pthread_create 11 3 0", [[
      for _ = 1, 3 do
        local ok, words = pcall(neap.thread, function() end)
        print(ok, (words:gsub("^.-:%d+: ", "")), #neap.tasks())
      end
      print(neap.thread(function() return "well" end):await())]],
      ("false\tcannot start a thread: Resource temporarily unavailable\t1\n")
        :rep(3) .. "well\n")
  end)

  it("leaks nothing", function()
    check_fault("pthread_create 11 100 1", ([[
      local count = package.loadlib("%s", "luaopen_raw")().count
      neap.thread(function() end):await()
      local before = count()
      for _ = 1, 100 do assert(not pcall(neap.thread, function() end)) end
      print(count() - before)]]):format(sockets.library), "0\n")
  end)

  it("so is one of neap.offload", function()
    check_fault("pthread_create 11 2 0", [[
      for _ = 1, 2 do
        local ok, words = pcall(neap.offload, function() end)
        print(ok, (words:match "cannot start a thread: .*"))
      end
      print(neap.offload(function() return "well" end))]],
      ("false\tcannot start a thread: Resource temporarily unavailable\n")
        :rep(2) .. "well\n")
  end)

  it("for want of descriptors is an error, too", function()
    check_fault("none 0 0 0", ([[
      local raw = package.loadlib("%s", "luaopen_raw")()
      neap.thread(function() end):await()
      local free = raw.dup(0)
      raw.close(free)
      local limit = raw.limit(free)
      local ok, words = pcall(neap.thread, function() end)
      raw.limit(limit)
      print(ok, (words:match "cannot start a thread: .*"))
      print(neap.thread(function() return "well" end):await())]]):format(
        sockets.library), "false\tcannot start a thread: not enough memory or "
        .. "descriptors for its state\nwell\n")
  end)
end)

describe("what has ended leaves nothing:", function()
  local function test(name, fn) it(name, sockets.bounded(fn)) end

  -- Nothing of what the function makes is there when it has returned.
  local function is_flat(fn)
    local fds, bytes, resident = elsewhere.growth(fn)
    assert.equal(0, fds)
    assert.is_true(bytes < 1 << 20, bytes)
    assert.is_true(resident < 16 << 20, resident)
  end

  test("200 threads", function() -- N33
    is_flat(function()
      for _ = 1, 25 do
        local list = {}
        for i = 1, 8 do
          list[i] = neap.thread(function(t) return t end, {("x"):rep(10000)})
        end
        neap.gather(table.unpack(list))
      end
    end)
  end)

  test("20,000 sent to one", function()
    local thread = neap.thread(elsewhere.forever)
    is_flat(function()
      for _ = 1, 100 do
        local list = {}
        for i = 1, 100 do
          list[i] = thread:spawn(function(t) return t end,
            {("x"):rep(1000)})
          thread:call_soon(function() end)
        end
        neap.gather(table.unpack(list))
      end
    end)
    thread:cancel()
    neap.settle(thread)
  end)

  test("threads that were cancelled or have failed", function()
    is_flat(function()
      for i = 1, 100 do
        local thread = neap.thread(function(fails)
          if fails then error {("x"):rep(10000)} end
          require "neap".sleep(10)
        end, i % 2 == 0)
        local ok, task = pcall(thread.spawn, thread, elsewhere.forever)
        if ok and i % 4 == 1 then task:cancel() end
        thread:cancel()
        neap.settle(thread, ok and task or thread)
      end
    end)
  end)
end)
