-- SPDX-License-Identifier: MIT
--
-- Programs of tests/oom: making sockets, and what goes through them.
--
-- The clock is the real one while somebody waits for the world outside: what
-- sleeps here sleeps for milliseconds.

local neap = require "neap"

local sockets = {}

-- Of this process alone; `process` is its number.
local function name(suffix) return "unix:@neap-oom-" .. process .. suffix end

-- What a call returned, or its failure as an error.
local function told(value, message, ...)
    if value == nil and message then error(message, 2) end
    return value, message, ...
end

local function echo(conn)
    for data in function() return told(conn:recv()) end do
        told(conn:send(data))
    end
end

local function ask(...)
    local client <close> = told(neap.connect(...))
    told(client:send "hello")
    assert(told(client:recv()) == "hello")
    told(client:shutdown "send")
    assert(told(client:recv()) == nil)
end

-- A listener, with a task that answers one connection.
local function answer(host, port)
    local listener <close> = told(neap.listen(host, port))
    local group <close> = neap.group()
    group:spawn(function()
        local conn <close> = told(listener:accept())
        echo(conn)
    end)
    ask(told(listener:sockname()))
end

function sockets.tcp() answer("127.0.0.1", 0) end
function sockets.tcp6() answer("::1", 0) end

function sockets.unix()
    local listener <close> = told(neap.listen(name ""))
    local group <close> = neap.group()
    group:spawn(function()
        local conn <close> = told(listener:accept())
        echo(conn)
    end)
    ask(name "")
end

function sockets.serve()
    local listener <close> = told(neap.listen("127.0.0.1", 0, {backlog = 9}))
    local host, port = told(listener:sockname())
    local group <close> = neap.group()
    group:spawn(function()
        told(neap.serve(listener, echo, {max = 2, grace = 0.01}))
    end)
    for _ = 1, 3 do
        -- where the server has no memory for us it goes on without
        group:spawn(pcall, neap.timeout, 0.05, ask, host, port)
    end
    neap.sleep(0.002)
    listener:close()
end

function sockets.serve_cancelled()
    local listener <close> = told(neap.listen("127.0.0.1", 0))
    local ok = neap.move_on_after(0.005, neap.gather, function()
        neap.serve(listener, function(conn) conn:recv() end)
    end, function()
        local client <close> = told(neap.connect(listener:sockname()))
        client:recv()
    end)
    assert(ok == false)
end

function sockets.refused()
    local listener = told(neap.listen("127.0.0.1", 0))
    local host, port = told(listener:sockname())
    listener:close()
    local sock, message, code = neap.connect(host, port)
    assert(not sock)
    if code ~= "ECONNREFUSED" then error(message, 0) end
    sock, message = neap.connect("localhost", port)
    assert(not sock and message)
end

function sockets.resolve()
    local list = told(neap.resolve("localhost", "http"))
    assert(#list > 0 and list[1].port == 80)
    list = told(neap.resolve "10.0.0.1")
    assert(list[1].host == "10.0.0.1")
    local _, message, code = neap.resolve "10.0.1"
    if code ~= "EAI_NONAME" then error(message, 0) end
end

-- A thread of the pool is asked, and perhaps left alone with it.
function sockets.resolve_name()
    local list, message = neap.resolve("ip6-localhost", "nonsense service")
    if not list and message:find "memory" then error(message) end
    neap.move_on_after(0, neap.resolve, "ip6-loopback", "nonsense service")
end

function sockets.connect_name()
    local listener <close> = told(neap.listen("127.0.0.1", 0))
    local _, port = told(listener:sockname())
    local client <close> = told(neap.connect("localhost", port))
    assert(told(client:peername()) == "127.0.0.1")
end

function sockets.udp()
    local server <close> = told(neap.udp("127.0.0.1", 0))
    local client <close> = told(neap.udp())
    told(client:send_to("ping", told(server:sockname())))
    local data, host, port = told(server:recv_from(100))
    assert(data == "ping" and host == "127.0.0.1")
    told(client:connect(told(server:sockname())))
    told(server:send_to("pong", host, port))
    assert(told(client:recv()) == "pong")
end

function sockets.udp_unix()
    local a <close> = told(neap.udp(name "-a"))
    local b <close> = told(neap.udp(name "-b"))
    told(a:send_to("ping", name "-b"))
    local data, path = told(b:recv_from())
    assert(data == "ping")
    told(b:send_to("pong", path))
    assert(told(a:recv()) == "pong")
end

function sockets.names()
    local a, b = told(neap.socketpair {limit = 100})
    local _ <close> = a
    local _ <close> = b
    assert(tostring(a) and math.type(told(a:fd())) == "integer")
    assert(a:sockname() == nil and b:peername() == nil)
    told(a:setopt("sndbuf", 10000))
    local sock, message, code = neap.socket(a:fd())
    assert(not sock)
    if code ~= "EBUSY" then error(message, 0) end
    local ok = pcall(a.setopt, a, "nonsense", 1)
    assert(not ok)
end

function sockets.readable()
    expect "was closed"
    local a, b = told(neap.socketpair())
    local _ <close> = a
    local _ <close> = b
    local group <close> = neap.group()
    for _ = 1, 2 do
        group:spawn(function() told(neap.wait_readable(b:fd())) end)
    end
    told(neap.wait_writable(a))
    neap.yield()
    told(a:send "x")
end

-- Closed under those who wait.
function sockets.closed()
    local listener = told(neap.listen("127.0.0.1", 0))
    local a, b = told(neap.socketpair())
    local group <close> = neap.group()
    group:spawn(listener.accept, listener)
    group:spawn(a.recv, a)
    group:spawn(b.read, b, 10)
    neap.yield()
    listener:close()
    a:close()
    b:close()
end

function sockets.collected()
    for _ = 1, 3 do
        told(neap.socketpair())
        collectgarbage()
    end
end

return sockets
