-- SPDX-License-Identifier: MIT
--
-- The echo server that tests/bench/run measures: neap echo.lua PORT

local neap = require "neap"

local function serve(client)
    local data = client:recv()
    while data and client:send(data) do data = client:recv() end
    client:close()
end

local listener = assert(neap.listen("127.0.0.1", tonumber(arg[1])))
while true do neap.spawn(serve, (assert(listener:accept()))) end
