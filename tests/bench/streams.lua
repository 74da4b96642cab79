-- SPDX-License-Identifier: MIT
--
-- Streams through a socketpair, measured: both ends in this process, but for
-- `send`. tests/bench/run puts the figures beside those of stream_raw.c.
--
--     neap tests/bench/streams.lua lines    MB per CPU second, 80-byte lines
--     neap tests/bench/streams.lua copy     the same, send and recv
--     neap tests/bench/streams.lua resident    what `copy` has needed, in MB
--     neap tests/bench/streams.lua single   64-byte messages per CPU second,
--     neap tests/bench/streams.lua pipelined   one by one, or 100 a write
--     neap tests/bench/streams.lua send FD  one GiB to `stream_raw drain`, in
--                                           one send

local neap = require "neap"

local a, b = assert(neap.socketpair())
local work = {}

-- What was moved; the caller divides by the time.
function work.lines()
    local lines <const>, block <const> = 1310720, 1024
    local text = (("x"):rep(79) .. "\n"):rep(block)
    neap.spawn(function()
        for _ = 1, lines // block do assert(a:send(text)) end
        a:close()
    end)
    local count = 0
    for line in b:lines() do count = count + 1 end
    assert(count == lines)
    return lines * 80 / 1e6
end

-- A GiB, in sends of 1 MiB.
function work.copy()
    local size <const> = 1 << 30
    local text = ("x"):rep(1 << 20)
    neap.spawn(function()
        for _ = 1, size // #text do assert(a:send(text)) end
        a:close()
    end)
    local count = 0
    for bytes in function() return b:recv() end do count = count + #bytes end
    assert(count == size)
    return size / 1e6
end

local function messages(count, batch)
    local message <const> = ("x"):rep(64)
    local text = message:rep(batch)
    neap.spawn(function()
        for data in b:lines(64) do assert(b:send(data)) end
    end)
    for _ = 1, count // batch do
        assert(a:send(text))
        for _ = 1, batch do assert(#a:read(64) == 64) end
    end
    return count
end

function work.single() return messages(200000, 1) end

function work.pipelined() return messages(400000, 100) end

-- The most that was ever resident.
local function resident()
    for line in io.lines "/proc/self/status" do
        local kb = line:match "VmHWM:%s+(%d+)"
        if kb then return kb / 1024 end
    end
end

local function send(fd)
    local text = ("x"):rep(1 << 30)
    local before = resident()
    assert(assert(neap.socket(fd)):send(text))
    assert(resident() - before < 1, "memory is not flat")
end

if arg[1] == "send" then
    send(tonumber(arg[2]))
    neap.sleep(60) -- until the peer has read our clock
end
local since = os.clock()
local count = work[arg[1] == "resident" and "copy" or arg[1]]()
local rate = count / (os.clock() - since)
print(("%.0f"):format(arg[1] == "resident" and resident() or rate))
os.exit()
