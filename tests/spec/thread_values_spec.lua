-- SPDX-License-Identifier: MIT
--
-- What crosses to a thread and back, what does not, and how neap.thread and its
-- methods are misused. The numbers are those of SEMANTICS.

local elsewhere = require "tests.spec.elsewhere"
local neap = require "neap"
local sockets = require "tests.spec.sockets"
local tasks = require "tests.spec.tasks"

local caught = tasks.caught

teardown(sockets.clean)
after_each(tasks.sweep)

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- The results of a thread.
local function run(...) return neap.thread(...):await() end

-- What comes back of what is sent.
local function echo(...) return run(function(...) return ... end, ...) end

describe("what crosses", function() -- P12
  test("numbers keep their kind and their bits", function()
    local sent = {0, -1, math.maxinteger, math.mininteger, 0.0, -0.0, 1.0,
      2^53, 2.0^-1074, math.huge, -math.huge, 0.1}
    local got = {echo(table.unpack(sent))}
    for i, number in ipairs(sent) do
      assert.equal(math.type(number), math.type(got[i]))
      assert.equal(string.pack("n", number), string.pack("n", got[i]))
    end
    local nan = echo(0 / 0)
    assert.is_true(nan ~= nan and math.type(nan) == "float")
  end)

  test("strings keep every byte", function()
    local bytes = {}
    for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
    local all = table.concat(bytes)
    for _, sent in ipairs {"", "\0", "a\0b", all, all:rep(4096)} do
      assert.is_true(echo(sent) == sent)
      assert.is_true(echo({[sent] = sent})[sent] == sent)
    end
  end)

  test("tables keep cycles and shared parts", function()
    local shared, sent = {1, 2}, {}
    sent.self, sent.a, sent.b, sent[sent] = sent, shared, shared, "key"
    local got = echo(sent)
    assert.not_equal(sent, got)
    assert.equal(got, got.self)
    assert.equal(got.a, got.b)
    assert.equal("key", got[got])
    assert.same({1, 2}, got.a)
    local one, two = echo(shared, {shared})
    assert.equal(one, two[1])
    assert.equal(2, select("#", echo(shared, shared)))
    assert.is_true((function(a, b) return a == b end)(echo(shared, shared)))
  end)

  test("tables keep holes, false and deep nests", function()
    local sent, deep = {n = 4, nil, false, nil, 4}, {}
    assert.same(sent, echo(sent))
    local inner = deep
    for _ = 1, 10000 do
      inner[1] = {}
      inner = inner[1]
    end
    local got, depth = echo(deep), 0
    while got[1] do got, depth = got[1], depth + 1 end
    assert.equal(10000, depth)
  end)

  test("functions, by their code, both ways", function()
    local twice = function(n) return n * 2 end
    local got, fn = run(function(f, n) return f(n), f end, twice, 21)
    assert.equal(42, got)
    assert.equal(10, fn(5))
    local made = run(function()
      return {add = function(a, b) return a + b end}
    end)
    assert.equal(3, made.add(1, 2))
  end)

  test("an upvalue that is a module is required over there", function()
    local own = run(function() return neap.current():state(), neap end ~= nil
      and function() return neap.current():state() end)
    assert.equal("running", own)
  end)
end)

describe("what does not cross is refused with its path", function() -- P7
  local upvalue = {}
  local refusals = {
    {"a C function", "C function", print},
    {"a coroutine", "coroutine", coroutine.create(print)},
    {"a userdata", "FILE", io.stdout},
    {"a Task", "Task", neap.current()},
    {"a table with a metatable", "metatable", setmetatable({}, {})},
    {"a function with an upvalue", "'upvalue'",
      function() return upvalue end},
  }
  for _, refusal in ipairs(refusals) do
    local name, words, value = table.unpack(refusal)

    test(name .. " as an argument", function()
      local message = caught(neap.thread, function() end, value)
      assert.matches(words, message, 1, true)
      message = caught(neap.thread, function() end, 1, {job = {callback =
        {0, value}}})
      assert.matches(".job.callback[2]", message, 1, true)
      assert.matches(words, message, 1, true)
    end)
  end

  test("as the function", function()
    assert.matches("'upvalue'", caught(neap.thread, function()
      return upvalue
    end), 1, true)
    assert.matches("C function", caught(neap.thread, print), 1, true)
  end)

  test("as a key", function()
    assert.matches("metatable", caught(neap.thread, function() end,
      {a = {[setmetatable({}, {})] = 1}}), 1, true)
  end)

  test("as a result: that is the thread's error", function()
    local thread = neap.thread(function()
      return 1, {job = {callback = {0, print}}}
    end)
    local e = caught(thread.await, thread)
    assert.matches(".job.callback[2]", e, 1, true)
    assert.matches("C function", e, 1, true)
    assert.equal("failed", thread:state())
  end)

  test("and nothing has begun", function()
    local before = #neap.tasks()
    for _ = 1, 20 do pcall(neap.thread, function() end, {print}) end
    assert.equal(before, #neap.tasks())
  end)
end)

describe("misuse of neap.thread", function()
  for name, case in pairs {
    ["no function"] = {"bad argument #1 .*function expected, got no value",
      table.pack()},
    ["a number"] = {"bad argument #1 .*function expected, got number",
      table.pack(1)},
    ["nil"] = {"bad argument #1 .*function expected, got nil",
      table.pack(nil)},
    ["options alone"] = {"bad argument #2 .*function expected, got no value",
      table.pack({name = "x"})},
    ["options and nil"] = {"bad argument #2 .*function expected, got nil",
      table.pack({}, nil)},
    ["an option that is misspelt"] = {
      "bad argument #1 .*unknown option 'nam'; known: name daemon%)",
      table.pack({nam = "x"}, function() end)},
  } do
    test(name, function()
      local words, arguments = table.unpack(case)
      assert.matches(words, caught(neap.thread,
        table.unpack(arguments, 1, arguments.n)))
    end)
  end

  test("methods of a Thread on what is none", function()
    local thread = neap.thread(function() end)
    local task = neap.spawn(function() end)
    for _, method in ipairs {"spawn", "call_soon", "stop"} do
      for _, other in ipairs {task, neap.Future(), {}, 1, io.stdout} do
        assert.matches("Thread expected",
          caught(thread[method], other, function() end))
      end
      assert.matches("Thread expected", caught(thread[method]))
    end
    neap.gather(thread, task)
  end)

  test("of its methods' arguments", function()
    local thread = neap.thread(elsewhere.forever)
    for _, method in ipairs {"spawn", "call_soon"} do
      assert.matches("function expected", caught(thread[method], thread))
      assert.matches("function expected", caught(thread[method], thread, 1))
      assert.matches("C function", caught(thread[method], thread, print), 1,
        true)
      assert.matches("[1]", caught(thread[method], thread, function() end,
        {print}), 1, true)
    end
    assert.matches("unknown option 'demon'", caught(thread.spawn, thread,
      {demon = true}, function() end))
    assert.matches("bad argument #2 to 'spawn' %(function expected",
      caught(function() thread:spawn {} end))
    thread:cancel()
    neap.settle(thread)
  end)
end)
