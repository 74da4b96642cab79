-- SPDX-License-Identifier: MIT
--
-- What the programs of programs.lua are made of: failures that are told, bytes
-- that tell their place, and sockets that are closed whatever happens.

local neap = require "neap"

local support = {}

-- tests/spec/raw.c, where a program is to be run and not only named.
local library = os.getenv "NEAP_RAW"
support.raw = library and package.loadlib(library, "luaopen_raw")()

-- A path that is this process's own.
support.path = os.getenv "NEAP_PATH"

-- Failures ------------------------------------------------------------------

-- Passes results on; a failure that is told as failures are, and an end that
-- comes early (the peer may have been told one), is raised as {told = message}.
local function told(...)
    local first, message, code = ...
    if first then return ... end
    if select("#", ...) == 1 then error({told = "end of stream"}) end
    assert(type(message) == "string" and #message > 0, "no message")
    assert(type(code) == "string" and #code > 0, "no code")
    error({told = message})
end
support.told = told

-- Whether an error says no more than that a call failed.
function support.is_told(e)
    if type(e) == "table" and e.told then return true end
    if type(e) == "userdata" and e.errors then
        for _, one in ipairs(e.errors) do
            if not support.is_told(one) then return false end
        end
        return true
    end
    return type(e) == "string" and e:find("not enough memory", 1, true) ~= nil
end

-- The results of a call that may well fail: whether it did not.
function support.either(first, message, code)
    if not first and message then
        assert(type(message) == "string" and type(code) == "string")
    end
    return first and true or false
end

-- Sockets -------------------------------------------------------------------

local Owner = {}

-- Takes a socket and passes on what came with it.
function Owner:__call(sock, ...)
    self[#self + 1] = sock
    return sock, ...
end

function Owner:__close()
    for _, sock in ipairs(self) do sock:close() end
end

-- What closes, at the end of a block, all sockets that it was called with.
function support.owner() return setmetatable({}, Owner) end

-- Where a listener of this kind listens.
local function address(kind)
    if kind == "unix" then return "unix:" .. support.path end
    if kind == "abstract" then return "unix:@" .. support.path end
    return kind, 0
end

-- A listener, and the host and port, or the name, to connect to.
function support.listen(own, kind)
    local name, port = address(kind)
    local listener = own(told(neap.listen(name, port)))
    if port then return listener, told(listener:sockname()) end
    return listener, name
end

-- Both ends of a connection.
function support.connection(own, kind)
    if kind == "pair" then
        local a, b = told(neap.socketpair())
        return own(a), own(b)
    end
    local listener, host, port = support.listen(own, kind)
    local server
    neap.group(function(group)
        group:spawn(function() server = own(told(listener:accept())) end)
        own(told(neap.connect(host, port)))
    end)
    return own[#own] == server and own[#own - 1] or own[#own], server
end

-- Bytes ---------------------------------------------------------------------

local parts = {}
for i = 1, 1 << 16 do parts[i] = ("%07d\n"):format(i) end

-- 512 KiB that tell their place.
support.large = table.concat(parts)

-- Takes all up to the end; whole unless `part` is said to do.
function support.drain(sock, expected, part)
    local got = 0
    while true do
        local data, message, code = sock:recv()
        if not data and message then told(data, message, code) end
        if not data then break end
        assert(data == expected:sub(got + 1, got + #data), "wrong bytes")
        got = got + #data
    end
    if got < #expected and not part then told(nil) end
end

return support
