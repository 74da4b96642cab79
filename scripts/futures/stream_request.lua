-- SPDX-License-Identifier: MIT
-- Document 004, its conclusion: four hosts at once, with what neap brings.
--
-- The document ends where a library begins: Future, Task, selector and loop,
-- once written, need not be written again. What is left is the blocking request
-- of its beginning, four times at once, and no slower than the slowest.
--
-- runs on: neap

package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local hosts = require "hosts"
local neap = require "neap"

local function request(host)
    local sock <close> = assert(neap.connect(hosts.address(host)))
    print(("%s connect success"):format(host))
    sock:write("GET http://", host, " HTTP/1.0\r\nHost: ", host, "\r\n\r\n")
    local response = assert(sock:read("a"))
    print(("request %s success, length:%d"):format(host, #response))
end

local start = neap.time()
neap.map({"so1n.me", "github.com", "google.com", "baidu.com"}, request)
print(("%.1f s, and not 1.0"):format(neap.time() - start))

--[[ output:
so1n.me connect success
github.com connect success
google.com connect success
baidu.com connect success
request google.com success, length:292
request github.com success, length:292
request baidu.com success, length:291
request so1n.me success, length:637
~ 0%.%d s, and not 1%.0
]]
