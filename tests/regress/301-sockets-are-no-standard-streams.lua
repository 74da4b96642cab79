-- SPDX-License-Identifier: MIT
--
-- With stderr closed, a socket of the script got the number 2, and reports of
-- failed tasks were sent to its peer. The same went for 0 and 1.

local shell = require "tests.spec.shell"

local path <close> = shell.temporary [[
    local out = io.open(arg[1], "w")
    local a, b = neap.socketpair()
    neap.spawn(error, "a report")
    neap.yield()
    neap.yield()
    print "printed"
    io.stdout:flush()
    a:close()
    b:send ""
    local bytes = b:recv()
    out:write(tostring(bytes), "\n")
    out:close()
]]
local out <close> = shell.temporary()
shell.run(("%s %s %s <&- >&- 2>&-"):format(shell.quote(shell.neap), path.path,
    out.path))
local file <close> = assert(io.open(out.path))
assert(file:read() == "nil")
