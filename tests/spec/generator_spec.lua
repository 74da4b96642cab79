-- SPDX-License-Identifier: MIT
--
-- neap.generator: Python's generators on Lua's coroutines. Their bodies may
-- wait, and so may their clean-up.

local generator = require "neap.generator"
local neap = require "neap"
local tasks = require "tests.spec.tasks"
local GeneratorExit = generator.GeneratorExit

after_each(tasks.sweep)

-- What the call raises.
local function caught(fn, ...)
    local ok, e = pcall(fn, ...)
    assert.is_false(ok)
    return e
end

local function stop_of(fn, ...)
    local e = caught(fn, ...)
    assert.is_true(generator.is_stop(e))
    return e
end

local function count(n)
    return generator.new(function()
        for i = 1, n do
            neap.yield()
            generator.yield(i)
        end
        return "end", nil, 3
    end)
end

describe("a generator", function()
    it("runs nothing before its first send", function()
        local ran = false
        local gen = generator.new(function(x)
            ran = x
            generator.yield()
        end, "ran")
        assert.is_false(ran)
        gen:send()
        assert.equal("ran", ran)
    end)

    it("gives what it yields, then stops with what it returns", function()
        local gen = count(2)
        assert.same({1, 2}, {gen:send(), (gen:send())})
        local stop = stop_of(gen.send, gen)
        assert.same({"end", nil, 3}, {table.unpack(stop, 1, stop.n)})
        assert.equal("end", stop.value)
        assert.equal("StopIteration: end", tostring(stop))
        assert.equal(0, stop_of(gen.send, gen).n)
    end)

    it("is sent values, any number of them", function()
        local gen = generator.new(function()
            local values = table.pack(generator.yield "ready")
            while true do
                neap.yield()
                values = table.pack(generator.yield(values.n,
                    table.unpack(values, 1, values.n)))
            end
        end)
        assert.equal("ready", gen:send())
        assert.same({n = 4, 3, nil, 5, nil}, table.pack(gen:send(nil, 5, nil)))
        assert.same({n = 1, 0}, table.pack(gen:send()))
    end)

    it("cannot be sent a value before it has begun", function()
        assert.error_matches(function() count(1):send(1) end,
            "cannot send a value to a generator that has not started")
    end)

    it("is an iterator", function()
        local sum = 0
        for i in count(4) do sum = sum + i end
        assert.equal(10, sum)
        assert.error_matches(function()
            for _ in generator.new(function() generator.yield(nil) end) do
                error "not reached"
            end
        end, "yielded nil")
    end)

    it("that raises is at its end", function()
        local e = {}
        local gen = generator.new(function()
            neap.yield()
            error(e)
        end)
        assert.equal(e, caught(gen.send, gen))
        stop_of(gen.send, gen)
    end)

    it("cannot raise a StopIteration of its own", function()
        local gen = generator.new(function()
            error(generator.StopIteration(1))
        end)
        assert.equal("generator raised StopIteration", caught(gen.send, gen))
    end)

    it("that runs cannot be used by another, nor by itself", function()
        local gate, gen = neap.Future()
        gen = generator.new(function()
            assert.equal("generator is already running",
                caught(gen.send, gen):match "generator.*")
            return gate:await()
        end)
        local task = neap.spawn(function()
            return stop_of(gen.send, gen).value
        end)
        tasks.settle()
        for _, method in ipairs {"send", "throw", "close"} do
            assert.matches("generator is already running",
                caught(gen[method], gen))
        end
        gate:set_result "done"
        assert.equal("done", task:await())
    end)

    it("may be resumed by one task after the other", function()
        local gen = count(3)
        for i = 1, 3 do
            assert.equal(i, neap.spawn(gen.send, gen):await())
        end
    end)
end)

describe("throw", function()
    it("raises at the yield, where it may be caught", function()
        local gen = generator.new(function()
            local e = caught(generator.yield, 1)
            neap.yield()
            generator.yield(e)
        end)
        gen:send()
        assert.equal("thrown", gen:throw "thrown")
    end)

    it("comes out again where it is not", function()
        local e, closed = {}
        local gen = generator.new(function()
            local _ <close> = tasks.guard(function(x)
                neap.yield()
                closed = x
            end)
            generator.yield()
        end)
        gen:send()
        assert.equal(e, caught(gen.throw, gen, e))
        assert.equal(e, closed)
        stop_of(gen.send, gen)
    end)

    it("ends one that has not begun", function()
        local gen = count(1)
        assert.equal("early", caught(gen.throw, gen, "early"))
        stop_of(gen.send, gen)
    end)

    it("cannot raise in a plain coroutine.yield, and says so", function()
        local gen = generator.new(function() coroutine.yield(1) end)
        gen:send()
        assert.matches("cannot raise in coroutine.yield",
            caught(gen.throw, gen, "x"))
    end)
end)

describe("close", function()
    it("raises GeneratorExit at the yield, and clean-up may wait", function()
        local log = {}
        local gen = generator.new(function()
            local _ <close> = tasks.guard(function(e)
                neap.sleep(0.001)
                log[#log + 1] = e
            end)
            generator.yield()
        end)
        gen:send()
        gen:close()
        assert.same({GeneratorExit}, log)
        gen:close()
        assert.same({GeneratorExit}, log)
    end)

    it("lets the body return, and drops what it returns", function()
        local gen = generator.new(function()
            pcall(generator.yield)
            return "dropped"
        end)
        gen:send()
        assert.equal(0, select("#", gen:close()))
        stop_of(gen.send, gen)
    end)

    it("is refused by a body that yields once more", function()
        local gen = generator.new(function()
            pcall(generator.yield)
            generator.yield()
        end)
        gen:send()
        assert.matches("generator ignored GeneratorExit",
            caught(gen.close, gen))
    end)

    it("raises what the clean-up raises", function()
        local gen = generator.new(function()
            local _ <close> = tasks.guard(function() error("worse", 0) end)
            generator.yield()
        end)
        gen:send()
        assert.equal("worse", caught(gen.close, gen))
    end)

    it("is called by leaving a block, and by the collector", function()
        local log = {}
        local function body()
            local _ <close> = tasks.guard(function()
                log[#log + 1] = "closed"
            end)
            generator.yield()
        end
        do
            local gen <close> = generator.new(body)
            gen:send()
        end
        assert.same({"closed"}, log)
        generator.new(body):send()
        collectgarbage()
        collectgarbage()
        assert.same({"closed", "closed"}, log)
    end)

    it("ends one that has not begun, which never runs", function()
        local gen = generator.new(error, "never raised")
        gen:close()
        stop_of(gen.send, gen)
    end)
end)

describe("delegate", function()
    local inner = function()
        local log = {}
        local got = generator.yield "first"
        while got ~= "stop" do
            log[#log + 1] = got
            neap.yield()
            got = generator.yield("echo " .. got)
        end
        return table.concat(log, " ")
    end

    local function outer(body)
        return generator.new(function()
            local result = generator.delegate(generator.new(body))
            generator.yield("result " .. result)
        end)
    end

    it("passes values both ways, and gives what inner returns", function()
        local gen = outer(inner)
        assert.equal("first", gen:send())
        assert.equal("echo a", gen:send "a")
        assert.equal("echo b", gen:send "b")
        assert.equal("result a b", gen:send "stop")
    end)

    it("passes what is thrown", function()
        local gen = outer(function()
            return "caught " .. caught(generator.yield)
        end)
        gen:send()
        assert.equal("result caught it", gen:throw "it")
    end)

    it("closes inner first", function()
        local log = {}
        local gen = generator.new(function()
            local _ <close> = tasks.guard(function()
                log[#log + 1] = "outer"
            end)
            generator.delegate(generator.new(function()
                local _ <close> = tasks.guard(function()
                    neap.yield()
                    log[#log + 1] = "inner"
                end)
                generator.yield()
            end))
        end)
        gen:send()
        gen:close()
        assert.same({"inner", "outer"}, log)
    end)

    it("raises the error of inner", function()
        local gen = generator.new(function()
            generator.yield(caught(generator.delegate,
                generator.new(error, "inner")))
        end)
        assert.equal("inner", gen:send())
    end)
end)

describe("a cancelled task", function()
    it("unwinds the generator in which it waits", function()
        local log = {}
        local gen = generator.new(function()
            local _ <close> = tasks.guard(function(e)
                log[#log + 1] = tostring(e)
            end)
            tasks.forever()
        end)
        local task = tasks.start(function()
            local _ <close> = tasks.guard(function(e)
                log[#log + 1] = "outer " .. tostring(e)
            end)
            gen:send()
        end)
        task:cancel "enough"
        tasks.settle()
        assert.equal("cancelled", task:state())
        assert.same({"cancelled: enough", "outer cancelled: enough"}, log)
        stop_of(gen.send, gen)
    end)
end)

describe("misuse is named:", function()
    for call, words in pairs {
        ["new()"] = "bad argument #1 to 'new' (function expected, got nil)",
        ["new({})"] = "bad argument #1 to 'new' (function expected, got table)",
        ["delegate(1)"] =
            "bad argument #1 to 'delegate' (generator expected, got number)",
        ["new(print).send({})"] =
            "bad argument #1 to 'send' (generator expected, got table)",
        ["yield(1)"] = "attempt to yield from outside a coroutine",
    } do
        it(call, function()
            local fn = assert(load("return g." .. call, "=it", "t",
                {g = generator, print = print}))
            assert.is_truthy(caught(fn):find(words, 1, true))
        end)
    end
end)

describe("without neap, in a stock lua,", function()
    it("it works the same", function()
        local shell = require "tests.spec.shell"
        local code = [[
            local generator = dofile "stdlib/generator.lua"
            local gen = generator.new(function()
                print(generator.yield(1))
                generator.yield(2)
            end)
            print(gen:send(), gen:send "sent")
            gen:close()
        ]]
        assert.equal("sent\n1\t2\n",
            shell.run("lua5.4 -e " .. shell.quote(code)).out)
    end)
end)
