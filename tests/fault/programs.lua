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
    local accepted = neap.Event()
    group:spawn(function()
        for _ = 1, 2 do
            own(told(listener:accept()))
            accepted:set()
        end
    end)
    own(told(neap.connect(told(listener:sockname()))))
    accepted:wait()
    neap.yield() -- an accept that blocks holds up the loop here
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

-- More names than there are threads, and one that is given up: what its thread
-- has open goes when the resolver has answered. Threads stay, and are bounded.
programs.resolved = function(own)
    local threads = support.raw.threads()
    for _, name in ipairs {"localhost", "127.0.0.1", "a.invalid"} do
        either(neap.resolve(name, "80"))
    end
    neap.map({1, 2, 3, 4, 5, 6}, function(i)
        local list = told(neap.resolve("host" .. i, i))
        assert(list[1].host == "127.0.0.1" and list[1].port == i)
    end)
    neap.move_on_after(0, neap.resolve, "a.invalid")
    assert(support.raw.threads() <= threads + 4)
    local listener, _, port = support.listen(own, hosts.tcp)
    own(told(neap.connect("localhost", port)))
    own(told(neap.connect("a.host", port)))
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

-- Standard input and output, and what others opened ---------------------------

-- A descriptor that does not block; closed with the value, or before.
local function held(fd)
    support.raw.unblock(fd)
    local function close(self)
        if self.fd then support.raw.close(self.fd) end
        self.fd = nil
    end
    return setmetatable({fd = fd, close = close}, {__close = close})
end

-- A descriptor in the place of a standard stream; closing the value undoes it.
local function put_at(number, fd)
    local before = assert(support.raw.dup(number))
    support.raw.dup2(fd, number)
    support.raw.close(fd)
    return setmetatable({}, {__close = function()
        support.raw.dup2(before, number)
        support.raw.close(before)
    end})
end

local LINES <const>, LINE <const> = 60, ("x"):rep(4090) .. "\n"

-- A line is taken whole, or there is no room.
local function feed(into)
    for _ = 1, LINES do
        repeat
            told(neap.wait_writable(into.fd))
        until support.raw.write(into.fd, LINE)
    end
    into:close()
end

local function copy_lines()
    for _ = 1, LINES do
        local line = told(neap.stdin:read "L")
        assert(line == LINE, "wrong bytes")
        told(neap.stdout:write(line:sub(1, 3000), line:sub(3001)))
    end
    local rest, message, code = neap.stdin:read()
    if message then told(rest, message, code) end
    assert(not rest, "wrong bytes")
end

local function eat(from)
    local left = LINES * #LINE
    while left > 0 do
        told(neap.wait_readable(from.fd))
        left = left - #(support.raw.read(from.fd) or "")
    end
    assert(left == 0, "wrong bytes")
end

-- What goes into stdin comes out of stdout.
local function copy_through(kind)
    return function()
        local from, to = support.raw[kind] "stream"
        local into <close> = held(to)
        local _ <close> = put_at(0, from)
        from, to = support.raw[kind] "stream"
        local out_of <close> = held(from)
        local _ <close> = put_at(1, to)
        local group <close> = neap.group()
        group:spawn(feed, into)
        group:spawn(eat, out_of)
        copy_lines()
    end
end

programs.copied_pipe = copy_through "pipe"
programs.copied_pair = copy_through "pair"

-- A file and /dev/null are ready at all times.
programs.copied_file = function()
    local path = "tests/fault/programs.lua"
    local file <close> = assert(io.open(path))
    local _ <close> = put_at(0, support.raw.open(path))
    local _ <close> = put_at(1, support.raw.open("/dev/null", "w"))
    local text = told(neap.stdin:read "a")
    assert(text == file:read "a", "wrong bytes")
    told(neap.stdout:send(text))
    either(neap.wait_readable(0))
    either(neap.wait_writable(1))
end

-- Callbacks for a Socket and for a number of somebody else's, each called when
-- there is something to read.
programs.watched = both(hosts.tcp, function(_, a, b)
    local loop, from, to = neap.loop(), support.raw.pipe()
    local reading <close> = held(from)
    local writing <close> = held(to)
    local came = neap.Semaphore(2)
    came:acquire(2)
    local function watch(fd)
        local ok, message = pcall(loop.add_reader, loop, fd, function()
            loop:remove_reader(fd)
            came:release()
        end)
        if not ok then told(nil, message, "cannot watch") end
    end
    local _ <close> = setmetatable({}, {__close = function()
        loop:remove_reader(b)
        loop:remove_reader(reading.fd)
    end})
    told(neap.wait_writable(a))
    watch(b)
    watch(reading.fd)
    told(a:send "hello")
    support.raw.write(writing.fd, "hello")
    came:acquire(2)
    told(neap.wait_readable(b))
    assert(told(b:read(5)) == "hello", "wrong bytes")
end)

-- Threads: what cannot begin raises, and what has begun ends.
local function begin(fn, ...)
    local ok, result = pcall(fn, ...)
    if not ok then told(nil, result, "cannot begin") end
    return result
end

programs.offloaded = function()
    local results = begin(neap.map, {1, 2, 3, 4, 5, 6}, function(i)
        return neap.offload(function(n) return n * n end, i)
    end)
    for i, square in ipairs(results) do assert(square == i * i) end
end

programs.threads = function()
    local function serve()
        local neap = require "neap"
        local listener <close> = assert(neap.listen("127.0.0.1", 0))
        assert(neap.connect(listener:sockname())):close()
        return listener:accept():recv()
    end
    local function idle()
        require "neap".loop():run_forever()
    end
    local thread = begin(neap.thread, idle)
    local _ <close> = setmetatable({}, {__close = function()
        thread:cancel()
        neap.wait {thread}
    end})
    local sums = thread:spawn(function(a, b) return a + b end, 1, 2)
    assert(begin(sums.await, sums) == 3)
    local serving = begin(neap.thread, serve)
    begin(serving.await, serving)
end

-- What this neap has not is not asked for.
if not neap.udp then programs.datagrams = nil end
if not neap.serve then programs.served = nil end
if not neap.resolve then programs.resolved = nil end

return programs
