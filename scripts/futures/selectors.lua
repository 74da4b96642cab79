-- SPDX-License-Identifier: MIT
-- module
-- Python's selectors, as far as document 004 needs it: who waits for several
-- sockets at once registers each with a callback, and select says whose turn
-- it is. The loop's add_reader is the one to ask; that one calls back by
-- itself, and the document wants to see who calls.
--
-- EVENT_READ wants a Socket. EVENT_WRITE stands for what the document asks by
-- it, whether the connection stands: it wants a Task of neap.connect, which is
-- how a connect begins that nobody waits for.

local neap = require "neap"

local loop = neap.loop()

local selectors = {EVENT_READ = "read", EVENT_WRITE = "write"}

local DefaultSelector = {}
DefaultSelector.__index = DefaultSelector

function selectors.DefaultSelector()
    return setmetatable({
        _keys = {},             -- by what was registered
        _ready = {},            -- keys that select returns, oldest first
        _some = neap.Event(),   -- set while there are any
    }, DefaultSelector)
end

function DefaultSelector:register(fileobj, event, data)
    local key = {fileobj = fileobj, event = event, data = data}
    self._keys[fileobj] = key
    self:_watch(key)
end

function DefaultSelector:unregister(fileobj)
    if self._keys[fileobj].event == selectors.EVENT_READ then
        loop:remove_reader(fileobj)
    end
    self._keys[fileobj] = nil
end

-- Until it was told once: then it is select's turn.
function DefaultSelector:_watch(key)
    local function tell()
        table.insert(self._ready, key)
        self._some:set()
    end
    if key.event == selectors.EVENT_WRITE then
        key.fileobj:on_done(tell)
        return
    end
    loop:add_reader(key.fileobj, function()
        loop:remove_reader(key.fileobj)
        tell()
    end)
end

-- Waits until there is one; those of the last time are watched again first.
function DefaultSelector:select()
    local last = self._ready
    self._ready = {}
    self._some:clear()
    for _, key in ipairs(last) do
        if self._keys[key.fileobj] == key then
            self:_watch(key)
        end
    end
    self._some:wait()
    return self._ready
end

return selectors
