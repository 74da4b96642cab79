-- SPDX-License-Identifier: MIT
-- Document 004, section 1: the blocking request.
--
-- Ask, then take what comes until the other side closes: the program stands
-- still in connect and in recv. In neap it is the task that stands still, and
-- only that: meanwhile the host, another task of this script, can answer. So
-- this is how one writes it in neap, too; the rest of the document is about
-- what makes that possible. (The loop around recv is sock:read("a").)
--
-- runs on: neap

package.path = arg[0]:gsub("[^/]*$", "?.lua;") .. package.path
local hosts = require "hosts"
local neap = require "neap"

-- Sends a request and prints the response.
local function request(host)
    local url = "http://" .. host
    local sock <close> = assert(neap.connect(hosts.address(host)))
    sock:send(("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n"):format(url, host))

    local response = ""
    local chunk = sock:recv(4096)
    while chunk do
        response = response .. chunk
        chunk = sock:recv(4096)
    end
    io.write((response:gsub("\r\n", "\n")))
end

request("so1n.me")

--[[ output:
HTTP/1.1 301 Moved Permanently
Server: GitHub.com
Content-Type: text/html
Location: https://so1n.me/
X-GitHub-Request-Id: A744:3871:4136AF:48BD9F:6188DB50
Content-Length: 162
Accept-Ranges: bytes
Date: Mon, 08 Nov 2021 08:11:37 GMT
Via: 1.1 varnish
Age: 104
Connection: close
X-Served-By: cache-qpg1272-QPG
X-Cache: HIT
X-Cache-Hits: 2
X-Timer: S1636359097.026094,VS0,VE0
Vary: Accept-Encoding
X-Fastly-Request-ID: 22fa337f777553d33503cee5282598c6a293fb5e

<html>
<head><title>301 Moved Permanently</title></head>
<body>
<center><h1>301 Moved Permanently</h1></center>
<hr><center>nginx</center>
</body>
</html>
]]
