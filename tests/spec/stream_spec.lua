-- SPDX-License-Identifier: MIT
--
-- Streams: read, read_until, lines and write of Sockets. The numbers are those
-- of SEMANTICS, group 6. Run by our command, so that a test may wait; the same
-- file is run on both backends (N35).

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local raw, start, settle = sockets.raw, sockets.start, sockets.settle

teardown(sockets.clean)

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- The results of a call, as a table with n.
local function results(...) return table.pack(...) end

for _, kind in ipairs(sockets.kinds) do
  local name, connect = table.unpack(kind)

  describe(name .. ":", function()
    test("lines with and without their ends", function()
      local a, b, _ <close> = connect()
      a:send "one\ntwo\r\n\n\nrest"
      a:shutdown "send"
      assert.equal("one", b:read())
      assert.equal("two\r", b:read "l")
      assert.equal("\n", b:read "L")
      assert.equal("", b:read "*l")
      assert.equal("rest", b:read "L")
      for _ = 1, 2 do
        assert.same({n = 1}, results(b:read()))
        assert.same({n = 1}, results(b:read "L"))
      end
    end)

    test("exact counts out of single bytes", function() -- N14
      local a, b, _ <close> = connect()
      local sender = sockets.trickle(a, "abcdefghij")
      assert.equal("abc", b:read(3))
      assert.equal("", b:read(0))
      assert.equal("defg", b:read(4))
      assert.equal("hij", b:read(4)) -- N16
      sender:await()
    end)

    test("lines out of single bytes", function() -- N14
      local a, b, _ <close> = connect()
      local sender = sockets.trickle(a, "one\n\ntwo\nend")
      local got = {}
      for line in b:lines() do got[#got + 1] = line end
      assert.same({"one", "", "two", "end"}, got)
      sender:await()
    end)

    test("delimiters out of single bytes", function() -- N14
      local a, b, _ <close> = connect()
      local sender = sockets.trickle(a, "a\r\nb\r\r\n\r\nabababc.rest")
      assert.equal("a\r\n", b:read_until "\r\n")
      assert.equal("b\r\r\n\r\n", b:read_until "\r\n\r\n")
      assert.equal("abababc", b:read_until "ababc")
      assert.equal(".", b:read_until ".")
      assert.equal("rest", b:read_until ".")
      assert.same({n = 1}, results(b:read_until "."))
      sender:await()
    end)

    test("the end before the count", function() -- N16
      local a, b, _ <close> = connect()
      a:send "all there is"
      a:close()
      assert.equal("all", b:read(3))
      assert.equal(" there is", b:read(100))
      assert.same({n = 1}, results(b:read(100)))
      assert.equal("", b:read(0))
    end)

    test("all up to the end", function() -- N17
      local a, b, _ <close> = connect()
      local data = ("0123456789"):rep(300000)
      local sender = neap.spawn(function()
        assert(a:send(data))
        a:close()
      end)
      assert.equal("0123", b:read(4))
      assert.is_true(b:read "a" == data:sub(5))
      assert.same({"", n = 1}, results(b:read "a"))
      sender:await()
    end)

    test("a huge count is up to the end", function() -- N17
      local a, b, _ <close> = connect()
      neap.spawn(function()
        a:send(("x"):rep(100000))
        a:close()
      end)
      assert.equal(1, #b:read(1))
      assert.equal(99999, #b:read((1 << 60) + 1))
      assert.is_nil(b:read(math.maxinteger))
    end)

    test("data first, then the end for ever", function() -- N9
      local a, b, _ <close> = connect()
      a:send "x\ny"
      a:close()
      assert.equal("x", b:read())
      assert.equal("y", b:recv())
      for _ = 1, 3 do
        assert.same({n = 1}, results(b:recv()))
        assert.same({n = 1}, results(b:read(1)))
      end
    end)

    test("half-close: a question up to its end, an answer", function() -- N10
      local a, b, _ <close> = connect()
      local server = neap.spawn(function()
        local question = b:read "a"
        b:write("you said: ", question, "\n")
        b:close()
      end)
      a:write("why", "?")
      a:shutdown "send"
      assert.equal("you said: why?", a:read())
      assert.is_nil(a:read())
      server:await()
    end)

    test("a cancelled read loses nothing", function() -- C17
      local a, b, _ <close> = connect()
      a:send "one"
      for _, format in ipairs {"l", "L", "a", 100} do
        local reader = start(b, "read", format)
        settle()
        reader:cancel()
        assert.is_false((pcall(reader.await, reader)))
      end
      local reader = start(b, "read_until", "--")
      settle()
      reader:cancel()
      pcall(reader.await, reader)
      a:send " two\nthree"
      assert.equal("on", b:recv(2))
      assert.equal("e two", b:read())
      sockets.expect(b, "three")
    end)

    test("a read that timed out loses nothing", function() -- C17
      local a, b, _ <close> = connect()
      a:send "half"
      assert.is_false(neap.move_on_after(0.01, b.read, b))
      a:send " a line\n"
      assert.equal("half a line", b:read())
    end)

    test("10 MB of lines to a slow reader: memory is bounded", -- N12
      function()
        local a, b, _ <close> = connect()
        local count, line = 10 * 8192, ("x"):rep(127) .. "\n"
        local data = line:rep(8192)
        local sender = neap.spawn(function()
          for _ = 1, 10 do assert(a:send(data)) end
          a:close()
        end)
        collectgarbage()
        local before = raw.resident()
        for _ = 1, 200 do
          assert.equal(127, #b:read())
          settle()
        end
        assert.equal("pending", sender:state())
        assert.is_true(raw.resident() - before < 4 << 20)
        local got = 200
        for _ in b:lines() do got = got + 1 end
        assert.equal(count, got)
        sender:await()
      end)
  end)
end

describe("formats:", function()
  test("what cannot be read is refused, and says so", function() -- N17
    local a, b, _ <close> = sockets.pair()
    a:send "kept\n"
    local function refuses(pattern, ...)
      local ok, message = pcall(...)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    refuses("negative count of bytes", b.read, b, -1)
    refuses("negative count of bytes", b.lines, b, -1)
    refuses("no integer representation", b.read, b, 1.5)
    refuses("invalid format", b.read, b, "n")
    refuses("invalid format", b.read, b, "")
    refuses("string expected, got table", b.read, b, {})
    refuses("one format at a time", b.read, b, "l", "l")
    refuses("empty delimiter", b.read_until, b, "")
    refuses("string expected, got no value", b.read_until, b)
    refuses("positive integer expected, got 0", b.read_until, b, "\n", 0)
    refuses("lines of no bytes", b.lines, b, 0)
    refuses("string expected, got nil", b.write, b, "a", nil, "b")
    refuses("string expected, got table", b.write, b, {})
    assert.equal("kept", b:read())
  end)

  test("a number is a count, a numeric string is none", function()
    local a, b, _ <close> = sockets.pair()
    a:send "1234"
    assert.equal("12", b:read(2.0))
    assert.is_false((pcall(b.read, b, "2")))
    assert.equal("34", b:read(2))
  end)

  test("lines of other formats", function()
    local a, b, _ <close> = sockets.pair()
    a:send "a\nb\ncdefg"
    a:close()
    local next_line = b:lines "L"
    assert.equal("a\n", next_line())
    assert.equal("b\n", next_line())
    local got = {}
    for part in b:lines(2) do got[#got + 1] = part end
    assert.same({"cd", "ef", "g"}, got)
  end)

  test("of a listener there are none", function()
    local listener <close> = assert(neap.listen("127.0.0.1", 0))
    assert.equal("ENOTCONN", select(3, listener:read()))
    assert.equal("ENOTCONN", select(3, listener:read_until "x"))
    assert.equal("ENOTCONN", select(3, listener:write "x"))
    assert.is_false((pcall(listener.lines, listener)))
  end)

  test("of datagrams there are none", function()
    local sock <close> = assert(neap.udp("127.0.0.1", 0))
    assert.equal("EOPNOTSUPP", select(3, sock:read()))
    assert.equal("EOPNOTSUPP", select(3, sock:read_until "x"))
    assert.equal("EOPNOTSUPP", select(3, sock:write "x"))
    assert.is_false((pcall(sock.lines, sock)))
  end)

  test("recv takes what a read left #whole", function()
    local a, b, _ <close> = sockets.pair()
    a:send "one\ntwo three"
    assert.equal("one", b:read())
    assert.equal("tw", b:recv(2))
    assert.equal("", b:recv(0))
    a:send " four"
    assert.equal("o three", b:recv())
    assert.equal(" four", b:recv())
  end)
end)

describe("write:", function()
  test("strings and numbers in one send, and the Socket back", function()
    local a, b, _ <close> = sockets.pair()
    assert.equal(a, a:write("one ", 2, " ", 3.5, "\n"))
    assert.equal(a, a:write())
    a:write "two":write "\n":close()
    assert.equal("one 2 3.5", b:read())
    assert.equal("two\n", b:read "a")
    sockets.is_closed(a:write "x")
  end)

  test("writes of several tasks do not mix", function() -- N13
    local a, b, _ <close> = sockets.pair()
    local part = ("x"):rep(300000)
    local tasks = {}
    for i = 1, 5 do tasks[i] = neap.spawn(a.write, a, i, part, i, "\n") end
    neap.spawn(function()
      neap.gather(table.unpack(tasks))
      a:close()
    end)
    for i = 1, 5 do
      assert.equal(tostring(i), b:read(1))
      assert.is_true(b:read(#part) == part)
      assert.equal(tostring(i), b:read())
    end
    assert.is_nil(b:read())
  end)

  test("a failure is told as send's is", function() -- N11
    local a, b, _ <close> = sockets.pair()
    b:close()
    assert.same({n = 3, nil, "send: Broken pipe", "EPIPE"},
      results(a:write "x"))
  end)
end)
