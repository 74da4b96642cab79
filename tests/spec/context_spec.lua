-- SPDX-License-Identifier: MIT
--
-- neap.context: whose values a task sees, and who sees what it writes.

local neap = require "neap"
local tasks = require "tests.spec.tasks"

teardown(tasks.clean)

-- The values of a Context, as a table.
local function values_of(context)
    local copy = {}
    for key, value in pairs(context) do copy[key] = value end
    return copy
end

-- What a function sees of the context where it is run.
local function seen() return values_of(neap.context()) end

-- Runs the function in a task of its own, whose context is empty.
local function apart(fn, ...)
    return neap.spawn(function(...)
        local context = neap.context()
        for key in pairs(context) do context[key] = nil end
        return fn(...)
    end, ...):await()
end

describe("a task's context", function()
    it("is one object, and a table to who uses it", function()
        apart(function()
            local context, key = neap.context(), {}
            assert.equal(context, neap.context())
            assert.equal(context, coroutine.wrap(neap.context)())
            assert.is_nil(context.user)
            assert.is_nil(context[nil])
            context.user, context[1], context[key] = "ada", false, key
            assert.equal("ada", context.user)
            assert.same({user = "ada", false, [key] = key}, seen())
            context.user, context[1], context[key] = nil, nil, nil
            assert.same({}, seen())
        end)
    end)

    it("refuses the keys that tables refuse, in their words", function()
        assert.matches("context_spec.lua:%d+: table index is nil$",
            select(2, pcall(function() neap.context()[nil] = 1 end)))
        assert.matches("context_spec.lua:%d+: table index is NaN$",
            select(2, pcall(function() neap.context()[0 / 0] = 1 end)))
    end)

    it("says how many values it has, and nothing to tamper with", function()
        apart(function()
            local context = neap.context()
            assert.equal("<Context 0 values>", tostring(context))
            context.one = 1
            assert.equal("<Context 1 value>", tostring(context))
            assert.is_false(getmetatable(context))
            assert.error_matches(function()
                debug.getmetatable(context).__index({}, 1)
            end, "neap.Context expected, got table")
        end)
    end)

    it("does not see what others write", function()
        apart(function()
            local other = tasks.start(function()
                neap.context().user = "bob"
                neap.sleep(0)
                return seen()
            end)
            assert.same({}, seen())
            assert.same({user = "bob"}, other:await())
        end)
    end)

    it("can be written from another task, which changes that one's", function()
        apart(function()
            local context
            local other = neap.spawn(function()
                context = neap.context()
                neap.yield()
                return context.user, neap.context() == context
            end)
            neap.yield()
            context.user = "from outside"
            assert.same({}, seen())
            assert.same({"from outside", true}, {other:await()})
            context.user = "late"
            assert.equal("late", context.user)
        end)
    end)

    it("is found however deep the code runs", function()
        local function deep(n)
            if n > 0 then return (deep(n - 1)) end
            neap.context().deep = n
            return neap.context()
        end
        apart(function()
            local context = deep(1000)
            assert.equal(context, neap.context())
            assert.same({deep = 0}, coroutine.wrap(function()
                return coroutine.wrap(seen)()
            end)())
        end)
    end)

    it("goes with the task", function()
        local gone = setmetatable({}, {__mode = "v"})
        apart(function()
            gone.value, gone.context = {}, neap.context()
            neap.context().value = gone.value
            neap.spawn(neap.yield):await()
        end)
        collectgarbage() collectgarbage()
        assert.same({}, gone)
    end)
end)

describe("a child's context", function()
    it("has its parent's values, also further down", function()
        apart(function()
            neap.context().user = "ada"
            assert.same({user = "ada"}, neap.spawn(seen):await())
            assert.same({user = "ada"}, neap.spawn(function()
                return neap.spawn(function()
                    return neap.spawn(seen):await()
                end):await()
            end):await())
        end)
    end)

    it("is a snapshot of when it was spawned", function()
        apart(function()
            local context = neap.context()
            context.n = 1
            local one = neap.spawn(seen)
            context.n = 2
            local two = neap.spawn(seen)
            context.n, context.more = nil, true
            assert.same({n = 1}, one:await())
            assert.same({n = 2}, two:await())
            assert.same({more = true}, seen())
        end)
    end)

    it("is its own: neither parent nor sisters see its writes", function()
        apart(function()
            neap.context().n = 0
            local list = {}
            for i = 1, 3 do
                list[i] = neap.spawn(function()
                    neap.context().n = neap.context().n + i
                    neap.yield()
                    return neap.context().n
                end)
            end
            assert.same({1, 2, 3}, {neap.gather(table.unpack(list))})
            assert.same({n = 0}, seen())
        end)
    end)

    it("shares the values themselves", function()
        apart(function()
            local list = {}
            neap.context().list = list
            neap.spawn(function()
                table.insert(neap.context().list, "seen by all")
            end):await()
            assert.same({"seen by all"}, list)
        end)
    end)

    it("is inherited by gather's, wait's and run's functions", function()
        apart(function()
            neap.context().user = "ada"
            assert.same({user = "ada"}, (neap.gather(seen)))
            assert.same({user = "ada"}, neap.wait {seen}[1]:result())
            assert.same({user = "ada"}, neap.run(seen))
            assert.same({user = "ada"}, coroutine.wrap(function()
                return neap.spawn(seen):await()
            end)())
        end)
    end)

    it("is empty where the parent asked and wrote nothing", function()
        apart(function()
            neap.context()
            local child = neap.spawn(seen)
            neap.context().user = "ada"
            assert.same({}, child:await())
        end)
    end)

    it("is right when coroutines are used again", function()
        apart(function()
            for _ = 1, 3 do
                neap.spawn(function() neap.context().user = "ada" end):await()
                assert.same({}, neap.spawn(seen):await())
            end
        end)
    end)
end)

describe("pairs of a context", function()
    it("goes over the values of when it was called", function()
        apart(function()
            local context, sum = neap.context(), 0
            for i = 1, 100 do context[i] = i end
            for key, value in pairs(context) do
                context[key], context[-key] = nil, value
                sum = sum + value
            end
            assert.equal(5050, sum)
            assert.is_nil(context[1])
            assert.equal(100, context[-100])
        end)
    end)

    it("also while others write, between two waits", function()
        apart(function()
            local context, keys = neap.context(), {}
            context.a, context.b, context.c = 1, 2, 3
            local writer = neap.spawn(function()
                for i = 1, 100 do
                    context["more" .. i] = i
                    context.a, context.b, context.c = nil, nil, nil
                    neap.yield()
                end
            end)
            for key in pairs(context) do
                keys[#keys + 1] = key
                neap.yield()
            end
            table.sort(keys)
            assert.same({"a", "b", "c"}, keys)
            writer:await()
            assert.equal("<Context 100 values>", tostring(context))
        end)
    end)

    it("leaves the values where only the Context reaches them", function()
        apart(function()
            neap.context().user = "ada"
            local _, state, control = pairs(neap.context())
            assert.is_nil(state)
            assert.is_nil(control)
        end)
    end)
end)

describe("in a callback", function()
    it("the context is who made it's, a snapshot", function()
        apart(function()
            local got, future = {}, neap.Future()
            neap.context().n = 1
            neap.call_soon(function(...)
                got.soon = {..., seen()}
                neap.context().n = "the callback's"
                got.child = neap.spawn(seen)
            end, "argument")
            neap.call_later(0, function() got.later = seen() end)
            future:on_done(function() got.done = seen() end)
            neap.context().n = 2
            neap.spawn(future.set_result, future)
            neap.sleep(0.001)
            assert.same({"argument", {n = 1}}, got.soon)
            assert.same({n = "the callback's"}, got.child:await())
            assert.same({n = 1}, got.later)
            assert.same({n = 1}, got.done)
            assert.same({n = 2}, seen())
        end)
    end)

    it("it is the callback's alone", function()
        apart(function()
            local got = {}
            neap.call_soon(function()
                assert.equal(neap.context(), neap.context())
                neap.context().n = "written"
            end)
            neap.call_soon(function() got[1] = seen() end)
            neap.context()
            neap.call_soon(function() got[2] = seen() end)
            neap.call_soon(function() got[3] = neap.spawn(seen) end)
            tasks.settle()
            assert.same({{}, {}}, {got[1], got[2]})
            assert.same({}, got[3]:await())
        end)
    end)

    it("a reader gets the same values each time", function()
        apart(function()
            local a, b = neap.socketpair()
            local got, loop = {}, neap.loop()
            neap.context().n = 1
            loop:add_reader(a, function()
                a:recv()
                got[#got + 1] = seen()
                neap.context().n = "the callback's"
            end)
            for i = 1, 2 do
                b:send "x"
                while #got < i do neap.yield() end
            end
            loop:remove_reader(a)
            a:close() b:close()
            assert.same({{n = 1}, {n = 1}}, got)
        end)
    end)
end)

describe("elsewhere", function()
    it("outside of tasks there is none", function()
        assert.equal("there is no context outside of a task: put it into " ..
            "neap.run(function() ... end)\n1\nnil\n", tasks.outside [[
                local neap = require "neap"
                print(select(2, pcall(neap.context)))
                neap.run(function()
                    neap.context().n = 1
                    print(neap.spawn(function()
                        return neap.context().n end):await())
                end)
                neap.run(function() print(neap.context().n) end)
            ]])
    end)

    it("clean-up has its task's, also in os.exit", function()
        assert.equal("cancelled\tada\nexit\tada\tlate\n", tasks.out [[
            local function guard(name)
                return setmetatable({}, {__close = function()
                    local context = neap.context()
                    assert(context == neap.context())
                    context.late = "late"
                    print(name, context.user, neap.context() == context and
                        name == "exit" and context.late or nil)
                end})
            end
            neap.context().user = "ada"
            local task = neap.spawn(function()
                local _ <close> = guard "cancelled"
                neap.sleep(1)
            end)
            neap.yield()
            task:cancel()
            pcall(task.await, task)
            local _ <close> = guard "exit"
            os.exit(0, true)
        ]]:gsub("\tnil", ""))
    end)

    it("an error in a callback does not leave its context behind", function()
        local result = tasks.run [[
            neap.context().user = "ada"
            neap.call_soon(error, "boom")
            neap.context().user = nil
            neap.call_soon(function() print(neap.context().user) end)
        ]]
        assert.equal("nil\n", result.out)
    end)
end)
