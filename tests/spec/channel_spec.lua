-- SPDX-License-Identifier: MIT
--
-- neap.Channel in one thread: it is a Queue (fifo.lua) whose values are copied.
-- Between threads: tests/beside. Run by our command, so that a test may wait.

local neap = require "neap"
local queues = require "tests.spec.queues"
local tasks = require "tests.spec.tasks"
local settle, start = queues.settle, queues.start
local drain, memory = queues.drain, queues.memory

teardown(tasks.clean)

assert(loadfile("tests/spec/fifo.lua", "t", _ENV))("Channel")
assert(loadfile("tests/spec/fifo_end.lua", "t", _ENV))("Channel")

describe("a value is copied when it is put:", function()
  it("what is changed afterwards is not what is got", function() -- P12
    local ch, value = neap.Channel(), {1, inner = {2}}
    ch:put(value)
    value.inner[1] = 3
    local got = ch:get()
    assert.same({1, inner = {2}}, got)
    assert.not_equal(value, got)
  end)

  it("also where the put has to wait", function() -- P12
    for _, max in ipairs {0, 1} do
      local ch, value = neap.Channel(max), {1}
      ch:try_put(0)
      local putter = start(ch, "put", value)
      value[1] = 2
      ch:try_get()
      if max == 1 then assert.same({1}, ch:get()) end
      putter:await()
    end
  end)

  it("strings, numbers and booleans come as they are", function() -- P12
    local ch = neap.Channel()
    local values = {1, 1.0, -0.0, math.mininteger, 1 / 0, "", "a\0b", true}
    for _, value in ipairs(values) do ch:put(value) end
    for _, value in ipairs(values) do
      local got = ch:get()
      assert.equal(value, got)
      assert.equal(math.type(value), math.type(got))
      assert.equal(("%q"):format(value), ("%q"):format(got))
    end
    ch:put(0 / 0)
    local nan = ch:get()
    assert.is_true(nan ~= nan)
  end)

  it("what cannot cross is refused with its path", function() -- P12
    for _, put in ipairs {"put", "try_put"} do
      local ch = neap.Channel()
      local ok, e = pcall(ch[put], ch, {job = {io.stdout}})
      assert.is_false(ok)
      assert.matches("cannot put", e)
      assert.matches("%.job%[1%]", e)
      assert.equal(0, ch:len())
    end
  end)

  it("a Channel is shared, and is the same value here", function() -- P12
    local ch = neap.Channel()
    ch:put(ch)
    ch:put({ch, to = ch})
    assert.equal(ch, ch:get())
    local got = ch:get()
    assert.equal(ch, got[1])
    assert.equal(ch, got.to)
    local other = neap.Channel(1)
    ch:put(other)
    other = tostring(other)
    memory()
    assert.equal(other, tostring(ch:get()))
  end)

  it("what cannot be made here stops one getter, not all", function() -- P12
    local ch, name = neap.Channel(), "tests.spec.channel_module"
    local module = {}
    package.loaded[name] = module
    for _ = 1, 3 do ch:put(function() return module end) end
    ch:put("next")
    package.loaded[name] = nil
    local first = start(ch, "get")
    assert.error_matches(function() ch:get() end, name)
    assert.error_matches(function() first:await() end, name)
    package.loaded[name] = module
    assert.equal(module, ch:get()())
    assert.equal("next", ch:get())
  end)

  it("what finds no memory here is still the first", function() -- P12
    assert.equal("not enough memory\n100000\tnext\n", tasks.outside([[
      local neap = require "neap"
      neap.run(function()
        local ch, list = neap.Channel(2), {}
        for i = 1, 100000 do list[i] = i end
        ch:put(list)
        ch:put("next")
        list = nil
        collectgarbage()
        local hoard = {}
        while pcall(function() hoard[#hoard + 1] = ("x"):rep(65536) end) do end
        local ok, e = pcall(ch.get, ch)
        hoard = nil
        print(e)
        print(#ch:get(), ch:get())
      end)
    ]], 16 << 20))
  end)
end)

describe("the end", function()
  it("can drop what is in", function() -- Q9
    local ch = neap.Channel(2)
    ch:put(1)
    ch:put("two")
    local putter = start(ch, "put", 3)
    assert.equal("<Channel 2/2 items, 1 putter waiting>", tostring(ch))
    ch:close(true)
    assert.equal("<Channel 0/2 items, closed>", tostring(ch))
    local ok, e = pcall(putter.await, putter)
    assert.is_false(ok)
    assert.equal("QueueClosed", e.name)
    assert.same({n = 2, nil, "closed"}, table.pack(ch:get()))
    assert.same({n = 2, nil, "closed"}, table.pack(ch:try_get()))
  end)

  it("can drop later what it left in at first", function() -- Q9
    local ch = neap.Channel()
    for i = 1, 5000 do ch:put(i) end
    ch:close()
    assert.equal(5000, ch:len())
    ch:close(true)
    assert.same({n = 2, nil, "closed"}, table.pack(ch:try_get()))
  end)

  it("leaves no item behind in a channel that nobody knows", function() -- Y10
    for _ = 1, 100 do
      local ch = neap.Channel(1)
      ch:put("an item")
      local putter = start(ch, "put", {"one more"})
      putter:cancel()
    end
    settle()
    memory() -- and LeakSanitizer looks
  end)
end)

describe("a wait for a channel", function()
  it("is one for the world: a time-out ends it, no deadlock", function() -- S19
    local ch = neap.Channel(0)
    for _, method in ipairs {"get", "put"} do
      local ok, e = pcall(neap.timeout, 0.01, ch[method], ch, 1)
      assert.is_false(ok)
      assert.is_true(neap.is_timeout(e))
    end
    assert.equal("<Channel 0/0 items>", tostring(ch))
  end)

  it("says what it is", function()
    local ch = neap.Channel(0)
    local getter = start(ch, "get")
    assert.matches("getting from a channel", tostring(getter))
    assert.matches("<Channel 0/0 items, 1 getter waiting>", neap.tree())
    ch:put(1)
    local putter = start(ch, "put", 1)
    assert.matches("putting into a channel", tostring(putter))
    ch:close()
    pcall(putter.await, putter)
  end)

  it("is not possible outside of tasks, what need not wait is", function()
    local ch, ok, message = neap.Channel(1), nil, nil
    neap.call_soon(function()
      ch:put("a")
      ok, message = pcall(ch.put, ch, "b")
    end)
    settle()
    assert.is_false(ok)
    assert.matches("cannot wait here", message)
    assert.same({"a"}, drain(ch))
  end)

  it("asks for a channel, or names what it was given", function()
    local ch = neap.Channel()
    for name in pairs {
      put = 1, try_put = 1, get = 1, try_get = 1, items = 1, close = 1, len = 1,
    } do
      assert.error_matches(function() ch[name](io.stdout, 1) end,
        "neap.Channel expected")
      assert.error_matches(function() ch[name]() end, "neap.Channel expected")
    end
  end)
end)
