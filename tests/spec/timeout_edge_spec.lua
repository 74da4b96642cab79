-- SPDX-License-Identifier: MIT
--
-- Time-outs at their edges: deadlines that have passed, that pass in one tick
-- with something else, and arguments that make no sense. The numbers are those
-- of SEMANTICS, groups 1 and 3.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, forever = tasks.settle, tasks.start, tasks.forever

after_each(tasks.sweep)

local soon = 0.001

-- Both forms that take a function.
local forms = {assert(neap.timeout), assert(neap.move_on_after)}

-- What the call raises, which must be a Timeout.
local function timed_out(fn, ...)
    local ok, e = pcall(fn, ...)
    assert.is_false(ok)
    assert(neap.is_timeout(e), tostring(e))
    return e
end

local function ended(...)
    local future = neap.Future()
    future:set_result(...)
    return future
end

describe("a deadline that has passed already:", function()
    it("what need not wait is not hurt", function() -- W1
        for _, s in ipairs {0, -1, -math.huge, 1e-9} do
            local future = ended("value", nil)
            assert.same({n = 2, "value"},
                table.pack(neap.timeout(s, future.await, future)))
            assert.same({n = 3, true, "value"},
                table.pack(neap.move_on_after(s, future.await, future)))
            assert.equal(5, neap.timeout(s, math.abs, -5))
        end
    end)

    it("the first wait raises, and what stands before it runs", function()
        -- W2
        for _, s in ipairs {0, -1, -math.huge} do
            for _, call in ipairs(forms) do
                local steps = 0
                local ok, e = pcall(call, s, function()
                    steps = 1
                    neap.sleep(60)
                    steps = 2
                end)
                assert.equal(1, steps)
                assert.equal(call == neap.move_on_after, ok)
                assert(ok and e == false or neap.is_timeout(e), tostring(e))
            end
        end
    end)

    it("takes no time", function() -- W2
        assert.equal("false\t0.0\n", tasks.out [[
            print(neap.move_on_after(0, neap.sleep, 60), neap.time())
        ]])
    end)

    it("reaches who only yields, too", function() -- W2
        local rounds = 0
        timed_out(neap.timeout, 0, function()
            for i = 1, 1000 do
                neap.yield()
                rounds = i
            end
        end)
        assert.is_true(rounds <= 256)
    end)

    it("reaches who never has to wait, too", function() -- S3
        local future, rounds = ended(), 0
        timed_out(neap.timeout, soon, function()
            while true do
                future:await()
                rounds = rounds + 1
            end
        end)
        assert.is_true(rounds > 0)
    end)

    it("passed while it computed: the next wait raises, not before", function()
        -- S15
        local steps = {}
        timed_out(neap.timeout, soon, function()
            local stop = neap.time() + 2 * soon
            while neap.time() < stop do end
            steps[1] = ended("at once"):await()
            steps[2] = "still here"
            neap.sleep(60)
            steps[3] = "never"
        end)
        assert.same({"at once", "still here"}, steps)
    end)

    it("passed while it computed, and no wait follows: its results", function()
        -- S15
        assert.equal("through", neap.timeout(soon, function()
            local stop = neap.time() + 2 * soon
            while neap.time() < stop do end
            return "through"
        end))
        neap.sleep(soon)
    end)
end)

describe("a deadline and a result in one tick:", function()
    it("a result that comes after the expiry stays where it is", function()
        -- W3
        for _, first in ipairs {"result", "deadline"} do
            assert.equal("false\tx\n", tasks.out(([[
                local first = %q
                local future = neap.Future()
                local function set() future:set_result "x" end
                if first == "result" then neap.call_at(1, set) end
                local ok = neap.move_on_after(1, function()
                    if first == "deadline" then neap.call_at(1, set) end
                    future:await()
                end)
                print(ok, future:await())
            ]]):format(first)))
        end
    end)

    it("an item that is put after the expiry stays in the queue", function()
        -- W3 W4
        assert.equal("false\t1\tx\n", tasks.out [[
            local queue = neap.Queue()
            neap.call_at(1, queue.try_put, queue, "x")
            local ok = neap.move_on_after(1, queue.get, queue)
            neap.yield()
            print(ok, queue:len(), queue:get())
        ]])
    end)

    it("a result that came before it is kept", function() -- W3
        assert.equal("true\tx\t1.0\n", tasks.out [[
            local future = neap.Future()
            neap.call_at(1, future.set_result, future, "x")
            local ok, value = neap.move_on_after(1 + 1e-9, future.await, future)
            print(ok, value, neap.time())
        ]])
    end)

    it("equal deadlines: the one that was made first", function() -- S5 W3
        assert.equal("false\t1.0\n", tasks.out [[
            print(neap.move_on_after(1, neap.sleep, 1), neap.time())
        ]])
    end)

    it("getters with time-outs lose no item", function() -- W4
        assert.equal("300\ttrue\n", tasks.out [[
            local queue, got, late = neap.Queue(), 0, 0
            local function getter(i)
                local ok, item = neap.move_on_after(i % 7, queue.get, queue)
                if ok then got = got + 1 else late = late + 1 end
                assert(ok == (item ~= nil))
            end
            for i = 1, 400 do neap.spawn(getter, i) end
            for i = 1, 300 do neap.call_at(i % 6, queue.try_put, queue, i) end
            neap.sleep(10)
            print(got + queue:len(), got + late == 400)
        ]])
    end)
end)

describe("misuse:", function()
    it("numbers that are no time", function() -- S10
        for name, call in pairs {
            timeout = function(...) return (neap.timeout(...)) end,
            move_on_after = function(...) return (neap.move_on_after(...)) end,
        } do
            local words = "bad argument #1 to '" .. name .. "' %("
            assert.error_matches(function() call() end,
                words .. "number expected, got no value%)")
            assert.error_matches(function() call("x", print) end,
                words .. "number expected, got string%)")
            assert.error_matches(function() call({}, print) end,
                words .. "number expected, got table%)")
            assert.error_matches(function() call(nil, print) end,
                words .. "number expected, got nil%)")
            assert.error_matches(function() call(0 / 0, error) end,
                words .. "number of seconds expected, got nan%)")
            assert.is_truthy(call("60", math.abs, 1))
        end
        assert.error_matches(function() neap.timeout(0 / 0) end,
            "bad argument #1 to 'timeout' %(number of seconds expected")
    end)

    it("the number of arguments decides between the forms", function()
        assert.error_matches(function() neap.timeout(5, nil) end,
            "bad argument #2 to 'timeout' %(function expected, got nil%)")
        assert.error_matches(function() neap.timeout(5, nil, 1) end,
            "bad argument #2 to 'timeout' %(function expected, got nil%)")
        assert.error_matches(function() neap.timeout(5, 3) end,
            "bad argument #2 to 'timeout' %(function expected, got number%)")
        assert.error_matches(function() neap.move_on_after(5) end,
            "bad argument #2 to 'move_on_after' %(function expected, " ..
            "got no value%)")
        assert.error_matches(function() neap.move_on_after(5, "x") end,
            "bad argument #2 to 'move_on_after' %(function expected, " ..
            "got string%)")
        local scope <close> = neap.timeout(5)
        assert.equal("userdata", type(scope))
    end)

    it("outside of a task", function()
        local errors = {}
        neap.call_soon(function()
            errors[1] = select(2, pcall(neap.timeout, 5))
            errors[2] = select(2, pcall(neap.timeout, 5, math.abs, 1))
            errors[3] = select(2, pcall(neap.move_on_after, 5, math.abs, 1))
        end)
        settle()
        assert.equal(3, #errors)
        for _, e in ipairs(errors) do
            assert.matches("outside of a task", e)
        end
    end)

    it("where nothing can wait it may stand, and its wait says so", function()
        local message
        table.sort({2, 1}, function(a, b)
            assert(neap.timeout(60, function() return true end))
            message = select(2, pcall(neap.timeout, 60, neap.sleep, 1))
            return a < b
        end)
        assert.matches("table.sort is on the stack", message)
        neap.sleep(0)
    end)

    it("is_timeout takes any value, but takes one", function()
        local task = start(forever)
        task:cancel()
        settle()
        for _, value in ipairs {1, "Timeout", {}, {name = "Timeout"},
                setmetatable({name = "Timeout"}, {}), task:error()} do
            assert.is_false(neap.is_timeout(value))
        end
        assert.is_false(neap.is_timeout(nil))
        assert.error_matches(function() neap.is_timeout() end,
            "bad argument #1 to 'is_timeout' %(value expected%)")
    end)
end)
