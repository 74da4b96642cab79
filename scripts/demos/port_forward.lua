-- SPDX-License-Identifier: MIT
-- Ours: a proxy between any two of TCP and Unix sockets.
--
-- For each connection there are two pumps, one in each direction. A pump waits
-- in send until the kernel has taken everything, and reads nothing meanwhile:
-- so a slow receiver slows down its sender, through us, and we never hold more
-- than one piece. When one direction ends, that end is passed on and the other
-- direction goes on: who has said all can still listen. When one fails, gather
-- cancels the other.
--
-- A server never ends, so there is no output to compare: a spec goes through.
--
--     neap scripts/demos/port_forward.lua FROM TO
--     neap scripts/demos/port_forward.lua 127.0.0.1:8083 unix:/run/app.sock
--     neap scripts/demos/port_forward.lua unix:@app [::1]:80
--
-- test: tests/spec/demos_spec.lua

local neap = require "neap"

io.stdout:setvbuf("line")    -- who reads us through a pipe wants it at once

-- "unix:PATH", "HOST:PORT" or "[HOST]:PORT", as connect and listen take it.
local function parse(address)
    if address:find("^unix:") then
        return address
    end
    local host, port = address:match("^%[(.*)%]:(%d+)$")
    if not host then
        host, port = address:match("^([^:]*):(%d+)$")
    end
    if not host then
        error(address .. ": neither unix:PATH nor HOST:PORT", 0)
    end
    return host, tonumber(port)
end

-- What comes `from` one end goes `to` the other; then the end does.
local function pump(from, to)
    local bytes, message = from:recv()
    while bytes do
        assert(to:send(bytes))
        bytes, message = from:recv()
    end
    assert(not message, message)
    to:shutdown("send")
end

local function forward(client, target)
    local server <close> = assert(neap.connect(parse(target)))
    neap.gather(
        function() pump(client, server) end,
        function() pump(server, client) end)
end

-- What fails is the connection, not the proxy: a line says so.
local function handler(number, client, target)
    local ok, err = pcall(forward, client, target)
    print(("%d: %s"):format(number, ok and "through" or err))
end

local from, target = arg[1], arg[2]
if not target then
    error("usage: port_forward.lua FROM TO", 0)
end
parse(target)    -- a wrong one is told now, not at the first connection
local listener = assert(neap.listen(parse(from)))
print("listening on", listener:sockname())
local count = 0
assert(neap.serve(listener, function(client)
    count = count + 1
    handler(count, client, target)
end))
