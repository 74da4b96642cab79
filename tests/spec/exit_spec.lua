-- SPDX-License-Identifier: MIT
--
-- os.exit(code, true) from anywhere: the code is kept, every to-be-closed
-- variable is closed, nothing waits and nothing crashes. The numbers are those
-- of SEMANTICS, group 10.

local tasks = require "tests.spec.tasks"

-- Another task waits in a coroutine, and main has a variable, too.
local scene = [[
    local function closing(name)
        return setmetatable({}, {__close = function(_, e)
            print(name, e)
        end})
    end
    neap.spawn(function()
        local _ <close> = closing "other"
        coroutine.wrap(function()
            local _ <close> = closing "other's coroutine"
            neap.sleep(1000)
        end)()
    end)
    neap.yield()
    neap.yield()
    local _ <close> = closing "main"
]]

-- Runs the scene and then the code: it must end with the code 3 and have closed
-- what is named, one a line, before the other task's.
local function check(code, ...)
    local result = tasks.run(scene .. code)
    local lines = {...}
    lines[#lines + 1] = "other's coroutine"
    lines[#lines + 1] = "other"
    assert.equal("", result.err)
    assert.equal(table.concat(lines, "\tnil\n") .. "\tnil\n", result.out)
    assert.equal(3, result.status)
end

describe("os.exit(code, true)", function() -- Y14
    it("closes the caller's variables first, innermost first", function()
        check([[
            local function f(depth)
                local _ <close> = closing("f" .. depth)
                if depth == 3 then os.exit(3, true) end
                f(depth + 1)
            end
            f(1)
        ]], "f3", "f2", "f1", "main")
    end)

    it("is not caught by pcall", function()
        check([[
            print(pcall(function()
                local _ <close> = closing "in pcall"
                os.exit(3, true)
            end))
            print "not reached"
        ]], "in pcall", "main")
    end)

    it("in nested coroutines closes these, then who resumed them", function()
        check([[
            coroutine.wrap(function()
                local _ <close> = closing "outer"
                coroutine.resume(coroutine.create(function()
                    local _ <close> = closing "inner"
                    neap.sleep(1)
                    os.exit(3, true)
                end))
            end)()
        ]], "inner", "outer", "main")
    end)

    it("in 150 nested coroutines", function()
        check([[
            local function nest(depth)
                if depth == 0 then os.exit(3, true) end
                coroutine.wrap(nest)(depth - 1)
            end
            nest(150)
        ]], "main")
    end)

    it("in another task closes its own first", function()
        local result = tasks.run(scene .. [[
            neap.spawn(function()
                local _ <close> = closing "leaver"
                os.exit(3, true)
            end)
            neap.sleep(1000)
        ]])
        assert.equal("leaver\tnil\nother's coroutine\tnil\nother\tnil\n"
            .. "main\tnil\n", result.out)
        assert.equal(3, result.status)
    end)

    it("in a run closes children before their parent", function()
        local result = tasks.run(scene .. [[
            neap.run(function()
                local _ <close> = closing "run"
                neap.spawn(function()
                    local _ <close> = closing "child"
                    neap.sleep(1000)
                end)
                neap.sleep(1)
                os.exit(3, true)
            end)
        ]])
        assert.equal("run\tnil\nother's coroutine\tnil\nother\tnil\n"
            .. "child\tnil\nmain\tnil\n", result.out)
        assert.equal(3, result.status)
    end)

    local places = {
        ["a callback"] = "neap.call_soon(leave) neap.sleep(1000)",
        ["a coroutine in a callback"] =
            "neap.call_soon(coroutine.wrap(leave)) neap.sleep(1000)",
        ["a future's callback"] = [[
            local future = neap.Future()
            future:on_done(leave)
            future:set_result()
            neap.sleep(1000)
        ]],
    }
    for place, code in pairs(places) do
        it("in " .. place, function()
            local result = tasks.run(scene .. [[
                local function leave()
                    local _ <close> = closing "callback"
                    os.exit(3, true)
                end
            ]] .. code)
            assert.equal("callback\tnil\nother's coroutine\tnil\nother\tnil\n"
                .. "main\tnil\n", result.out)
            assert.equal(3, result.status)
        end)
    end

    places = {
        ["a sort's comparator"] = "table.sort({3, 2, 1}, leave)",
        ["a coroutine in a sort's comparator"] = [[
            table.sort({3, 2, 1}, function() coroutine.wrap(leave)() end)
        ]],
        ["string.gsub"] = "string.gsub('x', '.', leave)",
        ["load"] = "load(leave)",
        ["tostring"] = "tostring(setmetatable({}, {__tostring = leave}))",
        ["a metamethod"] = "local x = setmetatable({}, {__index = leave}).x",
        ["an iterator"] = "for _ in leave do end",
        ["a finalizer"] = [[
            setmetatable({}, {__gc = leave})
            collectgarbage()
        ]],
        ["a hook"] = [[
            debug.sethook(function()
                debug.sethook()
                leave()
            end, "l")
            local x = 1
        ]],
        ["an xpcall's handler"] = "xpcall(error, leave)",
        ["a module that is loaded"] = [[
            package.preload.m = leave
            require "m"
        ]],
        ["__close"] = [[
            do
                local _ <close> = setmetatable({}, {__close = leave})
            end
        ]],
        ["__close after an error"] = [[
            do
                local _ <close> = setmetatable({}, {__close = leave})
                error "on the way"
            end
        ]],
        ["__close run by coroutine.close"] = [[
            local co = coroutine.create(function()
                local _ <close> = setmetatable({}, {__close = leave})
                coroutine.yield()
            end)
            coroutine.resume(co)
            coroutine.close(co)
        ]],
    }
    for place, code in pairs(places) do
        it("in " .. place, function()
            check([[
                local function leave()
                    local _ <close> = closing "place"
                    os.exit(3, true)
                end
            ]] .. code, "place", "main")
        end)
    end

    it("with a finalizer that exits once more", function()
        check([[
            last = setmetatable({}, {__gc = function() os.exit(3, true) end})
            os.exit(4, true)
        ]], "main")
    end)
end)

describe("clean-up while os.exit closes", function() -- Y14
    it("cannot wait, begin anything, or hold the exit up", function()
        local result = tasks.run [[
            local _ <close> = setmetatable({}, {__close = function()
                for _, call in ipairs {
                    {neap.sleep, 0}, {neap.yield}, {neap.run, print},
                    {neap.spawn, print}, {neap.call_soon, print},
                    {neap.call_later, 1, print}, {neap.socketpair},
                    {neap.await, neap.Future()}, {neap.gather, print},
                    {coroutine.wrap(neap.sleep), 0},
                } do
                    print(select(2, pcall(table.unpack(call))))
                end
            end})
            os.exit(3, true)
        ]]
        assert.equal("", result.err)
        assert.equal(3, result.status)
        local lines = 0
        for line in result.out:gmatch "[^\n]+" do
            assert.matches("the runtime is clos", line)
            lines = lines + 1
        end
        assert.equal(10, lines)
    end)

    it("may ask about tasks", function()
        local result = tasks.run [[
            neap.spawn({name = "other"}, function()
                local _ <close> = setmetatable({}, {__close = function()
                    print(#neap.tasks(), neap.tasks()[2]:name())
                    print(neap.tasks()[1]:state(), neap.current())
                end})
                neap.sleep(1000)
            end)
            neap.yield()
            neap.yield()
            neap.current():name "main"
            local _ <close> = setmetatable({}, {__close = function()
                print(neap.current():name(), neap.tasks()[2]:name())
                print(neap.tasks()[2])
            end})
            os.exit(3, true)
        ]]
        assert.matches("^main\tother\n<Task #2 'other' pending, sleeping, "
            .. "[^\n]*\n2\tother\npending\tnil\n$", result.out)
        assert.equal(3, result.status)
    end)

    it("may fail, and the rest goes on", function()
        local result = tasks.run(scene .. [[
            local _ <close> = setmetatable({}, {__close = function()
                error("in __close", 0)
            end})
            os.exit(3, true)
        ]])
        assert.equal("main\tin __close\nother's coroutine\tnil\nother\tnil\n",
            result.out)
        assert.equal(3, result.status)
    end)

    it("may exit itself: its code counts, and the rest goes on", function()
        local result = tasks.run(scene .. [[
            neap.spawn(function()
                local _ <close> = setmetatable({}, {__close = function()
                    os.exit(5, true)
                end})
                neap.sleep(1000)
            end)
            neap.yield()
            neap.yield()
            os.exit(3, true)
        ]])
        assert.equal("main\tnil\nother's coroutine\tnil\nother\tnil\n",
            result.out)
        assert.equal(5, result.status)
    end)

    it("finds its sockets closed or open, never gone", function()
        local result = tasks.run [[
            local a, b = neap.socketpair()
            neap.spawn(function()
                local _ <close> = setmetatable({}, {__close = function()
                    print(b:send "bye", (a:recv(3)))
                end})
                b:recv(1)
            end)
            neap.yield()
            neap.yield()
            local _ <close> = a
            os.exit(3, true)
        ]]
        assert.equal(3, result.status)
        assert.equal("", result.err)
    end)
end)

-- What is not closed is not freed: no leak to a sanitizer.
local unclosed = "ASAN_OPTIONS=detect_leaks=0"

describe("the exit code", function() -- Y14
    for code, status in pairs {
        ["os.exit()"] = 0, ["os.exit(true)"] = 0, ["os.exit(false)"] = 1,
        ["os.exit(7)"] = 7, ["os.exit(true, true)"] = 0,
        ["os.exit(false, true)"] = 1, ["os.exit(258, true)"] = 2,
        ["os.exit(-1, true)"] = 255, ["os.exit(nil, true)"] = 0,
        ["error 'top'"] = 1, ["error(nil)"] = 1, ["neap.sleep(1)"] = 0,
        ["coroutine.wrap(os.exit)(6)"] = 6,
        ["neap.spawn(os.exit, 8, true)"] = 8,
        ["neap.spawn(os.exit, 9) neap.sleep(1)"] = 9,
        ["os.exit(3.5)"] = 1, ["os.exit 'x'"] = 1,
    } do
        it("of " .. code, function()
            assert.equal(status, tasks.run(code, nil, unclosed).status)
        end)
    end

    it("without closing leaves at once", function()
        local result = tasks.run(scene .. "os.exit(3)", nil, unclosed)
        assert.same({"", "", 3}, {result.out, result.err, result.status})
    end)

    it("with closing flushes what was written", function()
        local result = tasks.run "io.write 'no newline' os.exit(3, true)"
        assert.equal("no newline", result.out)
    end)
end)

describe("an error at the top", function() -- Y14
    it("closes main's variables with it, and cancels the others", function()
        local result = tasks.run(scene .. "error('top', 0)")
        assert.equal("main\ttop\n"
            .. "other's coroutine\tcancelled: the runtime is closing\n"
            .. "other\tcancelled: the runtime is closing\n", result.out)
        assert.matches("^neap: top\nstack traceback:\n", result.err)
        assert.equal(1, result.status)
    end)
end)
