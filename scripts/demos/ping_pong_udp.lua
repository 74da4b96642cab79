-- SPDX-License-Identifier: MIT
-- Ours: ping and pong over UDP, where a datagram may be lost.
--
-- Nobody tells that a datagram is lost. So whoever asks waits for a while, asks
-- again, and after some times gives up: the time-out is the whole protocol. An
-- answer may be late instead of lost; then the question is asked twice and
-- answered twice. So questions are numbered, and an answer to an older one is
-- passed over.
--
-- Where nobody is at all, the other machine may say so: a Socket that is
-- connected (it has one peer, and hears nobody else) gives that as a failure of
-- whatever it does next.

local neap = require "neap"

local PATIENCE <const> = 0.4    -- seconds to wait for an answer
local TRIES <const> = 3

-- What happens to the pings, by the order in which they come; the others are
-- answered at once.
local fates = {[2] = "lost", [4] = "late", [7] = "lost", [8] = "lost",
    [9] = "lost"}

-- Answers whatever comes until the Socket is closed.
local function pong(sock)
    local count = 0
    local data, host, port = sock:recv_from()
    while data do
        count = count + 1
        if fates[count] == "lost" then
            print(("    (%s is lost)"):format(data))
        else
            if fates[count] == "late" then
                neap.sleep(1.5 * PATIENCE)
            end
            sock:send_to("pong" .. data:match " %d+$", host, port)
        end
        data, host, port = sock:recv_from()
    end
end

-- The answer to one ping.
local function hear(sock, number)
    while true do
        local data, message = sock:recv()
        if not data or data == "pong " .. number then
            return data, message
        end
        print(("    (%s once more)"):format(data))
    end
end

local function ping(sock, number)
    for try = 1, TRIES do
        print(("ping %d%s"):format(number, try > 1 and ", again" or ""))
        sock:send("ping " .. number)
        local in_time, answer, message =
            neap.move_on_after(PATIENCE, hear, sock, number)
        if in_time then
            return answer or message
        end
    end
    return "no answer"
end

local there = assert(neap.udp("127.0.0.1", 0))
neap.spawn(pong, there)

local here <close> = assert(neap.udp("127.0.0.1", 0))
assert(here:connect(there:sockname()))
for number = 1, 5 do
    print(ping(here, number))
end

there:close()    -- ends `pong`
print(ping(here, 6))

--[[ output:
ping 1
pong 1
ping 2
    (ping 2 is lost)
ping 2, again
pong 2
ping 3
ping 3, again
pong 3
ping 4
    (pong 3 once more)
pong 4
ping 5
    (ping 5 is lost)
ping 5, again
    (ping 5 is lost)
ping 5, again
    (ping 5 is lost)
no answer
ping 6
recv: Connection refused
]]
