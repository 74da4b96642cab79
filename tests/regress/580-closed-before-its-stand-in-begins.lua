-- SPDX-License-Identifier: MIT
--
-- A thread whose stand-in had not begun when lua_close came was cancelled, but
-- not waited for: the process was gone before its clean-up had run.

local shell = require "tests.spec.shell"
local stock = require "tests.spec.stock"

local fifo = os.tmpname()
shell.run(("rm %s && mkfifo %s"):format(fifo, fifo))
local out = stock.out(([[
    neap.thread(function(path)
        local out <close> = setmetatable({}, {__close = function()
            require "neap".shield(require "neap".sleep, 0.05)
            print "cleaned"
        end})
        io.open(path, "w"):close()
        require "neap".sleep(100)
    end, %q)
    io.open(%q):read "a" -- it runs by now
]]):format(fifo, fifo))
os.remove(fifo)
assert(out == "cleaned\n", out)
