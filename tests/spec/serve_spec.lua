-- SPDX-License-Identifier: MIT
--
-- neap.serve: what a server does for each connection, and how it stops. The
-- numbers are those of SEMANTICS, group 6. Faults are in serve_faults_spec.lua.

local neap = require "neap"
local shell = require "tests.spec.shell"
local sockets = require "tests.spec.sockets"

local bounded = sockets.bounded

teardown(sockets.clean)

-- A listener, its server's task, and a function that connects a client.
local function start(handler, options)
  local listener = assert(neap.listen("127.0.0.1", 0))
  local host, port = listener:sockname()
  local server = neap.spawn(neap.serve, listener, handler, options)
  return listener, server, function()
    return (assert(neap.connect(host, port)))
  end
end

local function echo(sock)
  for bytes in function() return sock:recv() end do sock:send(bytes) end
end

-- Lets everything run until `done` holds.
local function reach(done)
  while not done() do neap.sleep(0.001) end
end

-- The echo of a text, in as many pieces as it comes.
local function ask(client, text)
  assert(client:send(text))
  return client:read(#text)
end

describe("a connection", function()
  it("is the handler's, with the peer's address", bounded(function()
    local seen
    local listener, server, connect = start(function(...)
      seen = table.pack(...)
    end)
    local client = connect()
    local host, port = client:sockname()
    assert.is_nil(client:recv())
    assert.same({host, port}, {seen[2], seen[3]})
    listener:close()
    assert.is_true(server:await())
  end))

  it("comes over a path, too", bounded(function()
    local path = "unix:" .. sockets.path()
    local listener = assert(neap.listen(path))
    local server = neap.spawn(neap.serve, listener, echo)
    local client = assert(neap.connect(path))
    assert.equal("hello", ask(client, "hello"))
    client:close()
    listener:close()
    assert.is_true(server:await())
  end))

  it("is closed when the handler ends, however", bounded(function()
    local listener, server, connect, sock
    local ends = {
      function() end,
      function() sock:close() end,
      function() neap.current():cancel() neap.sleep(1) end,
    }
    for _, handler in ipairs(ends) do
      listener, server, connect = start(function(given)
        sock = given
        handler()
      end)
      local client = connect()
      assert.is_nil(client:recv())
      sockets.is_closed(sock:recv())
      listener:close()
      assert.is_true(server:await())
    end
  end))

  it("reset by its peer costs the handler a value, no more", -- N11
    bounded(function()
      local failed
      local listener, server, connect = start(function(sock)
        sock:recv()
        local sent, message, code = true, nil, nil
        while sent do
          sent, message, code = sock:send(("x"):rep(65536))
        end
        failed = {message ~= nil, code}
      end)
      local client = connect()
      client:send "x"
      reach(function() return client:recv(1) end)
      client:close() -- with bytes unread: a reset
      reach(function() return failed end)
      assert.is_true(failed[1])
      assert.truthy(failed[2] == "EPIPE" or failed[2] == "ECONNRESET")
      listener:close()
      assert.is_true(server:await())
    end))

  it("goes on while others come and go", bounded(function()
    local listener, server, connect = start(echo)
    local first = connect()
    for i = 1, 20 do
      local other <close> = connect()
      assert.equal("other" .. i, ask(other, "other" .. i))
      assert.equal("first" .. i, ask(first, "first" .. i))
    end
    first:close()
    listener:close()
    assert.is_true(server:await())
  end))
end)

describe("a handler that fails", function()
  it("is reported, and the server goes on", function()
    local result = shell.command({"-e", [[
      local listener = assert(neap.listen("127.0.0.1", 0))
      local server = neap.spawn(neap.serve, listener, function(sock)
        local word = sock:read()
        if word == "bad" then error("cannot do " .. word) end
        sock:write(word, "\n")
      end)
      for _, word in ipairs {"bad", "good", "bad", "fine"} do
        local client <close> = assert(neap.connect(listener:sockname()))
        client:write(word, "\n")
        print(word, client:read())
      end
      listener:close()
      print(server:await())
    ]]})
    assert.equal("bad\tnil\ngood\tgood\nbad\tnil\nfine\tfine\ntrue\n",
      result.out)
    local _, count = result.err:gsub("task #%d+ failed: %(command line%):4: "
      .. "cannot do bad\nstack traceback:\n.-%(command line%):4:", "")
    assert.equal(2, count)
    local _, sites = result.err:gsub("spawned at %(command line%):2\n", "")
    assert.equal(2, sites)
    assert.equal(1, result.status) -- as any error that nobody saw
  end)
end)

describe("closing the listener", function()
  it("ends the server now, if it serves nobody", bounded(function() -- N3
    local listener, server = start(echo)
    neap.sleep(0.001)
    listener:close()
    assert.is_true(server:await())
  end))

  it("before it begins ends it as well", bounded(function() -- N4
    local listener, server = start(echo)
    listener:close()
    assert.is_true(server:await())
  end))

  it("lets the connections go on, and waits for them", -- N27
    bounded(function()
      local listener, server, connect = start(echo)
      local client = connect()
      assert.equal("one", ask(client, "one"))
      local host, port = listener:sockname()
      listener:close()
      assert.equal("ECONNREFUSED", (select(3, neap.connect(host, port))))
      neap.sleep(0.05)
      assert.equal("pending", server:state())
      assert.equal("two", ask(client, "two"))
      client:close()
      assert.is_true(server:await())
    end))

  it("cancels them when the grace is over", bounded(function() -- N27
    for _, grace in ipairs {0, 0.05} do
      local reason
      local listener, server, connect = start(function(sock)
        local ok, err = pcall(echo, sock)
        reason = not ok and err.reason
        error(err)
      end, {grace = grace})
      local client = connect()
      assert.equal("one", ask(client, "one"))
      local since = neap.time()
      listener:close()
      assert.is_true(server:await())
      assert.is_true(neap.time() - since >= grace)
      assert.equal("the server that accepted it has ended", reason)
      assert.is_nil(client:recv())
    end
  end))

  it("awaits the clean-up of those that it cancels", bounded(function()
    local cleaned = false
    local listener, server, connect = start(function(sock)
      local _ <close> = setmetatable({}, {__close = function()
        neap.shield(neap.sleep, 0.02)
        cleaned = true
      end})
      echo(sock)
    end, {grace = 0})
    assert.equal("one", ask(connect(), "one"))
    listener:close()
    server:await()
    assert.is_true(cleaned)
  end))

  it("can be the handler's own doing", bounded(function()
    local listener
    local server, connect
    listener, server, connect = start(function(sock)
      assert.equal("stop", sock:read(4))
      listener:close()
      sock:send "gone"
    end)
    assert.equal("gone", ask(connect(), "stop"))
    assert.is_true(server:await())
  end))
end)

describe("cancelling the server", function()
  it("cancels its connections, and awaits them", bounded(function()
    local live = 0
    local listener, server, connect = start(function(sock)
      live = live + 1
      local _ <close> = setmetatable({}, {__close = function()
        neap.shield(neap.yield)
        live = live - 1
      end})
      echo(sock)
    end)
    local one, two = connect(), connect()
    ask(one, "one")
    ask(two, "two")
    assert.equal(2, live)
    server:cancel "enough"
    local ok, err = pcall(server.await, server)
    assert.is_false(ok)
    assert.equal("enough", err.reason)
    assert.equal("cancelled", server:state())
    assert.equal(0, live)
    assert.is_nil(one:recv())
    assert.is_nil(two:recv())
    assert.is_string(listener:sockname()) -- whose it is may go on with it
    listener:close()
  end))

  it("also while it waits for the last ones", bounded(function()
    local listener, server, connect = start(echo)
    local client = connect()
    ask(client, "one")
    listener:close()
    neap.sleep(0.001)
    server:cancel()
    assert.is_false(pcall(server.await, server))
    assert.equal("cancelled", server:state())
    assert.is_nil(client:recv())
  end))

  it("a time-out can do", bounded(function()
    local listener = assert(neap.listen("127.0.0.1", 0))
    assert.is_false(neap.move_on_after(0.02, neap.serve, listener, echo))
    local ok, err = pcall(neap.timeout, 0.02, neap.serve, listener, echo)
    assert.is_false(ok)
    assert.is_true(neap.is_timeout(err))
    listener:close()
  end))

  it("a failing sibling in its group does", bounded(function()
    local ok, err = pcall(neap.group, function(g)
      local listener <close> = assert(neap.listen("127.0.0.1", 0))
      g:spawn(neap.serve, listener, echo)
      g:spawn(function() neap.sleep(0.01) error("no more", 0) end)
      g:wait()
    end)
    assert.same({false, "no more"}, {ok, err})
  end))
end)

describe("max", function()
  it("is how many connections there are at once", bounded(function()
    local live, most, served = 0, 0, 0
    local listener, server, connect = start(function(sock)
      live = live + 1
      most = math.max(most, live)
      sock:send(sock:read(5))
      live = live - 1
      served = served + 1
    end, {max = 3})
    local clients = {}
    for i = 1, 10 do
      clients[i] = neap.spawn(function()
        local client <close> = connect()
        neap.sleep(0.002)
        assert.equal("hello", ask(client, "hello"))
      end)
    end
    neap.gather(table.unpack(clients))
    assert.equal(10, served)
    assert.equal(3, most)
    listener:close()
    assert.is_true(server:await())
  end))

  it("does not keep it from hearing that it is to stop", bounded(function()
    local listener, server, connect = start(echo, {max = 1, grace = 0.01})
    local client = connect()
    ask(client, "one")
    connect() -- one more, in the backlog
    neap.sleep(0.001)
    listener:close()
    assert.is_true(server:await())
    assert.is_nil(client:recv())
  end))

  it("nor that it was cancelled", bounded(function()
    local listener, server, connect = start(echo, {max = 1})
    ask(connect(), "one")
    server:cancel()
    assert.is_false(pcall(server.await, server))
    assert.equal("cancelled", server:state())
    listener:close()
  end))

  it("may be math.huge", bounded(function()
    local listener, server, connect = start(echo, {max = math.huge,
      grace = math.huge})
    local client <close> = connect()
    assert.equal("one", ask(client, "one"))
    client:close()
    listener:close()
    assert.is_true(server:await())
  end))
end)

describe("many", function()
  it("connect at once, and all are served", bounded(function() -- N19
    local listener, server, connect = start(echo)
    local clients, ticks = {}, 0
    local ticker = neap.spawn(function()
      while true do neap.yield() ticks = ticks + 1 end
    end)
    for i = 1, 300 do
      clients[i] = neap.spawn(function()
        local client <close> = connect()
        assert.equal("no " .. i, ask(client, "no " .. i))
      end)
    end
    neap.gather(table.unpack(clients))
    assert.is_true(ticks > 2)
    ticker:cancel()
    listener:close()
    assert.is_true(server:await())
  end))

  it("servers may share one listener", bounded(function() -- N19
    local listener, one, connect = start(echo, {max = 1})
    local two = neap.spawn(neap.serve, listener, echo, {max = 1})
    local a, b <close> = connect(), connect()
    assert.equal("a", ask(a, "a"))
    assert.equal("b", ask(b, "b"))
    local c = connect()
    c:send "c"
    a:close()
    assert.equal("c", c:recv())
    b:close()
    c:close()
    listener:close()
    neap.gather(one, two)
  end))

  it("come and go, and leave nothing", bounded(function() -- N33
    local listener, server, connect = start(echo)
    local function round()
      local clients = {}
      for i = 1, 100 do clients[i] = connect() end
      for i = 1, 100 do assert.equal("x", ask(clients[i], "x")) end
      for i = 1, 100 do clients[i]:close() end
      reach(function() return #neap.tasks() <= 4 end)
    end
    round()
    local before, memory = sockets.count(true), collectgarbage "count"
    for _ = 1, 5 do round() end
    assert.equal(before, sockets.count(true))
    assert.is_true(collectgarbage "count" < memory + 64)
    listener:close()
    assert.is_true(server:await())
  end))
end)

describe("tasks of a handler", function()
  it("are the run's, and outlive it; a group's do not", bounded(function()
    local spawned, told = nil, false
    local listener, server, connect = start(function()
      spawned = neap.spawn(function() neap.sleep(0.02) return "done" end)
      local g <close> = neap.group()
      g:spawn(function() neap.sleep(0.001) told = true end)
    end)
    assert.is_nil(connect():recv())
    assert.is_true(told)
    listener:close()
    assert.is_true(server:await())
    assert.equal("done", spawned:await())
  end))

  it("know their server's context, and stand in its group", -- of the tree
    bounded(function()
      neap.context().name = "outer"
      local name, tree, parent
      local listener, server, connect = start(function()
        name = neap.context().name
        parent = neap.current():parent()
        tree = neap.tree()
      end)
      assert.is_nil(connect():recv())
      assert.equal("outer", name)
      assert.equal(server, parent)
      assert.matches("serving.-: <Task #%d+ 'acceptor'.-\n  group, 2 tasks\n"
        .. "    <Task #%d+ 'acceptor' pending, accepting, ", tree)
      listener:close()
      server:await()
    end))
end)
