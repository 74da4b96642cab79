-- SPDX-License-Identifier: MIT
--
-- A finalizer that ran after a Thread's own found nothing behind it: stop,
-- spawn and call_soon read there.

local shell = require "tests.spec.shell"

local file <close> = shell.temporary [[
    local neap = require "neap"
    setmetatable({}, {__gc = function()
        print(pcall(thread.stop, thread))
        print(pcall(thread.spawn, thread, function() end))
        print(pcall(thread.call_soon, thread, function() end))
    end})
    thread = neap.thread(function() end)
    thread:await()
]]
local result = shell.run(shell.quote(shell.neap) .. " " .. file.path)
assert(result.err == "" and result.status == 0, result.err)
local _, count = result.out:gsub("the thread is gone", "")
assert(count == 2 or count == 3, result.out)
