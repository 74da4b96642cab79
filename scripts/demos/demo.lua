-- SPDX-License-Identifier: MIT
-- Ours: an echo server and its guests, all of them tasks of one program.
--
--     make demo
--
-- The server answers in capitals. Its `handler` reads as if it had one guest
-- only: it waits until that one speaks, and meanwhile the others are served.
-- The guests think before they speak, each at a pace of its own. One after the
-- other they would need the sum of their times; at once, that of the slowest.

local neap = require "neap"

local start = neap.time()

local function tell(who, what, ...)
    local now = neap.time() - start
    print(("%.2f s  %-6s  %s"):format(now, who, what:format(...)))
end

-- The server ---------------------------------------------------------------

-- What the guest says comes back in capitals, until the guest hangs up.
local function handler(conn)
    local words = conn:recv()
    while words do
        conn:send(words:upper())
        words = conn:recv()
    end
    conn:close()
end

-- A task for each guest, until the listener is closed.
local function serve(listener)
    for conn in listener.accept, listener do
        neap.spawn(handler, conn)
    end
end

-- The guests ---------------------------------------------------------------

local guests = {
    {name = "Ada", pause = 0.2, says = {"good morning", "any news?", "bye"}},
    {name = "Ben", pause = 0.35, says = {"hello", "is the tide in?", "ah"}},
    {name = "Cleo", pause = 0.5, says = {"one word, please", "thank you"}},
}

-- Says its words over a connection of its own, and returns how many they were.
local function visit(guest, host, port)
    local conn <close> = assert(neap.connect(host, port))
    for _, words in ipairs(guest.says) do
        neap.sleep(guest.pause)
        conn:send(words)
        tell(guest.name, "says %q, hears %q", words, conn:recv())
    end
    return #guest.says
end

-- All at once --------------------------------------------------------------

local listener <close> = assert(neap.listen("127.0.0.1", 0))
local host, port = listener:sockname()
neap.spawn(serve, listener)
tell("server", "listens on %s, port %d", host, port)

local visits = {}
for i, guest in ipairs(guests) do
    visits[i] = neap.spawn(visit, guest, host, port)
end

local answers, sum = 0, 0
for i, task in ipairs(visits) do
    local count = task:await()
    answers = answers + count
    sum = sum + count * guests[i].pause
end

tell("all", "%d guests, %d answers", #guests, answers)
print(("\nOne after the other they would need %.2f s."):format(sum))

--[[ output:
~ 0%.0%d s  server  listens on 127%.0%.0%.1, port %d+
~ 0%.%d+ s  Ada     says "good morning", hears "GOOD MORNING"
~ 0%.%d+ s  Ben     says "hello", hears "HELLO"
~ 0%.%d+ s  Ada     says "any news%?", hears "ANY NEWS%?"
~ 0%.%d+ s  Cleo    says "one word, please", hears "ONE WORD, PLEASE"
~ %d%.%d+ s  Ada     says "bye", hears "BYE"
~ %d%.%d+ s  Ben     says "is the tide in%?", hears "IS THE TIDE IN%?"
~ %d%.%d+ s  Cleo    says "thank you", hears "THANK YOU"
~ %d%.%d+ s  Ben     says "ah", hears "AH"
~ %d%.%d+ s  all     3 guests, 8 answers

One after the other they would need 2.65 s.
]]
