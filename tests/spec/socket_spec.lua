-- SPDX-License-Identifier: MIT
--
-- Socket: recv, send, close and the rest, over every kind of connection. The
-- numbers are those of SEMANTICS, groups 6 and 2. Run by our command, so that
-- a test may wait; the same file is run on both backends (N35).

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local raw, start = sockets.raw, sockets.start
local is_closed = sockets.is_closed

-- Bytes of which each place is known.
local function pattern(size)
  local part = {}
  for i = 0, 255 do part[#part + 1] = string.char(i) end
  return (table.concat(part):rep(size // 256 + 1):sub(1, size))
end

teardown(sockets.clean)

local function test(name, fn) it(name, sockets.bounded(fn)) end

for _, kind in ipairs(sockets.kinds) do
  local name, connect = table.unpack(kind)

  describe(name .. ":", function()
    test("bytes come out as they went in", function()
      local a, b, _ <close> = connect()
      assert.is_true(a:send "\0one\r\n\255")
      sockets.expect(b, "\0one\r\n\255")
      local reader = start(a, "recv", 1)
      assert.is_true(b:send "two")
      assert.equal("t", reader:await())
      sockets.expect(a, "wo")
    end)

    test("data, then the end, then the end for ever", function() -- N9
      local a, b, _ <close> = connect()
      a:send "last words"
      a:close()
      sockets.expect(b, "last")
      sockets.expect(b, " words")
      for _ = 1, 3 do assert.same({n = 1}, table.pack(b:recv())) end
    end)

    test("the end wakes a reader", function() -- N9
      local a, b, _ <close> = connect()
      local reader = start(b, "recv")
      a:close()
      assert.same({n = 1}, table.pack(reader:await()))
    end)

    test("half-close: what the peer still sends is read", function() -- N10
      local a, b, _ <close> = connect()
      assert.is_true(a:shutdown "send")
      assert.is_nil(b:recv())
      assert.is_true(b:send "yes")
      sockets.expect(a, "yes")
      b:close()
      assert.is_nil(a:recv())
      local _, message, code = a:send "no"
      assert.equal("socket is shut for sending", message)
      assert.equal("closed", code)
    end)

    test("one reads while one writes, both ways at once", function() -- N2
      local a, b, _ <close> = connect()
      local data = pattern(2000000)
      local function send(sock)
        assert(sock:send(data))
        assert(sock:shutdown "send")
      end
      local tasks = {neap.spawn(send, a), neap.spawn(send, b)}
      local reader = neap.spawn(sockets.drain, a)
      assert.is_true(sockets.drain(b) == data)
      assert.is_true(reader:await() == data)
      neap.gather(table.unpack(tasks))
    end)

    test("10 MB to a slow reader: the sender waits", function() -- N12
      local a, b, _ <close> = connect()
      local data = pattern(10 << 20)
      collectgarbage()
      local before = collectgarbage "count"
      local sender = start(a, "send", data)
      local parts, size = {}, 0
      for _ = 1, 200 do
        parts[#parts + 1] = b:recv(1024)
        size = size + #parts[#parts]
        neap.yield()
      end
      assert.equal("pending", sender:state())
      assert.is_true(collectgarbage "count" - before < 1024)
      while size < #data do
        parts[#parts + 1] = assert(b:recv())
        size = size + #parts[#parts]
      end
      assert.is_true(sender:await())
      assert.is_true(table.concat(parts) == data)
    end)

    test("closing wakes who waits on it, now", function() -- N3
      local a, b, _ <close> = connect()
      local reader = start(a, "recv")
      local sender = start(a, "send", ("x"):rep(10 << 20))
      local queued = start(a, "send", "y")
      assert.is_true(a:close())
      neap.yield()
      for _, task in ipairs {reader, sender, queued} do
        assert.equal("finished", task:state())
        is_closed(task:await())
      end
    end)

    test("sends of several tasks do not mix", function() -- N13
      local a, b, _ <close> = connect()
      local parts, tasks = {}, {}
      for i = 1, 5 do
        parts[i] = string.char(64 + i):rep(1000000)
        tasks[i] = neap.spawn(a.send, a, parts[i])
      end
      local closer = neap.spawn(function()
        neap.gather(table.unpack(tasks))
        a:close()
      end)
      assert.is_true(sockets.drain(b) == table.concat(parts))
      closer:await()
    end)

    test("a cancelled recv loses nothing", function() -- C17
      local a, b, _ <close> = connect()
      local reader = start(b, "recv")
      a:send "k"
      reader:cancel()
      assert.is_false((pcall(reader.await, reader)))
      assert.equal("k", b:recv())
    end)

    test("a cancel between the wake and the run takes nothing", -- C17
      function()
        local x, y, _ <close> = connect() -- known to the poller first
        local a, b, _ <close> = connect()
        local got
        local reader = neap.spawn(function()
          got = b:recv()
          neap.sleep(60)
        end)
        local canceller = neap.spawn(function()
          y:recv()
          return reader:cancel()
        end)
        neap.yield()
        x:send "g"
        a:send "k"
        assert.is_true(canceller:await())
        assert.is_false((pcall(reader.await, reader)))
        assert.equal("k", got)
      end)

    test("a cancelled send shuts the socket for sending", function() -- C18
      local a, b, _ <close> = connect()
      local data = pattern(10 << 20)
      local sender = start(a, "send", data)
      local queued = start(a, "send", "more")
      sender:cancel()
      assert.is_false((pcall(sender.await, sender)))
      assert.equal("cancelled", sender:state())
      for _ = 1, 2 do
        assert.same({n = 3, nil, "socket is shut for sending", "closed"},
          table.pack(queued:await()))
        queued = neap.spawn(a.send, a, "more")
      end
      local got = sockets.drain(b)
      assert.is_true(#got > 0 and #got < #data)
      assert.is_true(data:sub(1, #got) == got)
      b:send "still heard"
      sockets.expect(a, "still heard")
    end)

    test("a send that was cancelled in its line harms nobody", function()
      local a, b, _ <close> = connect()
      local first = start(a, "send", ("1"):rep(10 << 20))
      local second = start(a, "send", "2")
      local third = start(a, "send", "3")
      second:cancel()
      local size, last = 0, nil
      while size < (10 << 20) + 1 do
        last = assert(b:recv())
        size = size + #last
      end
      assert.equal("3", last:sub(-1))
      assert.is_true(first:await())
      assert.is_true(third:await())
    end)
  end)
end

describe("readiness without data:", function() -- N34
  -- Two connections with a task waiting at each; the first is woken first and
  -- calls `steal` with the second's number before the second task runs.
  local function steal_from(steal)
    local x, y = neap.socketpair()
    local a, b = neap.socketpair()
    local reader = neap.spawn(b.recv, b)
    local thief = neap.spawn(function()
      y:recv()
      steal(b:fd(), reader)
    end)
    neap.yield()
    x:send "g"
    a:send "s"
    thief:await()
    return a, reader
  end

  test("the reader goes on waiting", function()
    local a, reader = steal_from(function(fd)
      assert.equal("s", raw.recv(fd))
    end)
    for _ = 1, 3 do neap.sleep(0) end
    assert.equal("pending", reader:state())
    a:send "m"
    assert.equal("m", reader:await())
  end)

  test("a reader woken in vain can be cancelled", function() -- C17
    local _, reader = steal_from(function(fd, task)
      raw.recv(fd)
      task:cancel()
    end)
    assert.is_false((pcall(reader.await, reader)))
    assert.equal("cancelled", reader:state())
  end)
end)

describe("one reader at a time:", function() -- N1
  test("the second gets an error at the call", function()
    local a, b, _ <close> = sockets.pair()
    local reader = start(b, "recv")
    reader:name "first"
    local ok, words = pcall(b.recv, b)
    assert.is_false(ok)
    assert.matches("already being read by <Task #%d+ 'first'", words)
    a:send "x"
    assert.equal("x", reader:await())
  end)

  test("also while the first is woken and has not run", function()
    local x, y, _ <close> = sockets.pair() -- known to the poller first
    local a, b, _ <close> = sockets.pair()
    local reader = start(b, "recv")
    local second = neap.spawn(function()
      y:recv()
      return pcall(b.recv, b)
    end)
    neap.yield()
    x:send "go"
    a:send "x"
    assert.is_false((second:await()))
    assert.equal("x", reader:await())
  end)

  test("once the first is cancelled, another may read", function()
    local a, b, _ <close> = sockets.pair()
    local reader = start(b, "recv")
    reader:cancel()
    pcall(reader.await, reader)
    reader = start(b, "recv")
    a:send "x"
    assert.equal("x", reader:await())
  end)
end)

describe("a peer that resets:", function() -- N11
  test("sends fail in words and raise no SIGPIPE", function()
    local a, b, _ <close> = sockets.connection()
    raw.abort(a:fd())
    a:close()
    local ok, message, code
    repeat ok, message, code = b:send "x" until not ok
    assert.matches("^send: ", message)
    assert.matches("^E%u+$", code)
    ok, message, code = b:send "x"
    assert.is_nil(ok)
    assert.equal("send: Broken pipe", message)
    assert.equal("EPIPE", code)
  end)

  test("a reader is told", function()
    local a, b, _ <close> = sockets.connection()
    local reader = start(b, "recv")
    raw.abort(a:fd())
    a:close()
    assert.same({n = 3, nil, "recv: Connection reset by peer", "ECONNRESET"},
      table.pack(reader:await()))
  end)

  test("a sender is told", function()
    local a, b, _ <close> = sockets.connection()
    local sender = start(b, "send", ("x"):rep(10 << 20))
    raw.abort(a:fd())
    a:close()
    local ok, _, code = sender:await()
    assert.is_nil(ok)
    assert.equal("ECONNRESET", code)
    assert.equal("closed", select(3, b:send "more"))
  end)
end)
