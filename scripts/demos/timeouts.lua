-- SPDX-License-Identifier: MIT
-- Ours: time-outs in time-outs.
--
-- A time-out is a scope: it covers what is called inside of it, and that is all
-- that it ends. When several are open at once, each knows its own strike. The
-- inner one says "this attempt took too long", which is a Timeout, and the next
-- attempt begins. When the outer one strikes, the code inside meets a Cancelled
-- that is none of its business, and passes it on. (Would it not, then every
-- further wait in there would raise as well: nobody can stay.)

local neap = require "neap"

local function tell(words, ...)
    print(("%.1f s  "):format(neap.time()) .. words:format(...))
end

local function attempt(number, seconds)
    tell("attempt %d", number)
    neap.sleep(seconds)
    return "an answer"
end

-- Tries again and again, a second for each. times: how long the answers take.
local function ask(times)
    for number, seconds in ipairs(times) do
        local ok, answer = pcall(neap.timeout, 1, attempt, number, seconds)
        if ok then
            return answer
        end
        if not neap.is_timeout(answer) then
            error(answer, 0)
        end
        tell("attempt %d: %s", number, answer)
    end
end

-- The third answer would come at 2.7 s.
local function ask_within(seconds)
    local start = neap.time()
    local in_time, answer = neap.move_on_after(seconds, ask, {60, 60, 0.7})
    tell("it took %.1f s: %s", neap.time() - start,
        in_time and answer or "given up")
end

ask_within(4)
ask_within(2.5)

-- A watchdog is put off by each sign of life; it strikes at the first pause
-- that is too long.
local function listen(pauses)
    local watchdog <close> = neap.timeout(1)
    for _, pause in ipairs(pauses) do
        neap.sleep(pause)
        tell("alive")
        watchdog:reschedule(1)
    end
end

local _, err = pcall(listen, {0.5, 0.9, 0.2, 3})
tell("%s (a time-out: %s)", err, neap.is_timeout(err))

--[[ output:
0.0 s  attempt 1
1.0 s  attempt 1: timed out after 1.0 s
1.0 s  attempt 2
2.0 s  attempt 2: timed out after 1.0 s
2.0 s  attempt 3
2.7 s  it took 2.7 s: an answer
2.7 s  attempt 1
3.7 s  attempt 1: timed out after 1.0 s
3.7 s  attempt 2
4.7 s  attempt 2: timed out after 1.0 s
4.7 s  attempt 3
5.2 s  it took 2.5 s: given up
5.7 s  alive
6.6 s  alive
6.8 s  alive
7.8 s  timed out after 2.6 s (a time-out: true)
]]
