-- SPDX-License-Identifier: MIT
--
-- Datagrams: neap.udp over IPv4, IPv6 and unix paths. The numbers are those of
-- SEMANTICS, groups 6 and 2. Run by our command, so that a test may wait; the
-- same file is run on both backends (N35).

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local raw, start = sockets.raw, sockets.start
local is_closed = sockets.is_closed

teardown(sockets.clean)

local function test(name, fn) it(name, sockets.bounded(fn)) end

local function same(expected, ...)
  expected.n = expected.n or #expected
  assert.same(expected, table.pack(...))
end

-- What a call that fails gives.
local function fails(message, code, ...)
  assert.same({n = 3, nil, message, code}, table.pack(...))
end

local function udp(host)
  return assert(neap.udp(host or "127.0.0.1", 0))
end

-- A port at which there is nobody.
local function free_port()
  local sock <close> = udp()
  return (select(2, sock:sockname()))
end

-- Lets what the kernel has to say arrive.
local function settle() neap.sleep(0.005) end

local function pair() return sockets.datagrams "127.0.0.1" end

local kinds = {
  {"IPv4", pair},
  {"IPv6", function() return sockets.datagrams "::1" end},
  {"a unix path", sockets.datagrams},
}

for _, kind in ipairs(kinds) do
  local name, make = table.unpack(kind)

  describe(name .. ":", function()
    test("a datagram comes whole, with its sender, who can be answered",
      function()
        local a, b, _ <close> = make()
        assert.is_true(a:send_to("one\0\n", b:sockname()))
        assert.is_true(a:send_to("two", b:sockname()))
        same({"one\0\n", a:sockname()}, b:recv_from())
        local reader = start(a, "recv_from")
        assert.is_true(b:send_to("back", select(2, b:recv_from())))
        same({"back", b:sockname()}, reader:await())
      end)

    test("what is too long is cut off, and that is told", function() -- N28
      local a, b, _ <close> = make()
      for _ = 1, 3 do a:send_to("abcdef", b:sockname()) end
      a:send_to("next", b:sockname())
      local from = {a:sockname()}
      same({"abc", from[1], from[2] or true, from[2] and true},
        b:recv_from(3))
      same({"abcdef", table.unpack(from)}, b:recv_from(6))
      same({"", from[1], from[2] or true, from[2] and true}, b:recv_from(0))
      same({"next"}, b:recv())
    end)

    test("an empty datagram is no end", function() -- N30
      local a, b, _ <close> = make()
      for _ = 1, 2 do assert.is_true(a:send_to("", b:sockname())) end
      a:send_to("more", b:sockname())
      same({"", a:sockname()}, b:recv_from())
      same({""}, b:recv())
      same({"more"}, b:recv())
      assert.is_true(b:connect(a:sockname()))
      assert.is_true(b:send "")
      same({"", b:sockname()}, a:recv_from(0))
    end)

    test("connected: send, recv, and nobody else", function()
      local a, b, _ <close> = make()
      local c, _, _ <close> = make()
      assert.is_true(a:connect(b:sockname()))
      same({b:sockname()}, a:peername())
      assert.is_true(a:send "one")
      same({"one", a:sockname()}, b:recv_from())
      local reader = start(a, "recv", 2)
      c:send_to("ignored", a:sockname())
      b:send_to("two", a:sockname())
      same({"tw", true}, reader:await()) -- N28
      assert.is_true(a:connect(c:sockname())) -- another peer
      assert.is_true(a:send "three")
      same({"three"}, c:recv())
    end)

    test("receivers are served in their order", function() -- N1
      local a, b, _ <close> = make()
      local tasks = {}
      for i = 1, 3 do tasks[i] = start(b, "recv_from") end
      for i = 1, 3 do a:send_to("" .. i, b:sockname()) end
      tasks[4] = neap.spawn(b.recv, b)
      a:send_to("4", b:sockname())
      for i = 1, 4 do assert.equal("" .. i, (tasks[i]:await())) end
    end)

    test("who comes between wake and run waits behind", function()
      local x, y, _ <close> = sockets.pair() -- known to the poller first
      local a, b, _ <close> = make()
      local first = start(b, "recv")
      local late = neap.spawn(function()
        y:recv()
        return b:recv()
      end)
      neap.yield()
      x:send "go"
      a:send_to("1", b:sockname())
      a:send_to("2", b:sockname())
      same({"1"}, first:await())
      same({"2"}, late:await())
    end)

    test("a cancel loses no datagram", function() -- C17
      local a, b, _ <close> = make()
      local first, second = start(b, "recv_from"), start(b, "recv")
      a:send_to("kept", b:sockname())
      first:cancel()
      assert.is_false((pcall(first.await, first)))
      same({"kept"}, second:await())
      first = start(b, "recv")
      first:cancel()
      a:send_to("kept, too", b:sockname())
      assert.is_false((pcall(first.await, first)))
      same({"kept, too"}, b:recv())
    end)

    test("closing wakes who waits on it, now", function() -- N3
      local a, _, _ <close> = make()
      local tasks = {start(a, "recv_from"), start(a, "recv")}
      assert.is_true(a:close())
      neap.yield()
      for _, task in ipairs(tasks) do
        assert.equal("finished", task:state())
        is_closed(task:await())
      end
    end)

    test("a closed one says so", function() -- N4
      local a, _, _ <close> = make()
      local host, port = a:sockname()
      a:close()
      assert.is_true(a:close())
      is_closed(a:recv_from())
      is_closed(a:recv())
      is_closed(a:send_to("x", host, port))
      is_closed(a:send "x")
      is_closed(a:connect(host, port))
      is_closed(a:sockname())
    end)

    test("too long a datagram is refused whole", function()
      local a, b, _ <close> = make()
      local _, message, code = a:send_to(("x"):rep(1 << 20), b:sockname())
      assert.equal("EMSGSIZE", code)
      assert.matches(": Message too long$", message)
      assert.is_true(a:connect(b:sockname()))
      fails("send: Message too long", "EMSGSIZE", a:send(("x"):rep(1 << 20)))
      a:send "short"
      same({"short"}, b:recv())
    end)

    test("what streams do is refused", function()
      local a, _, _ <close> = make()
      for _, dir in ipairs {"send", "recv", "both"} do
        fails("shutdown: Operation not supported", "EOPNOTSUPP",
          a:shutdown(dir))
      end
      fails("accept: Invalid argument", "EINVAL", a:accept())
    end)
  end)
end

describe("neap.udp:", function()
  test("binds any host and any port", function()
    for _, arguments in ipairs {{n = 0}, {n = 1, "*"}, {n = 2, "", 0},
      {n = 3, nil, nil, {}}} do
      local sock <close> = assert(neap.udp(table.unpack(arguments, 1,
        arguments.n)))
      local host, port = sock:sockname()
      assert.equal("0.0.0.0", host)
      assert.is_true(port > 0)
      assert.equal(("<Socket %d 0.0.0.0:%d>"):format(sock:fd(), port),
        tostring(sock))
    end
  end)

  test("a port in use is named", function() -- N25
    local sock <close> = udp()
    local _, port = sock:sockname()
    fails(("127.0.0.1:%d: Address already in use"):format(port), "EADDRINUSE",
      neap.udp("127.0.0.1", port))
  end)

  test("reuseport shares one port", function()
    local options = {reuseport = true}
    local one <close> = assert(neap.udp("127.0.0.1", 0, options))
    local _, port = one:sockname()
    local two <close> = assert(neap.udp("127.0.0.1", port, options))
    same({one:sockname()}, two:sockname())
    local got = 0
    for _, sock in ipairs {one, two} do
      neap.spawn({daemon = true}, function()
        while sock:recv() do got = got + 1 end
      end)
    end
    for _ = 1, 20 do -- whichever the kernel chooses for a sender
      local sender <close> = udp()
      sender:send_to("x", "127.0.0.1", port)
    end
    while got < 20 do neap.sleep(0.001) end
  end)

  test("an IPv6 one leaves IPv4 alone", function()
    local six <close> = udp "::"
    local _, port = six:sockname()
    local four <close> = assert(neap.udp("0.0.0.0", port))
    assert.is_truthy(four)
  end)

  test("misuse raises", function()
    local a <close> = udp()
    local cases = {
      {"#2 to 'udp' %(port is not from 0 to 65535",
        function() neap.udp("127.0.0.1", 65536) end},
      {"#1 to 'udp' %(host has a zero byte",
        function() neap.udp("127.0.0.1\0", 1) end},
      {"#1 to 'udp' %(path is empty", function() neap.udp "unix:" end},
      {"#3 to 'udp' %(unknown option 'reuse'",
        function() neap.udp("*", 0, {reuse = true}) end},
      {"#1 to 'send_to' %(string expected", function() a:send_to() end},
      {"#2 to 'send_to' %(string expected", function() a:send_to "x" end},
      {"#3 to 'send_to' %(number expected",
        function() a:send_to("x", "127.0.0.1") end},
      {"#3 to 'send_to' %(port is not from 0 to 65535",
        function() a:send_to("x", "127.0.0.1", -1) end},
      {"#2 to 'send_to' %(there is no host to send to",
        function() a:send_to("x", "*", 1) end},
      {"#2 to 'send_to' %(host is longer than 255 bytes",
        function() a:send_to("x", ("x"):rep(300), 1) end},
      {"#1 to 'connect' %(there is no host to send to",
        function() a:connect("", 1) end},
      {"#1 to 'recv_from' %(negative count", function() a:recv_from(-1) end},
      {"#1 to 'recv' %(negative count", function() a:recv(-1) end},
      {"neap.Socket expected", function() a.recv_from(neap) end},
    }
    for _, case in ipairs(cases) do
      assert.error_matches(case[2], "bad argument.*" .. case[1])
    end
  end)

  test("of a stream they fail", function()
    local a, _, _ <close> = sockets.pair()
    local listener <close> = assert(neap.listen("127.0.0.1", 0))
    for _, sock in ipairs {a, listener} do
      fails("recv_from: Operation not supported", "EOPNOTSUPP",
        sock:recv_from())
      fails("send_to: Operation not supported", "EOPNOTSUPP",
        sock:send_to("x", "127.0.0.1", 1))
      fails("connect: Transport endpoint is already connected", "EISCONN",
        sock:connect("127.0.0.1", 1))
    end
  end)
end)

describe("a peer:", function()
  test("must be of the same family", function()
    local four <close> = udp()
    local six <close> = udp "::1"
    local words = "Address family not supported by protocol"
    fails("[::1]:9: " .. words, "EAFNOSUPPORT", four:send_to("x", "::1", 9))
    fails("127.0.0.1:9: " .. words, "EAFNOSUPPORT",
      six:send_to("x", "127.0.0.1", 9))
    fails("unix:/x: " .. words, "EAFNOSUPPORT", four:connect "unix:/x")
  end)

  test("localhost is the one of the same family", function()
    for _, host in ipairs {"127.0.0.1", "::1"} do
      local a, b, _ <close> = sockets.datagrams(host)
      local _, port = b:sockname()
      assert.is_true(a:send_to("x", "localhost", port))
      same({"x", a:sockname()}, b:recv_from())
      assert.is_true(a:connect("localhost", port))
      same({host, port}, a:peername())
    end
  end)

  test("send without one fails", function()
    local sock <close> = udp()
    local path, _, _ <close> = sockets.datagrams()
    fails("send: Destination address required", "EDESTADDRREQ",
      sock:send "x")
    fails("send: Transport endpoint is not connected", "ENOTCONN",
      path:send "x")
    fails("peername: Transport endpoint is not connected", "ENOTCONN",
      sock:peername())
  end)

  test("a broadcast must be allowed first", function()
    local sock <close> = assert(neap.udp())
    fails("255.255.255.255:9: Permission denied", "EACCES",
      sock:send_to("x", "255.255.255.255", 9))
    assert.is_true(sock:setopt("broadcast", true))
    local _, _, code = sock:send_to("x", "127.255.255.255", 9)
    assert.is_nil(code)
  end)
end)

describe("nobody at the other end:", function() -- N29
  test("the next operation tells, and all goes on", function()
    local sock <close> = udp()
    local port = free_port()
    assert.is_true(sock:connect("127.0.0.1", port))
    assert.is_true(sock:send "lost")
    settle()
    fails("send: Connection refused", "ECONNREFUSED", sock:send "not sent")
    assert.is_true(sock:send "lost")
    settle()
    fails("recv: Connection refused", "ECONNREFUSED", sock:recv())
    local peer <close> = assert(neap.udp("127.0.0.1", port))
    assert.is_true(sock:send "heard")
    same({"heard", sock:sockname()}, peer:recv_from())
    peer:send_to("answer", sock:sockname())
    same({"answer"}, sock:recv())
  end)

  test("who waits is told", function()
    local sock <close> = udp()
    assert.is_true(sock:connect("127.0.0.1", free_port()))
    local first, second = start(sock, "recv_from"), start(sock, "recv")
    assert.is_true(sock:send "lost")
    fails("recv_from: Connection refused", "ECONNREFUSED", first:await())
    for _ = 1, 3 do settle() end
    assert.equal("pending", second:state()) -- it was told once
    second:cancel()
  end)

  test("without connect nobody is told", function()
    local sock <close> = udp()
    local port = free_port()
    for _ = 1, 3 do
      assert.is_true(sock:send_to("lost", "127.0.0.1", port))
      settle()
    end
  end)
end)

describe("a reader woken in vain", function() -- N34
  test("goes on waiting", function()
    local x, y, _ <close> = sockets.pair() -- known to the poller first
    local a, b, _ <close> = pair()
    local reader = start(b, "recv")
    local thief = neap.spawn(function()
      y:recv()
      return raw.recv(b:fd())
    end)
    neap.yield()
    x:send "g"
    a:send_to("stolen", b:sockname())
    assert.equal("stolen", thief:await())
    for _ = 1, 3 do neap.sleep(0) end
    assert.equal("pending", reader:state())
    a:send_to("mine", b:sockname())
    same({"mine"}, reader:await())
  end)
end)

describe("one edge stands for many datagrams:", function()
  test("all of those who wait are woken", function()
    local a, b, _ <close> = pair()
    local tasks, sum = {}, 0
    for i = 1, 50 do tasks[i] = start(b, "recv") end
    for i = 1, 50 do a:send_to("" .. i, b:sockname()) end
    for i = 1, 50 do sum = sum + tasks[i]:await() end
    assert.equal(1275, sum)
  end)
end)
