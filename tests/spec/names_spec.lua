-- SPDX-License-Identifier: MIT
--
-- neap.resolve, and neap.connect by name. Each script is run by a command of
-- its own, into which tests/spec/names.c is preloaded: a resolver whose names
-- are made up. The numbers are those of SEMANTICS, groups 6, 7 and 9.

local sockets = require "tests.spec.sockets"
local shell = require "tests.spec.shell"
local neap = require "neap"

local library = sockets.build "names"

teardown(sockets.clean)

-- What every script begins with.
local prelude = ([[
  local neap = require "neap"
  local count = package.loadlib("%s", "luaopen_raw")().count
  local function threads()
    local pipe <close> = io.popen "ls /proc/$PPID/task | wc -l"
    return pipe:read "n"
  end
  -- How long the function takes; and its results.
  local function timed(fn, ...)
    local start = neap.time()
    local results = table.pack(fn(...))
    return neap.time() - start, table.unpack(results, 1, results.n)
  end
  -- Two listeners of one port; nobody else has it.
  local function both(options)
    while true do
      local six = assert(neap.listen("::1", 0, options))
      local port = select(2, six:sockname())
      local four = neap.listen("127.0.0.1", port, options)
      if four then return six, four, port end
      six:close()
    end
  end
  -- Fills a listener's backlog: who connects then gets no answer.
  local function fill(host, port)
    local clients = {}
    while neap.move_on_after(0.1, function()
      clients[#clients + 1] = assert(neap.connect(host, port))
    end) do end
    return clients
  end
  -- Two listeners of one port that do not answer.
  local function both_full()
    local six, four, port = both {backlog = 0}
    local clients = {fill("::1", port), fill("127.0.0.1", port)}
    return six, four, port, clients
  end
]]):format(sockets.library)

local function command(names, script, arguments, more)
  arguments = arguments or {}
  table.move({"-e", prelude .. script}, 1, 2, #arguments + 1, arguments)
  return shell.command(arguments, "", (more or "") .. table.concat({
    ("NAMES='%s'"):format(names), "LD_PRELOAD=" .. library, "NAMES_TOLD=1",
    "ASAN_OPTIONS=verify_asan_link_order=0", "timeout 60"}, " "))
end

-- What the script prints where these names exist; and which were asked for.
local function run(names, script, ...)
  local result = command(names, script, ...)
  local rest = result.err:gsub("asked for [^\n]*\n", "")
  assert.equal("", rest)
  assert.equal(0, result.status)
  return result.out, result.err
end

describe("resolve:", function()
  local show = [[
    local function show(...)
      local list, message, code = neap.resolve(...)
      if not list then return print(message, code) end
      for _, one in ipairs(list) do print(one.host, one.port, one.family) end
    end
  ]]

  it("all addresses of a name, in the resolver's order", function()
    local out = run("two=10.1.2.3,2001:db8::1,10.1.2.4", show .. [[
      show("two", 8080)
      show("two")
      show("two", "https")
    ]])
    assert.equal([[
10.1.2.3	8080	inet
2001:db8::1	8080	inet6
10.1.2.4	8080	inet
10.1.2.3	nil	inet
2001:db8::1	nil	inet6
10.1.2.4	nil	inet
10.1.2.3	443	inet
2001:db8::1	443	inet6
10.1.2.4	443	inet
]], out)
  end)

  it("a name that does not exist is named", function() -- D1
    assert.equal("no.such.host: Name or service not known\tEAI_NONAME\n",
      (run("", show .. [[ show("no.such.host", 80) ]])))
    assert.equal("again: Temporary failure in name resolution\tEAI_AGAIN\n",
      (run("again=!-3", show .. [[ show("again", 80) ]])))
  end)

  it("a service that does not exist", function()
    local out = run("a=127.0.0.1 127.0.0.1=127.0.0.1", show .. [[
      show("a", "no-such")
      show("127.0.0.1", "no-such")
    ]])
    assert.matches("^a:no%-such: [^\n]*\tEAI_SERVICE\n127.0.0.1:no%-such: " ..
      "[^\n]*\tEAI_SERVICE\n$", out)
  end)

  it("what is known asks nobody, and takes no thread", function() -- D4
    local out, err = run("", show .. [[
      show("127.0.0.1", 0)
      show("::1", 65535)
      show("::ffff:10.0.0.1", "80")
      show("fe80::1%lo", "http")
      show("localhost", "https")
      for _, host in ipairs {"1.2.3", "127.1", "0x7f000001", "1.2.3.4.", "::g",
        "fe80::1%nowhere", "2130706433"} do
        assert(select(3, neap.resolve(host, 80)) == "EAI_NONAME", host)
      end
      print(threads())
    ]])
    assert.equal([[
127.0.0.1	0	inet
::1	65535	inet6
::ffff:10.0.0.1	80	inet6
fe80::1%lo	80	inet6
127.0.0.1	443	inet
::1	443	inet6
1
]], out)
    assert.equal("", err)
  end)

  it("misuse is told before anybody is asked", function() -- D4, D5
    for _, host in ipairs {"", "*", "unix:/tmp/x"} do
      local ok, words = pcall(neap.resolve, host, 80)
      assert.is_false(ok)
      assert.matches("there is no host to resolve", words)
    end
    local function refuses(pattern, ...)
      local ok, words = pcall(neap.resolve, ...)
      assert.is_false(ok)
      assert.matches(pattern, words)
    end
    refuses("#1 to '.*resolve' %(host has a zero byte", "a\0b", 80)
    refuses("#1 to '.*resolve' %(host is longer than 255", ("x"):rep(256), 80)
    refuses("#1 to '.*resolve' %(string expected, got no value")
    for _, port in ipairs {-1, 65536, "65536", math.maxinteger} do
      refuses("#2 to '.*resolve' %(port is not from 0 to 65535", "a", port)
    end
    refuses("#2 to '.*resolve' %(number has no integer", "a", 1.5)
    refuses("#2 to '.*resolve' %(number expected, got table", "a", {})
    refuses("#2 to '.*resolve' %(service is empty or has", "a", "")
    refuses("#2 to '.*resolve' %(service is empty or has", "a", "x\0")
    refuses("#2 to '.*resolve' %(service is longer than 63", "a",
      ("x"):rep(64))
  end)

  it("delays no timer", function() -- D2
    local out = run("slow@1000=127.0.0.1", [[
      local ticks, worst, done = 0, 0, false
      local ticker = neap.spawn(function()
        while not done do
          local took = timed(neap.sleep, 0.01)
          ticks, worst = ticks + 1, math.max(worst, took)
        end
      end)
      local took, list = timed(neap.resolve, "slow", 80)
      done = true
      print(#list, took >= 1, ticks > 25, worst < 0.5)
    ]])
    assert.equal("1\ttrue\ttrue\ttrue\n", out)
  end)

  it("a cancel is prompt, and what comes late is dropped", function() -- D3, P6
    local out = run("slow@400=127.0.0.1 quick=127.0.0.2", [[
      local task = neap.spawn(neap.resolve, "slow", 80)
      neap.sleep(0.05)
      print((tostring(task):find("resolving a name", 1, true)) ~= nil)
      print((timed(function()
        task:cancel()
        print(pcall(task.await, task))
      end)) < 0.2)
      print(pcall(neap.timeout, 0.05, neap.resolve, "slow", 80))
      print(neap.resolve("quick", 80)[1].host)
      neap.sleep(0.6)
      collectgarbage()
    ]])
    assert.matches("^true\nfalse\t.*cancel.*\ntrue\nfalse\t.*\n127.0.0.2\n$",
      out)
  end)

  it("a runtime ends, however long the resolver takes", function() -- P6
    local start = neap.time()
    local out = run("slow@5000=127.0.0.1", [[
      for i = 1, 100 do neap.spawn({daemon = true}, neap.resolve, "slow") end
      neap.sleep(0.05)
      print(threads() < 10)
    ]])
    assert.equal("true\n", out)
    assert.is_true(neap.time() - start < 4)
  end)

  it("1,000 at once, with four threads", function()
    local out = run("a=127.0.0.1 b@20=127.0.0.1", [[
      local tasks, most = {}, 0
      for i = 1, 1000 do
        tasks[i] = neap.spawn(neap.resolve, i % 50 == 0 and "b" or "a", i)
      end
      neap.sleep(0.05)
      print(threads() < 10) -- some tools have one of their own
      for i, task in ipairs(tasks) do
        assert(task:await()[1].port == i)
      end
    ]])
    assert.equal("true\n", out)
  end)

  it("1,000 that are cancelled hold nobody up", function() -- D3
    local out = run("slow@100=127.0.0.1 a=127.0.0.1", [[
      neap.move_on_after(0.05, function()
        local list = {}
        for i = 1, 1000 do list[i] = "slow" end
        neap.map(list, function(name) return neap.resolve(name) end)
      end)
      print((timed(neap.resolve, "a")) < 2)
    ]])
    assert.equal("true\n", out)
  end)

  it("in a coroutine, which cannot be closed while it waits", function() -- D3
    local out = run("slow@200=127.0.0.1 quick=127.0.0.2", [[
      local co = coroutine.create(neap.resolve)
      local task = neap.spawn(function()
        print(coroutine.resume(co, "slow", 80))
      end)
      neap.sleep(0.05)
      print(coroutine.status(co), pcall(coroutine.close, co))
      task:cancel()
      pcall(task.await, task)
      print(coroutine.close(co))
      co, task = nil
      collectgarbage()
      neap.sleep(0.3)
      print(neap.resolve("quick", 80)[1].host)
    ]])
    assert.equal("normal\tfalse\tcannot close a normal coroutine\n" ..
      "false\tcancelled\nfalse\tcancelled\n127.0.0.2\n", out)
  end)

  it("virtual time passes as the real one meanwhile #calm", function() -- S24
    local out = run("slow@300=127.0.0.1", [[
      neap.spawn({daemon = true}, function() while true do neap.sleep(10) end
      end)
      local took = timed(neap.resolve, "slow", 80)
      print(took >= 0.3 and took < 5)
    ]], {"--clock=virtual"})
    assert.equal("true\n", out)
  end)

  it("outside of tasks a literal only", function()
    local out = run("a=127.0.0.1", [[
      neap.call_soon(function()
        print(neap.resolve("::1", 1)[1].host)
        print(pcall(neap.resolve, "a", 1))
      end)
      neap.sleep(0.01)
    ]])
    assert.matches("^::1\nfalse\t.*cannot wait here: this is a callback", out)
  end)
end)

describe("connect by name:", function()
  it("one address, a service, and the options", function()
    local out = run("one=127.0.0.1", [[
      local listener = assert(neap.listen("127.0.0.1", 0))
      local _, port = listener:sockname()
      local before = count()
      local sock = assert(neap.connect("one", port, {nodelay = false}))
      print(sock:peername() == "127.0.0.1", count() - before)
      sock:close()
      print(neap.connect("one", "domain"))
    ]])
    assert.equal("true\t1\nnil\tone:53: 127.0.0.1:53: Connection refused" ..
      "\tECONNREFUSED\n", out)
  end)

  it("a name that does not exist", function() -- D1
    assert.equal("nil\tnone: Name or service not known\tEAI_NONAME\n",
      (run("", [[ print(neap.connect("none", 80)) ]])))
  end)

  it("the first refuses: the second, at once", function() -- N26
    local out = run("two=127.0.0.1,::1", [[
      local six, four, port = both()
      six:close()
      local before = count()
      local took, sock = timed(neap.connect, "two", port)
      print(sock:peername() == "127.0.0.1", took < 0.2, count() - before)
    ]])
    assert.equal("true\ttrue\t1\n", out)
  end)

  it("IPv6 goes first, then by turns", function() -- N26
    local out = run("four=127.0.0.1,127.0.0.2,127.0.0.3,::1,::1", [[
      print((select(2, neap.connect("four", 1))))
    ]])
    assert.equal("four:1: [::1]:1: Connection refused; 127.0.0.1:1: " ..
      "Connection refused; [::1]:1: Connection refused; 127.0.0.2:1: " ..
      "Connection refused; 127.0.0.3:1: Connection refused\n", out)
  end)

  it("the first does not answer: the second, after 250 ms", function() -- N26
    local out = run("two=127.0.0.1,::1", [[
      local six, four, port = both {backlog = 0}
      local full = fill("::1", port)
      local before = count()
      local took, sock = timed(neap.connect, "two", port)
      print(sock:peername() == "127.0.0.1", took >= 0.25, took < 1,
        count() - before)
    ]])
    assert.equal("true\ttrue\ttrue\t1\n", out)
  end)

  it("the first to connect wins, though it began first", function() -- N26
    local out = run("two=127.0.0.1,::1", [[
      local six, four, port, full = both_full()
      local before = count()
      local task = neap.spawn(neap.connect, "two", port)
      neap.sleep(0.4) -- both are under way
      print(count() - before)
      six:accept():close()
      local sock = assert(task:await())
      print(sock:peername() == "::1", count() - before)
    ]])
    assert.equal("2\ntrue\t1\n", out)
  end)

  it("a cancel closes every attempt", function() -- C15, N33
    local out = run("two=127.0.0.1,::1 slow@300=::1", [[
      local six, four, port, full = both_full()
      local before = count()
      for _, pause in ipairs {0.1, 0.3} do
        local task = neap.spawn(neap.connect, "two", port)
        neap.sleep(pause)
        io.write(count() - before, " ")
        task:cancel()
        print(pcall(task.await, task))
        print(count() - before)
      end
      print(neap.move_on_after(0.05, neap.connect, "slow", port))
      print(count() - before)
    ]])
    assert.matches("^1 false\t[^\n]*\n0\n2 false\t[^\n]*\n0\nfalse\n0\n$", out)
  end)

  it("all fail: each is named", function() -- N26
    local out = run("two=127.0.0.1,::1", [[
      local before = count()
      print(neap.connect("two", 1))
      print(count() - before)
    ]])
    assert.equal("nil\ttwo:1: [::1]:1: Connection refused; 127.0.0.1:1: " ..
      "Connection refused\tECONNREFUSED\n0\n", out)
  end)

  it("a socket that is connected to itself is refused", function() -- N23
    for _, host in ipairs {"127.0.0.1", "::1"} do
      local result = command("", ([[
        local listener = assert(neap.listen("%s", 0))
        local _, port = listener:sockname()
        listener:close()
        local before = count()
        print(select(3, neap.connect("%s", port)), count() - before)
      ]]):format(host, host), nil, "SELF=1 ")
      assert.equal("ECONNREFUSED\t0\n", result.out)
    end
  end)

  it("300 at once, by name", function()
    local out = run("two=127.0.0.1,::1", [[
      local six, four, port = both {backlog = 4096}
      neap.spawn({daemon = true}, function()
        while true do six:accept():close() end
      end)
      local tasks = {}
      for i = 1, 300 do tasks[i] = neap.spawn(neap.connect, "two", port) end
      for _, task in ipairs(tasks) do assert(task:await()):close() end
      print "fine"
    ]])
    assert.equal("fine\n", out)
  end)
end)
