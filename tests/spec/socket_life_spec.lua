-- SPDX-License-Identifier: MIT
--
-- Socket: its end, its number, its names and its arguments. The numbers are
-- those of SEMANTICS, group 6. Run by our command, so that a test may wait;
-- the same file is run on both backends (N35).

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local raw, start = sockets.raw, sockets.start
local is_closed = sockets.is_closed

teardown(sockets.clean)

local function test(name, fn) it(name, sockets.bounded(fn)) end

describe("closed:", function() -- N4
  test("every method says so, and closing again is nothing", function()
    local a, b = neap.socketpair()
    assert.is_true(a:close())
    assert.is_true(a:close())
    is_closed(a:recv())
    is_closed(a:recv(0))
    is_closed(a:send "x")
    is_closed(a:send "")
    is_closed(a:accept())
    is_closed(a:shutdown())
    is_closed(a:fd())
    is_closed(a:peername())
    is_closed(a:sockname())
    is_closed(a:setopt("rcvbuf", 4096))
    assert.equal("<Socket closed>", tostring(a))
    b:close()
  end)

  test("<close> and the collector close it, too", function()
    local before = sockets.count(true)
    do
      local a, b, _ <close> = sockets.pair()
      assert.equal(before + 2, sockets.count())
      assert.is_true(a:send "x" and b:recv() == "x")
    end
    assert.equal(before, sockets.count())
    neap.socketpair()
    collectgarbage()
    collectgarbage()
    assert.equal(before, sockets.count())
  end)

  test("a waiting task keeps its socket", function()
    local a, b = neap.socketpair()
    local reader = start(b, "recv")
    b = nil
    collectgarbage()
    a:send "x"
    assert.equal("x", reader:await())
    a:close()
  end)
end)

describe("numbers that come again:", function()
  test("no event of the old reaches the new", function() -- N5
    local x, y, _ <close> = sockets.pair()
    local a, b = neap.socketpair()
    local number, fresh = b:fd(), nil
    local old = start(b, "recv")
    local swapper = neap.spawn(function()
      y:recv()
      b:close()
      fresh = {neap.socketpair()}
      if fresh[1]:fd() ~= number then
        fresh[1], fresh[2] = fresh[2], fresh[1]
      end
      assert.equal(number, fresh[1]:fd())
      local reader = neap.spawn(fresh[1].recv, fresh[1])
      fresh[2]:send "n"
      return reader:await()
    end)
    neap.yield()
    x:send "g"
    a:send "o" -- its event is in the same batch
    assert.equal("n", swapper:await())
    is_closed(old:await())
    a:close()
  end)

  test("closed behind our back: the wait can be ended", function() -- N6
    local a, b, _ <close> = sockets.pair()
    local reader = start(b, "recv")
    raw.close(b:fd())
    local before = os.clock()
    neap.sleep(0.05)
    assert.is_true(os.clock() - before < 0.04)
    reader:cancel()
    pcall(reader.await, reader)
    assert.is_true(b:close())
    is_closed(b:recv())
    assert.equal("EPIPE", select(3, a:send "x"))
  end)

  test("a Socket does not close a stranger's number", function() -- N6
    local a, b, _ <close> = sockets.pair()
    local number = b:fd()
    local reader = start(b, "recv")
    raw.close(number)
    local c, d, _ <close> = sockets.pair()
    assert.is_true(c:fd() == number or d:fd() == number)
    is_closed(reader:await()) -- its entry was taken over
    b:close()
    c:send "x"
    assert.equal("x", d:recv())
    d:send "y"
    assert.equal("y", c:recv())
    assert.is_nil(a:recv())
  end)

  test("a dup of it elsewhere causes no events", function() -- N7
    local a, b, _ <close> = sockets.pair()
    local copy = raw.dup(b:fd())
    start(b, "recv")
    b:close()
    a:send "x"
    local before = os.clock()
    neap.sleep(0.05)
    assert.is_true(os.clock() - before < 0.04)
    assert.equal("x", raw.recv(copy))
    raw.close(copy)
  end)

  test("nor does one of a number that was stolen", function() -- N6, N7
    local a, b = neap.socketpair()
    local copy = raw.dup(b:fd())
    raw.close(b:fd())
    b:close()
    b = nil
    collectgarbage()
    collectgarbage()
    a:send "x"
    for _ = 1, 3 do neap.sleep(0) end
    assert.equal("x", raw.recv(copy))
    raw.close(copy)
    a:close()
  end)
end)

describe("what the poller may still report is collected, and", function()
  local function report_collected(close) -- under ASan that would be told
    local a, b = neap.socketpair()
    local copy = raw.dup(b:fd())
    local weak = setmetatable({b}, {__mode = "v"})
    close(b)
    b = nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
    a:send "x"
    for _ = 1, 3 do neap.sleep(0) end
    assert.equal("x", raw.recv(copy))
    a:close()
    raw.close(copy)
  end

  test("its report does no harm", function() -- N7
    report_collected(function(sock) sock:close() end)
    report_collected(function(sock)
      raw.close(sock:fd())
      sock:close()
    end)
  end)
end)

describe("descriptors given to neap.socket:", function()
  test("a socket is adopted, its flags are left alone", function()
    local one, two = raw.pair()
    local a <close> = assert(neap.socket(one))
    local b <close> = assert(neap.socket(two))
    local reader = start(b, "recv")
    a:send "x"
    assert.equal("x", reader:await())
    local sender = start(a, "send", ("x"):rep(10 << 20))
    assert.is_true(raw.blocks(one) and raw.blocks(two))
    a:shutdown "send"
    assert.equal("closed", select(3, sender:await()))
  end)

  test("what is no socket is refused", function() -- N8
    local file = raw.open "Makefile"
    local folder = raw.open "."
    local one, two = raw.pair "seqpacket"
    for fd, code in pairs {[file] = "ENOTSOCK", [folder] = "ENOTSOCK",
      [9999] = "EBADF", [one] = "EPROTOTYPE"} do
      local sock, message, found = neap.socket(fd)
      assert.is_nil(sock)
      assert.matches("^descriptor " .. fd .. ": ", message)
      assert.equal(code, found)
    end
    for _, fd in ipairs {file, folder, one, two} do
      assert.equal(0, raw.close(fd)) -- it is still open: not ours
    end
  end)

  test("one that neap has already is refused", function()
    local a, b, _ <close> = sockets.pair()
    local sock, _, code = neap.socket(a:fd())
    assert.is_nil(sock)
    assert.equal("EBUSY", code)
    a:send "x"
    assert.equal("x", b:recv())
  end)

  test("what is no number is an error", function()
    assert.error_matches(function() neap.socket(-1) end,
      "bad argument #1 to 'socket'")
    assert.error_matches(function() neap.socket(1.5) end,
      "bad argument #1 to 'socket'")
    assert.error_matches(function() neap.socket "x" end,
      "bad argument #1 to 'socket'")
  end)
end)

describe("arguments:", function()
  test("recv(max) takes no more than max #whole", function()
    local a, b, _ <close> = sockets.pair()
    a:send(("x"):rep(100))
    assert.equal("", b:recv(0))
    assert.equal(("x"):rep(10), b:recv(10))
    assert.equal(("x"):rep(90), b:recv(math.maxinteger))
    a:send(("y"):rep(100000))
    assert.equal(65536, #b:recv() + #b:recv(36) - 36)
    assert.error_matches(function() b:recv(-1) end,
      "bad argument #1 to 'recv' %(negative")
    assert.error_matches(function() b:recv(1.5) end,
      "bad argument #1 to 'recv' %(number has no integer")
    assert.error_matches(function() b:recv {} end,
      "bad argument #1 to 'recv' %(number expected, got table")
  end)

  test("send takes strings, the empty one too", function()
    local a, b, _ <close> = sockets.pair()
    assert.is_true(a:send "")
    assert.is_true(a:send(12))
    sockets.expect(b, "12")
    assert.error_matches(function() a:send() end,
      "bad argument #1 to 'send' %(string expected, got no value")
    assert.error_matches(function() a:send {} end,
      "bad argument #1 to 'send' %(string expected, got table")
  end)

  test("what is no Socket is named", function()
    local a, b, _ <close> = sockets.pair()
    assert.is_truthy(b)
    for _, method in ipairs {"recv", "send", "close", "accept", "fd"} do
      assert.error_matches(function() a[method]({}, "x") end,
        "neap.Socket expected, got table")
    end
    assert.error_matches(function() a.recv(io.stdout) end, "neap.Socket")
  end)

  test("shutdown knows three directions", function()
    local a, b, _ <close> = sockets.pair()
    assert.error_matches(function() a:shutdown "up" end,
      "bad argument #1 to 'shutdown' %(invalid option 'up'")
    assert.is_true(a:shutdown "recv")
    assert.is_nil(a:recv())
    assert.is_true(a:send "x")
    assert.equal("x", b:recv())
    local reader = start(b, "recv")
    assert.is_true(b:shutdown())
    assert.is_nil(reader:await())
  end)

  test("setopt knows its names and their values", function()
    local a, b, _ <close> = sockets.connection()
    assert.is_true(raw.nodelay(a:fd()))
    assert.is_true(a:setopt("nodelay", false))
    assert.is_false(raw.nodelay(a:fd()))
    for _, name in ipairs {"keepalive", "reuseaddr", "broadcast"} do
      assert.is_true(b:setopt(name, true))
    end
    assert.is_true(b:setopt("rcvbuf", 65536))
    assert.is_true(b:setopt("sndbuf", 65536))
    assert.error_matches(function() a:setopt("delay", true) end,
      "unknown option 'delay'; known: broadcast keepalive nodelay")
    assert.error_matches(function() a:setopt("nodelay", 1) end,
      "bad argument #2 to 'setopt' %(boolean expected, got number")
    assert.error_matches(function() a:setopt("rcvbuf", true) end,
      "bad argument #2 to 'setopt' %(number expected, got boolean")
    assert.error_matches(function() a:setopt("rcvbuf", -1) end,
      "bad argument #2 to 'setopt' %(out of range")
    local x, y, _ <close> = sockets.pair()
    local ok, message, code = x:setopt("nodelay", true)
    assert.is_nil(ok)
    assert.matches("^nodelay: ", message)
    assert.equal("EOPNOTSUPP", code)
    assert.is_truthy(y)
  end)
end)

describe("names:", function()
  test("a socketpair has none", function() -- N32
    local a, b, _ <close> = sockets.pair()
    assert.same({n = 1}, table.pack(a:sockname()))
    assert.same({n = 1}, table.pack(b:peername()))
  end)

  test("both ends of a connection tell the same", function()
    for _, host in ipairs {"127.0.0.1", "::1"} do
      local a, b, _ <close> = sockets.connection(host)
      assert.same({a:sockname()}, {b:peername()})
      assert.same({b:sockname()}, {a:peername()})
      assert.equal(host, (a:peername()))
      local form = host == "::1" and "[::1]:%d" or "127.0.0.1:%d"
      local _, near = a:sockname()
      local _, far = a:peername()
      assert.equal(("<Socket %d %s to %s>"):format(a:fd(), form:format(near),
        form:format(far)), tostring(a))
    end
  end)
end)

describe("nothing is left behind:", function() -- N33
  test("1,000 connections, 20 times", function()
    local listener <close> = assert(neap.listen("127.0.0.1", 0))
    local _, port = listener:sockname()
    local function one()
      local sock <close> = assert(neap.connect("127.0.0.1", port))
      assert(sock:send "x")
      assert(sock:recv() == "x")
    end
    local server = neap.spawn(function()
      while true do
        local sock = listener:accept()
        if not sock then return end
        neap.spawn(function()
          local peer <close> = sock
          peer:send(assert(peer:recv()))
        end)
      end
    end)
    local function round()
      local tasks = {}
      for i = 1, 250 do tasks[i] = neap.spawn(one) end
      neap.gather(table.unpack(tasks))
    end
    local function memory()
      for _ = 1, 4 do neap.yield() end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    for _ = 1, 4 do round() end
    local descriptors, before = sockets.count(), memory()
    for _ = 1, 80 do round() end
    assert.is_true(memory() - before < 256)
    assert.equal(descriptors, sockets.count())
    listener:close()
    server:await()
  end)
end)
