-- SPDX-License-Identifier: MIT
--
-- neap.Queue: waiters that are cancelled, queues that are closed, and join. The
-- numbers are those of SEMANTICS, group 5. Run by our command, so that a test
-- may wait.

local neap = require "neap"
local queues = require "tests.spec.queues"
local settle, start = queues.settle, queues.start

assert(loadfile("tests/spec/fifo_end.lua", "t", _ENV))("Queue")

describe("close of a queue", function()
  it("can drop what is in, and releases who joins", function() -- Q9
    local q = neap.Queue(2)
    q:put(1)
    q:put(2)
    local putter, joiner = start(q, "put", 3), start(q, "join")
    assert.equal("<Queue 2/2 items, 1 putter waiting, 1 joiner waiting>",
      tostring(q))
    q:close(true)
    assert.equal("<Queue 0/2 items, closed>", tostring(q))
    joiner:await()
    assert.matches("queue is closed", tostring(select(2, pcall(putter.await,
      putter))))
    assert.same({n = 2, nil, "closed"}, table.pack(q:get()))
    assert.error_matches(function() q:task_done() end, "too often")
    q:join()
  end)

  it("can drop later what it left in at first", function() -- Q9
    local q = neap.Queue()
    for i = 1, 5000 do q:put(i) end
    q:close()
    local joiner = start(q, "join")
    assert.not_equal("finished", joiner:state())
    q:close(true)
    joiner:await()
    assert.same({n = 2, nil, "closed"}, table.pack(q:try_get()))
  end)
end)

describe("join", function()
  it("returns at once where nothing is unfinished", function() -- Q10
    local q = neap.Queue()
    q:join()
    q:put(1)
    q:get()
    q:task_done()
    q:join()
  end)

  it("waits until every item was task_done", function() -- Q10
    local q, log = neap.Queue(), {}
    q:put(1)
    q:put(2)
    for _ = 1, 2 do
      neap.spawn(function()
        q:join()
        log[#log + 1] = "joined"
      end)
    end
    for i = 1, 2 do
      q:get()
      settle()
      log[#log + 1] = "done " .. i
      q:task_done()
    end
    settle()
    assert.same({"done 1", "done 2", "joined", "joined"}, log)
  end)

  it("counts what went from putter to getter directly", function() -- Q10
    local q = neap.Queue(0)
    start(q, "get")
    q:put(1)
    start(q, "put", 2)
    q:get()
    local joiner = start(q, "join")
    q:task_done()
    settle()
    assert.not_equal("finished", joiner:state())
    q:task_done()
    joiner:await()
    assert.error_matches(function() q:task_done() end, "too often")
  end)

  it("does not count what nobody could put", function() -- Q10
    local q = neap.Queue(0)
    assert.is_false(q:try_put(1))
    local putter = start(q, "put", 1)
    putter:cancel()
    settle()
    q:join()
  end)

  it("refuses task_done too often", function() -- Q10
    local q = neap.Queue()
    assert.error_matches(function() q:task_done() end,
      "task_done called too often")
    q:put(1)
    q:task_done()
    assert.error_matches(function() q:task_done() end,
      "task_done called too often")
  end)

  it("can be cancelled", function() -- Q10
    local q = neap.Queue()
    q:put(1)
    local joiner = start(q, "join")
    joiner:cancel()
    assert.equal("<Queue 1 items>", tostring(q))
    settle()
    assert.is_true(joiner:cancelled())
  end)
end)
