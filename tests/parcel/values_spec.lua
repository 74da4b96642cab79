-- SPDX-License-Identifier: MIT
--
-- Values that cross between states: they arrive exactly, or are refused with
-- the way to what cannot (SEMANTICS P7, P12). See probe.c.

local neap = require "neap"
local probe = require "probe"

-- A value in words that only an equal one has; a table has a field id.
local function name_of(value)
    if type(value) == "table" then return "table " .. value.id end
    if value ~= value then return "nan" end
    return ("%s %q"):format(math.type(value) or type(value), value)
end

-- Everything that a table leads to, in words that only an isomorphic one has:
-- one line an entry, sorted. No two tables have one id.
local function shape_of(root)
    local lines, tables, row = {}, {[root.id] = root}, {root}
    local function visit(value)
        if type(value) ~= "table" then return end
        local known = tables[value.id]
        assert(known == nil or known == value, "a shared table became two")
        if not known then row[#row + 1] = value end
        tables[value.id] = value
    end
    for _, at in ipairs(row) do     -- which grows meanwhile
        for key, value in next, at do
            visit(key)
            visit(value)
            lines[#lines + 1] = ("%d: %s: %s"):format(at.id, name_of(key),
                name_of(value))
        end
    end
    table.sort(lines)
    return table.concat(lines, "\n")
end

local function crosses(value)
    assert.equal(name_of(value), name_of((probe.pass(value))))
end

-- Why the values are refused.
local function refusal(...)
    local ok, message = pcall(probe.pass, ...)
    assert.is_false(ok)
    return message
end

describe("values without parts", function()
    it("arrive as they are", function()     -- P12
        crosses(nil)
        crosses(true)
        crosses(false)
        for _, integer in ipairs {0, 1, -1, 255, 2^53 | 0, math.maxinteger,
            math.mininteger} do crosses(integer) end
        for _, float in ipairs {0.0, 1.0, -1.5, 2^63, 5e-324, math.huge,
            -math.huge, 0/0, math.pi} do crosses(float) end
        assert.equal(-math.huge, 1 / probe.pass(-0.0))
        assert.equal(-math.huge, 1 / probe.pass({-0.0})[1])
    end)

    it("may be strings of any bytes and length", function()     -- P12, Y19
        crosses ""
        crosses "\0"
        crosses "a\0b\0"
        for _, length in ipairs {1, 40, 41, 255, 256, 1024, 1025, 100000} do
            local string = ("\0\xff%s"):format(("x"):rep(length - 2))
            crosses(string)
            assert.equal(string, probe.pass({string})[1])
            assert.equal(string, select(2, probe.pass({}, string)))
        end
    end)

    it("may be any number of values", function()
        assert.equal(0, select("#", probe.pass()))
        assert.same({n = 3, nil, 1}, table.pack(probe.pass(nil, 1, nil)))
        for _, count in ipairs {1, 2, 15, 16, 17, 40, 200, 5000} do
            local values = table.pack(table.unpack({}, 1, count))
            for i = 1, count, 3 do values[i] = i end
            values[count] = {}
            assert.same(values, table.pack(probe.pass(table.unpack(values, 1,
                count))))
        end
    end)
end)

describe("tables", function()
    it("keep every kind of key", function()     -- P12
        local t = {id = 1, [0] = "zero", [-1] = "minus", [1.5] = "float",
            [math.mininteger] = 1, [math.maxinteger] = 2, [math.huge] = 3,
            [true] = "yes", [false] = "no", [""] = "empty", ["a\0"] = "nul",
            [("k"):rep(5000)] = "long", "one", "two"}
        t[{id = 2}] = {id = 3}
        t[t] = t
        assert.equal(shape_of(t), shape_of(probe.pass(t)))
    end)

    it("keep the length of a sequence with holes", function()
        assert.equal(2, #probe.pass({nil, "message"}))
        assert.equal(5, #probe.pass({1, nil, nil, nil, 5}))
        assert.same({[1] = 1, [1000000] = 2}, probe.pass({1, [1000000] = 2}))
        local sparse = {}
        for i = 0, 62 do sparse[1 << i] = i end
        assert.same(sparse, probe.pass(sparse))
        local emptied = {}
        for i = 1, 10000 do emptied[i] = i end
        for i = 1, 9999 do emptied[i] = nil end
        assert.same({[10000] = 10000}, probe.pass(emptied))
    end)

    it("keep cycles and shared parts", function()   -- P12
        local shared = {"shared"}
        local t = {shared, shared, inner = {shared}}
        t.self, t.inner.up, t[t] = t, t, shared
        local copy, again, part = probe.pass(t, t, shared)
        assert.equal(copy, again)
        assert.equal(copy, copy.self)
        assert.equal(copy, copy.inner.up)
        assert.equal(part, copy[1])
        assert.equal(part, copy[2])
        assert.equal(part, copy.inner[1])
        assert.equal(part, copy[copy])
        assert.not_equal(shared, part)
    end)

    it("share long strings instead of repeating them", function()
        local long, t = ("x"):rep(1000000), {}
        for i = 1, 5000 do t[i] = long end      -- 5 GB, written out
        local copy = probe.pass(t)
        assert.equal(5000, #copy)
        assert.equal(long, copy[5000])
    end)

    it("may be as deep as memory goes", function()
        local t = {}
        for _ = 1, 200000 do t = {t} end
        local copy, depth = probe.pass(t), 0
        while copy[1] do copy, depth = copy[1], depth + 1 end
        assert.equal(200000, depth)
    end)

    it("may be changed by finalizers while they are read", function()
        local t, disturbed = {}, 0
        local function disturb()
            disturbed = disturbed + 1
            t[math.random(50)] = {{}}
            t["k" .. math.random(50)], t["k" .. math.random(50)] = {}, nil
            setmetatable({}, {__gc = disturb})
        end
        disturb()
        collectgarbage "incremental"
        for _ = 1, 200 do
            local ok, e = pcall(probe.pass, t)
            assert(ok or e:find "invalid key to 'next'", e)
            collectgarbage "step"
        end
        disturb = nil
        collectgarbage "generational"
        assert.is_true(disturbed > 10)
    end)
end)

describe("random graphs", function()
    math.randomseed(12)     -- P12
    local scalars = {true, false, 0, 1, -7, 3.5, -0.0, math.huge, 0/0, "",
        "a", "a\0b", ("long"):rep(300), math.mininteger, 2^53}

    local function random_value(tables)
        if math.random(3) == 1 then return tables[math.random(#tables)] end
        return scalars[math.random(#scalars)]
    end

    local function random_key(tables)
        if math.random(3) == 1 then return math.random(20) end
        local key
        repeat key = random_value(tables) until key == key
        return key
    end

    local function random_graph(size)
        local tables = {}
        for id = 1, size do tables[id] = {id = id} end
        for _, t in ipairs(tables) do
            for _ = 1, math.random(0, 12) do
                t[random_key(tables)] = random_value(tables)
            end
            for i = 1, math.random(0, 3) do t[i] = random_value(tables) end
        end
        return tables[1]
    end

    it("arrive isomorphic", function()
        for i = 1, 300 do
            local graph = random_graph(math.random(i < 250 and 24 or 200))
            assert.equal(shape_of(graph), shape_of(probe.pass(graph)))
        end
    end)
end)

describe("what cannot cross", function()
    local thread = coroutine.create(print)

    it("is refused with the way to it", function()      -- P7
        assert.equal("cannot pass: .job.callback[2] is a coroutine",
            refusal({job = {callback = {1, thread}}}))
        assert.equal("cannot pass #2: .job.callback[2] is a coroutine",
            refusal(1, {job = {callback = {1, thread}}}))
        assert.equal("cannot pass: it is a coroutine", refusal(thread))
        assert.equal("cannot pass #3: it is a coroutine",
            refusal({}, "", thread))
        assert.equal('cannot pass: ["a b"].c[1.5][true] is a coroutine',
            refusal({["a b"] = {c = {[1.5] = {[true] = thread}}}}))
        assert.equal("cannot pass: [table].x is a coroutine",
            refusal({[{x = thread}] = 1}))
        assert.equal(('cannot pass: ["%s..."] is a coroutine')
            :format(("k"):rep(40)), refusal({[("k"):rep(41)] = thread}))
    end)

    it("may be a key", function()
        assert.equal("cannot pass: a key of .job is a coroutine",
            refusal({job = {[thread] = 1}}))
        assert.equal("cannot pass: a key of it is a coroutine",
            refusal({[thread] = 1}))
    end)

    it("is named by its kind", function()
        assert.equal("cannot pass: it is a userdata (FILE*)",
            refusal(io.stdout))
        assert.equal("cannot pass: .lock is a userdata (neap.Lock)",
            refusal({lock = neap.Lock()}))
        assert.equal("cannot pass: it is a table with a metatable",
            refusal(setmetatable({}, {})))
        assert.equal("cannot pass: it is a table with a metatable (Point)",
            refusal(setmetatable({}, {__name = "Point"})))
        assert.equal("cannot pass: it is a C function: wrap it, as in "
            .. "function(...) return os.execute(...) end", refusal(print))
    end)

    it("is told with the line that sends it", function()
        local _, e = pcall(function() probe.pass({thread}) end)
        assert.matches("values_spec.lua:%d+: cannot pass: %[1%] is a cor", e)
    end)

    it("is found in cycles, by a shortest way, however deep", function()
        local t = {near = {thread}, {{{{thread}}}}}
        t.self, t[1].up = t, t
        assert.equal("cannot pass: .near[1] is a coroutine", refusal(t))
        local deep = {thread}
        for _ = 1, 200000 do deep = {deep} end
        local message = refusal(deep)
        assert.matches("^cannot pass: %.%.%.[%[%]1]+ is a coroutine$", message)
        assert.is_true(#message < 300)
    end)

    it("leaves the others unharmed", function()
        local counter = probe.counter()
        refusal(counter, {counter, {print}}, counter)
        assert.equal(1, probe.holders(counter))
    end)
end)

describe("what crosses by reference", function()
    it("is the same thing over there", function()
        local counter = probe.counter()
        local copy, parts = probe.pass(counter, {counter, x = {counter}})
        assert.not_equal(counter, copy)
        assert.equal(copy, parts[1])    -- shared in a parcel, as all is
        assert.equal(copy, parts.x[1])
        probe.reset()
        assert.equal(2, probe.holders(counter))
        copy, parts = nil, nil          -- luacheck: ignore
        collectgarbage()
        assert.equal(1, probe.holders(counter))
    end)

    it("is held by a parcel, as often as it stands there", function()
        local counter, other = probe.counter(), probe.counter()
        local parcel = probe.kept({counter, other, counter}, counter)
        assert.equal(2, probe.holders(counter))
        assert.equal(2, probe.holders(other))
        parcel = nil                    -- luacheck: ignore
        collectgarbage()
        assert.equal(1, probe.holders(counter))
        assert.equal(1, probe.holders(other))
    end)

    it("is known by its type, not by its metatable alone", function()
        local forged = io.tmpfile()
        local meta = debug.getmetatable(forged)
        debug.setmetatable(forged, debug.getmetatable(probe.counter()))
        local message = refusal(forged)
        debug.setmetatable(forged, meta)
        assert.equal("cannot pass: it is a userdata (probe.Counter)", message)
    end)
end)

describe("neap's errors", function()
    local function cancelled(reason)
        local task = neap.spawn(neap.sleep, 60)
        task:cancel(reason)
        local _, e = pcall(task.await, task)
        return e
    end

    it("are errors of their class over there", function()   -- P7
        local e = cancelled "enough"
        local copy = probe.pass({e})[1]
        assert.is_true(neap.is_cancelled(copy))
        assert.equal("Cancelled", copy.name)
        assert.equal("enough", copy.reason)
        assert.equal("cancelled: enough", tostring(copy))
        assert.equal(tostring(e.task), copy.task)   -- a Task in words
        assert.matches("^<Task #%d+ cancelled>$", copy.task)
    end)

    it("have a class where there is no runtime, too", function()
        local ok, name, words = probe.call(function(e)
            return e.name, tostring(e)
        end, cancelled())
        assert.same({true, "Cancelled", "cancelled"}, {ok, name, words})
    end)

    it("bring what is in them", function()
        local _, e = pcall(neap.timeout, 0, neap.sleep, 60)
        assert.is_true(neap.is_timeout((probe.pass(e))))
        local _, several = pcall(neap.group, function(group)
            group:spawn(function()
                pcall(neap.sleep, 60)
                error "second"
            end)
            neap.yield()
            error {code = 1}
        end)
        local copy = probe.pass(several)
        assert.equal("ErrorGroup", copy.name)
        assert.same(several.errors, copy.errors)
        assert.same({code = 1}, copy.errors[1])
    end)

    it("do not hide what cannot cross", function()
        local e = cancelled({coroutine.create(print)})
        assert.equal("cannot pass: .reason[1] is a coroutine", refusal(e))
    end)
end)

describe("no memory on the way", function()
    local programs = {
        "return 'a string', 1, ('x'):rep(5000)",
        "return {1, 2, 3, x = 'y', [2.5] = {}}",
        "return {('x'):rep(3000), ('y'):rep(3000)}",
        "local t = {} for i = 1, 40 do t[i] = {i, t} end return t",
        "return function(n) return n end, 2, {}",
        "local string = string return {function() return string end}",
        "local function f() return f end return f, f",
        "local c = require 'probe'.counter() return {c, {c}, c}",
    }

    it("leaves nothing over", function()
        local points = 0
        for _, program in ipairs(programs) do
            points = points + probe.starve(program)
        end
        assert.is_true(points > 500, points)
    end)
end)
