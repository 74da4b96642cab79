-- SPDX-License-Identifier: MIT
-- Ours: back-pressure. A sender of 10 MB, and a reader that takes its time.
--
-- Between the two is what the kernel holds for them, and that is not much. When
-- it is full, send waits; when the reader has read some of it, send goes on. So
-- the sender is never far ahead, the program never has the 10 MB in its memory,
-- and nobody had to count or to ask: the one who waits is told by waiting.

local neap = require "neap"

local MB <const> = 1000 * 1000
local TOTAL <const> = 10 * MB
local PIECE <const> = 50 * 1000

local sent, received = 0, 0
local ahead_max = 0     -- the most bytes that were under way
local waited = 0        -- seconds that the sender spent in send
local memory_max = 0    -- bytes, the most that Lua had

local function watch()
    ahead_max = math.max(ahead_max, sent - received)
    memory_max = math.max(memory_max, collectgarbage("count") * 1024)
end

local function sender(sock)
    local sock <close> = sock
    for i = 1, TOTAL // PIECE do
        local piece = string.char(i % 256):rep(PIECE)
        local start = neap.time()
        assert(sock:send(piece))
        waited = waited + neap.time() - start
        sent = sent + #piece
        watch()
    end
end

local function reader(sock)
    for piece in sock:lines(PIECE) do
        received = received + #piece
        if received % (2 * MB) == 0 then
            print(("%2d MB are here"):format(received // MB))
        end
        neap.sleep(0.002)    -- thinks about it
    end
end

local function connection()
    local listener <close> = assert(neap.listen("127.0.0.1", 0))
    local accepting = neap.spawn(listener.accept, listener)
    local a = assert(neap.connect(listener:sockname()))
    local b = assert(accepting:await())
    a:setopt("sndbuf", 64 * 1024)    -- else it is several MB on a quick network
    b:setopt("rcvbuf", 64 * 1024)
    return a, b
end

local a, b <close> = connection()
local before = collectgarbage("count") * 1024
local start = neap.time()
neap.gather(function() sender(a) end, function() reader(b) end)

local share = waited / (neap.time() - start)
print("ahead, at most: less than 1 MB", ahead_max < MB)
print("memory, at most: less than 1 MB more", memory_max - before < MB)
print("the sender waited: half of the time and more", share > 0.5)

--[[ output:
 2 MB are here
 4 MB are here
 6 MB are here
 8 MB are here
10 MB are here
ahead, at most: less than 1 MB	true
memory, at most: less than 1 MB more	true
the sender waited: half of the time and more	true
]]
