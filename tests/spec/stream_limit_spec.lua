-- SPDX-License-Identifier: MIT
--
-- Streams: the limit of a line or a delimiter search (N15).

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local raw, start, settle = sockets.raw, sockets.start, sockets.settle

teardown(sockets.clean)

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- Fails for a line, or for a delimiter, that was not found in time.
local function is_too_long(pattern, ...)
  local value, message, code = ...
  assert.equal(3, select("#", ...))
  assert.is_nil(value)
  assert.matches(pattern, message)
  assert.equal("toolong", code)
end

describe("the limit:", function() -- N15
  -- A line of `size` bytes to a reader that allows 10, in pieces of `piece`.
  local function try(size, piece)
    local a, b, _ <close> = sockets.pair {limit = 10}
    local data = ("x"):rep(size) .. "\n"
    local reader = neap.spawn(b.read, b)
    for at = 1, #data, piece do
      a:send(data:sub(at, at + piece - 1))
      settle()
    end
    return reader:await()
  end

  test("it is the same however the line comes", function()
    for piece = 1, 14 do
      assert.equal(("x"):rep(9), try(9, piece))
      assert.equal(("x"):rep(10), try(10, piece))
      is_too_long("longer than 10 bytes", try(11, piece))
      is_too_long("longer than 10 bytes", try(50, piece))
    end
  end)

  test("a delimiter may straddle it", function()
    for size = 8, 12 do
      local a, b, _ <close> = sockets.pair {limit = 10}
      local data = ("x"):rep(size) .. "\r\n"
      local sender = sockets.trickle(a, data .. "-")
      if size <= 10 then
        assert.equal(data, b:read_until "\r\n")
      else
        is_too_long("no delimiter within 10 bytes", b:read_until "\r\n")
        assert.equal(data, b:read(#data))
      end
      sender:await()
    end
  end)

  test("the bytes stay, and can be read in other ways", function()
    local a, b, _ <close> = sockets.pair {limit = 4}
    a:send "too long\nfine\n"
    for _ = 1, 2 do is_too_long("longer than 4 bytes", b:read()) end
    is_too_long("no delimiter within 1 bytes", b:read_until("o l", 1))
    assert.equal("too l", b:read_until(" l", 5))
    assert.equal("ong", b:read())
    assert.equal("fine", b:read())
  end)

  test("it is 64 KiB by default", function()
    local a, b, _ <close> = sockets.pair()
    local line = ("x"):rep(65536)
    local sender = neap.spawn(a.write, a, line, "\n", line, "x\n", "more")
    assert.equal(65536, #b:read())
    is_too_long("longer than 65536 bytes", b:read())
    assert.is_true(line .. "x\nmore" == b:read(65542))
    sender:await()
  end)

  -- ASan sets aside what is freed: of a block for each byte more than is read.
  local blind = os.getenv "NEAP_ONE_BYTE" and raw.allocated() == 0

  test("a line without an end is no more than it allows", function()
    local a, b, _ <close> = sockets.pair()
    local sender = start(a, "send", ("x"):rep(10 << 20))
    collectgarbage()
    local before = raw.resident()
    is_too_long("longer than 65536 bytes", b:read())
    assert.is_true(blind or raw.resident() - before < 1 << 20)
    assert.equal("pending", sender:state())
    sender:cancel()
  end)

  test("the last line has it, too", function()
    local a, b, _ <close> = sockets.pair {limit = 4}
    a:send "12345"
    a:close()
    is_too_long("no delimiter", b:read_until "--")
    is_too_long("longer than 4 bytes", b:read())
    assert.equal("12345", b:read "a")
  end)

  test("it does not bound counts, nor all", function()
    local a, b, _ <close> = sockets.pair {limit = 4}
    a:send "123456789"
    a:close()
    assert.equal("12345", b:read(5))
    assert.equal("6789", b:read "a")
  end)

  test("it is an option of all that makes Sockets", function()
    local listener <close> = assert(neap.listen("127.0.0.1", 0, {limit = 3}))
    local server = neap.spawn(listener.accept, listener)
    local host, port = listener:sockname()
    local client <close> = assert(neap.connect(host, port, {limit = 5}))
    local conn <close> = server:await()
    local one <const>, two <const> = raw.pair()
    local adopted <close> = assert(neap.socket(one, {limit = 2}))
    local other <close> = assert(neap.socket(two))
    for sock, limit in pairs {[conn] = 3, [client] = 5, [adopted] = 2} do
      local peer = sock == conn and client or sock == client and conn or other
      assert(peer:send(("x"):rep(limit) .. "\n" .. ("x"):rep(limit + 1)))
      assert.equal(limit, #sock:read())
      is_too_long("longer than " .. limit, sock:read())
    end
  end)

  test("it is a positive integer", function()
    for _, limit in ipairs {0, -1, 1.5, "x", math.huge, true} do
      local ok, message = pcall(neap.socketpair, {limit = limit})
      assert.is_false(ok)
      assert.matches("option 'limit' is no positive integer", message)
    end
    assert.is_false((pcall(neap.socketpair, {limits = 1})))
    assert.is_false((pcall(neap.listen, "127.0.0.1", 0, {limit = 0})))
  end)
end)
