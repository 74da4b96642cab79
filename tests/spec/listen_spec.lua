-- SPDX-License-Identifier: MIT
--
-- neap.listen, neap.connect and Socket:accept, over TCP and over paths. The
-- numbers are those of SEMANTICS, groups 6, 2 and 7. Run by our command, so
-- that a test may wait; the same file is run on both backends (N35).

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local raw, start = sockets.raw, sockets.start
local is_closed = sockets.is_closed

teardown(sockets.clean)

local function test(name, fn) it(name, sockets.bounded(fn)) end

local function listen(host, port, options)
  local listener = assert(neap.listen(host or "127.0.0.1", port or 0, options))
  return listener, select(2, listener:sockname())
end

-- A port at which nobody listens.
local function free_port()
  local listener, port = listen()
  listener:close()
  return port
end

describe("TCP:", function()
  for _, host in ipairs {"127.0.0.1", "::1"} do
    test("listen, connect, accept at " .. host, function()
      local listener <close>, port = listen(host)
      assert.equal(host, (listener:sockname()))
      assert.matches("^<Socket %d+ .*" .. host .. ".*:" .. port ..
        " listening>$", tostring(listener))
      local server = start(listener, "accept")
      local client <close> = assert(neap.connect(host, port))
      local sock, peer, peer_port = server:await()
      local peers <close> = sock
      assert.same({client:sockname()}, {peer, peer_port})
      assert.same({listener:sockname()}, {client:peername()})
      client:send "hello"
      sockets.expect(sock, "hello")
    end)
  end

  test("localhost is both loopbacks, whoever listens", function()
    for _, host in ipairs {"127.0.0.1", "::1"} do
      local listener <close>, port = listen(host)
      local client <close> = assert(neap.connect("localhost", port))
      assert.equal(host, (client:peername()))
      assert(listener:accept()):close()
    end
    local listener <close> = listen "localhost"
    assert.equal("127.0.0.1", (listener:sockname()))
  end)

  test("an empty host and * are every interface", function()
    for _, host in ipairs {"", "*"} do
      local listener <close>, port = listen(host)
      assert.equal("0.0.0.0", (listener:sockname()))
      local client <close> = assert(neap.connect("127.0.0.1", port))
      assert(listener:accept()):close()
      assert.error_matches(function() neap.connect(host, port) end,
        "bad argument #1 to 'connect' %(there is no host to connect to")
    end
  end)

  test("an IPv6 listener leaves IPv4 alone", function()
    local six, four, port
    for _ = 1, 10 do -- another process may have that port of IPv4
      six, port = listen "::"
      four = neap.listen("0.0.0.0", port)
      if four then break end
      six:close()
    end
    local _ <close> = six
    local _ <close> = assert(four)
    local client <close> = assert(neap.connect("127.0.0.1", port))
    assert(four:accept()):close()
  end)

  test("TCP_NODELAY is on at both ends, unless it is not wanted", function()
    for _, wanted in ipairs {true, false} do
      local options = {nodelay = wanted}
      if wanted then options = nil end
      local listener <close>, port = listen("127.0.0.1", 0, options)
      local client <close> = neap.connect("127.0.0.1", port, options)
      local server <close> = assert(listener:accept())
      assert.equal(wanted, raw.nodelay(client:fd()))
      assert.equal(wanted, raw.nodelay(server:fd()))
    end
  end)

  test("a port in use is named", function() -- N25
    local listener <close>, port = listen()
    assert.same({n = 3, nil,
      ("127.0.0.1:%d: Address already in use"):format(port), "EADDRINUSE"},
      table.pack(neap.listen("127.0.0.1", port)))
    listener:close()
    local again <close> = assert(neap.listen("127.0.0.1", port))
    assert.is_truthy(again)
  end)

  test("a port whose last connection we closed is free again", function()
    local listener, port = listen()
    local client = assert(neap.connect("127.0.0.1", port))
    assert(listener:accept()):close() -- first: TIME_WAIT is at this port
    assert.is_nil(client:recv())
    client:close()
    listener:close()
    listener = assert(neap.listen("127.0.0.1", port))
    listener:close()
  end)

  test("reuseport shares one port", function()
    local one <close>, port = listen("127.0.0.1", 0, {reuseport = true})
    local two <close> = listen("127.0.0.1", port, {reuseport = true})
    assert.same({one:sockname()}, {two:sockname()})
    local three, _, code = neap.listen("127.0.0.1", port)
    assert.is_nil(three)
    assert.equal("EADDRINUSE", code)
  end)
end)

describe("accept:", function()
  test("500 connects at once, and others run between", function() -- N19
    local listener <close>, port = listen()
    local open, clients, ticks = {}, {}, 0
    for i = 1, 500 do
      clients[i] = neap.spawn(neap.connect, "127.0.0.1", port)
    end
    neap.gather(table.unpack(clients)) -- all of them are in the backlog
    local ticker = neap.spawn(function()
      while true do
        ticks = ticks + 1
        neap.yield()
      end
    end)
    for i = 1, 500 do open[i] = assert(listener:accept()) end
    ticker:cancel()
    assert.is_true(ticks > 0)
    for i, sock in ipairs(open) do
      sock:close()
      clients[i]:await():close()
    end
  end)

  test("many may wait: first come, first served", function() -- N1
    local listener <close>, port = listen()
    local order, tasks, clients = {}, {}, {}
    for i = 1, 5 do
      tasks[i] = neap.spawn(function()
        local sock <close> = assert(listener:accept())
        order[#order + 1] = i
      end)
    end
    neap.yield()
    for i = 1, 6 do clients[i] = assert(neap.connect("127.0.0.1", port)) end
    local late <close> = assert(listener:accept())
    neap.gather(table.unpack(tasks))
    assert.same({1, 2, 3, 4, 5}, order)
    for _, client in ipairs(clients) do client:close() end
  end)

  test("who comes later does not barge past one that is woken", function()
    local x, y, _ <close> = sockets.pair() -- known to the poller first
    local listener <close>, port = listen()
    local first = start(listener, "accept")
    local barger = neap.spawn(function()
      y:recv()
      return listener:accept() -- `first` is woken, but has not run
    end)
    neap.yield()
    x:send "go"
    local client <close> = assert(neap.connect("127.0.0.1", port))
    local results = table.pack(first:await())
    local sock <close> = results[1]
    assert.equal(select(2, client:sockname()), results[3])
    assert.equal("pending", barger:state())
    listener:close()
    is_closed(barger:await())
  end)

  test("closing the listener wakes all who wait", function() -- N3
    local listener = listen()
    local tasks = {}
    for i = 1, 3 do tasks[i] = start(listener, "accept") end
    listener:close()
    neap.yield()
    for _, task in ipairs(tasks) do
      assert.equal("finished", task:state())
      is_closed(task:await())
    end
  end)

  test("a cancelled accept loses no connection", function() -- C16
    local x, y, _ <close> = sockets.pair() -- known to the poller first
    local listener <close>, port = listen()
    local cancelled = start(listener, "accept")
    local canceller = neap.spawn(function()
      y:recv()
      return cancelled:cancel()
    end)
    neap.yield()
    -- The wake of the canceller and the connection come in one turn.
    x:send "go"
    local client <close> = assert(neap.connect("127.0.0.1", port))
    canceller:await()
    local ok, sock = pcall(cancelled.await, cancelled)
    if not ok then sock = assert(listener:accept()) end
    client:send "heard"
    sockets.expect(sock, "heard")
    sock:close()
  end)

  test("cancelled while it waits: the next one gets it", function() -- C16
    local listener <close>, port = listen()
    local first = start(listener, "accept")
    local second = start(listener, "accept")
    first:cancel()
    local client <close> = assert(neap.connect("127.0.0.1", port))
    second:await():close()
    assert.equal("cancelled", first:state())
  end)

  test("what cannot accept says so", function()
    local a, b, _ <close> = sockets.pair()
    assert.same({n = 3, nil, "accept: Invalid argument", "EINVAL"},
      table.pack(a:accept()))
    local listener <close> = listen()
    assert.equal("ENOTCONN", select(3, listener:recv()))
    assert.equal("ENOTCONN", select(3, listener:send "x"))
    assert.equal("ENOTCONN", select(3, listener:peername()))
    assert.is_truthy(b)
  end)

  test("at the limit of descriptors: an error, no spin", function() -- N20
    local listener <close>, port = listen()
    local clients = {}
    for i = 1, 3 do clients[i] = assert(neap.connect("127.0.0.1", port)) end
    local taken = assert(listener:accept())
    local limit = raw.limit(taken:fd() + 1)
    local results = {table.pack(listener:accept())}
    results[2] = table.pack(listener:accept())
    taken:send "s"
    local served = clients[1]:recv()
    raw.limit(limit)
    for _, result in ipairs(results) do
      assert.same({n = 3, nil, "accept: Too many open files", "EMFILE"},
        result)
    end
    assert.equal("s", served)
    for _ = 1, 2 do assert(listener:accept()):close() end
    taken:close()
    for _, client in ipairs(clients) do client:close() end
  end)

  test("one that waits is told of the limit, too", function() -- N20
    local listener <close>, port = listen()
    local client <close> = assert(neap.connect("127.0.0.1", port))
    local first <close> = assert(listener:accept())
    local tasks = {start(listener, "accept"), start(listener, "accept")}
    local other = neap.spawn(neap.connect, "127.0.0.1", port)
    neap.yield() -- its descriptor is made, the connection is on its way
    local limit = raw.limit(first:fd() + 1)
    local codes = {}
    for i, task in ipairs(tasks) do codes[i] = select(3, task:await()) end
    raw.limit(limit)
    assert.same({"EMFILE", "EMFILE"}, codes)
    other:await():close()
    assert(listener:accept()):close()
    assert.is_truthy(client)
  end)

  test("an adopted listener that blocks does not block us", function()
    local fd = raw.listener()
    local listener <close> = assert(neap.socket(fd))
    local _, port = listener:sockname()
    local server = start(listener, "accept")
    local client <close> = assert(neap.connect("127.0.0.1", port))
    server:await():close()
    start(listener, "accept"):cancel()
    assert.is_true(raw.blocks(fd))
  end)
end)

describe("connect:", function()
  test("refused: the address, the reason, the code", function() -- N22
    local before, port = sockets.count(true), free_port()
    assert.same({n = 3, nil,
      ("127.0.0.1:%d: Connection refused"):format(port), "ECONNREFUSED"},
      table.pack(neap.connect("127.0.0.1", port)))
    assert.same({n = 3, nil,
      ("[::1]:%d: Connection refused"):format(port), "ECONNREFUSED"},
      table.pack(neap.connect("::1", port)))
    assert.same({n = 3, nil,
      ("localhost:%d: 127.0.0.1:%d: Connection refused; " ..
        "[::1]:%d: Connection refused"):format(port, port, port),
      "ECONNREFUSED"},
      table.pack(neap.connect("localhost", port)))
    assert.equal(before, sockets.count())
  end)

  test("a network that cannot be reached", function() -- N22
    local before = sockets.count(true)
    local sock, message, code = neap.connect("255.255.255.255", 80)
    assert.is_nil(sock)
    assert.matches("^255%.255%.255%.255:80: ", message)
    assert.matches("^E%u+$", code)
    assert.equal(before, sockets.count())
  end)

  test("cancelled on its way: the descriptor is closed", function() -- C15
    local listener <close>, port = listen("127.0.0.1", 0, {backlog = 0})
    local tasks, before = {}, sockets.count(true)
    for i = 1, 8 do -- the backlog is full: the last ones stay on their way
      tasks[i] = neap.spawn(neap.connect, "127.0.0.1", port)
    end
    repeat neap.yield() until tostring(tasks[8]):find "connecting"
    for _, task in ipairs(tasks) do task:cancel() end
    local open = 0
    for _, outcome in ipairs(tasks) do
      local ok, sock = pcall(outcome.await, outcome)
      if ok then
        open = open + 1
        assert(sock):close()
      end
    end
    assert.is_true(open < 8)
    assert.equal(before, sockets.count())
    -- A number that comes again does not inherit the old attempt.
    local a, b, _ <close> = sockets.pair()
    local reader = start(b, "recv")
    neap.sleep(0.01)
    assert.equal("pending", reader:state())
    a:send "m"
    assert.equal("m", reader:await())
  end)

  test("a second connect on a Socket fails", function() -- N24
    local a, b, _ <close> = sockets.connection()
    for _, sock in ipairs {a, b} do
      assert.same({n = 3, nil,
        "connect: Transport endpoint is already connected", "EISCONN"},
        table.pack(sock:connect(a:peername())))
    end
  end)

  test("what is neither an address nor a name", function() -- D4
    for _, host in ipairs {"127.0.0.256", "1.2.3", "::g", "::1%nowhere",
      ("1:"):rep(60)} do
      assert.equal("EAI_NONAME", select(3, neap.connect(host, 80)))
      assert.equal("EAI_NONAME", select(3, neap.listen(host, 80)))
    end
    local listener, message, code = neap.listen("example.com", 80)
    assert.is_nil(listener)
    assert.matches("^example.com: no literal address", message)
    assert.equal("EAI_NONAME", code)
  end)
end)

describe("misuse:", function()
  local function both(pattern, ...)
    local arguments = table.pack(...)
    for _, name in ipairs {"listen", "connect"} do
      local ok, words = pcall(function()
        return neap[name](table.unpack(arguments, 1, arguments.n))
      end)
      assert.is_false(ok)
      assert.matches(pattern:gsub("NAME", name), words)
    end
  end

  test("hosts", function()
    both("bad argument #1 to '.*' %(string expected, got no value")
    both("bad argument #1 to '.*' %(string expected, got nil", nil, 80)
    both("bad argument #1 to '.*' %(host has a zero byte", "::1\0", 80)
    both("bad argument #1 to '.*' %(host is longer than 255 bytes",
      ("x"):rep(300), 80)
    both("bad argument #1 to '.*' %(host has a zero byte", "unix:/a\0b")
    both("bad argument #1 to '.*' %(path is empty", "unix:")
  end)

  test("ports", function() -- D4
    both("bad argument #2 to '.*' %(number expected, got n", "::1")
    both("bad argument #2 to '.*' %(number expected, got table", "::1", {})
    assert.error_matches(function() neap.listen("::1", "x") end,
      "bad argument #2 to '.*' %(number expected, got string")
    for _, port in ipairs {-1, 65536, math.maxinteger, math.mininteger} do
      both("bad argument #2 to '.*' %(port is not from 0 to 65535", "::1",
        port)
    end
    for _, port in ipairs {1.5, 0/0, 1/0} do
      both("bad argument #2 to '.*' %(number has no integer", "::1", port)
    end
  end)

  test("options", function()
    both("bad argument #3 to '.*' %(table expected, got boolean", "::1", 1,
      true)
    both("bad argument #3 to '.*' %(unknown option 'nodealy'; known: backlog",
      "::1", 1, {nodealy = true})
    both("bad argument #3 to '.*' %(option 'nodelay' is no boolean", "::1", 1,
      {nodelay = 1})
    for _, backlog in ipairs {-1, 1.5, "x", 1 << 40} do
      both("bad argument #3 to '.*' %(option 'backlog' is no count", "::1", 1,
        {backlog = backlog})
    end
    both("bad argument #2 to '.*' %(table expected, got number", "unix:/x", 1)
  end)

  test("a wait that cannot be leaves no descriptor", function()
    local listener <close>, port = listen()
    local before = sockets.count(true)
    local ok, words = pcall(table.sort, {1, 2}, function()
      return neap.connect("127.0.0.1", port)
    end)
    assert.is_false(ok)
    assert.matches("cannot wait here: table.sort is on the stack", words)
    assert.equal(before, sockets.count())
  end)
end)
