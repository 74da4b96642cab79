-- SPDX-License-Identifier: MIT
-- Ours: a chat room. Come in by `nc 127.0.0.1 8082`, from several terminals.
--
-- A member has two tasks: one reads what it says, the other writes what it is
-- to hear. In between is its outbox, a queue with an end: whoever speaks puts a
-- line into each outbox and never waits, so that a member who does not read
-- holds up nobody. When its outbox is full it is shown the door.
--
-- Who spoke lets the others run before it speaks again. So whoever talks
-- without a pause fills no outbox of those who listen.
--
-- A server never ends, so there is no output to compare: a spec chats in it.
--
--     neap scripts/demos/chat.lua [port]
--
-- The port is 8082 if none is given; 0 lets the system choose.
--
-- test: tests/spec/demos_spec.lua

local neap = require "neap"

io.stdout:setvbuf("line")    -- who reads us through a pipe wants it at once

local OUTBOX_MAX <const> = 100    -- lines that a member may be behind
local NAME_MAX <const> = 20

local members = {}    -- those in the room, by name

-- Telling ------------------------------------------------------------------

-- A member that is too slow meets its end in its own task: its socket closed.
local function tell(member, line)
    if not member.outbox:try_put(line) then
        member.reason = "is too slow, and was shown the door"
        member.outbox:close(true)
        member.conn:close()
        members[member.name] = nil
    end
end

local function tell_others(speaker, line)
    for _, member in pairs(members) do
        if member ~= speaker then
            tell(member, line)
        end
    end
end

local function announce(member, what)
    local line = ("* %s %s"):format(member.name, what)
    print(line)
    tell_others(member, line)
end

-- Coming and going ---------------------------------------------------------

local function names()
    local list = {}
    for name in pairs(members) do
        list[#list + 1] = name
    end
    table.sort(list)
    return #list == 0 and "nobody" or table.concat(list, ", ")
end

-- A line without the carriage return that some clients send; nil at the end.
local function read_line(conn)
    local line = conn:read("l")
    return line and line:gsub("\r$", "")
end

local function is_name(name)
    return #name <= NAME_MAX and name:find("^[^%s%c:*]+$") and not members[name]
end

-- Asks until it is a good one; nil if the guest leaves.
local function ask_name(conn)
    conn:write("Your name?\n")
    local name = read_line(conn)
    while name and not is_name(name) do
        conn:write("Another one, please: one word, not in use.\n")
        name = read_line(conn)
    end
    return name
end

-- Whether it went by itself or was put out: here it leaves.
local function leave(member)
    if members[member.name] == member then
        members[member.name] = nil
    end
    member.outbox:close()
    announce(member, member.reason)
end

local function join(name, conn)
    local member = setmetatable({
        name = name,
        conn = conn,
        outbox = neap.Queue(OUTBOX_MAX),    -- lines that it has yet to hear
        reason = "has left",
    }, {__close = leave})
    tell(member, "* here: " .. names())
    members[name] = member
    announce(member, "has joined")
    return member
end

-- The two tasks of a member ------------------------------------------------

local function listen(member)
    for line in member.outbox:items() do
        if not member.conn:write(line, "\n") then
            return
        end
    end
end

local function speak(member)
    for line in read_line, member.conn do
        tell_others(member, member.name .. ": " .. line)
        neap.yield()
    end
end

local function handler(conn)
    local name = ask_name(conn)
    if name then
        local member <close> = join(name, conn)
        neap.spawn(listen, member)
        speak(member)
    end
end

-- The room -----------------------------------------------------------------

local listener = assert(neap.listen("127.0.0.1", tonumber(arg[1]) or 8082))
print("listening on", listener:sockname())
assert(neap.serve(listener, handler))
