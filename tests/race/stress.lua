-- SPDX-License-Identifier: MIT
--
-- Threads and offloads started, sent to, cancelled, stopped, dropped at random
-- moments, all at once; with books of what must come of it. The program then
-- ends, one way of several, with some of that still under way.
--
--     neap tests/race/stress.lua SEED [STEPS]
--
-- The last line says what was done; the status is 0. tests/race/run sweeps
-- seeds.

local neap = require "neap"

local seed = tonumber(arg[1]) or 1
local steps = tonumber(arg[2]) or 8
local done = {}     -- of each kind, how many

math.randomseed(seed)
local random = math.random

local function count(kind) done[kind] = (done[kind] or 0) + 1 end

local function chance(n) return random(n) == 1 end

-- Some turns, or some time.
local function pause()
  if chance(2) then
    for _ = 1, random(0, 4) do neap.yield() end
  else
    neap.sleep(random() / 1000)
  end
end

-- How a task ends, be it cancelled or not: "finished", results; or "failed",
-- error; or "cancelled".
local function end_of(task)
  neap.wait {task}
  local state = task:state()
  if state == "finished" then return state, task:result() end
  if state == "failed" then return state, task:error() end
  assert(state == "cancelled", state)
  return state
end

-- ---- sent to a thread

local function serve()
  require "neap".loop():run_forever()
  return "served"
end

local function note(i)
  log = log or {}
  log[#log + 1] = i
end

local function answer(i, way)
  local neap = require "neap"
  log = log or {}
  log[#log + 1] = i
  if way == 1 then neap.yield() end
  if way == 2 then neap.sleep(i % 7 / 10000) end
  if way == 3 then error({code = i}) end
  if way == 4 then neap.sleep(3600) end
  return i * 2
end

-- Each answer is its own; only who is told to end is cancelled. What is sent
-- to a thread that was told to end may have ended with it.
local function check_answer(task, i, way, cut, books)
  local state, value = end_of(task)
  cut = cut or books.cut
  if state == "finished" then assert(way < 3 and value == i * 2)
  elseif state == "failed" then assert(way == 3 and value.code == i)
  else assert(cut, "cancelled by nobody") end
  count "answers"
end

local function send(thread, i, books)
  if chance(3) then
    thread:call_soon(note, i)
    books.owed[i] = true
    return
  end
  local way, cut = random(0, 4), chance(3)
  if way == 4 then cut = true end
  local task = thread:spawn(answer, i, way)
  if not cut then books.owed[i] = true end
  books.answers[#books.answers + 1] = neap.spawn(function()
    if cut then
      pause()
      task:cancel()
    end
    check_answer(task, i, way, cut, books)
  end)
end

-- In the order of sending, and none is missing.
local function check_log(log, owed)
  local last = 0
  for _, i in ipairs(log) do
    assert(i > last, "out of order, or twice")
    last = i
    owed[i] = nil
  end
  assert(next(owed) == nil, "lost")
end

local function end_server(thread, way)
  if way == 1 then
    thread:stop()
    local state, value = end_of(thread)
    assert(state == "finished" and (value == "served" or value == nil))
  elseif way == 2 then
    thread:cancel()
    assert(end_of(thread) == "cancelled")
  end
  if way < 3 then assert(not pcall(thread.call_soon, thread, note, 0)) end
end

local function server()
  local thread = neap.thread({daemon = true}, serve)
  local books = {owed = {}, answers = {}, cut = false}
  for i = 1, random(40) do
    send(thread, i, books)
    if chance(4) then pause() end
  end
  books.cut = chance(4)
  if books.cut then end_server(thread, random(2)) end
  neap.gather(table.unpack(books.answers))
  if books.cut then return count "servers cut off" end
  check_log(thread:spawn(function() return log or {} end):await(), books.owed)
  end_server(thread, random(3))
  count "servers"
end

-- ---- threads that come and go

local function job(depth, way, id)
  local neap = require "neap"
  local beneath
  if depth > 0 then beneath = neap.thread(job, depth - 1, 0, id + 1) end
  if way == 1 then neap.sleep(id % 5 / 10000) end
  if way == 2 then error({code = id}) end
  if way == 3 then neap.spawn({daemon = true}, neap.sleep, 3600) end
  return id + (beneath and beneath:await() - id - 1 or 0)
end

local function visitor()
  local way, id = random(0, 3), random(1000)
  local thread = neap.thread(job, random(0, 1), way, id)
  local cut = chance(3)
  if cut then
    if chance(2) then pause() end
    thread:cancel()
  end
  local state, value = end_of(thread)
  if state == "finished" then assert(way ~= 2 and value == id)
  elseif state == "failed" then assert(way == 2 and value.code == id)
  else assert(cut) end
  count "threads"
end

-- ---- offloads

local function errand(i, way)
  if way == 1 then error({code = i}) end
  if way == 2 then
    local neap = require "neap"
    return neap.run(function()
      local task = neap.spawn(function() neap.sleep(i % 5 / 10000) return i end)
      return task:await() * 2
    end)
  end
  if way == 3 then
    local sum = 0
    for k = 1, i do sum = sum + k % 2 end
  end
  return i * 2
end

local function offload()
  local i, way = random(1000), random(0, 3)
  local options, cut = {wait = chance(2)}, chance(3)
  local task = neap.spawn(neap.offload, options, errand, i, way)
  if cut then
    pause()
    task:cancel()
  end
  local state, value = end_of(task)
  if state == "finished" then assert(way ~= 1 and value == i * 2)
  elseif state == "failed" then assert(way == 1 and value.code == i)
  else assert(cut) end
  count "offloads"
end

-- ---- the end

local function under_way()
  local waiting = neap.thread({daemon = true}, serve)
  for i = 1, random(20) do waiting:spawn({daemon = true}, answer, i, 4) end
  neap.thread({daemon = true}, function()
    local neap = require "neap"
    while true do neap.yield() end
  end)
  for i = 1, random(6) do
    neap.spawn({daemon = true}, neap.offload, {wait = chance(2)}, errand,
      100000, random(2, 3))
    if chance(2) then neap.thread({daemon = true}, job, 1, 1, i) end
  end
  if chance(2) then pause() end
end

local function report()
  local words = {}
  for kind, n in pairs(done) do words[#words + 1] = n .. " " .. kind end
  table.sort(words)
  print("seed " .. seed .. ": " .. table.concat(words, ", "))
end

local kinds = {server, visitor, offload, offload}

local actors <close> = neap.group()
for _ = 1, steps do
  for _, kind in ipairs(kinds) do actors:spawn(kind) end
  pause()
end
actors:wait()
under_way()
report()
local way = random(4)
if way == 1 then os.exit(true) end
if way == 2 then os.exit(true, true) end
if way == 3 then
  neap.spawn(function()
    pause()
    os.exit(true, true)
  end):await()
end
