-- SPDX-License-Identifier: MIT
-- Document 004, section 2: four hosts at once, with a selector and callbacks.
--
-- Nobody asks any more: the selector says what has happened, and the loop at
-- the end calls whoever waits for it. All four are through when the slowest is.
-- The price is the shape: what was one function is three, the second is named
-- in the first and the third in the second, and an error in the third has no
-- second and no first in its traceback.
--
-- What the selector says of a connect, and what the document's non-blocking
-- connect is in neap: see selectors.lua. connect takes an address and port from
-- hosts.lua instead of the name and 80.
--
-- runs on: neap

package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local hosts = require "hosts"
local neap = require "neap"
local selectors = require "selectors"
local EVENT_READ, EVENT_WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

local selector = selectors.DefaultSelector()
local running_cnt = 0    -- requests that are under way

local function request(host)
    running_cnt = running_cnt + 1

    local url = "http://" .. host
    local connecting = neap.spawn(neap.connect, hosts.address(host))
    local sock
    local response = ""

    -- Takes what came, and sees whether the response is complete.
    local function read_response()
        local chunk = sock:recv(4096)
        print(("recv %s body success"):format(host))
        if chunk then
            response = response .. chunk
        else
            selector:unregister(sock)
            sock:close()
            running_cnt = running_cnt - 1
        end
    end

    -- The connection stands: sends the request, and listens for the response.
    local function connected()
        selector:unregister(connecting)
        sock = assert(connecting:result())
        print(("%s connect success"):format(host))
        sock:send(("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n"):format(url, host))
        selector:register(sock, EVENT_READ, read_response)
    end

    selector:register(connecting, EVENT_WRITE, connected)
end

-- Several requests at once.
request("so1n.me")
request("github.com")
request("google.com")
request("baidu.com")
-- As long as one is under way, wait for what happens, and call who is told.
while running_cnt > 0 do
    for _, key in ipairs(selector:select()) do
        key.data()
    end
end

--[[ output:
so1n.me connect success
github.com connect success
google.com connect success
baidu.com connect success
recv google.com body success
recv google.com body success
recv github.com body success
recv github.com body success
recv baidu.com body success
recv baidu.com body success
recv so1n.me body success
recv so1n.me body success
]]
