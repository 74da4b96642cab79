-- SPDX-License-Identifier: MIT
--
-- A future and the task that awaits it, cancelled one after the other in one
-- pass: the task ended "failed" by the future's Cancelled, not by its own.

local neap = require "neap"

local future = neap.Future()
local task = neap.spawn(future.await, future)
neap.yield()
future:cancel "future"
task:cancel "task"
neap.yield()
neap.yield()
assert(task:state() == "cancelled")
assert(task:error().reason == "task")
