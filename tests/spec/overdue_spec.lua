-- SPDX-License-Identifier: MIT
--
-- Who was told to end and does not is named after the grace, once, with its
-- stack, and is waited for all the same. (neap_close: close_spec.lua; other
-- graces, and real time: tests/embed/overdue.c.)

local shell = require "tests.spec.shell"

-- What the scripts share. A cancelled `stay` goes on waiting, for its condition
-- takes the lock again under a shield; that is held by a holder for so long, or
-- by one that has ended, for ever. (SIGINT will not do: os.execute ignores it.)
local prelude = [[
  local lock = neap.Lock()
  local condition = neap.Condition(lock)
  local function stay()
    local _ <close> = lock:acquire()
    condition:wait()
  end
  local function hold(seconds)
    lock:acquire()
    if seconds then neap.sleep(seconds) lock:release() end
  end
]]

-- Runs a script under the virtual clock: the reports, and all that came of it.
local function run(script)
  local file <close> = shell.temporary(prelude .. script)
  local result = shell.command {"--clock=virtual", "--report=json", file.path}
  local reports = {}
  for line in result.err:gmatch "[^\n]+" do
    local report = {line = line}
    for key, value in line:gmatch '"([%w_]+)":"?(.-)"?[,}]%f["\0]' do
      report[key] = value
    end
    reports[#reports + 1] = report
  end
  return reports, result
end

local words = "did not end within 5 s of being cancelled"

local function check_leak(report, fields)
  assert.equal("leak", report.kind)
  assert.equal(words, report.message)
  for key, value in pairs(fields) do assert.equal(value, report[key]) end
end

describe("what does not end after a signal is named", function() -- C20
  it("the main task, with where it stands; it may still end", function()
    local reports, result = run [[
      local t <close> = setmetatable({}, {__close = function()
        print("cleaned", neap.time()) end})
      neap.spawn(function() neap.sleep(1) hold(7) end)
      neap.call_later(2, os.execute, "kill -TERM $PPID")
      stay()]]
    check_leak(reports[1], {id = "1", time = "7.000000"})
    assert.truthy(reports[1].line:find("in function 'neap.Condition:wait'", 1,
      true) or reports[1].line:find("in method 'wait'", 1, true))
    assert.truthy(reports[2].message:find "cancelled: terminated")
    assert.equal(2, #reports)
    assert.equal("cleaned\t8.0\n", result.out)
    assert.equal(143, result.status)
  end)

  it("clean-up that waits under a shield", function()
    local reports, result = run [[
      local t <close> = setmetatable({}, {__close = function()
        neap.shield(neap.sleep, 7)
        print("cleaned", neap.time()) end})
      neap.call_later(2, os.execute, "kill -TERM $PPID")
      neap.sleep(1000)]]
    check_leak(reports[1], {id = "1", time = "7.000000"})
    assert.truthy(reports[1].traceback:find "shield")
    assert.equal(2, #reports)
    assert.equal("cleaned\t9.0\n", result.out)
    assert.equal(143, result.status)
  end)

  it("what it owns", function()
    local reports = run [[
      neap.spawn(function() neap.sleep(1) hold(8) end)
      neap.call_later(2, os.execute, "kill -TERM $PPID")
      neap.run(function()
        neap.current():name "inner"
        neap.spawn({name = "child"}, stay)
        neap.sleep(1000)
      end)]]
    local seen = {}
    for i = 1, 2 do
      check_leak(reports[i], {time = "7.000000"})
      seen[reports[i].task] = true
    end
    assert.same({null = true, child = true}, seen)
    assert.truthy(reports[3].message:find "cancelled: terminated")
    assert.equal(3, #reports)
  end)

  it("what main left behind; then a deadlock is found", function()
    local reports, result = run [[
      neap.spawn({name = "stuck"}, stay)
      neap.spawn(function() neap.sleep(1) hold() end)
      neap.call_later(2, os.execute, "kill -TERM $PPID")
      neap.spawn(neap.sleep, 1000)]]
    check_leak(reports[1], {task = "stuck", time = "7.000000"})
    assert.truthy(reports[1].spawned_at:find ":11$")
    assert.equal("deadlock", reports[2].kind)
    assert.equal("7.000000", reports[2].time)
    assert.equal(2, #reports)
    assert.equal(143, result.status)
  end)

  it("not what was not cancelled by it", function()
    local reports, result = run [[
      neap.spawn(function() stay() end):cancel()
      neap.spawn(neap.sleep, 20)
      neap.call_later(2, os.execute, "kill -TERM $PPID")
      print(pcall(neap.sleep, 1000))]]
    assert.equal("false\tcancelled: terminated\n", result.out)
    assert.same({}, reports)
    assert.equal(0, result.status)
  end)
end)

describe("what a run left behind is named", function() -- C20
  local script = [[
    neap.spawn(function() neap.sleep(1) hold(7) end)
    neap.run(function()
      neap.spawn({name = "left"}, stay)
      neap.sleep(2)
    end)
    print(neap.time())]]

  it("in a task", function()
    local reports, result = run(script)
    check_leak(reports[1], {task = "left", time = "7.000000"})
    assert.equal(1, #reports)
    assert.equal("8.0\n", result.out)
    assert.equal(0, result.status)
  end)

  it("each at its own time, once", function()
    local reports, result = run [[
      local function leave(name, seconds)
        neap.sleep(seconds)
        neap.run(function() neap.spawn({name = name}, stay) neap.sleep(2) end)
      end
      neap.spawn(function() neap.sleep(0.5) hold(20) end)
      neap.spawn(leave, "first", 0)
      neap.spawn(leave, "quick", 0.5)
      neap.spawn(leave, "second", 0.3)
    ]]
    check_leak(reports[1], {task = "first", time = "7.000000"})
    check_leak(reports[2], {task = "second", time = "7.300000"})
    assert.equal(2, #reports) -- "quick" waits for the lock: its cancel ends it
    assert.equal(0, result.status)
  end)

  it("no sooner, and not what has ended", function()
    local reports, result = run [[
      neap.spawn(function() neap.sleep(1) hold(5.9) end)
      neap.run(function() neap.spawn(stay) neap.sleep(2) end)
      print(neap.time())
      neap.sleep(20)]]
    assert.same({}, reports)
    assert.equal("6.9\n", result.out)
  end)

  it("and delays no deadlock, once it has ended", function()
    local reports = run [[
      neap.spawn(function() neap.sleep(1) hold(2) end)
      neap.run(function() neap.spawn(stay) neap.sleep(2) end)
      neap.Future():await()]]
    assert.equal("deadlock", reports[1].kind)
    assert.equal("3.000000", reports[1].time)
  end)
end)

describe("loop:close() names what does not end", function() -- C20
  it("in a task", function()
    local reports, result = run [[
      local ready = neap.Event()
      neap.spawn(function() ready:wait() hold(7) end)
      neap.run(function()
        neap.spawn({name = "left"}, stay)
        neap.sleep(1)
        ready:set()
        neap.sleep(1)
        neap.loop():close()
        print(neap.time())
      end)]]
    check_leak(reports[1], {task = "left", time = "7.000000"})
    assert.equal(1, #reports)
    assert.equal("8.0\n", result.out)
    assert.equal(0, result.status)
  end)
end)
