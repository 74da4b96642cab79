-- SPDX-License-Identifier: MIT
--
-- neap.offload: errors of the function, what crosses and what does not, and
-- misuse. The numbers are those of SEMANTICS.

local elsewhere = require "tests.spec.elsewhere"
local neap = require "neap"
local sockets = require "tests.spec.sockets"
local tasks = require "tests.spec.tasks"

local caught = tasks.caught
local offload = neap.offload

teardown(sockets.clean)
after_each(tasks.sweep)
after_each(elsewhere.close_gates)

local function test(name, fn) it(name, sockets.bounded(fn)) end

describe("an error of the function", function() -- P7
  test("is raised here", function()
    assert.matches("tests/spec/offload_error_spec.lua:%d+: boom$",
      caught(offload, function() error "boom" end))
  end)

  for name, sent in pairs {
    ["a string"] = "words", ["a string with NULs"] = "a\0b\0",
    ["an integer"] = 7, ["a float"] = -0.0, ["true"] = true, ["false"] = false,
    ["a table"] = {code = 7, list = {1, {2}}},
  } do
    test("that is " .. name, function() -- F7
      local e = caught(offload, function(e) error(e, 0) end, sent)
      assert.same(sent, e)
      assert.equal(math.type(sent), math.type(e))
    end)
  end

  test("that is nil", function() -- F7
    local ok, e = pcall(offload, function() error(nil) end)
    assert.is_false(ok)
    assert.is_nil(e)
  end)

  test("of C: as Lua words it", function()
    assert.matches("bad argument #1 to 'rep'",
      caught(offload, function() string.rep() end))
    assert.matches("No such file", caught(offload, function()
      assert(io.open "/nowhere/at/all")
    end))
  end)

  test("that cannot cross becomes words", function()
    assert.matches("a coroutine", caught(offload, function()
      error {co = coroutine.create(print)}
    end), 1, true)
    assert.matches("told in words", caught(offload, function()
      error(setmetatable({}, {__tostring = function()
        return "told in words"
      end}))
    end))
    assert.is_string(caught(offload, function()
      error(setmetatable({}, {__tostring = function() error "again" end}))
    end))
  end)

  test("of a stack that overflows", function() -- F10
    assert.matches("stack overflow", caught(offload, function()
      local function down() return 1 + down() end
      down()
    end))
    assert.equal(1, offload(function() return 1 end))
  end)

  test("that is a Timeout is one here, and of no scope here", function()
    local function fail()
      local neap = require "neap"
      neap.run(function() neap.timeout(0, neap.sleep, 10) end)
    end
    assert.is_true(neap.is_timeout(caught(offload, fail)))
    assert.is_true(neap.is_timeout(caught(neap.move_on_after, 5, offload,
      fail)))
  end)

  test("that is a Cancelled is an error like any other here", function()
    local task = neap.spawn(offload, function()
      local neap = require "neap"
      neap.run(function()
        local task = neap.spawn(neap.sleep, 10)
        task:cancel "own reason"
        task:await()
      end)
    end)
    neap.settle(task)
    assert.equal("failed", task:state())
    assert.equal("own reason", task:error().reason)
  end)

  test("has the tracebacks of both sides", function()
    local function culprit() error "lost" end
    local function asker() offload(culprit) end
    local task = neap.spawn(asker)
    neap.settle(task)
    local there, here = task:traceback():match(
      "in another thread:\n(stack traceback:.-)\nand here:\n(.*)$")
    assert.is_string(there, task:traceback())
    for text, fn in pairs {[there] = culprit, [here] = asker} do
      local line = debug.getinfo(fn, "S").linedefined
      assert.matches(("offload_error_spec.lua:%d: in"):format(line), text, 1,
        true)
    end
  end)

  test("that nobody catches is reported so, once", function() -- F6
    local result = tasks.run([[
local neap = require "neap"
neap.spawn({name = "careless"}, function()
  neap.offload(function() error("lost", 0) end)
end)
]], "")
    assert.matches("^neap: task #2 'careless' failed: lost\nin another "
      .. "thread:\nstack traceback:\n.*it:3: in .*and here:\n.*it:3: in ",
      result.err)
    local _, count = result.err:gsub("neap: ", "")
    assert.equal(1, count)
    assert.equal(1, result.status)
  end)

  test("leaves the state as it was: the next one works", function()
    for _ = 1, 20 do
      caught(offload, function() error {} end)
      assert.equal(2, offload(function(n) return n + 1 end, 1))
    end
  end)
end)

describe("what does not cross is refused with its path", function() -- P7
  local upvalue = {}
  for _, refusal in ipairs {
    {"a C function", "C function", print},
    {"a coroutine", "coroutine", coroutine.create(print)},
    {"a userdata", "FILE", io.stdout},
    {"a Future", "Future", neap.Future()},
    {"a table with a metatable", "metatable", setmetatable({}, {})},
    {"a function with an upvalue", "'upvalue'",
      function() return upvalue end},
  } do
    local name, words, value = table.unpack(refusal)
    test(name, function()
      assert.matches(words, caught(offload, function() end, value), 1, true)
      local message = caught(offload, function() end, 1, {job = {callback =
        {0, value}}})
      assert.matches("neap.offload", message, 1, true)
      assert.matches(".job.callback[2]", message, 1, true)
      assert.matches(words, message, 1, true)
    end)
  end

  test("as the function", function()
    assert.matches("'upvalue'", caught(offload, function()
      return upvalue
    end), 1, true)
    assert.matches("C function", caught(offload, os.execute), 1, true)
  end)

  test("as a result: that is the error", function()
    local e = caught(offload, function()
      return 1, {job = {callback = {0, print}}}
    end)
    assert.matches(".job.callback[2]", e, 1, true)
    assert.matches("C function", e, 1, true)
    assert.equal(1, offload(function() return 1 end))
  end)
end)

describe("values", function() -- P12
  test("cross exactly, both ways", function()
    local shared = {1, 2}
    local sent = {n = 3, nil, false, -0.0, [1.5] = math.mininteger,
      a = shared, b = shared, text = "a\0b", huge = -math.huge}
    sent.self = sent
    local got = offload(function(t) return t end, sent)
    assert.equal(got, got.self)
    assert.equal(got.a, got.b)
    assert.same({1, 2}, got.a)
    assert.equal("a\0b", got.text)
    assert.equal(-math.huge, got.huge)
    assert.equal("integer", math.type(got[1.5]))
    assert.equal(math.mininteger, got[1.5])
    assert.equal(-math.huge, 1 / got[3])
    local nan, float, integer = offload(function(...) return ... end, 0 / 0,
      1.0, 1)
    assert.is_true(nan ~= nan)
    assert.equal("float integer", math.type(float) .. " " ..
      math.type(integer))
  end)

  test("functions by their code, with modules", function()
    assert.equal(42, offload(function(f, n) return f(n) end,
      function(n) return n * 2 end, 21))
    assert.equal("table", offload(function() return type(elsewhere) end))
    assert.equal(3, offload(function()
      return function(a, b) return a + b end
    end)(1, 2))
  end)

  test("a megabyte", function()
    local big = ("x"):rep(1 << 20)
    assert.is_true(big == offload(function(s) return s end, big))
  end)
end)

describe("misuse of neap.offload", function()
  for name, case in pairs {
    ["no function"] = {"bad argument #1 .*function expected, got no value",
      table.pack()},
    ["a number"] = {"bad argument #1 .*function expected, got number",
      table.pack(1)},
    ["nil"] = {"bad argument #1 .*function expected, got nil",
      table.pack(nil)},
    ["options alone"] = {"bad argument #2 .*function expected, got no value",
      table.pack({wait = true})},
    ["options and nil"] = {"bad argument #2 .*function expected, got nil",
      table.pack({}, nil)},
    ["an option that is misspelt"] = {
      "bad argument #1 .*unknown option 'wiat'; known: wait%)",
      table.pack({wiat = true}, function() end)},
    ["an option of others"] = {"unknown option 'name'",
      table.pack({name = "x"}, function() end)},
  } do
    test(name, function()
      local words, arguments = table.unpack(case)
      assert.matches(words, caught(offload,
        table.unpack(arguments, 1, arguments.n)))
    end)
  end
end)
