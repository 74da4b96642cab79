-- SPDX-License-Identifier: MIT
--
-- The part of tests/fuzz/api.lua that has to do with sockets: what its programs
-- do with streams and datagrams, and the books of it. What arrives is what was
-- sent, whole and in order.

local neap = require "neap"
local random = math.random

return function(fuzz)

local actions, any, attempt = fuzz.actions, fuzz.any, fuzz.attempt
local chance, expect, note, wait = fuzz.chance, fuzz.expect, fuzz.note,
    fuzz.wait

-- Streams -------------------------------------------------------------------

function actions.pair()
    if not fuzz.world.sockets or #fuzz.world.pipes > 5 then return end
    local a, b = assert(neap.socketpair())
    table.insert(fuzz.world.pipes, {from = a, to = b, sent = {}, came = {}})
    table.insert(fuzz.world.pipes, {from = b, to = a, sent = {}, came = {}})
end

-- Sends its arguments, which are one message.
local function send(pipe, method, ...)
    local message = {data = table.concat {...}}
    table.insert(pipe.sent, message)
    local ok = wait(method, false, pipe.from[method], pipe.from, ...)
    if ok then message.ok = true end
    note("sent", tostring(ok))
end

local function some_bytes()
    local size = chance(20) and random(400000) or random(100)
    return string.char(96 + random(26)):rep(size)
end

function actions.send()
    local pipe = any(fuzz.world.pipes)
    if pipe then send(pipe, "send", some_bytes()) end
end

function actions.write()
    local pipe = any(fuzz.world.pipes)
    if not pipe then return end
    local parts = {}
    for i = 1, random(0, 3) do
        parts[i] = any {some_bytes(), random(1000), "\n", "|"}
    end
    send(pipe, "write", table.unpack(parts))
end

-- Whether the data, with a line's end, is no more than a format asks for.
local function fits(data, format)
    if math.type(format) then return #data <= format end
    local mark = (format == "l" or format == "L") and "\n" or format
    local _, last = data:find(mark, 1, true)
    return format == "a" or not last or last == #data
end

-- What a call returned has come, and with a failure what it had read. A line
-- has lost its end, unless that is the end of the stream (`bare`).
local function receive(pipe, format, data, _, _, rest)
    note("received", data and #data or "nothing")
    if data and format == "l" then data = data .. "\n" end
    expect(not data or fits(data, format), "%s: %d bytes", format, #data)
    data = data or rest
    if not data or data == "" then return end
    table.insert(pipe.came, data)
    pipe.bare = not rest and format == "l"
end

-- Mostly for as long as it takes the loop to look: there may never be more.
local function read(pipe, method, format, ...)
    local call = table.pack(pipe.to[method], pipe.to, format, ...)
    local function try()
        receive(pipe, format,
            wait(method, false, table.unpack(call, 1, call.n)))
    end
    if chance(30) then return try() end
    fuzz.enter()
    neap.move_on_after(0, try)
end

function actions.recv()
    local pipe = any(fuzz.world.pipes)
    if pipe then read(pipe, "recv", any {1, 100, 65536}) end
end

function actions.read()
    local pipe = any(fuzz.world.pipes)
    if not pipe then return end
    read(pipe, "read", any {"l", "L", "a", 0, 1, 10, 5000, 100000})
end

function actions.read_until()
    local pipe = any(fuzz.world.pipes)
    if not pipe then return end
    read(pipe, "read_until", any {"\n", "|", "|\n", "ab"},
        any {nil, 1, 100, 1000000})
end

-- A failure is raised, and has taken nothing.
function actions.lines(depth)
    local pipe = any(fuzz.world.pipes)
    if not pipe then return end
    local format = any {"l", "L", 10}
    local next_line = pipe.to:lines(format)
    for _ = 1, random(4) do
        local line = wait("lines", false, next_line)
        if not line then return end
        receive(pipe, format, line)
        attempt(act, depth + 1)
    end
end

function actions.shut()
    local pipe = any(fuzz.world.pipes)
    if not pipe or chance(70) then return end
    if chance(50) then
        pipe.from:close()
    else
        pipe.from:shutdown(any {"send", "recv", "both"})
    end
end

function actions.watch()
    local pipe, loop = any(fuzz.world.pipes), neap.loop()
    if not pipe or chance(70) then return end
    local from = pipe.from
    if not from:fd() then return end
    local count = 0
    attempt(loop.add_writer, loop, from, function()
        count = count + 1
        if count > 2 then loop:remove_writer(from) end
    end)
end

-- What is wrong with what came, if anything is.
local function find_fault(sent, stream)
    local at = 1
    for _, message in ipairs(sent) do
        local piece = stream:sub(at, at + #message.data - 1)
        if piece == message.data then
            at = at + #piece
        else
            local rest = stream:sub(at)
            if message.data:sub(1, #rest) == rest then return end
            if message.ok then return "bytes were lost or doubled" end
        end
    end
    return at <= #stream and "more came than was sent"
end

local function check_pipe(pipe)
    pipe.from:close()
    pipe.to:close()
    local stream = table.concat(pipe.came)
    local fault = find_fault(pipe.sent, stream)
    if fault and pipe.bare then
        fault = find_fault(pipe.sent, stream:sub(1, -2))
    end
    expect(not fault, fault or "")
end

-- Datagrams: each comes once, as it was sent, or cut off as is told ----------

function actions.datagrams()
    if not fuzz.world.sockets or #fuzz.world.posts > 3 then return end
    local name = "unix:@fuzz" .. random(1 << 40)
    local to, from = neap.udp(name), neap.udp(name .. ".from")
    if chance(50) then assert(from:connect(name)) end
    table.insert(fuzz.world.posts,
        {to = to, from = from, name = name, sent = {}, count = 0})
end

function actions.post()
    local post = any(fuzz.world.posts)
    if not post then return end
    post.count = post.count + 1
    local number, size = post.count, any {0, 1, 100, 5000}
    local data = ("%d "):format(number) .. ("x"):rep(size)
    post.sent[number] = data
    if post.from:peername() and chance(50) then
        wait("post", false, post.from.send, post.from, data)
    else
        wait("post", false, post.from.send_to, post.from, data, post.name)
    end
end

function actions.fetch()
    local post = any(fuzz.world.posts)
    if not post then return end
    local max = any {nil, 20, 65536}
    local data, path, cut = wait("fetch", false, post.to.recv_from, post.to,
        max)
    if not data then return end
    local number = tonumber(data:match "^%d+")
    local sent = post.sent[number]
    expect(sent, "datagram %s came twice, or was never sent", number)
    expect("unix:" .. path == post.name .. ".from", "from %s", path)
    expect(data == sent:sub(1, max or -1), "datagram %d is another", number)
    expect((cut or false) == (#sent > #data), "datagram %d: cut?", number)
    post.sent[number] = nil
end

function actions.shut_post()
    local post = any(fuzz.world.posts)
    if post and chance(10) then any {post.to, post.from}:close() end
end

return function()
    for _, pipe in ipairs(fuzz.world.pipes) do check_pipe(pipe) end
    for _, post in ipairs(fuzz.world.posts) do
        post.to:close()
        post.from:close()
    end
end

end
