-- SPDX-License-Identifier: MIT
--
-- What a round trip on a warm connection costs in system calls: a share of one
-- wait, one recv, one send, and nothing else. Counted by strace.

local neap = require "neap"
local shell = require "tests.spec.shell"

local ROUNDS <const> = 50

-- A port that nobody listens on (any more).
local function free_port()
    local listener <close> = assert(neap.listen("127.0.0.1", 0))
    return select(2, listener:sockname())
end

-- Connects as soon as somebody listens.
local function reach(port)
    for _ = 1, 500 do
        local sock = neap.connect("127.0.0.1", port)
        if sock then return sock end
        neap.sleep(0.01)
    end
    error "the server does not listen"
end

local function converse(port)
    local sock <close> = reach(port)
    for i = 1, ROUNDS do
        local message = ("round trip %d"):format(i)
        assert(sock:send(message))
        assert.equal(message, sock:recv())
    end
end

-- The calls between the first echo and the last one, by name.
local function counts(path)
    local names, first, last = {}, nil, nil
    for line in io.lines(path) do
        names[#names + 1] = line:match "^%d+%s+([%w_]+)%(" or "signal"
        if line:find("round trip", 1, true) then
            if names[#names] == "sendto" then last = #names end
            first = first or #names
        end
    end
    local found = {}
    for i = first, last do
        found[names[i]] = (found[names[i]] or 0) + 1
    end
    return found
end

describe("a round trip on a warm connection", function()
    it("is a wait, one recv and one send", function()
        local trace <close> = shell.temporary()
        local port = free_port()
        local server = ("echo $$; exec %s tests/bench/echo.lua %d"):format(
            shell.quote(shell.neap), port)
        local out <close> = assert(io.popen(("exec strace -f -o %s sh -c %s")
            :format(trace.path, shell.quote(server))))
        local pid = assert(out:read "n")
        local ok, message = pcall(converse, port)
        os.execute("kill " .. pid)
        out:read "a"
        assert(ok, message)
        local found = counts(trace.path)
        found.sigaltstack = nil -- AddressSanitizer's, at each longjmp
        local waits = 0
        for _, name in ipairs {"epoll_wait", "epoll_pwait", "epoll_pwait2",
            "poll", "ppoll"} do
            waits = waits + (found[name] or 0)
            found[name] = nil
        end
        assert.same({recvfrom = ROUNDS, sendto = ROUNDS}, found)
        assert.is_true(waits <= ROUNDS)
    end)
end)
