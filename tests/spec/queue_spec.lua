-- SPDX-License-Identifier: MIT
--
-- neap.Queue: what it shares with a Channel (fifo.lua), and what only it has.
-- The numbers are those of SEMANTICS, group 5. Run by our command, so that a
-- test may wait.

local neap = require "neap"
local queues = require "tests.spec.queues"
local drain, memory = queues.drain, queues.memory

assert(loadfile("tests/spec/fifo.lua", "t", _ENV))("Queue")

describe("the items of a queue", function()
  it("give their memory back when they have been got", function() -- Q11
    local q = neap.Queue()
    local before = memory()
    for i = 1, 100000 do q:put(i) end
    assert.is_true(memory() - before > 1000)
    for i = 1, 100000 do assert(q:get() == i) end
    assert.is_true(memory() - before < 50)
    q:put "again"
    assert.equal("again", q:get())
  end)

  it("are not kept alive once they were got", function() -- Q11
    local q, seen = neap.Queue(), setmetatable({}, {__mode = "k"})
    for _ = 1, 5 do
      local item = {}
      seen[item] = true
      q:put(item)
    end
    memory()
    assert.equal(5, q:len())
    drain(q)
    memory()
    assert.is_nil(next(seen))
  end)

  it("are asked of a queue, or what was given is named", function() -- Q13
    local q = neap.Queue()
    for name in pairs {
      put = 1, try_put = 1, get = 1, try_get = 1, items = 1, join = 1,
      task_done = 1, close = 1, len = 1,
    } do
      assert.error_matches(function() q[name](io.stdout, 1) end,
        "neap.Queue expected")
      assert.error_matches(function() q[name]() end, "neap.Queue expected")
    end
  end)
end)
