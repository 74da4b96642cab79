-- SPDX-License-Identifier: MIT
--
-- What the specs of queues share.

local neap = require "neap"

local queues = {}

-- Lets the others run until all of them wait. No chain of wakes in these specs
-- is longer than these passes.
function queues.settle()
  for _ = 1, 8 do neap.yield() end
end

-- A task in a method of the queue, which has gone as far as it can.
function queues.start(queue, method, ...)
  local task = neap.spawn(queue[method], queue, ...)
  queues.settle()
  return task
end

function queues.states(tasks)
  local list = {}
  for i, task in ipairs(tasks) do list[i] = task:state() end
  return list
end

-- What can be got without waiting.
function queues.drain(queue)
  local list = {}
  while true do
    local got, value = queue:try_get()
    if not got then return list end
    list[#list + 1] = value
  end
end

-- The memory in use, in KB, when all garbage is gone.
function queues.memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

return queues
