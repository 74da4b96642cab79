-- SPDX-License-Identifier: MIT
--
-- What each of many runtimes does in its short life (tests/bench/runtimes.c).

local neap = require "neap"
local a, b = neap.socketpair()
local queue = neap.Queue(1)
neap.spawn(function() b:send "x" end)
neap.spawn(queue.put, queue, a:recv(1))
neap.group(function(g) g:spawn(neap.sleep, 0) end)
assert(queue:get() == "x")
