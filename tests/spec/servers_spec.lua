-- SPDX-License-Identifier: MIT
--
-- The servers among the scripts, each a process of its own, and real clients:
-- they come and go at once, and what the server prints is read as it comes.

local neap = require "neap"
local server_of = require "tests.spec.server"
local shell = require "tests.spec.shell"

-- All that comes until the answer is as long as expected.
local function receive(sock, size)
    local parts, got = {}, 0
    while got < size do
        local data = assert(sock:recv(size - got))
        parts[#parts + 1] = data
        got = got + #data
    end
    return table.concat(parts)
end

-- Connects, sends each message and takes the answer that it should have.
local function converse(port, messages, answer)
    local sock <close> = assert(neap.connect("127.0.0.1", port))
    for _, message in ipairs(messages) do
        local expected = answer(message)
        assert(sock:send(message))
        assert.are.equal(expected, receive(sock, #expected))
        neap.yield()
    end
    local _, own = sock:sockname()
    return own
end

local function messages_of(client)
    local messages = {}
    for i = 1, 5 do
        messages[i] = ("client %d, message %d\n"):format(client, i)
    end
    return messages
end

-- So many clients at once: the ports that they came from.
local function crowd(count, port, answer)
    local clients = {}
    for i = 1, count do
        clients[i] = neap.spawn(converse, port, messages_of(i), answer)
    end
    return {neap.gather(table.unpack(clients))}
end

describe("io_scheduler", function()
    it("answers Got: to each of several clients", function()
        local server <close> = server_of("scheduler/io_scheduler", "0")
        local ports = crowd(8, server:port(), function(message)
            return "Got:" .. message
        end)
        local seen, closed = {}, 0
        while closed < #ports do
            local line = assert(server.out:read "l")
            local port = line:match "^Connection from %('127.0.0.1', (%d+)%)$"
            if port then seen[tonumber(port)] = true
            else
                assert.are.equal("Connection closed", line)
                closed = closed + 1
            end
        end
        for _, port in ipairs(ports) do assert.is_true(seen[port]) end
    end)
end)

-- Document 002's server and its client, by hand and in their stream form.
for server_script, client_script in pairs {
    ["event_loop/two_port_server"] = "scripts/event_loop/client.lua",
    ["event_loop/stream_server"] = "scripts/event_loop/stream_client.lua",
} do
    describe(server_script, function()
        it("echoes in upper case on both of its ports at once", function()
            local server <close> = server_of(server_script, "0 0")
            local one, two = server:port(), server:port()
            assert.are_not.equal(one, two)
            neap.gather(function() crowd(4, one, string.upper) end,
                function() crowd(4, two, string.upper) end)
            local counts = {accepted = 0, echoing = 0, closing = 0}
            while counts.closing < 8 do
                local word = assert(server.out:read "l"):match "^%a+"
                counts[word] = counts[word] + 1
            end
            assert.are.same({accepted = 8, echoing = 40, closing = 8}, counts)
        end)

        it("answers what is typed into its client", function()
            local server <close> = server_of(server_script, "0 0")
            local client = shell.command({client_script,
                tostring(server:port())}, "hello\n\nworld\n")
            assert.are.equal(">>: HELLO\n>>: >>: WORLD\n>>: ", client.out)
            assert.are.equal(0, client.status)
        end)

        it("leaves its client with words where there is none", function()
            local listener = assert(neap.listen("127.0.0.1", 0))
            local _, port = listener:sockname()
            listener:close()
            local client = shell.command({client_script, tostring(port)},
                "hello\n")
            assert.matches("Connection refused", client.err, 1, true)
            assert.are.equal(1, client.status)
        end)
    end)
end

describe("event_loop/stream_server", function()
    it("echoes a line, however many pieces it comes in", function()
        local server <close> = server_of("event_loop/stream_server", "0 0")
        local sock <close> = assert(neap.connect("127.0.0.1", server:port()))
        for piece in ("one\ntwo\n"):gmatch "." do
            sock:send(piece)
            neap.sleep(0.001)
        end
        assert.are.equal("ONE", sock:read "l")
        assert.are.equal("TWO", sock:read "l")
        sock:write("and the ", "rest")
        sock:shutdown "send"
        assert.are.equal("AND THE REST", sock:read "a")
    end)
end)
