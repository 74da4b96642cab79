-- SPDX-License-Identifier: MIT
--
-- Where a task may wait and where Lua forbids it. Where it is forbidden the
-- wait says what is in the way, and nothing is lost. The numbers are those of
-- SEMANTICS, group 10.

local lpeg = require "lpeg"
local neap = require "neap"
local tasks = require "tests.spec.tasks"
local guard = tasks.guard

after_each(tasks.sweep)

-- A wait for real: another task runs before it returns.
local function wait(...)
    local ran = false
    neap.spawn(function() ran = true end)
    repeat neap.yield() until ran
    return ...
end

describe("a wait works", function() -- Y5
    it("in pcall and xpcall, as deep as they nest", function()
        local function nest(depth)
            if depth == 0 then return wait("bottom") end
            local call = depth % 2 == 0 and pcall or function(fn, ...)
                return xpcall(fn, debug.traceback, ...)
            end
            return select(2, call(nest, depth - 1))
        end
        assert.equal("bottom", nest(100))
    end)

    it("in an error on its way through pcalls", function()
        local ok, e = pcall(function()
            local _, inner = pcall(function()
                wait()
                error("inner", 0)
            end)
            wait()
            error(inner .. " outer", 0)
        end)
        assert.same({false, "inner outer"}, {ok, e})
    end)

    local waiting = setmetatable({}, {
        __index = function(_, key) return wait(key) end,
        __newindex = function(t, key, value) rawset(t, key, wait(value)) end,
        __call = function(_, ...) return wait(...) end,
        __add = function() return wait "+" end,
        __sub = function() return wait "-" end,
        __mul = function() return wait "*" end,
        __div = function() return wait "/" end,
        __mod = function() return wait "%" end,
        __pow = function() return wait "^" end,
        __unm = function() return wait "u-" end,
        __idiv = function() return wait "//" end,
        __band = function() return wait "&" end,
        __bor = function() return wait "|" end,
        __bxor = function() return wait "~" end,
        __shl = function() return wait "<<" end,
        __shr = function() return wait ">>" end,
        __bnot = function() return wait "u~" end,
        __concat = function(a, b)
            local text = type(a) == "string" and a or b
            return wait(type(text) == "string" and text .. ".." or "..")
        end,
        __len = function() return wait(7) end,
        __eq = function() return wait(true) end,
        __lt = function() return wait(true) end,
        __le = function() return wait(false) end,
    })
    local other = setmetatable({}, getmetatable(waiting))
    local t = waiting

    for name, case in pairs {
        __index = {function() return t.key, t[1] end, "key", 1},
        __newindex = {function()
            local new = setmetatable({}, getmetatable(t))
            new.x = 5
            return rawget(new, "x")
        end, 5},
        __call = {function() return t(1, nil, 3) end, 1, nil, 3},
        arithmetic = {function()
            return t + 1, 1 - t, t * t, t / 1, t % 1, t ^ 1, -t, t // 1
        end, "+", "-", "*", "/", "%", "^", "u-", "//"},
        bitwise = {function()
            return t & 1, t | 1, t ~ 1, t << 1, t >> 1, ~t
        end, "&", "|", "~", "<<", ">>", "u~"},
        __concat = {function() return "a" .. "b" .. t end, "ab.."},
        ["__concat of many"] = {function() return "a" .. t .. "b" .. "c" end,
            "abc.."},
        __len = {function() return #t end, 7},
        __eq = {function() return t == other, t ~= other end, true, false},
        __lt = {function() return t < other, not (t > other) end, true, false},
        __le = {function() return t <= other, t >= other end, false, false},
        conditions = {function()
            if t < other and t == other then return "yes" end
        end, "yes"},
    } do
        it("in " .. name, function()
            assert.same({n = select("#", table.unpack(case, 2)),
                table.unpack(case, 2)}, table.pack(case[1]()))
        end)
    end

    it("in iterators", function()
        local sum = 0
        for i in function(_, i)
            return wait(i < 3 and i + 1 or nil)
        end, nil, 0 do
            sum = sum + i
        end
        assert.equal(6, sum)
    end)

    it("in __pairs", function()
        local list = setmetatable({}, {__pairs = function()
            return wait(next, {x = 1}, nil)
        end})
        for key, value in pairs(list) do assert.equal("x1", key .. value) end
    end)

    it("in __close, however the block is left", function()
        local log = {}
        local function closing(name)
            return guard(function(e)
                log[#log + 1] = wait(name) .. tostring(e)
            end)
        end
        do local _ <close> = closing "end " end
        for i = 1, 2 do
            local _ <close> = closing "break "
            if i == 1 then break end
        end
        for i = 1, 1 do
            local _ <close> = closing "goto "
            if i == 1 then goto out end
        end
        ::out::
        local function f()
            local _ <close> = closing "return "
            return wait("result")
        end
        assert.equal("result", f())
        pcall(function()
            local _ <close> = closing "error "
            error("boom", 0)
        end)
        for _ in next, {}, nil, closing "for " do end
        assert.same({"end nil", "break nil", "goto nil", "return nil",
            "error boom", "for nil"}, log)
    end)

    it("in dofile", function()
        local shell = require "tests.spec.shell"
        local file <close> = shell.temporary(
            "require 'neap'.sleep(0.001) return 'ran', ...")
        assert.equal("ran", (dofile(file.path)))
    end)
end)

describe("a wait is refused", function() -- Y5
    -- Tries the wait in it, and then once more outside.
    local function check(place, fn)
        local caught
        local function try()
            local ok, e = pcall(neap.sleep, 0)
            caught = caught or (not ok and e)
        end
        pcall(fn, try)
        assert.equal("cannot wait here: " .. place, caught)
        assert.equal("fine", wait("fine"))
    end

    local function list(try)
        local function length() return 2 end
        return setmetatable({}, {__index = try, __len = length})
    end

    local stack = {
        ["table.sort"] = function(try) table.sort({3, 2, 1}, try) end,
        ["string.gsub"] = function(try) string.gsub("x", ".", try) end,
        ["load"] = function(try) load(try) end,
        ["tostring"] = function(try)
            tostring(setmetatable({}, {__tostring = try}))
        end,
        ["print"] = function(try)
            print(setmetatable({}, {__tostring = try}))
        end,
        ["table.concat"] = function(try) table.concat(list(try)) end,
        ["table.unpack"] = function(try) table.unpack(list(try)) end,
        ["table.insert"] = function(try) table.insert(list(try), 1, 1) end,
        ["for iterator"] = function(try)
            for _ in ipairs(list(try)) do break end
        end,
        ["lpeg.match"] = function(try)
            lpeg.match(lpeg.P(1) / try, "x")
        end,
        ["__gc"] = function(try)
            setmetatable({}, {__gc = try})
            collectgarbage()
        end,
        ["a debug hook"] = function(try)
            debug.sethook(function()
                debug.sethook()
                try()
            end, "l")
            local _ = 1
            _ = 2
        end,
    }
    for place, fn in pairs(stack) do
        local words = place .. " is on the stack"
        it("in " .. place, function() check(words, fn) end)

        it("in a coroutine in " .. place, function()
            check(words, function(try)
                fn(function() coroutine.wrap(try)() end)
            end)
        end)
    end

    it("in table.sort, with xpcall inside it, which is none", function()
        check("table.sort is on the stack", function(try)
            stack["table.sort"](function() xpcall(try, debug.traceback) end)
        end)
    end)

    it("in table.sort in a coroutine", function()
        check("table.sort is on the stack", function(try)
            coroutine.wrap(stack["table.sort"])(try)
        end)
    end)

    it("in __close run by coroutine.close", function() -- Y6
        local function close(try)
            local co = coroutine.create(function()
                local _ <close> = guard(try)
                coroutine.yield()
            end)
            coroutine.resume(co)
            coroutine.close(co)
        end
        check("coroutine.close is closing", close)
        check("coroutine.close is closing", function(try)
            close(function() coroutine.wrap(try)() end)
        end)
    end)

    it("in __close of a wrap that died", function() -- Y6
        check("coroutine.wrap is closing", function(try)
            coroutine.wrap(function()
                local _ <close> = guard(try)
                error "dies"
            end)()
        end)
    end)

    it("in an xpcall's handler", function()
        local ok, e = xpcall(error, function() neap.sleep(0) end)
        assert.is_false(ok)
        assert.equal("string", type(e))
        assert.equal("fine", wait("fine"))
    end)

    it("and what is in the way goes on as it was", function()
        local refused = 0
        local sorted = {3, 1, 2}
        table.sort(sorted, function(a, b)
            if not pcall(neap.sleep, 0) then refused = refused + 1 end
            return a < b
        end)
        assert.same({1, 2, 3}, sorted)
        assert.is_true(refused > 0)
    end)

    it("and so is every call that waits", function()
        local ready = neap.Future()
        ready:set_result(5)
        local queue = neap.Queue()
        queue:put(6)
        local a <close>, b = neap.socketpair()
        local calls = {
            [neap.sleep] = {0}, [neap.yield] = {}, [neap.run] = {print},
            [neap.await] = {neap.Future()}, [neap.gather] = {neap.Future()},
            [neap.wait] = {{neap.Future()}}, [b.recv] = {b, 1},
            [neap.settle] = {neap.Future()}, [neap.race] = {neap.Future()},
            [neap.map] = {{1}, print}, [neap.as_completed] = {{print}},
        }
        string.gsub("x", ".", function()
            for call, arguments in pairs(calls) do
                assert.error_matches(function()
                    call(table.unpack(arguments))
                end, "cannot wait here: string.gsub is on the stack")
            end
            -- what need not wait is no wait
            assert.equal(5, ready:await())
            assert.equal(6, queue:get())
        end)
        b:close()
        assert.equal(nil, (a:recv(1)))
    end)
end)
