-- SPDX-License-Identifier: MIT
--
-- The demos that serve, each a process of its own, and real clients.

local neap = require "neap"
local server_of = require "tests.spec.server"
local shell = require "tests.spec.shell"
local sockets = require "tests.spec.sockets"

teardown(sockets.clean)

local function test(name, fn) it(name, sockets.bounded(fn)) end

-- The chat room ------------------------------------------------------------

local function enter(port, name)
    local sock = assert(neap.connect("127.0.0.1", port))
    assert.equal("Your name?", sock:read())
    sock:write(name, "\n")
    return sock, (assert(sock:read()))
end

describe("chat", function()
    test("names, notices, and what is said", function()
        local room <close> = server_of("demos/chat", "0")
        local port = room:port()
        local ada, there = enter(port, "Ada")
        assert.equal("* here: nobody", there)
        local ben, there = enter(port, "Ben")
        assert.equal("* here: Ada", there)
        assert.equal("* Ben has joined", ada:read())

        ben:write("hello\r\n")
        assert.equal("Ben: hello", ada:read())
        ada:write("good morning\n")
        assert.equal("Ada: good morning", ben:read())

        local cleo, there = enter(port, "Cleo")
        assert.equal("* here: Ada, Ben", there)
        assert.equal("* Cleo has joined", ada:read())
        assert.equal("* Cleo has joined", ben:read())
        ben:close()
        assert.equal("* Ben has left", ada:read())
        assert.equal("* Ben has left", cleo:read())
        for _, line in ipairs {"* Ada has joined", "* Ben has joined",
            "* Cleo has joined", "* Ben has left"} do
            assert.equal(line, room.out:read "l")
        end
    end)

    test("a name is one word, and one member's", function()
        local room <close> = server_of("demos/chat", "0")
        local port = room:port()
        local ada <close> = enter(port, "Ada")
        for _, name in ipairs {"Ada", "", "A da", "* Ada", ("A"):rep(21)} do
            local sock <close>, answer = enter(port, name)
            assert.equal("Another one, please: one word, not in use.", answer)
            sock:write("Ben\n")
            assert.equal("* here: Ada", sock:read())
            assert.equal("* Ben has joined", ada:read())
            sock:close()
            assert.equal("* Ben has left", ada:read())
        end
    end)

    test("who does not read holds up nobody, and is put out", function()
        local room <close> = server_of("demos/chat", "0")
        local port = room:port()
        local ada <close> = enter(port, "Ada")
        local ben <close> = enter(port, "Ben")
        local sly <close> = enter(port, "Sly")
        sly:setopt("rcvbuf", 4096)
        assert.equal("* Ben has joined", ada:read())
        assert.equal("* Sly has joined", ada:read())
        assert.equal("* Sly has joined", ben:read())

        local notice = neap.spawn(ada.read, ada)
        local words, count = ("x"):rep(32000), 0
        while not notice:done() do
            count = count + 1
            assert(ada:write(words, "\n"))
            local heard = ben:read()
            if heard:find "^%*" then heard = ben:read() end
            assert.equal(5 + #words, #heard)
        end
        assert.is_true(count > 100)
        assert.equal("* Sly is too slow, and was shown the door",
            notice:await())
    end)

    test("a crowd: each hears what all the others say", function()
        local room <close> = server_of("demos/chat", "0")
        local port, all = room:port(), neap.Barrier(20)
        local function guest(number)
            local sock <close> = enter(port, "guest" .. number)
            all:wait()
            sock:write("I am ", number, "\n")
            local heard = {}
            repeat
                local line = assert(sock:read())
                heard[#heard + 1] = line:match "^guest%d+: I am (%d+)$"
            until #heard == 19
            all:wait()
            return heard
        end
        local numbers = {}
        for i = 1, 20 do numbers[i] = i end
        for number, heard in ipairs(neap.map(numbers, guest)) do
            heard[#heard + 1] = tostring(number)
            table.sort(heard, function(a, b) return a + 0 < b + 0 end)
            for i = 1, 20 do assert.equal(tostring(i), heard[i]) end
        end
    end)
end)

-- The proxy ----------------------------------------------------------------

-- What the proxy is told, and what connect takes, of where a Socket listens.
local function spoken(host, port)
    if not port then return "unix:" .. host end
    return ("[%s]:%d"):format(host, port)
end

local function connectable(host, port)
    if not port then return "unix:" .. host end
    return host, port
end

-- A listener, and a proxy that leads to it; `from` is where the proxy listens.
local function forward(from, ...)
    local target = assert(neap.listen(...))
    local proxy = server_of("demos/port_forward",
        shell.quote(from) .. " " .. shell.quote(spoken(target:sockname())))
    return target, proxy, setmetatable({}, {__close = function()
        target:close()
        local _ <close> = proxy
    end})
end

-- A connection through it: both ends, and what closes them.
local function connect(target, proxy)
    local accepting = neap.spawn(target.accept, target)
    local a = assert(neap.connect(connectable(proxy:address())))
    return sockets.guarded(a, (assert(accepting:await())))
end

local function unix() return "unix:" .. sockets.path() end

for _, way in ipairs {
    {"TCP to TCP", "127.0.0.1:0", "127.0.0.1", 0},
    {"TCP to TCP over IPv6", "[::1]:0", "::1", 0},
    {"TCP to Unix", "localhost:0", unix()},
    {"Unix to TCP", unix(), "127.0.0.1", 0},
    {"Unix to Unix", "unix:@" .. sockets.path(), unix()},
} do
    describe("port_forward, " .. way[1], function()
        test("a question up to its end, then the answer", function()
            local target, proxy, _ <close> = forward(table.unpack(way, 2))
            local a, b, _ <close> = connect(target, proxy)
            a:write("why", "?")
            a:shutdown "send"
            assert.equal("why?", b:read "a")
            b:write("because", ".")
            b:close()
            assert.equal("because.", a:read "a")
            assert.equal("1: through", proxy.out:read "l")
        end)
    end)
end

describe("port_forward", function()
    test("the other end may end first", function()
        local target, proxy, _ <close> = forward("127.0.0.1:0", unix())
        local a, b, _ <close> = connect(target, proxy)
        b:write "no questions, please"
        b:shutdown "send"
        assert.equal("no questions, please", a:read "a")
        a:write "a remark, then"
        a:close()
        assert.equal("a remark, then", b:read "a")
    end)

    test("who is not read waits, and nothing is lost", function()
        local target, proxy, _ <close> = forward("127.0.0.1:0", "127.0.0.1", 0)
        local a, b, _ <close> = connect(target, proxy)
        local size = 64 * 1024 * 1024    -- more than any kernel keeps
        local sender = neap.spawn(function()
            a:send(("x"):rep(size))
            a:shutdown "send"
        end)
        neap.wait({sender}, {timeout = 0.2})
        assert.is_false(sender:done())
        local count = 0
        for piece in b:lines(65536) do count = count + #piece end
        assert.equal(size, count)
    end)

    test("many at once, each its own", function()
        local target, proxy, _ <close> = forward("127.0.0.1:0", unix())
        neap.spawn(function()
            for conn in target.accept, target do
                neap.spawn(function()
                    conn:write(conn:read "a":upper())
                    conn:close()
                end)
            end
        end)
        local host, port = proxy:address()
        local numbers = {}
        for i = 1, 100 do numbers[i] = i end
        neap.map(numbers, function(number)
            local sock <close> = assert(neap.connect(host, port))
            sock:write("number ", number)
            sock:shutdown "send"
            assert.equal("NUMBER " .. number, sock:read "a")
        end)
    end)

    test("without a target: an end for the client, and it stays", function()
        local target, proxy, _ <close> = forward("127.0.0.1:0", unix())
        local host, port = proxy:address()
        target:close()
        for i = 1, 2 do
            local sock <close> = assert(neap.connect(host, port))
            assert.equal("", sock:read "a")
            assert.matches(("^%d: .*unix:.*No such file"):format(i),
                proxy.out:read "l")
        end
    end)

    test("tells what is wrong with its arguments", function()
        for line, words in pairs {[""] = "usage:", ["127.0.0.1:0"] = "usage:",
            ["127.0.0.1:0 nowhere"] = "nowhere: neither unix:PATH nor",
            ["::1:80 unix:@x"] = "::1:80: neither unix:PATH nor"} do
            local result = shell.run(("%s scripts/demos/port_forward.lua %s")
                :format(shell.quote(shell.neap), line), "")
            assert.equal(1, result.status)
            assert.matches(words, result.err, 1, true)
        end
    end)
end)

-- A loop for each processor ------------------------------------------------

describe("prefork_echo", function()
    test("shares 200 connections out between two loops", function()
        local server <close> = server_of("demos/prefork_echo", "0 2")
        local port = server:port()
        neap.map({1, 2}, function()
            for _ = 1, 100 do
                local sock <close> = assert(neap.connect("127.0.0.1", port))
                assert(sock:send "hello")
                assert.equal("hello", sock:read(5))
            end
        end)
        os.execute("kill -INT " .. server.pid)
        local served = {}
        for line in server.out:lines() do
            local count = line:match "^loop %d served (%d+) connections$"
            served[#served + 1] = tonumber(count)
        end
        assert.equal(2, #served)
        assert.equal(200, served[1] + served[2])
        assert.is_true(math.max(served[1], served[2]) <= 140)
    end)
end)
