-- SPDX-License-Identifier: MIT
--
-- Small network programs for tests/fault/program.lua: name to function(own),
-- where `own` closes at the end what it was called with. Their tasks are in
-- groups, so that a failure anywhere ends them all.

local neap = require "neap"
local support = require "tests.fault.support"
local told, either, drain = support.told, support.either, support.drain
local large = support.large

local programs = {}

local hosts = {tcp = "127.0.0.1", tcp6 = "::1", unix = "unix",
    abstract = "abstract", pair = "pair"}

-- Echo ------------------------------------------------------------------------

local function echo(sock)
    while true do
        local data, message, code = sock:recv()
        if not data and message then told(data, message, code) end
        if not data then return sock:close() end
        told(sock:send(data))
    end
end

local function converse(sock)
    for i = 1, 4 do
        local message, got = ("message %d\n"):format(i):rep(i), 0
        told(sock:send(message))
        while got < #message do
            local data = told(sock:recv(#message - got))
            assert(data == message:sub(got + 1, got + #data), "wrong bytes")
            got = got + #data
        end
    end
    told(sock:shutdown "send")
    drain(sock, "")
end

-- A server of so many clients that come at once.
local function echoes(kind, clients)
    return function(own)
        local listener, host, port = support.listen(own, kind)
        local group <close> = neap.group()
        group:spawn(function()
            for _ = 1, clients do
                group:spawn(echo, own(told(listener:accept())))
            end
        end)
        for _ = 1, clients do
            group:spawn(function()
                converse(own(told(neap.connect(host, port))))
            end)
        end
    end
end

for _, name in ipairs {"tcp", "tcp6", "unix", "abstract"} do
    programs["echo_" .. name] = echoes(hosts[name], 3)
end
programs.many = echoes("127.0.0.1", 24)

-- Two ends --------------------------------------------------------------------

local function both(kind, body)
    return function(own)
        local a, b = support.connection(own, kind)
        local group <close> = neap.group()
        body(group, a, b)
    end
end

local function send_large(group, a, b)
    for from, to in pairs {[a] = b, [b] = a} do
        group:spawn(function()
            told(from:send(large))
            told(from:shutdown "send")
        end)
        group:spawn(drain, to, large)
    end
end

-- A request up to its end, then the answer.
local function half_close(group, a, b)
    group:spawn(function()
        drain(b, "request")
        told(b:send "answer")
        b:close()
    end)
    told(a:send "request")
    told(a:shutdown "send")
    drain(a, "answer")
end

-- The reader goes away in the middle of two sends, which are told.
local function break_off(group, a, b)
    for _ = 1, 2 do
        group:spawn(function() either(a:send(large)) end)
    end
    either(b:recv(1000))
    either(b:recv(1000))
    b:close()
end

for _, name in ipairs {"tcp", "unix", "pair"} do
    programs["large_" .. name] = both(hosts[name], send_large)
    programs["half_close_" .. name] = both(hosts[name], half_close)
    programs["break_off_" .. name] = both(hosts[name], break_off)
end

-- The reader resets the connection under the writer.
programs.reset = both(hosts.tcp, function(group, a, b)
    group:spawn(function()
        while either(a:send "x") do neap.yield() end
        a:close()
    end)
    either(b:recv())
    support.raw.abort(b:fd())
    b:close()
end)

-- Waits that are given up, and a close under those who wait.
programs.given_up = both(hosts.tcp, function(group, a, b)
    local own <close> = support.owner()
    local listener = support.listen(own, hosts.tcp)
    local function try(sock, method, ...)
        local arguments = table.pack(...)
        neap.move_on_after(0.002, function()
            either(sock[method](sock, table.unpack(arguments)))
        end)
    end
    try(listener, "accept")
    try(a, "recv")
    try(b, "send", large .. large .. large .. large)
    group:spawn(function() either(listener:accept()) end)
    group:spawn(function() either(a:send(large .. large)) end)
    group:spawn(function() either(b:recv()) end)
    neap.yield()
    for _, sock in ipairs {listener, a, b} do sock:close() end
end)

-- Names, options, adopting ----------------------------------------------------

programs.names = both(hosts.tcp, function(_, a, b)
    for _, sock in ipairs {a, b} do
        local _, own = told(sock:sockname())
        local _, peer = told(sock:peername())
        assert(math.type(own) == "integer" and math.type(peer) == "integer")
        assert(tostring(sock):find "^<Socket %d+")
        told(sock:setopt("nodelay", false))
        told(sock:setopt("keepalive", true))
        told(sock:setopt("rcvbuf", 10000))
    end
end)

-- A descriptor that was opened by others; it stays theirs where it is refused.
local function adopt(own, number)
    local results = table.pack(neap.socket(number))
    if not results[1] then support.raw.close(number) end
    return own((told(table.unpack(results, 1, results.n))))
end

programs.adopted = function(own)
    local one, two = support.raw.pair "stream"
    local other <close> = setmetatable({}, {__close = function()
        if two then support.raw.close(two) end
    end})
    local a = adopt(own, one)
    one, two = two, nil
    local b = adopt(own, one)
    told(a:send "hello")
    a:close()
    drain(b, "hello")
end

programs.adopted_listener = function(own)
    local listener = adopt(own, support.raw.listener())
    local group <close> = neap.group()
    group:spawn(function() own(told(listener:accept())) end)
    own(told(neap.connect(told(listener:sockname()))))
end

-- Addresses -------------------------------------------------------------------

-- A path that somebody left behind is taken over, one in use is not.
programs.stale = function(own)
    local name = "unix:" .. support.path
    local left = own(told(neap.listen(name)))
    os.rename(support.path, support.path .. "+")
    left:close()
    os.rename(support.path .. "+", support.path)
    local listener = own(told(neap.listen(name)))
    assert(tostring(listener):find "listening")
    local second = neap.listen(name) -- in use, if the probe is not lied to
    if second then own(second) end
end

-- Datagrams and lines ---------------------------------------------------------

-- Each is sent until it is answered: a failure may lose one.
local function ask(sock, data, host, port)
    for _ = 1, 5 do
        either(sock:send_to(data, host, port))
        local _, answer = neap.move_on_after(0.2, sock.recv_from, sock)
        if answer == data then return end
    end
    error "no answer"
end

local function echo_datagrams(sock)
    local data, from, at
    repeat
        data, from, at = sock:recv_from()
        if data then either(sock:send_to(data, from, at)) end
    until not data and at == "closed"
end

programs.datagrams = function(own)
    local server = own(told(neap.udp("127.0.0.1", 0)))
    local client = own(told(neap.udp("127.0.0.1", 0)))
    local host, port = told(server:sockname())
    local group <close> = neap.group()
    group:spawn(echo_datagrams, server)
    for i = 1, 4 do ask(client, "datagram " .. i, host, port) end
    server:close()
end

programs.lines = both(hosts.tcp, function(group, a, b)
    if not b.read then return end
    group:spawn(function()
        for i = 1, 100 do told(a:write("line ", i, "\n")) end
        told(a:write "0123456789|rest")
        told(a:shutdown "send")
    end)
    local count = 0
    while count < 100 do
        count = count + 1
        local line = told(b:read "l")
        assert(line == "line " .. count, "wrong bytes")
    end
    assert(told(b:read(5)) == "01234", "wrong bytes")
    assert(told(b:read_until "|") == "56789|", "wrong bytes")
    assert(told(b:read "a") == "rest", "wrong bytes")
end)

-- Servers and names -----------------------------------------------------------

programs.served = function(own)
    local listener, host, port = support.listen(own, hosts.tcp)
    local group <close> = neap.group()
    local function answer(sock)
        local data = sock:recv()
        if data then either(sock:send(data)) end
    end
    group:spawn(function() told(neap.serve(listener, answer)) end)
    for i = 1, 8 do
        local sock = neap.connect(host, port)
        if sock then
            own(sock)
            if either(sock:send "hello") then either(sock:recv()) end
            sock:close()
        end
    end
    listener:close()
end

programs.resolved = function(own)
    for _, name in ipairs {"localhost", "127.0.0.1", "a.invalid"} do
        either(neap.resolve(name, "80"))
    end
    local listener, _, port = support.listen(own, hosts.tcp)
    own(told(neap.connect("localhost", port)))
    listener:close()
end

-- Nobody listens.
programs.refused = function(own)
    local listener, host, port = support.listen(own, hosts.tcp)
    listener:close()
    for _ = 1, 2 do
        local sock, message, code = neap.connect(host, port)
        if sock then own(sock) end
        either(sock, message, code)
    end
end

-- What this neap has not is not asked for.
if not neap.udp then programs.datagrams = nil end
if not neap.serve then programs.served = nil end
if not neap.resolve then programs.resolved = nil end

return programs
