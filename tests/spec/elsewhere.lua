-- SPDX-License-Identifier: MIT
--
-- What the specs of threads and of neap.offload share. Functions that run
-- elsewhere require it there, so it loads nothing that they do not need.
--
-- A *gate* holds up a thread of the system, really, until the test lets it
-- through. It is a table of numbers and strings, and crosses as one.

local elsewhere = {}

-- Anywhere -----------------------------------------------------------------

-- tests/spec/raw.c, in whatever state this is.
local function raw_of(gate)
  return package.loadlib(gate.library, "luaopen_raw")()
end

-- Says that `name`, one byte, is here, and sends nobody to sleep.
function elsewhere.tell(gate, name)
  raw_of(gate).write(gate.tell, name or "x")
end

-- Says so, then blocks the thread until somebody opens the gate once.
function elsewhere.pass(gate, name)
  elsewhere.tell(gate, name)
  return raw_of(gate).read(gate.wait)
end

-- A variable to be closed that tells the gate this name, after a wait under a
-- shield, which shows that one can.
function elsewhere.guard(gate, name)
  local neap = require "neap"
  return setmetatable({}, {__close = function()
    neap.shield(neap.yield)
    elsewhere.tell(gate, name)
  end})
end

-- A wait that never ends.
function elsewhere.forever()
  return require "neap".Future():await()
end

-- In the test --------------------------------------------------------------

local open = {}

-- A gate; elsewhere.close_gates closes all.
function elsewhere.gate()
  local sockets = require "tests.spec.sockets"
  local raw, gate = sockets.raw, {library = sockets.library, names = ""}
  gate.told, gate.tell = raw.pipe()
  gate.wait, gate.go = raw.pair "seqpacket"
  open[#open + 1] = gate
  return gate
end

-- After each test, when nobody is at a gate any more.
function elsewhere.close_gates()
  for i, gate in ipairs(open) do
    local raw = raw_of(gate)
    for _, name in ipairs {"told", "tell", "go", "wait"} do
      raw.close(gate[name])
    end
    open[i] = nil
  end
end

-- Waits until so many have said that they are here: their names, in order.
function elsewhere.arrived(gate, count)
  local neap = require "neap"
  while #gate.names < count do
    neap.wait_readable(gate.told)
    gate.names = gate.names .. raw_of(gate).read(gate.told)
  end
  local names = gate.names:sub(1, count)
  gate.names = gate.names:sub(count + 1)
  return names
end

-- The names of those who have said so by now and were not asked for yet.
function elsewhere.heard(gate)
  local raw = raw_of(gate)
  raw.write(gate.tell, ".")             -- so that there is one
  local names = gate.names .. raw.read(gate.told)
  gate.names = ""
  return (names:gsub("%.$", ""))
end

-- Lets so many through.
function elsewhere.open(gate, count)
  for _ = 1, count or 1 do raw_of(gate).write(gate.go, "!") end
end

-- How many descriptors and bytes more there are after a second time: bytes that
-- malloc has given out (parcels are such), and those that the process has. 0
-- where a sanitizer has replaced malloc: it keeps what was freed.
function elsewhere.growth(fn)
  local sockets = require "tests.spec.sockets"
  local raw = sockets.raw
  local function measure()
    return sockets.count(true), raw.allocated(), raw.resident()
  end
  fn()
  local fds, bytes, resident = measure()
  fn()
  local fds_then, bytes_then, resident_then = measure()
  if bytes == 0 then resident_then = resident end
  return fds_then - fds, bytes_then - bytes, resident_then - resident
end

return elsewhere
