-- SPDX-License-Identifier: MIT
--
-- A finalizer that ran after that of a Channel's spare wait, and before the
-- Channel's own, brought the Channel back: who waited in it next took the spare
-- wait, which was empty. With small steps of the collector tasks run between
-- finalizers.

collectgarbage("incremental", 100, 4, 1)

local function wait_in(channel)
    local task = neap.spawn(channel.get, channel)
    neap.yield()
    return task
end

-- Collected after its friends, each of which brings it back.
local function leave(bring_back)
    local channel, friends = neap.Channel(1), {}
    for i = 1, 5000 do
        friends[i] = setmetatable({channel = channel}, {__gc = bring_back})
    end
    local task = wait_in(channel)
    channel:put(1)
    assert(task:await() == 1)
end

local channel
for round = 1, 20 do
    channel = nil
    leave(function(friend) channel = friend.channel end)
    while not channel do local _ = {} end
    local task = wait_in(channel)
    if round % 2 == 0 then collectgarbage() end -- its own finalizer runs
    local there, put = pcall(channel.try_put, channel, 2)
    local got, value = pcall(task.await, task)
    assert(there and put and value == 2 or not there and not got)
    pcall(neap.offload, function(it) return it:len() end, channel)
end
