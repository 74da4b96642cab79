-- SPDX-License-Identifier: MIT
--
-- Time: sleeping, intervals, timers, and the virtual clock. The numbers are
-- those of SEMANTICS, group 1. What is said of the virtual clock is exact.

local neap = require "neap"
local shell = require "tests.spec.shell"
local tasks = require "tests.spec.tasks"
local settle = tasks.settle

after_each(tasks.sweep)
teardown(tasks.clean)

-- Seconds that the real clock says the call took.
local function elapsed(fn, ...)
    local start = neap.time()
    fn(...)
    return neap.time() - start
end

describe("deadlines:", function()
    it("equal ones fire in the order of arming", function() -- S5
        local expected = {}
        for i = 1, 1000 do expected[i] = i end
        assert.equal(table.concat(expected, "\n") .. "\n", tasks.out [[
            for i = 1, 1000 do
                if i % 3 == 0 then neap.call_later(5, print, i)
                elseif i % 3 == 1 then neap.call_at(5, print, i)
                else
                    neap.spawn(function() neap.sleep_until(5) print(i) end)
                    neap.yield()
                end
            end
            neap.sleep(6)
        ]])
    end)

    it("equal ones fire in order though others are cancelled", function()
        -- S5 S16
        assert.equal("1 2 4 5 7 8", tasks.out [[
            local list, handles = {}, {}
            for i = 1, 9 do
                handles[i] = neap.call_at(1, table.insert, list, i)
            end
            for i = 3, 9, 3 do handles[i]:cancel() end
            neap.sleep(2)
            io.write(table.concat(list, " "))
        ]])
    end)

    it("negative ones fire at once, in their order", function() -- S9
        assert.equal("-3 -2 -1 -0.5 0 0.0\n", tasks.out [[
            local list = {}
            for _, s in ipairs {-1, -2, -0.5, 0, -3} do
                neap.call_later(s, table.insert, list, s)
            end
            neap.sleep(1e-9)
            list[#list + 1] = neap.time() - 1e-9
            print(table.concat(list, " "))
        ]])
        assert.equal("-inf\n-2\n-1\n", tasks.out [[
            for _, t in ipairs {-1, -2, -math.huge} do
                neap.call_at(t, print, t)
            end
            neap.sleep(1)
        ]])
    end)

    it("different ones fire in their order", function() -- S23
        assert.equal("0.25 0.5 1.0 2.0 3.0\n", tasks.out [[
            local list = {}
            for _, s in ipairs {3, 0.5, 2, 1, 0.25} do
                neap.call_later(s, function() list[#list + 1] = neap.time() end)
            end
            neap.sleep(4)
            print(table.concat(list, " "))
        ]])
    end)

    it("one that passes while a task computes interrupts nobody", function()
        -- S15
        local fired = false
        neap.call_later(0.03, function() fired = true end)
        local sleeper = neap.spawn(neap.sleep, 0.03)
        neap.yield()
        local stop = neap.time() + 0.04
        while neap.time() < stop do end
        assert.is_false(fired)
        assert.is_false(sleeper:done())
        neap.sleep(0.001)
        assert.is_true(fired)
        assert.is_true(sleeper:done())
    end)

    it("a new one counts from the clock, however long a task computed",
        function() -- S13 S15
            local stop = neap.time() + 0.005
            while neap.time() < stop do end
            assert.is_true(elapsed(neap.sleep, 0.01) >= 0.01 - 1e-9)
        end)
end)

describe("sleep:", function()
    it("is never early", function() -- S13
        local list = {}
        for _, s in ipairs {1e-10, 1e-9, 1e-6, 0.0001, 0.00099999, 0.001,
                0.0010000001, 0.0123456789, 0.0999999, 0.0499999999} do
            for _ = 1, 5 do
                list[#list + 1] = neap.spawn(function()
                    return s, elapsed(neap.sleep, s)
                end)
            end
        end
        for _, task in ipairs(list) do
            local s, took = task:await()
            assert.is_true(took >= s - 1e-9)
        end
    end)

    it("sleep_until is never early", function() -- S13
        for _, s in ipairs {1e-9, 1e-5, 0.0012345, 0.01} do
            local at = neap.time() + s
            neap.sleep_until(at)
            assert.is_true(neap.time() >= at - 1e-9)
        end
    end)

    it("does not spin until it is time", function() -- S13
        local trace <close> = shell.temporary()
        local result = shell.run(("ASAN_OPTIONS=detect_leaks=0 strace -f -o %s "
            .. "%s -e 'neap.sleep(0.9999999) neap.sleep(1e-10)'")
            :format(trace, shell.quote(shell.neap)))
        assert.same({out = "", err = "", status = 0}, result)
        local calls = 0
        for line in io.lines(trace.path) do
            if line:find "wait" or line:find "poll%(" then calls = calls + 1 end
        end
        assert.is_true(calls >= 1 and calls <= 6)
    end)

    it("of a NaN is an error, and nothing is armed", function() -- S10
        local nan = 0 / 0
        for name, call in pairs {
            sleep = function() neap.sleep(nan) end,
            sleep_until = function() neap.sleep_until(nan) end,
            every = function() neap.every(nan) end,
            call_later = function() neap.call_later(nan, print) end,
            call_at = function() neap.call_at(nan, print) end,
        } do
            assert.error_matches(call, "bad argument #1 to '" .. name ..
                "' %(number of seconds expected, got nan%)")
        end
        assert.equal("deadlock at 0.0\n", tasks.out [[
            pcall(neap.sleep, 0/0)
            pcall(neap.call_later, 0/0, print)
            local _, e = pcall(neap.await, neap.Future())
            print("deadlock at " .. neap.time())
        ]])
    end)

    it("of infinity never ends, and can be cancelled", function() -- S11
        assert.equal("pending\ncancelled\n1000.0\n", tasks.out [[
            local task = neap.spawn(neap.sleep, math.huge)
            neap.call_later(math.huge, print, "never")
            neap.sleep(1000)
            print(task:state())
            task:cancel()
            neap.yield()
            print(task:state())
            print(neap.time())
        ]])
    end)

    it("of minus infinity is a yield", function() -- S9
        assert.equal("0.0\n", tasks.out
            "neap.sleep(-math.huge) neap.sleep(-1e300) print(neap.time())")
    end)

    it("of a huge time neither spins nor wakes", function() -- S12
        for _, s in ipairs {2 ^ 31 / 1000, 2 ^ 32, 2 ^ 53, 1e300,
                math.maxinteger} do
            local task = neap.spawn(neap.sleep, s)
            local handle = neap.call_later(s, error, "never")
            neap.sleep(0.001)
            assert.equal("pending", task:state())
            task:cancel()
            assert.is_true(handle:cancel())
        end
    end)

    it("of 2^31 ms and 100 years is exact", function() -- S12
        assert.equal("2147483.648\n3155760000.0\n", tasks.out [[
            neap.sleep(2^31 / 1000)
            print(neap.time())
            neap.sleep_until(100 * 365.25 * 86400)
            print(neap.time())
        ]])
    end)

    it("of a huge time, again and again, does not overflow", function() -- S12
        local out = tasks.out [[
            neap.sleep(1)
            for _ = 1, 3 do
                local before = neap.time()
                neap.sleep(1e300)
                print(neap.time() >= before, neap.time() > 4e9)
            end
        ]]
        assert.equal(("true\ttrue\n"):rep(3), out)
    end)

    it("takes what Lua takes for a number", function()
        neap.sleep("0")
        neap.sleep(0)
        assert.error_matches(function() neap.sleep() end,
            "bad argument #1 to 'sleep' %(number expected, got no value%)")
        assert.error_matches(function() neap.sleep {} end,
            "bad argument #1 to 'sleep' %(number expected, got table%)")
        assert.error_matches(function() neap.sleep_until "x" end,
            "bad argument #1 to 'sleep_until' %(number expected, got string%)")
    end)
end)

describe("every:", function()
    it("counts rounds, without drift", function()
        assert.equal("1 0.5\n2 1.0\n3 1.5\n4 2.0\n", tasks.out [[
            for i in neap.every(0.5) do
                print(i .. " " .. neap.time())
                neap.sleep(0.3)
                if i == 4 then break end
            end
        ]])
    end)

    it("a round that is late begins at once, and the next in its time",
        function()
            assert.equal("1 1.0\n2 3.5\n3 3.5\n4 4.0\n", tasks.out [[
                for i in neap.every(1) do
                    print(i .. " " .. neap.time())
                    if i == 1 then neap.sleep(2.5) end
                    if i == 4 then break end
                end
            ]])
        end)

    it("a round that is late lets the others run", function()
        local ran = 0
        local other = neap.spawn(function()
            while true do
                ran = ran + 1
                neap.yield()
            end
        end)
        for i in neap.every(1e-10) do
            if i == 10 then break end
        end
        other:cancel()
        assert.is_true(ran >= 9)
    end)

    it("an infinite period never comes, and can be cancelled", function()
        local task = tasks.start(neap.every(math.huge))
        assert.equal("pending", task:state())
        task:cancel()
        settle()
        assert.equal("cancelled", task:state())
    end)

    it("takes positive periods only", function()
        for _, s in ipairs {0, -1, -math.huge} do
            assert.error_matches(function() neap.every(s) end,
                "bad argument #1 to 'every' " ..
                "%(positive number of seconds expected%)")
        end
        assert.error_matches(function() neap.every() end,
            "bad argument #1 to 'every' %(number expected, got no value%)")
    end)
end)

describe("timers:", function()
    it("10^5 armed and cancelled leave nothing behind", function() -- S16
        local out = tasks.out([[
            local function sizes()      -- of Lua and of the process, in MB
                collectgarbage()
                collectgarbage()
                local file <close> = io.open "/proc/self/statm"
                local _, pages = file:read("n", "n")
                return collectgarbage "count" / 1024, pages / 256
            end
            local function round()
                local handles, sleepers = {}, {}
                for i = 1, 1e5 do
                    handles[i] = neap.call_later(1000 + i % 7, print)
                end
                for i = 1, 1e4 do sleepers[i] = neap.spawn(neap.sleep, i) end
                neap.yield()
                local full = sizes()
                for i = 1, 1e5 do handles[i]:cancel() end
                for i = 1, 1e4 do sleepers[i]:cancel() end
                neap.yield()
                neap.yield()
                return full
            end
            local full = round()
            local lua, all = sizes()
            for _ = 1, 4 do
                round()
                sizes()
            end
            local lua_now, all_now = sizes()
            print(lua_now < full / 3, lua_now + all_now < lua + all + 2)
            pcall(neap.await, neap.Future())    -- a deadlock: no timer is left
            print(neap.time())
        ]], nil, "ASAN_OPTIONS=quarantine_size_mb=0")
        assert.equal("true\ttrue\n0.0\n", out)
    end)
end)

describe("the clock:", function()
    it("is monotonic: the wall clock may jump", function() -- S14
        local library = tasks.build "wall"
        local out = tasks.out([[
            local wall = os.time()
            assert(os.time() < wall - 3000)             -- it does jump
            local start = neap.time()
            local task = neap.spawn(neap.sleep, 0.01)
            neap.call_later(0.01, print, "called")
            neap.sleep(0.02)
            local took = neap.time() - start
            print(task:state(), took >= 0.02 and took < 20)
        ]], "--clock=real", "LD_PRELOAD=" .. library ..
            " ASAN_OPTIONS=verify_asan_link_order=0")
        assert.equal("called\nfinished\ttrue\n", out)
    end)

    it("does not go back", function() -- S14
        local before = neap.time()
        for _ = 1, 1000 do
            local now = neap.time()
            assert(now >= before)
            before = now
        end
    end)
end)

describe("the virtual clock:", function()
    it("jumps: 450 s of sleeps are exact, and take no time", function() -- S23
        local out
        local took = elapsed(function()
            out = tasks.out [[
                local start = neap.time()
                for s = 0, 90, 10 do
                    local before = neap.time()
                    neap.sleep(s)
                    assert(neap.time() - before == s)
                end
                print(start, neap.time())
            ]]
        end)
        assert.equal("0.0\t450.0\n", out)
        assert.is_true(took < 45)
    end)

    it("stands still while tasks run", function() -- S23
        assert.equal("0.0\n", tasks.out [[
            for _ = 1, 1e5 do math.sin(1) end
            for _ = 1, 1000 do neap.yield() end
            print(neap.time())
        ]])
    end)

    it("is the real one while a task waits for a descriptor", function() -- S24
        local took = elapsed(tasks.out, [[
            local a, b = neap.socketpair()
            local reader = neap.spawn(a.recv, a)
            neap.sleep(0.15)
            assert(neap.time() >= 0.15 and neap.time() < 60)
            reader:cancel()
            neap.sleep(100000)      -- nobody waits any more: a jump
            assert(neap.time() >= 100000)
        ]])
        assert.is_true(took >= 0.15)
    end)

    it("is the real one while a reader waits for a descriptor", function()
        -- S24
        local took = elapsed(tasks.out, [[
            local a, b = neap.socketpair()
            neap.loop():add_reader(a, print)
            neap.sleep(0.1)
            neap.loop():remove_reader(a)
            neap.sleep(100000)
        ]])
        assert.is_true(took >= 0.1)
    end)
end)
