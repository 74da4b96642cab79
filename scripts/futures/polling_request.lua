-- SPDX-License-Identifier: MIT
-- Document 004, section 2: the non-blocking connect, and its polling loop.
--
-- connect returns at once, and nobody says when the connection stands. So one
-- asks again and again: like ringing up the kitchen all the time to hear
-- whether the meal is ready. Nothing waits, and the processor is busy.
--
-- In neap every call waits, for its task. What is begun and not waited for is
-- therefore a task, and asking is task:done(); in Python send raises, or not.
-- The yield is for the host, which is a task of this very script; the
-- document's is a computer of its own. That recv has to be asked likewise it
-- says, and shows only connect.
--
-- The virtual clock stands still while somebody runs, and here somebody always
-- does.
--
-- runs on: neap
-- clock: real

package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local hosts = require "hosts"
local neap = require "neap"

-- Asks until the task is done, and says how often in vain.
local function poll(what, task)
    local in_vain = 0
    while not task:done() do
        in_vain = in_vain + 1
        neap.yield()
    end
    print(("%s: asked %d times in vain"):format(what, in_vain))
    return task:result()
end

local function request(host)
    local connecting = neap.spawn(neap.connect, hosts.address(host))
    print("connect has returned: " .. connecting:state())

    local sock <close> = assert(poll("connected", connecting))
    sock:send(("GET http://%s HTTP/1.0\r\nHost: %s\r\n\r\n")
        :format(host, host))

    local response = ""
    local chunk = poll("an answer", neap.spawn(sock.recv, sock, 4096))
    while chunk do
        response = response .. chunk
        chunk = poll("more", neap.spawn(sock.recv, sock, 4096))
    end
    print(response:match("[^\r]*"))
end

request("google.com")

--[[ output:
connect has returned: pending
~ connected: asked %d+ times in vain
~ an answer: asked %d%d+ times in vain
~ more: asked %d+ times in vain
HTTP/1.1 301 Moved Permanently
]]
