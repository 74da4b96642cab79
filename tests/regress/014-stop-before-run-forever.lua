-- SPDX-License-Identifier: MIT
--
-- loop:stop() before loop:run_forever(), outside of tasks: not one pass was run
-- but a whole turn of them, with what the first pass had posted for later.

local tasks = require "tests.spec.tasks"

assert("1\nthrough\n2\n" == tasks.outside [[
    local loop = require "neap".loop()
    loop:call_soon(function()
        print(1)
        loop:call_soon(print, 2)
    end)
    loop:stop()
    loop:run_forever()
    print "through"
    loop:run_once()
]])
tasks.clean()
