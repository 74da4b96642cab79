-- SPDX-License-Identifier: MIT
--
-- What the specs of tasks, time and the loop share.

local neap = require "neap"
local shell = require "tests.spec.shell"

local tasks = {}

-- Lets the others run until all of them wait. No chain of wakes in these specs
-- is longer than these passes.
function tasks.settle()
    for _ = 1, 12 do neap.yield() end
end

-- A task that has gone as far as it can.
function tasks.start(fn, ...)
    local task = neap.spawn(fn, ...)
    tasks.settle()
    return task
end

function tasks.states(...)
    local list = {}
    for i, task in ipairs {...} do list[i] = task:state() end
    return table.concat(list, " ")
end

-- What a wait that never ends waits for.
function tasks.forever()
    return neap.Future():await()
end

-- A variable to be closed that calls the function.
function tasks.guard(fn)
    return setmetatable({}, {__close = function(_, e) return fn(e) end})
end

-- A function that gives these values after so many passes.
function tasks.after(passes, ...)
    local values = table.pack(...)
    return function()
        for _ = 1, passes do neap.yield() end
        return table.unpack(values, 1, values.n)
    end
end

-- One that fails so late.
function tasks.fail_after(passes, e)
    return function()
        for _ = 1, passes do neap.yield() end
        error(e, 0)
    end
end

-- Futures that have ended.
function tasks.ended(...)
    local future = neap.Future()
    future:set_result(...)
    return future
end

function tasks.failed(e)
    local future = neap.Future()
    future:set_error(e)
    return future
end

-- The error that a call raises.
function tasks.caught(fn, ...)
    local ok, e = pcall(fn, ...)
    assert(not ok, "it raises nothing")
    return e
end

-- Cancels what a test has left waiting: after each.
function tasks.sweep()
    for _, task in ipairs(neap.tasks()) do
        if task ~= neap.current() then task:cancel "swept" end
    end
    tasks.settle()
end

-- Programs -----------------------------------------------------------------

local function rename(text, old, new)
    return (text:gsub(old:gsub("%p", "%%%0"), new))
end

-- Runs the code as a script of its own, where time is virtual and where what
-- does not end is ended: {out =, err =, status =}. In its words the script is
-- called "it", the command "neap".
function tasks.run(code, options, environment)
    local file <close> = shell.temporary(code)
    local line = ("%s timeout 60 %s %s %s"):format(environment or "",
        shell.quote(shell.neap), options or "--clock=virtual", file.path)
    local result = shell.run(line)
    result.out = rename(result.out, file.path, "it")
    result.err = rename(result.err, file.path, "it")
    result.err = rename(result.err, shell.neap .. ":", "neap:")
    return result
end

-- What it prints, if all goes well.
function tasks.out(code, options, environment)
    local result = tasks.run(code, options, environment)
    if result.err ~= "" or result.status ~= 0 then
        error(("status %s\n%s"):format(result.status, result.err), 2)
    end
    return result.out
end

-- A folder of libraries made of tests/spec/NAME.c; tasks.clean removes it.
local folder

function tasks.build(name)
    folder = folder or shell.run("mktemp -d").out:gsub("\n", "")
    local library = ("%s/%s.so"):format(folder, name)
    local result = shell.run(("cc -shared -fPIC -I. -o '%s' tests/spec/%s.c "
        .. "$(pkg-config --cflags lua5.4) -ldl"):format(library, name))
    assert(result.status == 0, result.err)
    return library
end

function tasks.clean()
    if folder then shell.run("rm -r " .. folder) end
    folder = nil
end

-- Runs code outside of any task, with this much memory: see outside.c.
function tasks.outside(code, limit)
    if not tasks.library then
        tasks.library = tasks.build "outside"
        tasks.load = assert(package.loadlib(tasks.library, "luaopen_outside"))
    end
    return tasks.load()(code, limit)
end

return tasks
