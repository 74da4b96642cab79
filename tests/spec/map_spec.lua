-- SPDX-License-Identifier: MIT
--
-- neap.map: a function of each element of a list. The numbers are those of
-- SEMANTICS, group 3.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start = tasks.settle, tasks.start
local guard, forever, caught = tasks.guard, tasks.forever, tasks.caught

after_each(tasks.sweep)

-- A function that notes how many of its calls run at once.
local function counted(passes)
    local count = {now = 0, most = 0, calls = 0}
    return function(x)
        count.now, count.calls = count.now + 1, count.calls + 1
        count.most = math.max(count.most, count.now)
        for _ = 1, passes(x) do neap.yield() end
        count.now = count.now - 1
        return -x
    end, count
end

local function numbers(n)
    local list = {}
    for i = 1, n do list[i] = i end
    return list
end

describe("map:", function()
    it("gives the results in the list's order", function()
        local fn = counted(function(x) return 5 - x end)
        for _, options in ipairs {{}, {limit = 1}, {limit = 2}, {limit = 4},
                {limit = 2.0}, {limit = 100}, {limit = math.huge},
                {limit = math.maxinteger}} do
            assert.same({-1, -2, -3, -4}, neap.map(numbers(4), fn, options))
        end
        assert.same({-1, -2, -3, -4}, neap.map(numbers(4), fn))
        assert.same({}, neap.map({}, fn))
        assert.same({}, neap.map({}, fn, {limit = 3}))
    end)

    it("runs at most limit at once, and as many as that", function()
        for _, limit in ipairs {1, 2, 3, 10} do
            local fn, count = counted(function(x) return x % 3 + 1 end)
            neap.map(numbers(10), fn, {limit = limit})
            assert.same({now = 0, most = limit, calls = 10}, count)
        end
        local fn, count = counted(function() return 1 end)
        neap.map(numbers(50), fn)
        assert.equal(50, count.most)
    end)

    it("one that ends makes room for the next, in their order", function()
        assert.equal("1@0 2@0 3@1 4@2 5@4\n", tasks.out [[
            local words = {}
            neap.map({1, 5, 1, 2, 1}, function(s)
                words[#words + 1] = ("%d@%.0f"):format(#words + 1, neap.time())
                neap.sleep(s)
            end, {limit = 2})
            print(table.concat(words, " "))
        ]])
    end)

    it("calls fn with the element alone, as it was in the list", function()
        local list, seen = {"a", "b", "c"}, {}
        neap.map(list, function(...)
            seen[#seen + 1] = table.pack(...)
            list[2], list[3] = "changed", nil
        end, {limit = 1})
        assert.same({{n = 1, "a"}, {n = 1, "b"}, {n = 1, "c"}}, seen)
        local values = setmetatable({}, {__len = function() return 3 end,
            __index = function(_, i) return i * 10 end})
        assert.same({10, 20, 30}, neap.map(values, function(x) return x end))
    end)

    it("takes the first result, and nil for none", function() -- W25
        local results = neap.map({1, 2, 3, 4}, function(x)
            neap.yield()
            if x == 1 then return end
            if x == 2 then return nil, "second" end
            if x == 3 then return false end
            return "x", "y"
        end, {limit = 3})
        assert.is_true(results[1] == nil and results[2] == nil)
        assert.is_true(results[3] == false and results[4] == "x")
    end)

    it("elements and results may be tasks and functions", function()
        local task = neap.spawn(forever)
        local list = {task, print, neap.Future()}
        local results = neap.map(list, function(x) return x end, {limit = 1})
        assert.same(list, results)
        assert.equal("pending", task:state())
    end)

    it("one error: the others are cancelled and awaited, the rest not begun",
        function() -- W10
            local e, begun, cleaned = {}, 0, 0
            local raised = caught(neap.map, numbers(10), function(x)
                begun = begun + 1
                local _ <close> = guard(function(why)
                    if not neap.is_cancelled(why) then return end
                    for _ = 1, 3 do pcall(neap.yield) end
                    cleaned = cleaned + 1
                end)
                if x == 3 then error(e) end
                forever()
            end, {limit = 3})
            assert.is_true(raised == e)
            assert.same({3, 2}, {begun, cleaned})
        end)

    it("of two errors it is the first in time", function() -- W10
        assert.equal("2", caught(neap.map, {3, 2, 4}, function(passes)
            for _ = 1, passes do neap.yield() end
            error(tostring(passes), 0)
        end))
    end)

    it("a child cancelled from outside is an error like any other", function()
        local children = {}                                     -- W15
        local task = start(neap.map, {1, 2}, function()
            children[#children + 1] = neap.current()
            forever()
        end)
        children[1]:cancel "enough"
        settle()
        assert.equal("failed", task:state())
        assert.equal("enough", task:error().reason)
        assert.equal("cancelled", children[2]:state())
    end)

    it("cancelled, it cancels and awaits them, and begins none", function()
        local begun, cleaned, seen = 0, 0, nil                  -- W14
        local task = start(function()
            local _ <close> = guard(function() seen = cleaned end)
            neap.map(numbers(5), function()
                begun = begun + 1
                local _ <close> = guard(function()
                    for _ = 1, 3 do pcall(neap.yield) end
                    cleaned = cleaned + 1
                end)
                forever()
            end, {limit = 2})
        end)
        task:cancel "enough"
        assert.equal("enough", caught(task.await, task).reason)
        assert.same({2, 2}, {begun, seen})
    end)

    it("cancelled when one has just ended, it begins none", function() -- W14
        local begun, first = 0, nil
        local task = start(neap.map, numbers(5), function()
            begun = begun + 1
            first = first or neap.Future()
            first:await()
        end, {limit = 1})
        first:set_result()
        neap.call_soon(function() task:cancel "enough" end)
        assert.equal("enough", caught(task.await, task).reason)
        settle()
        assert.is_true(begun <= 2)
        assert.equal(1, #neap.tasks())
    end)

    it("of 10,000, ten at once", function()
        local fn, count = counted(function(x) return 1 + x % 2 end)
        local results = neap.map(numbers(10000), fn, {limit = 10})
        for i = 1, 10000 do assert(results[i] == -i) end
        assert.equal(10, count.most)
    end)

    it("a deadlock beneath it ends it", function() -- W20
        local result = tasks.run [[
            print(pcall(neap.map, {1, 2}, function()
                neap.Future():await()
            end, {limit = 1}))
        ]]
        assert.equal("", result.err)
        assert.matches("^false\tdeadlock: nothing can wake", result.out)
        assert.matches("<Task #1 pending, awaiting, it:1>: <Task #2",
            result.out)
    end)

    it("takes a list, a function and a limit", function()
        local function check(words, ...)
            words = words:gsub("to ", "to 'neap.map' ")
            assert.equal("bad argument " .. words, caught(neap.map, ...))
        end
        check "#1 to (table expected, got no value)"
        check("#2 to (function expected, got no value)", {})
        check("#1 to (table expected, got function)", print, {})
        check("#2 to (function expected, got table)", {}, {})
        check("#3 to (table expected, got number)", {}, print, 5)
        check("#3 to (unknown option 'limits'; known: limit)", {}, print,
            {limits = 1})
        for _, limit in ipairs {0, -1, 1.5, "x", false, -math.huge} do
            check("#3 to (option 'limit': positive integer or " ..
                "math.huge expected, got " .. tostring(limit) .. ")", {1},
                print, {limit = limit})
        end
    end)
end)
