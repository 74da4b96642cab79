-- SPDX-License-Identifier: MIT
--
-- Odd values, and a program that changes the world around neap. The numbers are
-- those of SEMANTICS, group 10.

local neap = require "neap"
local tasks = require "tests.spec.tasks"

after_each(tasks.sweep)

describe("a program may", function() -- Y20
    local function check(setup)
        assert.equal("1 2 3 end\n", tasks.out([[
            local sleep, spawn, Queue = neap.sleep, neap.spawn, neap.Queue
            local wrap, yield = coroutine.wrap, coroutine.yield
            local file, put = io.stdout, io.stdout.write
            local function write(...) put(file, ...) end
        ]] .. setup .. [[

            local function generate()
                for i = 1, 3 do
                    sleep(0.001)
                    yield(i)
                end
            end
            for i in wrap(generate) do write(i, " ") end
            local queue = Queue()
            spawn(queue.put, queue, "end\n")
            write(queue:get())
        ]]))
    end

    for what, setup in pairs {
        ["replace print, error, pcall, type, tostring"] = [[
            local function broken() while true do end end
            print, error, pcall, type, tostring = broken, broken, broken,
                broken, broken
        ]],
        ["replace coroutine and its functions"] = [[
            for name in pairs(coroutine) do coroutine[name] = nil end
            coroutine = {}
        ]],
        ["make _G strict"] = [[
            setmetatable(_G, {
                __index = function(_, name) error("no " .. name, 2) end,
                __newindex = function(_, name) error("new " .. name, 2) end,
            })
        ]],
        ["empty _G"] =
            "local G = _G for name in pairs(G) do G[name] = nil end",
        ["lose neap, package.loaded and require"] = [[
            neap, require = nil, nil
            for name in pairs(package.loaded) do package.loaded[name] = nil end
            package.loaded, package = nil, nil
        ]],
        ["change neap's table"] =
            "for name in pairs(neap) do neap[name] = error end",
        ["change string's metatable"] = [[
            getmetatable("").__index = nil
            getmetatable("").__tostring = error
        ]],
        ["give nil, numbers and functions metatables"] = [[
            local all = {__index = error, __call = error, __tostring = error,
                __close = error, __eq = error, __len = error, __name = "odd"}
            debug.setmetatable(nil, all)
            debug.setmetatable(0, all)
            debug.setmetatable(print, {__index = error})
        ]],
        ["replace debug.traceback and debug.getinfo"] =
            "debug.traceback, debug.getinfo = error, error",
        ["set _ENV aside"] = "local _ENV = {}",
    } do
        it(what, function() check(setup) end)
    end

    it("tamper with no metatable of neap's", function()
        for _, value in ipairs {neap.Queue(), neap.Future(), neap.current(),
            neap.loop(), neap.call_soon(function() end), (neap.socketpair())} do
            assert.is_false(getmetatable(value))
            assert.has_error(function() setmetatable(value, {}) end)
        end
    end)

    it("raise error objects with odd metatables", function()
        local function raise(metatable)
            local e = setmetatable({}, metatable)
            local task = neap.spawn(error, e)
            local ok, caught = pcall(task.await, task)
            assert.is_false(ok)
            assert.is_true(rawequal(e, caught))
        end
        raise {__tostring = function() error "in __tostring" end}
        raise {__tostring = function() return 5 end}
        raise {__index = error, __eq = error, __name = 7, __metatable = 1}
        raise {__gc = error, __close = error, __call = error}
    end)

    it("leave such errors to the report", function()
        local result = tasks.run [[
            for _, odd in ipairs {
                function() error "in __tostring" end,
                function() return 5 end,
                function() neap.sleep(1) end,
                function() return "in words\0 and a NUL" end,
            } do
                neap.spawn(error, setmetatable({}, {__tostring = odd}))
            end
            neap.spawn(error)
            neap.spawn(error, print)
            neap.sleep(1)
            print "on"
        ]]
        assert.equal("on\n", result.out)
        assert.equal(1, result.status)
        local _, failed = result.err:gsub("task #%d+ failed", "")
        assert.equal(6, failed)
        assert.matches("in words", result.err)
    end)
end)

describe("strings with NULs", function() -- Y19
    local text = "a\0b\0\0c" .. string.rep("\0\255", 1000)

    it("cross queues, tasks, futures, errors", function()
        local queue = neap.Queue()
        queue:put(text)
        assert.equal(text, queue:get())
        assert.equal(text, neap.spawn(function() return text end):await())
        local failed = neap.spawn(error, text, 0)
        assert.equal(text, select(2, pcall(failed.await, failed)))
        assert.equal(text, coroutine.wrap(function()
            neap.yield()
            coroutine.yield(text)
        end)())
    end)

    it("are reasons and names", function()
        local task = neap.spawn({name = "n\0m"}, tasks.forever)
        assert.equal("n\0m", task:name())
        task:cancel "r\0s"
        tasks.settle()
        assert.equal("r\0s", task:error().reason)
        assert.equal("string", type(tostring(task)))
    end)

    it("cross sockets", function()
        local a <close>, b = neap.socketpair()
        local sender = neap.spawn(function()
            a:send(text)
            a:close()
        end)
        local got = {}
        for bytes in function() return b:recv(100) end do
            got[#got + 1] = bytes
        end
        b:close()
        sender:await()
        assert.equal(text, table.concat(got))
    end)
end)

describe("numbers", function() -- Y19
    it("keep their kind", function()
        local function same(x)
            local queue = neap.Queue()
            queue:put(x)
            local y = neap.spawn(function(z)
                neap.yield()
                return z
            end, queue:get()):await()
            assert.equal(math.type(x), math.type(y))
            assert.equal(x, y)
        end
        for _, x in ipairs {1, 1.0, -0.0, 2^53, math.maxinteger,
            math.mininteger, math.huge, -math.huge} do
            same(x)
        end
    end)

    it("may be integers or floats where a count is meant", function()
        assert.equal("<Queue 0/3 items>", tostring(neap.Queue(3.0)))
        assert.has_error(function() neap.Queue(3.5) end)
        local a <close>, b = neap.socketpair()
        a:send "xyz"
        assert.equal("xy", b:recv(2.0))
        assert.has_error(function() b:recv(1.5) end)
        b:close()
    end)

    it("may be strings where Lua takes these", function()
        neap.sleep("0.001")
        assert.has_error(function() neap.sleep("soon") end)
    end)
end)

describe("large things", function() -- Y19
    it("of 64 MiB cross a socket whole", function()
        local size = 64 * 1024 * 1024
        local a <close>, b = neap.socketpair()
        local sender = neap.spawn(function()
            local sent = a:send(string.rep("x", size))
            a:close()
            return sent
        end)
        local got = 0
        for bytes in function() return b:recv(1 << 20) end do
            got = got + #bytes
        end
        b:close()
        assert.equal(size, got)
        assert.is_truthy(sender:await())
    end)

    it("of 2 GiB and more are counted in full", function()
        local shell = require "tests.spec.shell"
        local free = tonumber(shell.run("cat /proc/meminfo").out
            :match "MemAvailable: *(%d+) kB")
        if not free or free < 8 * 1024 * 1024 then
            pending "there is too little memory"
            return
        end
        assert.equal("2147483748\t2147483748\ttrue\n", tasks.out [[
            local half = string.rep(string.rep("x", 1 << 20), 1 << 10)
            local text = half .. half .. string.rep("x", 100)
            local queue = neap.Queue()
            queue:put(text)
            local same = neap.spawn(queue.get, queue):await()
            local co = coroutine.wrap(function(s)
                neap.yield()
                return #s
            end)
            print(#same, co(text), same == text)
        ]])
    end)
end)
