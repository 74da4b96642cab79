-- SPDX-License-Identifier: MIT
--
-- wait_readable and wait_writable: descriptors that are not ours. The numbers
-- are those of SEMANTICS, group 6. The same file is run on both backends (N35).

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local raw = sockets.raw

teardown(sockets.clean)

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- A pipe that lives as long as the returned variable's block.
local function pipe()
  local from, to = raw.pipe()
  return from, to, setmetatable({}, {__close = function()
    raw.close(from)
    raw.close(to)
  end})
end

-- A task that waits by now.
local function start(wait, fd)
  local task = neap.spawn(wait, fd)
  for _ = 1, 4 do neap.yield() end
  assert(task:state() == "pending", "it did not wait")
  return task
end

local function is_failure(message, code, ...)
  assert.same({n = 3, nil, message, code}, table.pack(...))
end

-- Nothing computes for as long as this.
local function is_quiet()
  local before = os.clock()
  neap.sleep(0.05)
  assert.is_true(os.clock() - before < 0.04)
end

-- Fills it, and empties it again.
local function fill(to)
  while neap.move_on_after(0.01, neap.wait_writable, to) do
    raw.write(to, ("x"):rep(4096))
  end
end

describe("a wait for a descriptor", function()
  test("ends when it can be read", function()
    local from, to, _ <close> = pipe()
    local task = start(neap.wait_readable, from)
    assert.truthy(tostring(task):find "waiting until a descriptor is readable")
    raw.write(to, "x")
    assert.is_true(task:await())
    assert.is_true(neap.wait_readable(from)) -- a level
    assert.equal("x", raw.read(from))
    start(neap.wait_readable, from):cancel()
  end)

  test("ends when it can be written", function()
    local from, to, _ <close> = pipe()
    assert.is_true(neap.wait_writable(to))
    fill(to)
    local task = start(neap.wait_writable, to)
    raw.read(from)
    assert.is_true(task:await())
  end)

  test("ends when the other end is gone", function()
    local from, to = raw.pipe()
    local task = start(neap.wait_readable, from)
    raw.close(to)
    assert.is_true(task:await())
    assert.equal("", raw.read(from))
    raw.close(from)
    local other, full = raw.pipe()
    fill(full)
    task = start(neap.wait_writable, full)
    raw.close(other)
    assert.is_true(task:await())
    raw.close(full)
  end)

  test("leaves the descriptor's flags alone", function()
    local from, to, _ <close> = pipe()
    start(neap.wait_readable, from):cancel()
    neap.wait_writable(to)
    assert.is_true(raw.blocks(from) and raw.blocks(to))
  end)

  test("lets several wait", function()
    local from, to, _ <close> = pipe()
    local tasks = {}
    for i = 1, 3 do tasks[i] = start(neap.wait_readable, from) end
    raw.write(to, "x")
    for i = 1, 3 do assert.is_true(tasks[i]:await()) end
  end)

  test("goes on where another task took the bytes", function()
    local from, to, _ <close> = pipe()
    local first = neap.spawn(function()
      neap.wait_readable(from)
      return raw.read(from)
    end)
    local second = start(neap.wait_readable, from)
    raw.write(to, "x")
    assert.equal("x", first:await())
    for _ = 1, 4 do neap.yield() end
    assert.equal("pending", second:state())
    raw.write(to, "y")
    assert.is_true(second:await())
  end)

  test("waits for both directions of one at once", function()
    local one, two = raw.pair()
    fill(one)
    local reads = start(neap.wait_readable, one)
    local writes = start(neap.wait_writable, one)
    raw.write(two, "x")
    assert.is_true(reads:await())
    assert.equal("pending", writes:state())
    for _ = 1, 100 do raw.recv(two) end
    assert.is_true(writes:await())
    raw.close(one)
    raw.close(two)
  end)

  test("can be cancelled, alone and beside others", function()
    local from, to, _ <close> = pipe()
    for _ = 1, 2 do
      assert.is_false(neap.move_on_after(0.001, neap.wait_readable, from))
    end
    local task = start(neap.wait_readable, from)
    assert.is_false(neap.move_on_after(0.001, neap.wait_readable, from))
    raw.write(to, "x")
    assert.is_true(task:await())
  end)

  test("shares the descriptor with a reader", function()
    local from, to, _ <close> = pipe()
    local calls, loop = 0, neap.loop()
    loop:add_reader(from, function()
      calls = calls + 1
      loop:remove_reader(from)
    end)
    local task = start(neap.wait_readable, from)
    raw.write(to, "x")
    assert.is_true(task:await())
    assert.equal(1, calls)
    loop:add_reader(from, print)
    assert.is_true(loop:remove_reader(from))
    raw.read(from)
    assert.is_false(neap.move_on_after(0.001, neap.wait_readable, from))
  end)

  test("is no deadlock, and none with a daemon's", function()
    local from, to, _ <close> = pipe()
    local timer = neap.spawn(function()
      neap.sleep(0.01)
      raw.write(to, "x")
    end)
    assert.is_true(neap.wait_readable(from))
    timer:await()
  end)
end)

describe("what cannot be waited for:", function() -- N8
  test("no descriptor's number", function()
    for _, fn in ipairs {neap.wait_readable, neap.wait_writable} do
      for _, bad in ipairs {"x", 1.5, -1, 1 << 24, {}, true} do
        local ok, message = pcall(fn, bad)
        assert.is_false(ok)
        assert.truthy(message:find("bad argument #1", 1, true), message)
        assert.truthy(message:find("descriptor", 1, true), message)
      end
      assert.is_false(pcall(fn))
    end
  end)

  test("a closed descriptor", function()
    local from, to = raw.pipe()
    raw.close(from)
    raw.close(to)
    is_failure(("cannot watch descriptor %d: Bad file descriptor"):format(to),
      "EBADF", neap.wait_readable(to))
    assert.equal("EBADF", select(3, neap.wait_writable(1000000)))
  end)

  test("a file or a folder", function()
    for _, path in ipairs {"README.md", "docs"} do
      local fd = raw.open(path)
      local words = "cannot watch descriptor %d: " ..
        "it is a file, which is always ready"
      is_failure(words:format(fd), "EPERM", neap.wait_readable(fd))
      is_failure(words:format(fd), "EPERM", neap.wait_writable(fd))
      raw.close(fd)
    end
  end)

  test("a device that is always ready is", function()
    local fd = raw.open "/dev/null"
    assert.is_true(neap.wait_readable(fd))
    raw.close(fd)
  end)

  test("outside of a task", function()
    local from, _, _ <close> = pipe()
    local ok, message
    neap.call_soon(function() ok, message = pcall(neap.wait_readable, from) end)
    neap.sleep(0)
    assert.is_false(ok)
    assert.truthy(message:find("cannot wait here", 1, true), message)
  end)
end)

describe("closed behind our back:", function()
  test("the wait can be ended, and does not spin", function() -- N6
    local from, to = raw.pipe()
    local task = start(neap.wait_readable, from)
    raw.close(from)
    is_quiet()
    task:cancel()
    local ok, _, _, code = pcall(task.await, task)
    assert.is_true(not ok or code == "closed") -- poll tells, epoll does not
    raw.close(to)
  end)

  test("the next to wait tells those who do", function() -- N6
    local from, to = raw.pipe()
    local task = start(neap.wait_readable, from)
    raw.close(from)
    local code = select(3, neap.wait_readable(from))
    assert.is_true(code == "EBADF" or code == "closed")
    is_failure(("descriptor %d was closed"):format(from), "closed",
      task:await())
    raw.close(to)
  end)

  test("its number may come again", function() -- N5, N6
    local from, to = raw.pipe()
    local old = start(neap.wait_readable, from)
    raw.close(from)
    local again, other = raw.pipe()
    assert.equal(from, again)
    local new = start(neap.wait_readable, again)
    raw.write(other, "x")
    assert.is_true(new:await())
    if raw.polls() then assert.equal("closed", select(3, old:await())) end
    neap.wait {old}
    for _, fd in ipairs {to, again, other} do raw.close(fd) end
  end)

  test("a dup of it elsewhere makes no endless events", function() -- N7
    local from, to = raw.pipe()
    local task = start(neap.wait_readable, from)
    local copy = raw.dup(from)
    raw.close(from)
    raw.write(to, "x")
    assert.equal("closed", select(3, task:await()))
    is_quiet()
    assert.equal("x", raw.read(copy))
    raw.write(to, "y")
    is_quiet()
    raw.close(copy)
    raw.close(to)
  end)
end)

describe("a Socket", function()
  test("is waited for in its own line, and its number, too", function()
    local a, b, _ <close> = sockets.pair()
    local one = start(neap.wait_readable, b)
    local two = start(neap.wait_readable, b:fd())
    local reader = neap.spawn(b.recv, b)
    a:send "x"
    assert.is_true(one:await() and two:await())
    assert.equal("x", reader:await())
    assert.is_true(neap.wait_writable(a))
    start(neap.wait_readable, b):cancel()
  end)

  test("that a recv emptied is waited for further", function()
    local a, b, _ <close> = sockets.pair()
    local reader = start(b.recv, b)
    local waiter = start(neap.wait_readable, b)
    a:send "x"
    assert.equal("x", reader:await())
    for _ = 1, 4 do neap.yield() end
    assert.equal("pending", waiter:state())
    a:close()
    assert.is_true(waiter:await())
    assert.is_nil(b:recv())
  end)

  test("is ready with what a read left over #whole", function()
    local a, b, _ <close> = sockets.pair()
    a:send "one\ntwo\n"
    assert.equal("one", b:read())
    assert.is_true(neap.wait_readable(b))
    assert.is_true(neap.wait_readable(b:fd()))
    local calls = 0
    neap.loop():add_reader(b, function() calls = calls + 1 end)
    for _ = 1, 4 do neap.yield() end
    assert.is_true(calls > 1)
    assert.equal("two", b:read())
    neap.loop():remove_reader(b)
    start(neap.wait_readable, b):cancel()
  end)

  test("can be a listener", function()
    local listener <close> = assert(neap.listen("127.0.0.1", 0))
    local waiter = start(neap.wait_readable, listener)
    local client <close> = assert(neap.connect(listener:sockname()))
    assert.is_true(waiter:await())
    assert(listener:accept()):close()
    assert.is_true(neap.wait_writable(client))
  end)

  test("that is closed says so", function()
    local a, b, _ <close> = sockets.pair()
    local waiter = start(neap.wait_readable, b)
    local number = b:fd()
    local by_number = start(neap.wait_readable, number)
    b:close()
    sockets.is_closed(waiter:await())
    is_failure(("descriptor %d was closed"):format(number), "closed",
      by_number:await())
    sockets.is_closed(neap.wait_readable(b))
    sockets.is_closed(neap.wait_writable(b))
    a:close()
  end)

  test("is not made of a number while somebody waits for that", function()
    local one, two = raw.pair()
    local waiter = start(neap.wait_readable, one)
    assert.is_nil((neap.socket(one)))
    raw.write(two, "x")
    assert.is_true(waiter:await())
    local sock <close> = assert(neap.socket(one))
    assert.is_true(neap.wait_readable(sock))
    raw.close(two)
  end)
end)

describe("many waits", function()
  test("leak nothing", function()
    local from, to, _ <close> = pipe()
    local before = sockets.count(true)
    raw.write(to, "x")
    for _ = 1, 1000 do neap.wait_readable(from) end
    assert.equal(before, sockets.count())
  end)
end)
