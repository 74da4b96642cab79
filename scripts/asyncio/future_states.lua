-- SPDX-License-Identifier: MIT
-- Document 001, "stopping coroutines": the four states of a future.
--
-- The document names them Pending, Running, Done and Cancelled. Only a task can
-- be running, and only one at a time: the one that asks. Who is asleep is
-- pending. Done is two words in neap, "finished" and "failed"; done() is true
-- of both, and of "cancelled".
--
-- A cancel is a request. The task is pending until it has met it, at the wait
-- that it is in, and has unwound.
--
-- runs on: neap

local neap = require "neap"

local function show(word, future)
    print(("%-10s %-10s done: %-6s cancelled: %s"):format(word,
        future:state(), future:done(), future:cancelled()))
end

local function do_some_work(x)
    show("Running", neap.current())
    neap.sleep(x)
    return ("Done after %ds"):format(x)
end

local loop = neap.loop()

local task = neap.spawn(do_some_work, 1)
show("Pending", task)
loop:run_until_complete(task)
show("Done", task)

local asleep = neap.spawn(neap.sleep, 2)
neap.yield()    -- it falls asleep
print("cancel:", asleep:cancel())
show("Pending", asleep)
neap.wait {asleep}
show("Cancelled", asleep)
print("cancel:", asleep:cancel())

--[[ output:
Pending    pending    done: false  cancelled: false
Running    running    done: false  cancelled: false
Done       finished   done: true   cancelled: false
cancel:	true
Pending    pending    done: false  cancelled: false
Cancelled  cancelled  done: true   cancelled: true
cancel:	false
]]
