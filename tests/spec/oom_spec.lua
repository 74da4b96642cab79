-- SPDX-License-Identifier: MIT
--
-- The programs of tests/oom call all that is public: docs/neap.lua has the
-- names of Lua's side, bindings/neap.h those of C's.

local shell = require "tests.spec.shell"

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

-- What the programs call where no memory is refused: a set of names.
local function called()
  local oom = shell.quote((shell.neap:gsub("[^/]*$", "neap-oom")))
  local result = shell.run(oom .. " calls")
  assert.equal(0, result.status)
  local set = {}
  for line in result.err:gmatch "[^\n]+" do set[line] = true end
  return set
end

-- What a Task and a Future have in common must be called of both.
local function kinds_of(owner)
  return owner == "Awaitable" and {"Task", "Future"} or {owner}
end

describe("the programs without memory", function()
  it("call every function of Lua's side", function()
    local set, missing = called(), {}
    for owner, name in read "docs/neap.lua":gmatch
      "\nfunction (%w+)([.:][%w_]+)" do
      for _, kind in ipairs(kinds_of(owner)) do
        if not set[kind .. name] then missing[#missing + 1] = kind .. name end
      end
    end
    assert.same({}, missing)
  end)

  it("call every function of C's side", function()
    local pipe <close> = assert(io.popen "cat tests/oom/*.c")
    local text, missing = pipe:read "a", {}
    for line in read "bindings/neap.h":gmatch "NEAP_API ([^\n]*)" do
      local name = line:match "(neap_[%w_]+)%("
      if name and not text:find("%f[%w_]" .. name .. "%f[^%w_]") then
        missing[#missing + 1] = name
      end
    end
    assert.same({}, missing)
  end)
end)
