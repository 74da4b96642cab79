-- SPDX-License-Identifier: MIT
--
-- Programs of tests/oom: reading and writing streams.

local neap = require "neap"

local streams = {}

local function told(value, message, ...)
    if value == nil and message then error(message, 2) end
    return value, message, ...
end

local function both(write, read)
    return function()
        local a, b = told(neap.socketpair {limit = 4096})
        local _ <close> = a
        local _ <close> = b
        neap.gather(function()
            write(a)
            told(a:shutdown "send")
        end, function() read(b) end)
    end
end

streams.bytes = both(function(sock)
    told(sock:send "hello")
    told(sock:send "")
    told(sock:send " and more")
end, function(sock)
    local got = ""
    for data in function() return told(sock:recv(7)) end do
        got = got .. data
    end
    assert(got == "hello and more")
end)

streams.lines = both(function(sock)
    for i = 1, 5 do
        told(sock:write("line ", i, "\n"))
        neap.yield()
    end
    told(sock:write("last"))
end, function(sock)
    local count = 0
    for line in sock:lines() do
        assert(line:find "^l")
        count = count + 1
    end
    assert(count == 6)
end)

streams.formats = both(function(sock)
    told(sock:write("head\r\n\r\n", "12345678", "a line\n", ("x"):rep(3000)))
end, function(sock)
    assert(told(sock:read_until "\r\n\r\n") == "head\r\n\r\n")
    assert(told(sock:read(8)) == "12345678")
    assert(told(sock:read "L") == "a line\n")
    assert(#told(sock:read "a") == 3000)
    assert(sock:read() == nil)
end)

streams.large = both(function(sock)
    told(sock:send(("x"):rep(300000)))
end, function(sock)
    assert(#told(sock:read(200000)) == 200000)
    assert(#told(sock:read "a") == 100000)
end)

streams.too_long = both(function(sock)
    told(sock:send(("x"):rep(5000)))
end, function(sock)
    local line, message, code = sock:read()
    assert(not line)
    if code ~= "toolong" then error(message, 0) end
    assert(#told(sock:read(5000)) == 5000)
end)

-- Cut off in the middle: what was read is found again.
streams.cancelled = both(function(sock)
    told(sock:send "half a ")
    neap.sleep(0.003)
    told(sock:send "line\n")
end, function(sock)
    local ok = neap.move_on_after(0.001, sock.read, sock)
    assert(ok == false, "not enough memory") -- or its writer has ended
    assert(told(sock:read()) == "half a line", "not enough memory")
end)

streams.two_writers = both(function(sock)
    local data = ("y"):rep(150000)
    neap.gather(function() told(sock:send(data)) end,
        function() told(sock:send(data)) end)
end, function(sock)
    assert(#told(sock:read "a") == 300000)
end)

streams.broken = both(function(sock)
    local data = ("z"):rep(300000)
    local ok, message, code = sock:send(data)
    assert(not ok)
    if code ~= "EPIPE" and code ~= "ECONNRESET" then error(message, 0) end
end, function(sock)
    told(sock:recv())
    sock:close()
end)

return streams
