-- SPDX-License-Identifier: MIT
--
-- What the specs of sockets share: bounds, descriptors, and tests/spec/raw.c,
-- the system calls of a program that goes behind our back.

local assert = require "luassert"
local neap = require "neap"

local sockets = {}

local function run(command)
  local pipe <close> = assert(io.popen(command .. " 2>&1"))
  return (pipe:read "a":gsub("%s+$", ""))
end

-- Folders ------------------------------------------------------------------

sockets.folder = run "mktemp -d"

-- Removes the folder when the spec is through.
function sockets.clean()
  os.execute("rm -rf '" .. sockets.folder .. "'")
end

-- A path in it that nobody uses.
local paths = 0
function sockets.path()
  paths = paths + 1
  return ("%s/%d.sock"):format(sockets.folder, paths)
end

function sockets.exists(path)
  return os.execute(("test -e '%s'"):format(path)) == true
end

-- A shared library made of tests/spec/NAME.c.
function sockets.build(name)
  local library = ("%s/%s.so"):format(sockets.folder, name)
  local words = run(("cc -shared -fPIC -o '%s' tests/spec/%s.c " ..
    "$(pkg-config --cflags lua5.4) -ldl"):format(library, name))
  assert(words == "", words)
  return library
end

sockets.library = sockets.build "raw"
sockets.raw = package.loadlib(sockets.library, "luaopen_raw")()

-- Descriptors of this process. Asked for a clean count, it first collects what
-- earlier tests left.
function sockets.count(clean)
  if clean then
    collectgarbage()
    collectgarbage()
  end
  return sockets.raw.count()
end

-- Tasks --------------------------------------------------------------------

-- Seconds after which a test hangs: more where all is slow.
local patience = tonumber(os.getenv "NEAP_PATIENCE") or 10

-- The function as the body of a test: a task that ends, or hangs.
function sockets.bounded(fn)
  return function()
    local task = neap.spawn(fn)
    neap.wait({task}, {timeout = patience})
    if task:done() then return task:await() end
    local words = tostring(task)
    task:cancel()
    error("not through in " .. patience .. " s: " .. words, 0)
  end
end

function sockets.is_closed(...)
  assert.same({n = 3, nil, "socket is closed", "closed"}, table.pack(...))
end

-- A task in a method of the socket, which waits there by now.
function sockets.start(sock, method, ...)
  local task = neap.spawn(sock[method], sock, ...)
  for _ = 1, 4 do neap.yield() end
  assert(task:state() == "pending", "it did not wait")
  return task
end

-- Lets everybody take what was sent so far: it is reported with ours at the
-- latest.
function sockets.settle()
  local here, there, _ <close> = sockets.pair()
  here:send "."
  there:recv()
  neap.yield()
end

-- Everything up to the end of the stream.
function sockets.drain(sock)
  local parts = {}
  for part in function() return sock:recv() end do
    parts[#parts + 1] = part
  end
  return table.concat(parts)
end

-- Sends byte by byte, each read by itself where somebody waits; then the end.
function sockets.trickle(sock, data)
  return neap.spawn(function()
    for byte in data:gmatch "." do
      assert(sock:send(byte))
      sockets.settle()
    end
    assert(sock:shutdown "send")
  end)
end

-- The next bytes, in as many pieces as they come. A test that asks one recv for
-- several bytes has "#whole" in its name: see tests/fault/modes.lua.
function sockets.expect(sock, bytes)
  local got = ""
  while #got < #bytes do
    local part, message = sock:recv(#bytes - #got)
    if not part then error(message or "end of stream", 2) end
    got = got .. part
  end
  assert.equal(bytes, got)
end

-- Connections --------------------------------------------------------------

-- Both ends, and what closes them both at the end of the caller's block.
function sockets.guarded(a, b)
  return a, b, setmetatable({}, {__close = function()
    a:close()
    b:close()
  end})
end

-- Two datagram Sockets, at a host or, without one, each at a path of its own.
function sockets.datagrams(host)
  local function make()
    return assert(neap.udp(host or "unix:" .. sockets.path()))
  end
  return sockets.guarded(make(), make())
end

function sockets.pair(options)
  return sockets.guarded(assert(neap.socketpair(options)))
end

-- The same over TCP ("127.0.0.1", "::1") or over a path ("unix").
function sockets.connection(host)
  local listener <close> = host == "unix"
    and assert(neap.listen("unix:" .. sockets.path()))
    or assert(neap.listen(host or "127.0.0.1", 0))
  local name, port = listener:sockname()
  local server = neap.spawn(listener.accept, listener)
  if not port then name = "unix:" .. name end
  local client = assert(neap.connect(name, port))
  return sockets.guarded(client, (assert(server:await())))
end

-- The kinds of connection that must behave alike: name and maker.
sockets.kinds = {
  {"a socketpair", sockets.pair},
  {"TCP over IPv4", sockets.connection},
  {"TCP over IPv6", function() return sockets.connection "::1" end},
  {"a unix path", function() return sockets.connection "unix" end},
}

return sockets
