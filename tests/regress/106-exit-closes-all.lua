-- SPDX-License-Identifier: MIT
--
-- os.exit(code, true) left open the coroutines in which other tasks waited and
-- the variables of a callback, and crashed where clean-up failed, exited
-- itself, asked for neap.tasks, or where the task was inside another one's
-- neap.run.

local tasks = require "tests.spec.tasks"

local function check(code, out, status)
    local result = tasks.run([[
        local function closing(name, fn)
            return setmetatable({}, {__close = function()
                print(name)
                if fn then fn() end
            end})
        end
        local function other(fn)
            neap.spawn(function()
                local _ <close> = closing "other"
                coroutine.wrap(function()
                    local _ <close> = closing("inner", fn)
                    neap.sleep(1)
                end)()
            end)
            neap.yield()
            neap.yield()
        end
    ]] .. code)
    assert(result.out == out, result.out)
    assert(result.err == "", result.err)
    assert(result.status == status, result.status)
end

check("other() os.exit(3, true)", "inner\nother\n", 3)
check([[
    neap.call_soon(function()
        local _ <close> = closing "callback"
        os.exit(3, true)
    end)
    neap.sleep(1)
]], "callback\n", 3)
check("other(error) os.exit(3, true)", "inner\nother\n", 3)
check([[
    other()
    local _ <close> = closing("main", error)
    os.exit(3, true)
]], "main\ninner\nother\n", 3)
check("other(function() os.exit(4, true) end) os.exit(3, true)",
    "inner\nother\n", 4)
check("other(neap.tasks) os.exit(3, true)", "inner\nother\n", 3)
check([[
    local _ <close> = closing "main"
    neap.run(function()
        local _ <close> = closing "run"
        os.exit(3, true)
    end)
]], "run\nmain\n", 3)
