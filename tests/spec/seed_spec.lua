-- SPDX-License-Identifier: MIT
--
-- --seed: one seed is one run, another seed another; what is promised of order
-- all the same.

local shell = require "tests.spec.shell"

-- Runs a script under the virtual clock; what it printed.
local function trace(seed, script)
  local result = shell.command {"--clock=virtual", "--seed=" .. seed, "-e",
    script}
  assert.same({"", 0}, {result.err, result.status})
  return result.out
end

-- A little of everything: tasks, sleeps that end together, a queue, callbacks,
-- cancels, chance.
local busy = [[
  local q = neap.Queue(2)
  for i = 1, 20 do
    neap.spawn(function()
      for round = 1, 3 do
        neap.sleep(math.random(3))
        print(i, round, neap.time())
        q:put(i)
      end
    end)
    neap.call_later(2, print, "callback", i)
  end
  local lazy = neap.spawn(function()
    for item in q:items() do print("got", item) neap.yield() end
  end)
  neap.sleep(30)
  lazy:cancel()
  print(pcall(neap.await, lazy))
]]

describe("a seed", function() -- S25
  it("gives the same run each time, byte for byte", function()
    for _, seed in ipairs {"1", "7", "18446744073709551615"} do
      local first = trace(seed, busy)
      assert.equal(first, trace(seed, busy))
      assert.truthy(#first > 1000)
    end
  end)

  it("gives another run than another seed", function()
    local seen = {}
    for seed = 1, 5 do
      local run = trace(seed, busy)
      assert.is_nil(seen[run])
      seen[run] = true
    end
  end)

  it("brings every order of what is ready at once", function()
    local orders = {}
    for seed = 1, 40 do
      orders[trace(seed, [[
        for i = 1, 3 do neap.spawn(io.write, i) end]])] = true
    end
    local count = 0
    for order in pairs(orders) do
      assert.truthy(order:find "^[123][123][123]$")
      count = count + 1
    end
    assert.equal(6, count)
  end)

  it("of 0 is none: first ready, first run", function()
    assert.equal("123", trace(0, "for i = 1, 3 do neap.spawn(io.write, i) end"))
  end)

  it("leaves deadlines and lines in their order", function()
    for seed = 1, 10 do
      assert.equal("123 abc", trace(seed, [[
        for i = 3, 1, -1 do neap.call_later(i, io.write, i) end
        local event, q = neap.Event(), neap.Queue(0)
        for name in ("abc"):gmatch "." do
          neap.spawn(function() q:put(name) end)
          neap.sleep(0.1)
        end
        neap.sleep(4)
        io.write " "
        for _ = 1, 3 do io.write(q:get()) end]]))
    end
  end)

  it("must be a number", function()
    for _, seed in ipairs {"", "x", "-1", "1x", " 1", "99999999999999999999"} do
      local result = shell.command {"--seed=" .. seed, "-e", ""}
      assert.equal(1, result.status)
      assert.truthy(result.err:find("option '--seed=" .. seed .. "'", 1, true))
    end
  end)
end)
