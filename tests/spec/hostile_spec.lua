-- SPDX-License-Identifier: MIT
--
-- Servers whose peers reset, stall, half-close or trickle, and a process that
-- runs out of descriptors and gets some back. The server is each time the same
-- small one, and an honest client must be served all the while. The numbers
-- are those of SEMANTICS, group 6.

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local raw = sockets.raw

teardown(sockets.clean)

-- The server -----------------------------------------------------------------

-- Echoes to each connection, which has so many seconds for each step; notes
-- what became of it. An accept that fails is tried again when a descriptor may
-- be free.
local Server = {}
Server.__index = Server

function Server:converse(sock)
  local sock <close> = sock
  local note = "ended"
  while note == "ended" do
    local in_time, data, message, code = neap.move_on_after(self.patience,
      sock.recv, sock)
    if not in_time then note = "stalled"
    elseif data then
      in_time, data, message, code = neap.move_on_after(self.patience,
        sock.send, sock, data)
      if not in_time then note = "stalled" end
      if in_time and not data then note = code end
    elseif message then note = code
    else break end
  end
  self.notes[note] = (self.notes[note] or 0) + 1
end

function Server:serve(group)
  while true do
    local sock, _, code = self.listener:accept()
    if sock then group:spawn(self.converse, self, sock)
    elseif code == "closed" then return
    else
      self.refused = self.refused + 1
      neap.sleep(0.01)
    end
  end
end

-- A server at 127.0.0.1 for the time of fn(server); then it holds nothing.
local function with_server(patience, fn)
  local before = sockets.count(true)
  local server = setmetatable({patience = patience, notes = {}, refused = 0,
    listener = assert(neap.listen("127.0.0.1", 0))}, Server)
  neap.group(function(group)
    group:spawn(server.serve, server, group)
    fn(server)
    server.listener:close()
  end)
  assert.equal(before, sockets.count(true))
  return server.notes
end

function Server:connect()
  return (assert(neap.connect(self.listener:sockname())))
end

-- An honest client is served.
function Server:check()
  local sock <close> = self:connect()
  for i = 1, 3 do
    assert(sock:send("message " .. i))
    sockets.expect(sock, "message " .. i)
  end
end

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- The peers ------------------------------------------------------------------

describe("peers that", function()
  test("reset, at every step", function() -- N11
    local notes = with_server(5, function(server)
      for step = 1, 30 do
        local sock <close> = server:connect()
        if step % 3 > 0 then sock:send(("x"):rep(step * 1000)) end
        if step % 3 > 1 then sock:recv() end
        raw.abort(sock:fd())
        sock:close()
      end
      server:check()
    end)
    assert.equal(1, notes.ended) -- the honest client's
    local failed = (notes.ECONNRESET or 0) + (notes.EPIPE or 0)
    assert.equal(30, failed)
  end)

  test("stall, without a word or without reading", function() -- N12
    local notes = with_server(0.3, function(server)
      local mute <close> = server:connect()
      local deaf <close> = server:connect()
      local flood = neap.spawn(deaf.send, deaf, ("x"):rep(32 << 20))
      for _ = 1, 5 do
        server:check()
        neap.sleep(0.01)
      end
      assert.is_nil(mute:recv()) -- the server has lost its patience
      assert.is_nil((flood:await()))
    end)
    assert.same({ended = 5, stalled = 2}, notes)
  end)

  test("half-close and go on listening", function() -- N10
    local notes = with_server(5, function(server)
      local sock <close> = server:connect()
      local data = ("half"):rep(5000)
      assert(sock:send(data))
      assert(sock:shutdown "send")
      sockets.expect(sock, data)
      assert.is_nil(sock:recv())
      server:check()
    end)
    assert.same({ended = 2}, notes)
  end)

  test("send one byte a second", function() -- N14
    local notes = with_server(1.5, function(server)
      local sock <close> = server:connect()
      for byte in ("abc"):gmatch "." do
        assert(sock:send(byte))
        sockets.expect(sock, byte)
        server:check()
        neap.sleep(1)
      end
    end)
    assert.same({ended = 4}, notes)
  end)
end)

-- The limit ------------------------------------------------------------------

-- 60 clients at once, of whom each one that gets a descriptor leaves one less
-- for the server: those who have connected.
local function crowd(server)
  local tasks, clients = {}, {}
  for i = 1, 60 do
    tasks[i] = neap.spawn(neap.connect, server.listener:sockname())
  end
  for _, task in ipairs(tasks) do
    local sock, _, code = task:await()
    if not sock then assert.equal("EMFILE", code) end
    clients[#clients + 1] = sock
  end
  return clients
end

describe("out of descriptors:", function() -- N20
  test("who is there is served, and when some are free all are", function()
    with_server(5, function(server)
      local old <close> = server:connect()
      local limit = raw.limit(raw.count() + 40)
      local _ <close> = setmetatable({}, {__close = function()
        raw.limit(limit)
      end})
      local clients = crowd(server)
      assert.is_true(#clients < 60)
      repeat neap.yield() until server.refused > 0
      assert(old:send "still")
      sockets.expect(old, "still")
      for i = 1, #clients, 2 do clients[i]:close() end
      for i = 2, #clients, 2 do
        assert(clients[i]:send "at last")
        sockets.expect(clients[i], "at last")
        clients[i]:close()
      end
      for _ = 1, 5 do server:check() end
    end)
  end)
end)
