-- SPDX-License-Identifier: MIT
-- module
-- The four hosts of document 004, for the scripts beside it: four small HTTP
-- servers, tasks of the script that requires us, on ports of 127.0.0.1.
--
--     sock = neap.connect(hosts.address("so1n.me"))
--
-- Each answers as the document shows it: come again, by https. Each takes a
-- time of its own, and they are through in the order of the document's run.

local neap = require "neap"

local BODY <const> = [[
<html>
<head><title>301 Moved Permanently</title></head>
<body>
<center><h1>301 Moved Permanently</h1></center>
<hr><center>nginx</center>
</body>
</html>
]]

local SO1N <const> = [[
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
]]

local function moved_to(url)
    return ([[
HTTP/1.1 301 Moved Permanently
Content-Type: text/html
Location: %s
Content-Length: 162
Connection: close
]]):format(url)
end

-- By name: what it answers, and after how many seconds.
local sites = {
    ["google.com"] = {head = moved_to "https://google.com/", delay = 0.1},
    ["github.com"] = {head = moved_to "https://github.com/", delay = 0.2},
    ["baidu.com"] = {head = moved_to "https://baidu.com/", delay = 0.3},
    ["so1n.me"] = {head = SO1N, delay = 0.4},
}

-- On the wire a line ends with a carriage return as well.
local function crlf(text)
    return (text:gsub("\n", "\r\n"))
end

local function is_for(request, host)
    return request == crlf(("GET http://%s HTTP/1.0\nHost: %s\n\n")
        :format(host, host))
end

local function answer(conn, host)
    local conn <close> = conn
    local request = conn:read_until("\r\n\r\n")
    if not request then    -- it went away, without a question
        return
    elseif not is_for(request, host) then
        conn:write("HTTP/1.1 400 Bad Request\r\n\r\n")
    else
        neap.sleep(sites[host].delay)
        conn:write(crlf(sites[host].head .. "\n" .. BODY))
    end
end

local function serve(listener, host)
    for conn in listener.accept, listener do
        neap.spawn(answer, conn, host)
    end
end

for host, site in pairs(sites) do
    site.listener = assert(neap.listen("127.0.0.1", 0))
    neap.spawn({name = host, daemon = true}, serve, site.listener, host)
end

local hosts = {}

-- What connect takes for a host's name.
function hosts.address(host)
    return sites[host].listener:sockname()
end

return hosts
