-- SPDX-License-Identifier: MIT
--
-- neap.serve where something fails: deadlocks, misuse, the end of the program,
-- and accept itself, whose failures tests/spec/fault.c makes, or a limit of the
-- shell's. The numbers are those of SEMANTICS, group 6.

local neap = require "neap"
local shell = require "tests.spec.shell"
local sockets = require "tests.spec.sockets"

local bounded = sockets.bounded
local library = sockets.build "fault"

teardown(sockets.clean)

local function echo(sock)
  for bytes in function() return sock:recv() end do sock:send(bytes) end
end

describe("a deadlock of its connections", function()
  it("cancels them, and is raised", function()
    for _, how in ipairs {"listener:close()", ""} do
      local result = shell.command({"-e", ([[
        local listener = assert(neap.listen("127.0.0.1", 0))
        local client = assert(neap.connect(listener:sockname()))
        local ok, err = pcall(neap.serve, listener, function(sock)
          local _ <close> = setmetatable({}, {__close = function()
            print "cleaned"
          end})
          %s
          neap.Event():wait()
        end, {max = 1})
        print(ok, err.name)
      ]]):format(how)})
      assert.equal("", result.err)
      assert.equal("cleaned\nfalse\tDeadlock\n", result.out)
    end
  end)

  it("ends those that will not be cancelled", function()
    local result = shell.command({"-e", [[
      local listener = assert(neap.listen("127.0.0.1", 0))
      local client = assert(neap.connect(listener:sockname()))
      local ok, err = pcall(neap.serve, listener, function(sock)
        neap.shield(function() neap.Event():wait() end)
      end, {max = 1})
      print(ok, err.name)
    ]]})
    assert.equal("false\tDeadlock\n", result.out)
  end)
end)

describe("misuse", function()
  local function refused(words, ...)
    local ok, message = pcall(neap.serve, ...)
    assert.is_false(ok)
    assert.matches(words, message, 1, true)
  end

  it("is told in words", bounded(function()
    local listener <close> = assert(neap.listen("127.0.0.1", 0))
    local a, _, both <close> = sockets.pair()
    refused("#1 to 'neap.serve' (neap.Socket expected, got no value)")
    refused("bad argument #1 to 'neap.serve' (it does not listen)", a, echo)
    refused("bad argument #2 to 'neap.serve' (function expected, got nil)",
      listener, nil)
    refused("bad argument #3 to 'neap.serve' (table expected, got number)",
      listener, echo, 5)
    refused("unknown option 'maximum'; known: max grace", listener, echo,
      {maximum = 5})
    refused("option 'max': positive integer or math.huge expected, got 0",
      listener, echo, {max = 0})
    refused("option 'max': positive integer or math.huge expected, got 1.5",
      listener, echo, {max = 1.5})
    refused("option 'grace': number of seconds expected, got string",
      listener, echo, {grace = "long"})
    refused("option 'grace': number of seconds expected, got nan",
      listener, echo, {grace = 0 / 0})
    local _ = both
  end))

  it("outside of tasks is refused", bounded(function()
    local listener <close> = assert(neap.listen("127.0.0.1", 0))
    local done = neap.Future()
    neap.call_soon(function()
      done:set_result(pcall(neap.serve, listener, echo))
    end)
    local ok, message = done:await()
    assert.is_false(ok)
    assert.matches("this is a callback", message)
    ok, message = pcall(table.sort, {1, 2}, function()
      neap.serve(listener, echo)
    end)
    assert.is_false(ok)
    assert.matches("cannot wait here: table.sort is on the stack", message)
  end))
end)

describe("the end of the program", function()
  it("closes a server and its connections", function()
    local result = shell.command({"-e", [[
      local listener = assert(neap.listen("127.0.0.1", 0))
      neap.spawn({daemon = true}, neap.serve, listener, function(sock)
        local _ <close> = setmetatable({}, {__close = function()
          print "cleaned"
        end})
        sock:send(sock:read(5))
        sock:recv()
      end)
      local client = assert(neap.connect(listener:sockname()))
      client:send "hello"
      print(client:read(5))
    ]]})
    assert.same({"hello\ncleaned\n", "", 0},
      {result.out, result.err, result.status})
  end)

  it("so does os.exit", function()
    local result = shell.command({"-e", [[
      local listener = assert(neap.listen("127.0.0.1", 0))
      neap.spawn(neap.serve, listener, function(sock)
        local _ <close> = setmetatable({}, {__close = function()
          print "cleaned"
        end})
        sock:send(sock:read(5))
        sock:recv()
      end, {max = 1})
      local client = assert(neap.connect(listener:sockname()))
      client:send "hello"
      print(client:read(5))
      os.exit(7, true)
    ]]})
    assert.same({"hello\ncleaned\n", "", 7},
      {result.out, result.err, result.status})
  end)
end)

describe("accept fails:", function()
  -- A server that echoes, run while the first calls of accept4 fail so.
  local function run(number, times, script)
    return shell.command({"-e", [[
      local listener = assert(neap.listen("127.0.0.1", 0))
      local host, port = listener:sockname()
      local function echo(sock)
        for bytes in function() return sock:recv() end do sock:send(bytes) end
      end
      local function ask(text)
        local client <close> = assert(neap.connect(host, port))
        client:send(text)
        return client:read(#text)
      end
    ]] .. script}, "", ("FAULT='accept4 %d %d 0' LD_PRELOAD=%s timeout 20 env "
      .. "ASAN_OPTIONS=verify_asan_link_order=0"):format(number, times,
      library))
  end

  local script = [[
    local server = neap.spawn(neap.serve, listener, echo)
    local since, cpu = neap.time(), os.clock()
    print(ask "one", ask "two")
    print(neap.time() - since >= 0.2, os.clock() - cpu < 0.1)
    listener:close()
    print(server:await())
  ]]

  it("what may pass is tried again, without spinning", function() -- N20
    for _, number in ipairs {24, 23, 105, 12, 1, 101} do
      local result = run(number, 3, script)
      assert.equal("one\ttwo\ntrue\ttrue\ntrue\n", result.out)
      local _, told = result.err:gsub("neap: error: accept: [^\n]*; the server "
        .. "goes on trying\n", "")
      assert.equal(1, told)
    end
  end)

  it("connections that are gone are passed over", function() -- N21
    local result = run(103, 5, [[
      local server = neap.spawn(neap.serve, listener, echo)
      local since = neap.time()
      print(ask "one", neap.time() - since < 0.1)
      listener:close()
      print(server:await())
    ]])
    assert.same({"one\ttrue\ntrue\n", ""}, {result.out, result.err})
  end)

  it("what lasts ends the server, when its connections have ended", function()
    local result = run(22, 1, [[
      neap.spawn(neap.connect, host, port)
      print(neap.serve(listener, echo))
    ]])
    assert.equal("nil\taccept: Invalid argument\tEINVAL\n", result.out)
  end)
end)

describe("the limit of descriptors", function()
  -- Two commands: the server may open few files, its clients as many as they
  -- like. They talk over the server's standard output.
  local server = [[
    local listener = assert(neap.listen("127.0.0.1", 0))
    print((select(2, listener:sockname())))
    io.stdout:flush()
    neap.serve(listener, function(sock)
      for line in sock:lines() do
        if line == "stop" then return listener:close() end
        if line == "cpu" then line = tostring(os.clock()) end
        sock:write(line, "\n")
      end
    end)
    print "ended"
  ]]

  it("is reached, left again, and nobody is lost", -- N20
    bounded(function()
      local pipe <close> = assert(io.popen(("ulimit -n 24; exec %s -e %s 2>&1")
        :format(shell.quote(shell.neap), shell.quote(server))))
      local port = assert(pipe:read "n")
      local first = assert(neap.connect("127.0.0.1", port))
      local function ask(client, text)
        assert(client:write(text, "\n"))
        return client:read()
      end
      assert.equal("hello", ask(first, "hello"))
      local clients, answered = {}, 0
      for i = 1, 40 do
        clients[i] = neap.spawn(function()
          local client <close> = assert(neap.connect("127.0.0.1", port))
          assert.equal("x", ask(client, "x"))
          answered = answered + 1
          neap.sleep(0.2)
        end)
      end
      neap.sleep(0.15)
      assert.is_true(answered < 24) -- the others wait in the backlog
      local cpu = tonumber(ask(first, "cpu")) -- and it serves those it has
      neap.gather(table.unpack(clients))
      assert.is_true(tonumber(ask(first, "cpu")) - cpu < 0.1)
      assert.is_nil(ask(first, "stop"))
      local said = pipe:read "a"
      assert.matches("neap: error: accept: Too many open files; the server "
        .. "goes on trying\nended\n$", said)
    end))
end)
