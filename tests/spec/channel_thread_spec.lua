-- SPDX-License-Identifier: MIT
--
-- neap.Channel between threads: what a call does, seen from either side. What
-- many calls at once do is tests/beside/channel_storm.lua's. The numbers are
-- those of SEMANTICS, groups 5 and 9.

local neap = require "neap"
local sockets = require "tests.spec.sockets"
local Channel, thread = neap.Channel, neap.thread

local function test(name, fn) it(name, sockets.bounded(fn)) end

local function assert_closed(...)
  assert.same({n = 2, nil, "closed"}, table.pack(...))
end

describe("a get", function()
  test("waits for what another thread puts, of any kind", function() -- P12, Q6
    local there, back = Channel(), Channel()
    local echo = thread(function(from, to)
      for _ = 1, 8 do
        local value = from:get()
        require "neap".sleep(0.001)
        to:put(value)
      end
    end, there, back)
    for _, value in ipairs {1, 0.5, "te\0xt", false, true} do
      there:put(value)
      local got = back:get()
      assert.equal(value, got)
      assert.equal(math.type(value), math.type(got))
    end
    local ring = {1, {2}}
    ring.ring = ring
    there:put(ring)
    local got = back:get()
    assert.equal(got, got.ring)
    assert.equal(2, got[2][1])
    there:put(nil)
    assert.same({n = 1}, table.pack(back:get()))
    there:put(function(a, b) return a + b end)
    assert.equal(3, back:get()(1, 2))
    echo:await()
  end)

  test("is given its item in the order of asking", function() -- Q5
    local work, ready, threads = Channel(), Channel(), {}
    for i = 1, 5 do
      threads[i] = thread(function(from, to)
        local getter = require "neap".spawn(from.get, from)
        require "neap".yield()
        to:put("ready")
        return getter:await()
      end, work, ready)
      ready:get()
    end
    assert.equal("<Channel 0 items, 5 getters waiting>", tostring(work))
    for i = 1, 5 do work:put(i) end
    assert.equal(0, work:len())
    assert.is_false((work:try_get()))
    for i = 1, 5 do assert.equal(i, threads[i]:await()) end
  end)
end)

describe("a put", function()
  test("has the room that is made in the order of asking", function() -- Q5
    local narrow, ready, threads = Channel(1), Channel(), {}
    narrow:put(0)
    for i = 1, 5 do
      threads[i] = thread(function(into, to, value)
        local putter = require "neap".spawn(into.put, into, value)
        require "neap".yield()
        to:put("ready")
        putter:await()
      end, narrow, ready, i)
      ready:get()
    end
    assert.equal("<Channel 1/1 items, 5 putters waiting>", tostring(narrow))
    assert.is_false(narrow:try_put("barging"))
    for i = 0, 5 do assert.equal(i, narrow:get()) end
    for i = 1, 5 do threads[i]:await() end
  end)

  test("to a rendezvous returns when its item was taken", function() -- Q12
    local meet, go = Channel(0), Channel()
    local other = thread(function(channel, word)
      local got = {}
      word:get()
      got[1] = channel:get()
      got[2] = channel:get()
      word:get()
      got[3] = channel:try_put("given") -- somebody waits
      word:get()
      got[4], got[5] = channel:try_get()
      return got
    end, meet, go)
    assert.is_false(pcall(neap.timeout, 0.005, meet.put, meet, "not taken"))
    assert.equal("<Channel 0/0 items>", tostring(meet))
    go:put(1)
    meet:put("taken")
    meet:put("too")
    local getter = neap.spawn(meet.get, meet)
    neap.yield()
    go:put(2)
    assert.equal("given", getter:await())
    local putter = neap.spawn(meet.put, meet, "offered")
    neap.yield()
    go:put(3)
    putter:await()
    assert.same({"taken", "too", true, true, "offered"}, other:await())
  end)
end)

describe("a Channel", function()
  test("that comes back from elsewhere is the one that was sent", function()
    local there, reply = Channel(0), Channel()
    local other = thread(function(channel)
      local answer = channel:get()
      answer:put({channel, answer})
    end, there)
    there:put(reply)
    assert.same({there, reply}, reply:get())
    other:await()
  end)

  test("goes on when the thread that made it has ended", function()
    local channel = thread(function()
      local made = require "neap".Channel(1)
      made:put("left behind")
      return made
    end):await()
    assert.equal("left behind", channel:get())
    assert.is_true(channel:try_put(1))
  end)

  test("takes part in work without a loop, but does not wait there", function()
    local jobs = Channel(1)
    jobs:put("job")
    local got, put, full, message = neap.offload(function(channel)
      local job = channel:get()
      return job, channel:try_put("done"), channel:try_put("more"),
        select(2, pcall(channel.put, channel, "more"))
    end, jobs)
    assert.same({"job", true, false}, {got, put, full})
    assert.matches("cannot wait", message)
    assert.equal("done", jobs:get())
  end)
end)

describe("the end of a Channel", function()
  test("wakes who waits, in every thread", function() -- Q8
    local full, empty, ready, threads = Channel(1), Channel(), Channel(), {}
    full:put("in")
    for i = 1, 6 do -- more than are woken in one go
      threads[i] = thread(function(into, from, to)
        local spawn, yield = require "neap".spawn, require "neap".yield
        local getter = spawn(from.get, from)
        local putter = spawn(pcall, into.put, into, "out")
        yield()
        to:put("ready")
        local value, why = getter:await()
        local ok, e = putter:await()
        return {value == nil, why, ok, e.name}
      end, full, empty, ready)
      ready:get()
    end
    full:close()
    empty:close()
    for i = 1, 6 do
      assert.same({true, "closed", false, "QueueClosed"}, threads[i]:await())
    end
    assert.equal("in", full:get())
    assert_closed(full:get())
    assert_closed(empty:try_get())
  end)

  test("ends a loop over its items over there", function() -- Q7
    local numbers = Channel(10)
    local sum = thread(function(channel)
      local total = 0
      for n in channel:items() do total = total + n end
      return total
    end, numbers)
    for i = 1, 1000 do numbers:put(i) end
    numbers:close()
    assert.equal(500500, sum:await())
  end)
end)

describe("who waits for another thread", function()
  test("can be cancelled there", function() -- Q1
    local items = Channel()
    local other = thread(function(channel) return channel:get() end, items)
    while not tostring(items):find "1 getter" do neap.sleep(0.001) end
    other:cancel()
    assert.is_false(pcall(other.await, other))
    items:put("still here")
    assert.equal("still here", items:get())
  end)

  test("loses nothing, timed out while it may be served", function() -- Q1, Q3
    local numbers = Channel(0)
    local other = thread(function(channel)
      local neap, put = require "neap", 0
      for i = 1, 20000 do
        if neap.move_on_after(0.00002, channel.put, channel, i) then
          put = put + i
        end
      end
      channel:close()
      return put
    end, numbers)
    local got, over = 0, false
    while not over do
      local ok, value, why = neap.move_on_after(0.00002, numbers.get, numbers)
      over = why == "closed"
      if ok and not over then got = got + value end
    end
    assert.is_true(got > 0)
    assert.equal(other:await(), got)
  end)
end)
