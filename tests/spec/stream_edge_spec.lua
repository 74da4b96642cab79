-- SPDX-License-Identifier: MIT
--
-- Streams: who reads at a time, what failures leave, who else runs meanwhile,
-- and what memory they keep.

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local raw, start, settle = sockets.raw, sockets.start, sockets.settle
local is_closed = sockets.is_closed

-- The results of a call, as a table with n.
local function results(...) return table.pack(...) end

teardown(sockets.clean)

local function test(name, fn) it(name, sockets.bounded(fn)) end

describe("one reader at a time:", function() -- N1
  test("the second gets an error at the call", function()
    local a, b, _ <close> = sockets.pair()
    a:send "be"
    local reader = start(b, "read")
    settle()
    for _, call in ipairs {b.read, b.recv, b:lines(),
        function() return b:read_until "e" end} do
      local ok, words = pcall(call, b)
      assert.is_false(ok)
      assert.matches("already being read by <Task #%d+ ", words)
    end
    a:send "gun\n"
    assert.equal("begun", reader:await())
  end)

  test("what one looked for is nothing to the next", function()
    local a, b, _ <close> = sockets.pair()
    a:send "one\ntwo"
    local first = start(b, "read_until", "--")
    settle()
    first:cancel()
    pcall(first.await, first)
    assert.equal("one", b:read())
  end)
end)

describe("failures:", function() -- N16
  -- A reader that has "part" in hand, the peer's end and its own.
  local function begun(method, ...)
    local a, b = sockets.connection()
    a:send "part"
    local reader = start(b, method, ...)
    settle()
    return reader, a, b
  end

  local function reset(sock)
    raw.abort(sock:fd())
    sock:close()
  end

  test("a reset gives what was read as a fourth result", function()
    for _, call in ipairs {{"read", 100}, {"read"}, {"read", "a"},
        {"read_until", "--"}} do
      local reader, a, b = begun(table.unpack(call))
      reset(a)
      assert.same({n = 4, nil, "read: Connection reset by peer", "ECONNRESET",
        "part"}, results(reader:await()))
      assert.same({n = 1}, results(b:read()))
      b:close()
    end
  end)

  test("nothing was read: there is no fourth", function()
    local a, b, _ <close> = sockets.connection()
    local reader = start(b, "read")
    reset(a)
    assert.same({n = 3, nil, "read: Connection reset by peer", "ECONNRESET"},
      results(reader:await()))
  end)

  test("closing wakes a reader, with what was read #whole", function() -- N3
    local reader, a, b = begun("read", 100)
    b:close()
    assert.same({n = 4, nil, "socket is closed", "closed", "part"},
      results(reader:await()))
    is_closed(b:read())
    is_closed(b:read "a")
    is_closed(b:recv())
    is_closed(b:read_until "x")
    a:close()
  end)

  test("lines raises them, and what was read stays", function()
    local a, b, _ <close> = sockets.connection()
    a:send "one\npart"
    local next_line = b:lines()
    assert.equal("one", next_line())
    local reader = neap.spawn(next_line)
    settle()
    reset(a)
    assert.same({n = 2, false, "read: Connection reset by peer"},
      results(pcall(reader.await, reader)))
    assert.equal("part", b:read())
  end)

  test("lines raises that a line is too long", function()
    local a, b, _ <close> = sockets.pair {limit = 3}
    a:send "1234\n"
    assert.same({n = 2, false, "read: line is longer than 3 bytes"},
      results(pcall(b:lines())))
    sockets.expect(b, "1234\n")
  end)

  test("lines of a closed Socket", function()
    local a, b = neap.socketpair()
    local next_line = b:lines()
    b:close()
    for _, call in ipairs {next_line, b:lines()} do
      assert.same({n = 2, false, "socket is closed"}, results(pcall(call)))
    end
    a:close()
  end)
end)

describe("a stream that comes fast starves nobody:", function() -- N18
  -- Both ends of a connection, as much in between as it takes, and how much
  -- that is: more than a task may have at once.
  local function filled()
    local a, b = assert(neap.socketpair())
    local part, size = (("x"):rep(1023) .. "\n"):rep(32), 0
    a:setopt("sndbuf", 1 << 20) -- the system makes it less
    for count in function() return (raw.fill(a:fd(), part)) end do
      size = size + count
    end
    assert.is_true(size > 320 << 10, size)
    assert.equal(1024, #b:read "L") -- waits, so that it need not any more
    return a, b, size - 1024
  end

  -- How often another task has run while the function did.
  local function turns_during(fn)
    local count, done = 0, false
    local other = neap.spawn(function()
      while not done do
        count = count + 1
        neap.yield()
      end
    end)
    neap.yield()
    count = 0
    fn()
    done = true
    other:await()
    return count
  end

  local ways = {
    recv = function(sock, size)
      while size > 0 do size = size - #sock:recv() end
    end,
    ["one read"] = function(sock, size) assert(#sock:read(size) == size) end,
    lines = function(sock, size)
      for line in sock:lines() do
        size = size - #line - 1
        if size == 0 then break end
      end
    end,
  }
  for way, read in pairs(ways) do
    test("for " .. way, function()
      local a, b, size = filled()
      local turns = turns_during(function() read(b, size) end)
      assert.is_true(turns >= 1, turns)
      a:close()
      b:close()
    end)
  end

  test("for sends #whole", function()
    local a, b, _ <close> = sockets.pair()
    a:setopt("sndbuf", 1 << 20)
    local part = ("x"):rep(32 << 10)
    assert.is_true(turns_during(function()
      for _ = 1, 10 do assert(a:send(part)) end
    end) >= 1)
    assert.equal(10 * #part, #b:read(10 * #part))
  end)

  test("where nothing can wait, it goes on #whole", function()
    local a, b, _ <close> = sockets.pair()
    a:send(("x"):rep(100000))
    assert.equal("x", b:read(1))
    local got
    table.sort({1, 2}, function(x, y)
      for _ = 1, 300 do assert.equal("", b:read(0)) end
      got = got or b:read(99999)
      a:send(got)
      return x < y
    end)
    assert.equal(99999, #got)
  end)
end)

describe("memory:", function()
  test("an idle connection has no buffer, one with little has little #whole",
    function()
      local count <const> = 200
      local ends = {}
      for i = 1, count do ends[i] = {assert(neap.socketpair())} end
      local function used()
        collectgarbage()
        return raw.allocated()
      end
      local readers = {}
      local function wait_all()
        for i, pair in ipairs(ends) do
          readers[i] = neap.spawn(pair[2].read, pair[2])
        end
        settle()
      end
      ends[1][1]:send "\n"
      ends[1][2]:read() -- the spare buffer is there
      wait_all()
      local idle = used()
      for i = 1, count do ends[i][1]:send(("x"):rep(2000)) end
      settle()
      assert.is_true(used() - idle < count * 3000)
      for i = 1, count do ends[i][1]:send "\n" end
      for i = 1, count do assert.equal(2000, #readers[i]:await()) end
      wait_all()
      assert.is_true(used() - idle < count * 100)
      for i = 1, count do
        ends[i][1]:close()
        assert.is_nil(readers[i]:await())
        ends[i][2]:close()
      end
    end)

  test("what is unread goes with its Socket #whole", function()
    local a, b = neap.socketpair()
    a:send(("x"):rep(100000) .. "\n")
    local reader = start(b, "read", 1 << 20)
    settle()
    reader:cancel()
    pcall(reader.await, reader)
    a:send "more"
    b:close()
    is_closed(b:read())
    a:close()
  end)
end)
