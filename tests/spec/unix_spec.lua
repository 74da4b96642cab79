-- SPDX-License-Identifier: MIT
--
-- Sockets at a path: "unix:/path" and "unix:@abstract" in place of host and
-- port. The numbers are those of SEMANTICS, group 6. Run by our command, so
-- that a test may wait; the same file is run on both backends (N35).

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local raw, start, exists = sockets.raw, sockets.start, sockets.exists

teardown(sockets.clean)

local function test(name, fn) it(name, sockets.bounded(fn)) end

local function fails(sock, message, code, pattern, expected)
  assert.is_nil(sock)
  assert.matches(pattern, message)
  assert.equal(expected, code)
end

describe("a path:", function()
  test("listen, connect, accept; names", function() -- N32
    local path = sockets.path()
    local listener <close> = assert(neap.listen("unix:" .. path))
    assert.equal(path, listener:sockname())
    assert.equal(("<Socket %d unix:%s listening>"):format(listener:fd(), path),
      tostring(listener))
    local server = start(listener, "accept")
    local client <close> = assert(neap.connect("unix:" .. path))
    local results = table.pack(server:await())
    local sock <close> = results[1]
    assert.same({n = 2, sock, nil}, results) -- the client has no name
    assert.same({n = 1}, table.pack(client:sockname()))
    assert.same({n = 1, path}, table.pack(client:peername()))
    client:send "x"
    assert.equal("x", sock:recv())
  end)

  test("options stand in the place of the port, or behind it", function()
    for _, arguments in ipairs {{{backlog = 1}}, {nil, {backlog = 1}}} do
      local path = "unix:" .. sockets.path()
      local listener <close> = assert(neap.listen(path, arguments[1],
        arguments[2]))
      assert.is_truthy(listener)
    end
  end)

  test("is removed at close", function() -- N31
    local path = sockets.path()
    local listener = assert(neap.listen("unix:" .. path))
    assert.is_true(exists(path))
    listener:close()
    assert.is_false(exists(path))
    assert(neap.listen("unix:" .. path)) -- and nobody refers to it
    collectgarbage()
    collectgarbage()
    assert.is_false(exists(path))
  end)

  test("is not removed where another file is there now", function() -- N31
    local path = sockets.path()
    local old = assert(neap.listen("unix:" .. path))
    os.remove(path)
    local new <close> = assert(neap.listen("unix:" .. path))
    old:close()
    assert.is_true(exists(path))
    local client <close> = assert(neap.connect("unix:" .. path))
    assert(new:accept()):close()
  end)

  test("that was left behind is taken over", function() -- N31
    local path = sockets.path()
    local old = assert(neap.listen("unix:" .. path))
    raw.close(old:fd()) -- as if its process had died
    assert.is_true(exists(path))
    local new <close> = assert(neap.listen("unix:" .. path))
    local client <close> = assert(neap.connect("unix:" .. path))
    assert(new:accept()):close()
  end)

  test("at which somebody listens is in use", function() -- N31, N25
    local path = sockets.path()
    local listener <close> = assert(neap.listen("unix:" .. path))
    local sock, message, code = neap.listen("unix:" .. path)
    fails(sock, message, code,
      "^unix:" .. path .. ": Address already in use$", "EADDRINUSE")
    assert.is_true(exists(path))
    assert.is_truthy(listener)
  end)

  test("that is no socket is left alone", function() -- N31
    local path = sockets.path()
    local file <close> = assert(io.open(path, "w"))
    assert(file:write "precious")
    file:flush()
    local sock, message, code = neap.listen("unix:" .. path)
    fails(sock, message, code, "Address already in use$", "EADDRINUSE")
    assert.is_true(exists(path))
  end)

  test("too long, or in no folder: a clear message", function() -- N31
    local long = "unix:" .. sockets.folder .. "/" .. ("x"):rep(108)
    for _, name in ipairs {"listen", "connect"} do
      local sock, message, code = neap[name](long)
      fails(sock, message, code, ": path is longer than 107 bytes$",
        "ENAMETOOLONG")
      local none = "unix:" .. sockets.folder .. "/none/x.sock"
      sock, message, code = neap[name](none)
      fails(sock, message, code,
        "^" .. none .. ": No such file or directory$", "ENOENT")
    end
  end)

  test("of the greatest length is well", function()
    local path = "/tmp/" .. ("x"):rep(102)
    os.remove(path)
    local listener <close> = assert(neap.listen("unix:" .. path))
    assert.equal(path, listener:sockname())
    local client <close> = assert(neap.connect("unix:" .. path))
    assert(listener:accept()):close()
    listener:close()
    assert.is_false(exists(path))
  end)

  test("where nobody listens refuses", function() -- N22
    local path = sockets.path()
    local sock, message, code = neap.connect("unix:" .. path)
    fails(sock, message, code, "No such file or directory$", "ENOENT")
    assert(io.open(path, "w")):close()
    sock, message, code = neap.connect("unix:" .. path)
    fails(sock, message, code, "^unix:" .. path .. ": Connection refused$",
      "ECONNREFUSED")
  end)
end)

describe("the path of a datagram Socket:", function() -- N31
  test("has its name, and is removed at close", function()
    local path = sockets.path()
    local sock = assert(neap.udp("unix:" .. path))
    assert.equal(path, sock:sockname())
    assert.equal(("<Socket %d unix:%s>"):format(sock:fd(), path),
      tostring(sock))
    assert.is_true(exists(path))
    sock:close()
    assert.is_false(exists(path))
  end)

  test("is not removed where another file is there now", function()
    local path = sockets.path()
    local old = assert(neap.udp("unix:" .. path))
    os.remove(path)
    local new <close> = assert(neap.udp("unix:" .. path))
    old:close()
    assert.is_true(exists(path))
    assert.is_true(new:send_to("x", path))
    assert.equal("x", new:recv())
  end)

  test("that was left behind is taken over", function()
    for _, make in ipairs {neap.udp, neap.listen} do
      local path = sockets.path()
      local old = assert(make("unix:" .. path))
      raw.close(old:fd())
      local new <close> = assert(neap.udp("unix:" .. path))
      assert.is_true(new:send_to("x", path))
      assert.equal("x", new:recv())
    end
  end)

  test("that somebody has is in use, whatever he does there", function()
    for _, make in ipairs {neap.udp, neap.listen} do
      for _, other in ipairs {neap.udp, neap.listen} do
        local path = sockets.path()
        local sock <close> = assert(make("unix:" .. path))
        local second, message, code = other("unix:" .. path)
        fails(second, message, code,
          "^unix:" .. path .. ": Address already in use$", "EADDRINUSE")
        assert.is_true(exists(path))
        assert.is_truthy(sock)
      end
    end
  end)

  test("that is no socket is left alone", function()
    local path = sockets.path()
    assert(io.open(path, "w")):close()
    local sock, message, code = neap.udp("unix:" .. path)
    fails(sock, message, code, "Address already in use$", "EADDRINUSE")
    assert.is_true(exists(path))
    local sender <close> = assert(neap.udp("unix:" .. sockets.path()))
    sock, message, code = sender:send_to("x", path)
    fails(sock, message, code, "^unix:" .. path .. ": Connection refused$",
      "ECONNREFUSED")
  end)

  test("too long, or in no folder: a clear message", function()
    local sender <close> = assert(neap.udp("unix:" .. sockets.path()))
    local long = "unix:" .. sockets.folder .. "/" .. ("x"):rep(108)
    local none = sockets.folder .. "/none/x.sock"
    for _, call in ipairs {neap.udp, function(path)
      return sender:send_to("x", path)
    end, function(path) return sender:connect(path) end} do
      local sock, message, code = call(long)
      fails(sock, message, code, ": path is longer than 107 bytes$",
        "ENAMETOOLONG")
      sock, message, code = call("unix:" .. none)
      fails(sock, message, code,
        "^unix:" .. none .. ": No such file or directory$", "ENOENT")
    end
  end)

  test("a listener takes no datagrams", function()
    local path = sockets.path()
    local listener <close> = assert(neap.listen("unix:" .. path))
    local sender <close> = assert(neap.udp("unix:" .. sockets.path()))
    local ok, message, code = sender:send_to("x", path)
    fails(ok, message, code, "^unix:" .. path .. ": ", "EPROTOTYPE")
    assert.is_truthy(listener)
  end)
end)

describe("a peer whose buffer is full:", function() -- N12
  -- A Socket that takes no more, a sender, what closes them; and how many
  -- datagrams it has.
  local function full()
    local sock, sender, guard = sockets.datagrams()
    local count = 0
    local filler = neap.spawn(function()
      while true do
        sender:send_to("x", sock:sockname())
        count = count + 1
      end
    end)
    repeat neap.yield() until tostring(filler):find "sending"
    filler:cancel()
    assert.is_false((pcall(filler.await, filler)))
    return count, sock, sender, guard
  end

  test("the sender waits, and can be cancelled", function()
    local count, sock, sender, _ <close> = full()
    local task = start(sender, "send_to", "late", sock:sockname())
    local before = os.clock()
    neap.sleep(0.1)
    assert.is_true(os.clock() - before < 0.05) -- it does not spin
    assert.equal("pending", task:state())
    for _ = 1, count do assert.equal("x", sock:recv()) end
    assert.equal("late", sock:recv())
    assert.is_true(task:await())
  end)

  test("who is connected is told by the kernel", function()
    local _, sock, sender, _ <close> = full()
    assert.is_true(sender:connect(sock:sockname()))
    local count = 0
    local filler = neap.spawn(function()
      for i = 1, 1000 do
        assert(sender:send("" .. i))
        count = i
      end
    end)
    local before = os.clock()
    neap.sleep(0.1)
    assert.is_true(os.clock() - before < 0.05)
    assert.equal(0, count)
    repeat local data = sock:recv() until data == "1000"
    filler:await()
  end)

  test("also one of whose datagrams none is there", function()
    local count, sock, sender, _ <close> = full()
    local path = sock:sockname()
    local other, third, _ <close> = sockets.datagrams()
    assert.is_true(third:connect(path))
    local tasks = {start(other, "send_to", "1", path),
      start(third, "send", "2")}
    for _ = 1, count do assert.equal("x", sock:recv()) end
    local got = {sock:recv(), sock:recv()}
    table.sort(got)
    assert.same({"1", "2"}, got)
    for _, task in ipairs(tasks) do assert.is_true(task:await()) end
    assert.is_truthy(sender:fd())
  end)

  test("whom else it sends to is not held up", function()
    local _, sock, sender, _ <close> = full()
    local other <close> = assert(neap.udp("unix:" .. sockets.path()))
    local task = start(sender, "send_to", "late", sock:sockname())
    for _ = 1, 5 do
      assert.is_true(sender:send_to("x", other:sockname()))
      assert.equal("x", other:recv())
    end
    assert.equal("pending", task:state())
    sock:close() -- nobody is there any more
    local ok, _, code = task:await()
    assert.is_nil(ok)
    assert.is_truthy(("ENOENT ECONNREFUSED"):find(code, 1, true))
  end)

  test("closing the sender wakes it", function() -- N3
    local _, sock, sender, _ <close> = full()
    local task = start(sender, "send_to", "late", sock:sockname())
    sender:close()
    neap.yield()
    assert.equal("finished", task:state())
    sockets.is_closed(task:await())
  end)
end)

describe("a pair:", function()
  test("has no names", function() -- N32
    local a, b, _ <close> = sockets.pair()
    for _, sock in ipairs {a, b} do
      assert.same({n = 1}, table.pack(sock:sockname()))
      assert.same({n = 1}, table.pack(sock:peername()))
      assert.equal(("<Socket %d>"):format(sock:fd()), tostring(sock))
    end
  end)

  test("of datagrams can be adopted", function() -- N32
    local one, two = raw.pair "dgram"
    local a <close> = assert(neap.socket(one))
    local b <close> = assert(neap.socket(two))
    assert.is_true(a:send "whole")
    assert.is_true(a:send "")
    assert.same({n = 3, "wh", nil, true}, table.pack(b:recv_from(2)))
    assert.same({n = 2, ""}, table.pack(b:recv_from()))
    assert.same({n = 1}, table.pack(a:sockname()))
    local reader = start(a, "recv")
    assert.is_true(raw.blocks(one))
    b:send "back"
    assert.equal("back", reader:await())
  end)
end)

describe("an abstract name:", function()
  test("has no file, and comes back as it was given", function() -- N31
    local name = "@neap." .. raw.pid()
    local listener <close> = assert(neap.listen("unix:" .. name))
    assert.equal(name, listener:sockname())
    local client <close> = assert(neap.connect("unix:" .. name))
    assert.equal(name, client:peername())
    assert(listener:accept()):close()
    local sock, message, code = neap.listen("unix:" .. name)
    fails(sock, message, code, "Address already in use$", "EADDRINUSE")
    listener:close()
    assert(neap.listen("unix:" .. name)):close()
  end)
end)

describe("an abstract name of a datagram Socket:", function()
  test("is a name like others", function() -- N31
    local name = "@neap." .. raw.pid() .. ".dgram"
    local sock = assert(neap.udp("unix:" .. name))
    local sender, _, _ <close> = sockets.datagrams()
    assert.equal(name, sock:sockname())
    for _, to in ipairs {name, "unix:" .. name} do
      assert.is_true(sender:send_to("x", to))
      assert.same({n = 2, "x", sender:sockname()},
        table.pack(sock:recv_from()))
    end
    assert.is_true(sock:connect(sender:sockname()))
    assert.is_true(sock:send "y")
    assert.same({n = 2, "y", name}, table.pack(sender:recv_from()))
    local second, message, code = neap.udp("unix:" .. name)
    fails(second, message, code, "Address already in use$", "EADDRINUSE")
    sock:close()
    assert(neap.udp("unix:" .. name)):close()
  end)
end)

describe("a full backlog:", function() -- N22
  test("connect waits for room, and can be cancelled", function()
    local path = "unix:" .. sockets.path()
    local listener <close> = assert(neap.listen(path, {backlog = 1}))
    local tasks = {}
    for i = 1, 6 do tasks[i] = neap.spawn(neap.connect, path) end
    repeat neap.yield() until tostring(tasks[6]):find "connecting"
    assert.equal("finished", tasks[1]:state())
    assert.equal("pending", tasks[5]:state())
    assert.equal("pending", tasks[6]:state())
    local before = sockets.count(true)
    tasks[6]:cancel()
    assert.is_false((pcall(tasks[6].await, tasks[6])))
    assert.equal(before, sockets.count())
    local accepted = {}
    for i = 1, 5 do accepted[i] = assert(listener:accept()) end
    for i = 1, 5 do
      tasks[i]:await():close()
      accepted[i]:close()
    end
  end)
end)
