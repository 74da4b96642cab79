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
