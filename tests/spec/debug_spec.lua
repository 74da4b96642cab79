-- SPDX-License-Identifier: MIT
--
-- Debug mode: what holds the loop up, and what is left over at the end.

local shell = require "tests.spec.shell"

local spin = [[
local function spin()
  local start = os.clock()  -- of the CPU: less than what passes
  while os.clock() - start < 0.11 do end
end
]]

-- Runs a script in debug mode: its reports of one kind, in order of their words
-- (numbers are N there), and what came of it all.
local function run(kind, script, option)
  local file <close> = shell.temporary(script)
  local result = shell.command({"--report=json", option or "--clock=real",
    file.path}, "", "NEAP_DEBUG=1")
  local reports = {}
  for line in result.err:gmatch "[^\n]+" do
    local report = {line = line}
    for key, value in line:gmatch '"([%w_]+)":"?(.-)"?[,}]%f["\0]' do
      report[key] = value
    end
    report.words = report.message:gsub("%d+", "N")
    if report.kind == kind then reports[#reports + 1] = report end
  end
  table.sort(reports, function(a, b)
    return a.words .. a.spawned_at < b.words .. b.spawned_at
  end)
  return reports, result
end

-- The report of a slice that was made there; others may be slow on a machine
-- that is busy.
local function find(reports, field, pattern)
  for _, report in ipairs(reports) do
    if report[field]:find(pattern) then return report end
  end
  error(("no report whose %s is %q"):format(field, pattern), 2)
end

describe("what held the loop up", function()
  it("is a task that goes on: where it stands", function()
    local reports, result = run("slow", spin .. [[
      neap.spawn({name = "busy"}, function()
        spin()
        neap.sleep(0)
      end):await()]])
    local report = find(reports, "task", "^busy$")
    assert.truthy(report.message:find "^held the loop for 0%.%d+ s$")
    assert.truthy(tonumber(report.message:match "[%d.]+") > 0.1)
    assert.truthy(report.traceback:find "neap%.sleep")
    assert.truthy(report.traceback:find ":7: in function")
    assert.truthy(report.spawned_at:find ":5$")
    assert.equal("2", report.id)
    assert.equal("", result.out)
    assert.equal(0, result.status)
  end)

  it("is a task that waits in a coroutine", function()
    local reports = run("slow", spin .. [[
      neap.spawn({name = "busy"}, coroutine.wrap(function()
        spin()
        neap.sleep(0)
      end)):await()]])
    assert.truthy(find(reports, "task", "busy").traceback:find ":7: in")
  end)

  it("is a task that has ended: where it was spawned", function()
    for _, ending in ipairs {"", "return 1, 2", "error 'seen'"} do
      local reports = run("slow", spin .. ([[
        neap.wait {neap.spawn({name = "busy"}, function() spin() %s end)}]])
        :format(ending))
      local report = find(reports, "task", "^busy$")
      assert.equal("null", report.traceback)
      assert.truthy(report.spawned_at:find ":5$")
    end
  end)

  it("is the main task", function()
    local report = find(run("slow", spin .. "spin()"), "id", "^1$")
    assert.truthy(report.message:find "^held the loop")
  end)

  it("is a callback: the line that made it", function()
    for _, call in ipairs {"neap.call_soon(spin)", "neap.call_later(0, spin)",
      "neap.spawn(print):on_done(spin)"} do
      local reports = run("slow", spin .. call .. " neap.sleep(0.001)")
      local report = find(reports, "spawned_at", ":5$")
      assert.truthy(report.message:find "^a callback held the loop for 0%.%d")
      assert.equal("null", report.id)
    end
  end)

  it("is a callback that watches a descriptor", function()
    local reports = run("slow", spin .. [[
      local a, b = neap.socketpair()
      local task = neap.current()
      neap.loop():add_reader(a, function() spin() a:close() task:cancel() end)
      b:send "x"
      pcall(neap.sleep, 10)]])
    assert.truthy(find(reports, "spawned_at", ":7$").message:find "callback")
  end)

  it("is told to people in words", function()
    local result = shell.command({"-e", spin .. [[
      neap.call_soon(spin)
      neap.spawn({name = "busy"}, spin):await()]]}, "", "NEAP_DEBUG=1")
    assert.truthy(result.err:find
      "neap: slow: a callback held the loop for [%d.]+ s\n\tspawned at ")
    assert.truthy(result.err:find
      "neap: task #2 'busy': held the loop for [%d.]+ s\n\tspawned at ")
  end)
end)

local leftovers = [[
  neap.spawn({name = "left"}, function() neap.sleep(100) end)
  neap.spawn({name = "daemon", daemon = true}, neap.sleep, 100)
  neap.spawn(print):await()
  neap.call_later(100, print)
  neap.call_at(neap.time() + 100, print)
  neap.call_later(100, print):cancel()
  neap.call_soon(print)
  neap.sleep(0)
  a, b = neap.socketpair()
  b:close()
  neap.Future():on_done(print)
  neap.loop():add_reader(a, print)
  neap.listen("127.0.0.1", 0)
  error "over"
]]

describe("what is left over", function()
  it("is listed, once each", function()
    local reports, result = run("leak", leftovers)
    local found = {}
    for i, report in ipairs(reports) do found[i] = report.words end
    assert.same({"<Socket N N.N.N.N:N listening> was left open",
      "<Socket N> was left open",
      "a callback was never called", "a callback was never called",
      "had not ended when the runtime was closed"}, found)
    assert.truthy(reports[3].spawned_at:find ":4$")
    assert.truthy(reports[4].spawned_at:find ":5$")
    assert.equal("left", reports[5].task)
    assert.truthy(reports[5].spawned_at:find ":1$")
    assert.truthy(reports[5].traceback:find "neap%.sleep")
    assert.equal(1, result.status)
  end)

  it("is nothing where everything was ended", function()
    local reports, result = run("leak", [[
      local a, b = neap.socketpair()
      local a <close>, b = a, b:close()
      neap.call_later(0.001, print, "called")
      neap.spawn({daemon = true}, neap.sleep, 1000)
      neap.spawn(neap.sleep, 0.01)]], "--clock=virtual")
    assert.same({}, reports)
    assert.same({"called\n", 0}, {result.out, result.status})
  end)

  it("is told before anything is cancelled, and to people in words", function()
    local result = shell.command({"--clock=virtual", "-e", [[
      neap.spawn(function()
        local t <close> = setmetatable({}, {__close = function()
          io.stderr:write "cleaned\n" end})
        neap.sleep(100)
      end)
      neap.sleep(1)
      error("over", 0)]]}, "", "NEAP_DEBUG=1")
    assert.truthy(result.err:find("neap: task #2: had not ended when the "
      .. "runtime was closed\nstack traceback:.-\tspawned at .-\ncleaned\n$"))
  end)
end)

describe("outside of debug mode", function()
  it("nothing is told", function()
    for _, environment in ipairs {"", "NEAP_DEBUG=0", "NEAP_DEBUG="} do
      local result = shell.command({"-e", spin .. [[
        spin()
        neap.call_later(100, print)
        socket = neap.socketpair()]]}, "", environment)
      assert.same({out = "", err = "", status = 0}, result)
    end
    assert.equal("", shell.command({"-E", "-e", spin .. "spin()"}, "",
      "NEAP_DEBUG=1").err)
  end)
end)
