-- SPDX-License-Identifier: MIT
--
-- Calls that failed before they had anything to wait for were no checkpoints:
-- a task that tried for ever held the loop, and met no cancel.

local neap = require "neap"

local listener = assert(neap.listen("127.0.0.1", 0))
local datagrams = assert(neap.udp("127.0.0.1", 0))
local closed = assert(neap.listen("127.0.0.1", 0))
closed:close()
local closed_datagrams = assert(neap.udp("127.0.0.1", 0))
closed_datagrams:close()
local long = "unix:/" .. ("x"):rep(200)

local calls = {
    {closed.accept, closed},
    {datagrams.accept, datagrams},
    {closed.recv, closed},
    {listener.recv, listener},
    {listener.send, listener, "x"},
    {listener.write, listener, "x"},
    {datagrams.write, datagrams, "x"},
    {listener.read, listener},
    {datagrams.read_until, datagrams, "x"},
    {listener.recv_from, listener},
    {closed_datagrams.recv_from, closed_datagrams},
    {listener.send_to, listener, "x", "127.0.0.1", 1},
    {closed_datagrams.send_to, closed_datagrams, "x", "127.0.0.1", 1},
    {datagrams.send_to, datagrams, "x", "no literal", 1},
    {neap.wait_readable, closed},
    {neap.wait_writable, closed},
    {neap.connect, long},
    {neap.connect, "1.2.3", 80},
    {neap.resolve, "1.2.3"},
}

for i, call in ipairs(calls) do
    local task = neap.spawn(function()
        while true do
            local first, message, code = call[1](table.unpack(call, 2))
            assert(first == nil and message and code, i)
        end
    end)
    neap.yield() -- returns, although the task never waits
    task:cancel()
    assert(neap.is_cancelled(select(2, pcall(task.await, task))), i)
end
