-- SPDX-License-Identifier: MIT
--
-- The echo server that tests/bench/run measures: neap echo.lua PORT

local neap = require "neap"

local function echo(client)
    local data = client:recv()
    while data and client:send(data) do data = client:recv() end
end

local listener = assert(neap.listen("127.0.0.1", tonumber(arg[1])))
neap.serve(listener, echo)
