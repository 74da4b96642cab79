-- SPDX-License-Identifier: MIT
--
-- require "neap" in a stock lua5.4: its main chunk is no task, neap.run is how
-- one gets in. The numbers are those of SEMANTICS, group 10.

local stock = require "tests.spec.stock"

describe("neap.run in a stock lua", function()
    it("takes arguments and gives results", function()
        assert.equal("3\t1\tnil\t3\n0\n", stock.out [[
            print(select("#", neap.run(function(...)
                neap.sleep(0.001)
                return ...
            end, 1, nil, 3)), neap.run(function(...) return ... end, 1, nil, 3))
            print(select("#", neap.run(function() end)))
        ]])
    end)

    it("raises main's error itself", function()
        assert.equal("true\ntrue\n", stock.out [[
            local e = setmetatable({}, {})
            local ok, caught = pcall(neap.run, function()
                neap.yield()
                error(e)
            end)
            print(not ok and caught == e)
            print(getmetatable(caught) == getmetatable(e))
        ]])
    end)

    it("may be called again, after an error too", function()
        assert.equal("1\n2\nfalse\tthird\n4\n", stock.out [[
            print(neap.run(function() return 1 end))
            print(neap.run(function() neap.sleep(0) return 2 end))
            print(pcall(neap.run, function()
                neap.yield()
                error("third", 0)
            end))
            print(neap.run(function() return neap.spawn(function()
                return 4
            end):await() end))
        ]])
    end)

    it("cancels what its main leaves behind", function()
        assert.equal("closed\tcancelled: the run that spawned it has ended\n"
            .. "after\n", stock.out [[
            neap.run(function()
                neap.spawn(function()
                    local _ <close> = setmetatable({}, {__close = function(_, e)
                        print("closed", e)
                    end})
                    neap.sleep(1000)
                end)
                neap.yield()
                neap.yield()
            end)
            print "after"
        ]])
    end)

    it("works in a coroutine, and beside coroutines", function()
        assert.equal("5\n1\n2\n3\n", stock.out [[
            print(coroutine.wrap(function()
                return neap.run(function()
                    neap.sleep(0.001)
                    return 5
                end)
            end)())
            neap.run(function()
                for i in coroutine.wrap(function()
                    for i = 1, 3 do
                        neap.sleep(0.001)
                        coroutine.yield(i)
                    end
                end) do
                    print(i)
                end
            end)
        ]])
    end)

    it("names what is in the way of a wait", function()
        local out = stock.out [[
            print(pcall(neap.sleep, 1))
            neap.run(function()
                print(pcall(table.sort, {2, 1}, function() neap.sleep(0) end))
            end)
        ]]
        assert.matches("cannot wait outside of a task: put it into neap.run",
            out)
        assert.matches("cannot wait here: table.sort is on the stack", out)
    end)

    it("reports what nobody waits for to stderr, and goes on", function()
        local result = stock.run [[
            neap.run(function()
                neap.spawn({name = "worker"}, function() error "unseen" end)
                neap.sleep(0.01)
                print "on"
            end)
        ]]
        assert.equal("on\n", result.out)
        assert.equal(0, result.status)
        assert.equal("neap: task #2 'worker' failed: it:2: unseen\n"
            .. "stack traceback:\n\t[C]: in function 'error'\n"
            .. "\tit:2: in function <it:2>\n\t[C]: in ?\n"
            .. "\tspawned at it:2\n", result.err)
    end)

    it("in a finalizer at the end still runs", function() -- Y12
        assert.equal("end\nran\n", stock.out [[
            last = setmetatable({}, {__gc = function()
                print(neap.run(function()
                    neap.sleep(0.001)
                    return "ran"
                end))
            end})
            print "end"
        ]])
    end)
end)

describe("the module", function() -- Y17
    it("required again is the same, from package.loaded or not", function()
        assert.equal("true\ntrue\ntrue\n7\n", stock.out [[
            package.loaded.neap = nil
            print(require "neap" == neap)
            package.loaded.neap, package.preload.neap = nil, nil
            print(require "neap" == neap)
            package.loaded.neap, package.preload.neap = nil, nil
            local again
            neap.run(function() again = require "neap" end)
            print(again == neap)
            print(again.run(function() return 7 end))
        ]])
    end)

    it("reloaded in a task leaves metatables and the loop alone", function()
        assert.equal("true\n1\nfinished\n", stock.out [[
            neap.run(function()
                local queue, task = neap.Queue(), neap.spawn(neap.sleep, 0.001)
                package.loaded.neap, package.preload.neap = nil, nil
                local again = require "neap"
                print(getmetatable(again.Queue()) == getmetatable(queue))
                queue:put(1)
                print(again.spawn(queue.get, queue):await())
                task:await()
                print(task:state())
            end)
        ]])
    end)

    it("has its library of Lua modules inside", function()
        assert.equal("1\n2\n", stock.out [[
            local generator = require "neap.generator"
            neap.run(function()
                for i in generator.new(function()
                    neap.sleep(0.001)
                    generator.yield(1)
                    generator.yield(2)
                end) do
                    print(i)
                end
            end)
        ]])
    end)

    it("leaves the garbage collector as it was", function()
        assert.equal("incremental\n", stock.out([[
            collectgarbage "incremental"
            local neap = require "neap"
            neap.run(function()
                for i = 1, 11000 do neap.spawn(neap.sleep, 1000) end
            end)
            print(collectgarbage "generational")
        ]], true))
    end)

    it("leaves os.exit as it was", function()
        assert.equal("true\n", stock.out([[
            local exit = os.exit
            require "neap"
            print(exit == os.exit)
        ]], true))
    end)
end)

describe("a library that took coroutine.* before neap came", function() -- Y5
    local function run(code)
        return stock.out([[
            local yield, resume = coroutine.yield, coroutine.resume
            local wrap, close = coroutine.wrap, coroutine.close
            local neap = require "neap"
        ]] .. code, true)
    end

    it("fails the task in whose body it yields, in words", function()
        local out = run [[
            print(pcall(neap.run, function() yield(1) end))
            neap.run(function()
                local task = neap.spawn(function()
                    local _ <close> = setmetatable({}, {__close = function()
                        print "closed"
                    end})
                    neap.yield()
                    yield()
                end)
                print(pcall(task.await, task))
                print(task:state())
            end)
        ]]
        local words = "attempt to yield to the scheduler "
            .. "(a coroutine.yield that neap did not replace)"
        assert.equal(("false\t%s\nclosed\nfalse\t%s\nfailed\n")
            :format(words, words), out)
    end)

    it("yields to who resumed it, by old or new resume", function()
        assert.equal("true\t1\ntrue\t2\ntrue\t3\n4\n", run [[
            neap.run(function()
                print(coroutine.resume(coroutine.create(yield), 1))
                print(resume(coroutine.create(coroutine.yield), 2))
                print(resume(coroutine.create(yield), 3))
                print(wrap(function() coroutine.yield(4) end)())
            end)
        ]])
    end)

    it("cannot be waited in, and says so", function()
        local out = run [[
            neap.run(function()
                print(resume(coroutine.create(function()
                    return pcall(neap.sleep, 0)
                end)))
                print(wrap(function() return pcall(neap.sleep, 0) end)())
                neap.sleep(0.001)
                print "fine"
            end)
        ]]
        assert.equal("true\tfalse\tcannot wait here: resume is on the stack\n"
            .. "false\tcannot wait here: a C function is on the stack\nfine\n",
            out)
    end)

    it("may close or resume what waits: no crash", function()
        assert.equal("true\nfalse\tcannot resume dead coroutine\n", run [[
            neap.run(function()
                local co = coroutine.create(function() neap.sleep(0.01) end)
                local task = neap.spawn(function()
                    print(coroutine.resume(co))
                end)
                neap.yield()
                neap.yield()
                print(close(co))
                task:await()
            end)
        ]])
    end)
end)
