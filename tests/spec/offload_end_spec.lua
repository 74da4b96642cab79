-- SPDX-License-Identifier: MIT
--
-- neap.offload and the end of the program; and that nothing is left of what has
-- ended. The numbers are those of SEMANTICS.

local elsewhere = require "tests.spec.elsewhere"
local neap = require "neap"
local sockets = require "tests.spec.sockets"
local tasks = require "tests.spec.tasks"

local offload = neap.offload

teardown(sockets.clean)
after_each(tasks.sweep)
after_each(elsewhere.close_gates)

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- A function that runs on at the end has what it has.
local lazy = "ASAN_OPTIONS=detect_leaks=0"

-- Runs a script that must end with this output and status, and no words.
local function check(script, out, status, environment)
  local result = tasks.run("local neap = require 'neap'\n" .. script, "",
    environment)
  assert.equal("", result.err)
  assert.equal(out, result.out)
  assert.equal(status, result.status)
end

describe("at the end of the program", function() -- P9
  it("what was asked for is awaited", function()
    check([[
      neap.spawn(function()
        print(neap.offload(function()
          os.execute "sleep 0.05"
          return "through"
        end))
      end)]], "through\n", 0)
  end)

  it("what was left is not", function()
    local before = os.time()
    check([[
      neap.spawn({daemon = true}, neap.offload, function()
        os.execute "exec sleep 10"
      end)
      neap.sleep(0.05)
      print "end"]], "end\n", 0, lazy)
    check([[
      neap.spawn(neap.offload, function() os.execute "exec sleep 10" end)
      neap.sleep(0.05)
      os.exit(3, true)]], "", 3, lazy)
    check([[
      neap.spawn(neap.offload, function() os.execute "exec sleep 10" end)
      neap.sleep(0.05)
      os.exit(3)]], "", 3, lazy)
    assert.is_true(os.difftime(os.time(), before) < 8)
  end)

  it("no deadlock is seen while one runs", function() -- S19
    check([[
      local future = neap.Future()
      local waiter = neap.spawn(future.await, future)
      neap.offload(function() os.execute "sleep 0.05" end)
      future:set_result(1)
      print(waiter:await())]], "1\n", 0)
  end)

  it("print in it writes where print writes", function()
    check([[
      io.stdout:setvbuf "no"
      neap.offload(function() print("a", 1) io.write "b\n" end)
      print "c"]], "a\t1\nb\nc\n", 0)
  end)
end)

describe("nothing is left of", function() -- P6
  -- Three at once: all that came before have ended then, and there are as many
  -- states as there can be.
  local function fill()
    local gate, list = elsewhere.gate(), {}
    for i = 1, 3 do
      list[i] = neap.spawn(offload, function(gate)
        elsewhere.pass(gate)
      end, gate)
    end
    elsewhere.arrived(gate, 3)
    elsewhere.open(gate, 3)
    neap.gather(table.unpack(list))
    elsewhere.close_gates()
  end

  -- Nothing of what the function makes is there when it has returned.
  local function is_flat(fn)
    local fds, bytes, resident = elsewhere.growth(function()
      fn()
      fill()
    end)
    assert.equal(0, fds)
    assert.is_true(bytes < 1 << 20, bytes)
    assert.is_true(resident < 64 << 20, resident)
  end

  test("1,000 with large values", function()
    is_flat(function()
      for i = 1, 500 do
        offload(function(t) return t end, {("x"):rep(40000)})
        if i % 25 == 0 then collectgarbage() end
      end
    end)
  end)

  test("those that were left", function()
    is_flat(function()
      for i = 1, 500 do
        local task = neap.spawn(offload, function(t) return t end,
          {("x"):rep(40000)})
        neap.yield()
        task:cancel()
        if i % 25 == 0 then
          offload({wait = true}, function() end)
          collectgarbage()
        end
      end
    end)
  end)
end)
