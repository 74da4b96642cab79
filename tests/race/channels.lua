-- SPDX-License-Identifier: MIT
--
-- Channels passed about between threads that put, get, are cancelled, stopped
-- and dropped, while the Channel fills, is closed, and its items are thrown
-- away; with books of every value.
--
--     neap tests/race/channels.lua SEED [STEPS]
--
-- The last line says what was done; the status is 0. tests/race/sweep runs it.

local neap = require "neap"

local seed = tonumber(arg[1]) or 1
local steps = tonumber(arg[2]) or 4
local values, lost_count, closed_count = 0, 0, 0

math.randomseed(seed)
local random = math.random

local function chance(n) return random(n) == 1 end

local function pause()
  if chance(2) then neap.sleep(random() / 500) else neap.yield() end
end

-- ---- there

-- Puts 1 to n, each with the number of who puts it, and writes down how many
-- were taken, however it ends. The Channel comes by another one.
local function produce(ways, books, id, n)
  local neap = require "neap"
  local channel, count = ways:get(), 0
  local _ <close> = setmetatable({}, {__close = function()
    books:try_put({id = id, put = count})
  end})
  for i = 1, n do
    if not pcall(channel.put, channel, {id = id, number = i}) then return end
    count = i
    if i % 7 == id % 7 then neap.yield() end
  end
end

-- Gets until there is no more, or it is cancelled; some give up in between.
local function consume(ways, books, id)
  local neap = require "neap"
  local channel, got = ways:get(), {}
  local _ <close> = setmetatable({}, {__close = function()
    books:try_put({got = got})
  end})
  while true do
    local inside, item, closed = true, nil, nil
    if (#got + id) % 5 == 0 then
      inside, item, closed =
        neap.move_on_after(id % 3 / 10000, channel.get, channel)
    else
      item, closed = channel:get()
    end
    if closed then return end
    if item then got[#got + 1] = item end
  end
end

-- ---- books

-- From each that puts, in its order; nothing twice. An item that had been given
-- to a thread that was cut off goes back, and may be behind the next one then.
local function check_page(got, seen, cut)
  local last = {}
  for _, item in ipairs(got) do
    assert(cut or item.number > (last[item.id] or 0), "out of order")
    last[item.id] = item.number
    local key = item.id << 32 | item.number
    assert(not seen[key], "twice")
    seen[key] = true
    values = values + 1
  end
end

local function check(books, dropped, cut)
  local seen, puts = {}, {}
  while true do
    local there, page = books:try_get()
    if not there then break end
    if page.got then check_page(page.got, seen, cut) end
    if page.put then puts[page.id] = page.put end
  end
  for id, count in pairs(puts) do
    for i = 1, count do
      local key = id << 32 | i
      if not seen[key] then
        assert(dropped, "lost")
        lost_count = lost_count + 1
      end
      seen[key] = nil
    end
  end
  assert(next(seen) == nil, "got what nobody put")
end

-- ---- here

local function cut_some(threads)
  for _, thread in ipairs(threads) do
    local way = random(8)
    if way == 1 then thread:cancel() end
    if way == 2 then thread:stop() end
    if chance(4) then pause() end
  end
end

-- What is left in it, once nobody puts or gets any more.
local function drain(channel, books)
  local got = {}
  for item in channel:items() do got[#got + 1] = item end
  books:put({got = got})
end

local function start(channel, books)
  local ways, threads = neap.Channel(random(0, 2)), {producers = {}}
  local producers, consumers = random(3), random(3)
  for id = 1, producers do
    threads[id] = neap.thread(produce, ways, books, id, random(60))
    threads.producers[id] = threads[id]
  end
  for id = 1, consumers do
    threads[#threads + 1] = neap.thread(consume, ways, books, id)
  end
  neap.spawn({daemon = true}, function()
    for _ = 1, #threads do ways:put(channel) end
  end)
  return threads
end

local function round()
  local books = neap.Channel()
  local channel = neap.Channel(random(0, 3) * random(0, 8))
  local threads = start(channel, books)
  if chance(2) then neap.sleep(random() / 20) end
  local cut = chance(2)
  if cut then cut_some(threads) end
  if chance(2) then neap.move_on_after(0.5, neap.wait, threads.producers) end
  local dropped = chance(4)
  closed_count = closed_count + 1
  channel:close(dropped)
  neap.wait(threads)
  for _, thread in ipairs(threads) do
    local e = thread:state() == "failed" and thread:error()
    if e then error(e, 0) end
  end
  drain(channel, books)
  check(books, dropped, cut)
end

local rounds <close> = neap.group()
for _ = 1, steps do rounds:spawn(round) end
rounds:wait()

-- The end, with some of that under way.
local books = neap.Channel()
local channel = neap.Channel(1)
for _, thread in ipairs(start(channel, books)) do thread:name("left behind") end
print(string.format("seed %d: %d values, %d dropped, %d closed", seed, values,
  lost_count, closed_count))
os.exit(true, chance(2))
