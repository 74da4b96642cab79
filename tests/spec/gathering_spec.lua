-- SPDX-License-Identifier: MIT
--
-- What gather, settle, race, map, wait and as_completed have in common: whom
-- they own, which error comes out, and what is left when they end by force. The
-- numbers are those of SEMANTICS, group 3.

local neap = require "neap"
local tasks = require "tests.spec.tasks"
local settle, start, caught = tasks.settle, tasks.start, tasks.caught
local forever, fail_after = tasks.forever, tasks.fail_after

local foreign = assert(package.loadlib(tasks.build "foreign",
    "luaopen_foreign"))()

after_each(tasks.sweep)

-- Each call, of two things to wait for, as a function of these.
local owners = {
    gather = neap.gather,
    race = neap.race,
    settle = neap.settle,
    map = function(a, b)
        return neap.map({a, b}, function(x)
            if type(x) == "function" then return x() end
            return x:await()
        end)
    end,
}
local others = {
    wait = function(a, b) return neap.wait {a, b} end,
    as_completed = function(a, b)
        for _ in neap.as_completed {a, b} do end
    end,
}
local calls = {}
for name, call in pairs(owners) do calls[name] = call end
for name, call in pairs(others) do calls[name] = call end

-- A function that, cancelled, ends when the future does.
local function slow(gate)
    return function()
        pcall(forever)
        repeat pcall(neap.yield) until gate:done()
    end
end

for _, name in ipairs {"gather", "race", "map"} do
    describe(name .. ", cancelled while the others end:", function()
        it("an error that ended it is not hidden by that", function()
            local e, gate = {}, neap.Future()                   -- W10 W14
            local task = start(owners[name], slow(gate), fail_after(1, e))
            assert.is_true(task:cancel())
            settle()
            assert.equal("pending", task:state())
            gate:set_result()
            assert.is_true(caught(task.await, task) == e)
            assert.equal("failed", task:state())
        end)

        it("its own Cancelled goes before another's", function() -- W15
            local gate, other = neap.Future(), neap.spawn(forever)
            local task = start(owners[name], slow(gate), function()
                other:await()
            end)
            other:cancel "another's"
            settle()
            task:cancel "its own"
            gate:set_result()
            assert.equal("its own", caught(task.await, task).reason)
            assert.equal("cancelled", task:state())
        end)
    end)
end

for name, call in pairs(owners) do
    describe(name .. " owns", function()
        it("what it waits for: a cancel ends and awaits it", function() -- W14
            local gate, seen = neap.Future(), 0
            local function child()
                slow(gate)()
                seen = seen + 1
            end
            local task = start(call, child, child)
            task:cancel "enough"
            settle()
            assert.equal("pending", task:state())
            gate:set_result()
            assert.equal("enough", caught(task.await, task).reason)
            assert.equal(2, seen)
        end)
    end)
end

for name, call in pairs(others) do
    describe(name .. " owns nothing:", function()
        it("a cancel leaves what it waits for alone", function() -- W17 W24
            local ended = false
            local child = neap.spawn(function()
                for _ = 1, 40 do neap.yield() end
                ended = true
            end)
            local task = start(call, child, neap.Future())
            task:cancel()
            assert.is_true(neap.is_cancelled(caught(task.await, task)))
            assert.equal("pending", child:state())
            child:await()
            assert.is_true(ended)
        end)
    end)
end

for name, call in pairs(calls) do
    describe(name .. " in a coroutine", function()
        local function in_coroutine(...)
            return coroutine.resume(coroutine.create(call), ...)
        end

        it("waits, and gives what it gives", function()
            local a, b = neap.Future(), neap.Future()
            local task = start(in_coroutine, a, b)
            a:set_result(1)
            b:set_result(2)
            assert.is_true((task:await()))
        end)

        it("that died of a cancel leaves no line behind", function() -- W14
            local a, b = neap.Future(), neap.Future()
            for _ = 1, 20 do
                local task = start(in_coroutine, a, b)
                task:cancel()
                local ok, e = task:await()
                assert.is_true(not ok and neap.is_cancelled(e))
                if owners[name] then a, b = neap.Future(), neap.Future() end
            end
            collectgarbage()
            collectgarbage()
            if not a:done() then a:set_result() end
            if not b:done() then b:set_result() end
        end)

        it("that foreign C resumed meanwhile ends without harm", function()
            local a, b = neap.Future(), neap.Future()
            for _ = 1, 20 do
                local co = coroutine.create(call)
                local task = start(coroutine.resume, co, a, b)
                local _, e = foreign.resume(co)
                assert.matches("resumed by a function that neap did not",
                    tostring(e))
                co = nil
                task:cancel()
                settle()
            end
            collectgarbage()
            collectgarbage()
            if not a:done() then a:set_result() end
            if not b:done() then b:set_result() end
            settle()
        end)
    end)
end

describe("settle:", function()
    it("of very many results has room for them", function() -- W25
        for _, count in ipairs {18, 19, 20, 21, 22, 40, 1000, 100000} do
            local list = neap.settle(function()
                return table.unpack({}, 1, count)
            end, function() return count end)
            assert.equal(count, list[1].n)
            assert.equal(count, list[2].value)
        end
    end)
end)

describe("the closing value of as_completed", function()
    it("may be closed again, and by hand", function() -- W24
        local task = neap.spawn(forever)
        local next_ended, _, _, closing = neap.as_completed {task}
        do
            local _ <close> = closing
            local _ <close> = closing
        end
        for _ in next_ended, nil, nil, closing do error "one came" end
        task:cancel()
    end)
end)

describe("a time-out that is no number of seconds", function()
    for _, name in ipairs {"wait", "as_completed"} do
        it("is refused by " .. name .. " by its name", function()
            local words = "bad argument #2 to 'neap." .. name ..
                "' (option 'timeout': number of seconds expected, got "
            for value, kind in pairs {[{}] = "table", [print] = "function",
                    x = "string", [true] = "boolean"} do
                assert.equal(words .. kind .. ")",
                    caught(neap[name], {forever}, {timeout = value}))
            end
            assert.equal(words .. "nan)",
                caught(neap[name], {forever}, {timeout = 0 / 0}))
            settle()
            assert.equal(1, #neap.tasks())
        end)
    end

    it("but a negative one is over at once", function() -- W24
        for _, s in ipairs {0, -0.0, -1, -math.huge} do
            local next_ended = neap.as_completed({neap.Future(),
                tasks.ended(1)}, {timeout = s})
            assert.equal(1, next_ended():result())
            assert.equal("Timeout", caught(next_ended).name)
        end
    end)
end)
