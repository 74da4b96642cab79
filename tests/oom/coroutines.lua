-- SPDX-License-Identifier: MIT
--
-- Programs of tests/oom: coroutines of the script's, require, and where one can
-- or cannot wait.

local neap = require "neap"

local coroutines = {}

function coroutines.wrap()
    local function count(n)
        return coroutine.wrap(function()
            for i = 1, n do
                neap.sleep(0.01)
                coroutine.yield(i)
            end
        end)
    end
    local sum = 0
    for i in count(5) do sum = sum + i end
    assert(sum == 15)
end

function coroutines.nested()
    local function nest(n)
        if n == 0 then return neap.sleep(1) or "bottom" end
        local co = coroutine.create(nest)
        local ok, value = coroutine.resume(co, n - 1)
        if not ok then error(value, 0) end
        assert(coroutine.status(co) == "dead")
        return value
    end
    assert(nest(10) == "bottom")
end

function coroutines.close()
    local co = coroutine.create(function()
        local _ <close> = setmetatable({}, {__close = function() end})
        coroutine.yield(coroutine.running())
    end)
    local ok, e = coroutine.resume(co)
    if not ok then error(e, 0) end
    ok, e = coroutine.close(co)
    if not ok then error(e, 0) end
end

function coroutines.close_by_error()
    expect "cannot wait here"
    local wrapped = coroutine.wrap(function()
        local _ <close> = setmetatable({}, {__close = function()
            neap.sleep(1)
        end})
        coroutine.yield()
        error "not enough memory, they say"
    end)
    wrapped()
    wrapped()
end

function coroutines.refused()
    local ok, e = pcall(table.sort, {1, 2, 3}, function()
        neap.sleep(1)
    end)
    assert(not ok)
    if not tostring(e):find "cannot wait here" then error(e, 0) end
end

function coroutines.yield_outside()
    local ok, e = pcall(coroutine.yield, 1)
    assert(not ok)
    if not tostring(e):find "outside" then error(e, 0) end
end

function coroutines.metamethods()
    local object = setmetatable({}, {
        __index = function(_, key) neap.sleep(0.1) return key end,
        __concat = function() neap.yield() return "concat" end,
        __lt = function() neap.sleep(0.1) return true end,
    })
    assert(object.key == "key" and object .. 1 == "concat" and object < object)
    local ok, value = xpcall(function()
        return neap.sleep(0.1) or object.name
    end, debug.traceback)
    if not ok then error(value, 0) end
    assert(value == "name")
end

function coroutines.deep()
    local function deep(n)
        if n == 0 then return neap.sleep(0.1) or 0 end
        return 1 + deep(n - 1)
    end
    assert(neap.spawn(deep, 500):await() == 500)
end

function coroutines.generator()
    local generator = require "neap.generator"
    local echo = generator.new(function()
        local got
        for _ = 1, 3 do
            neap.sleep(0.1)
            got = generator.yield(got)
        end
        return "end"
    end)
    echo:send()
    assert(echo:send(1) == 1)
    echo:close()
    local numbers = generator.new(function(n)
        for i = 1, n do generator.yield(i) end
    end, 3)
    local sum = 0
    for i in numbers do sum = sum + i end
    assert(sum == 6)
end

-- What is thrown into a generator comes out of it, or of the one inside.
function coroutines.generator_throws()
    local generator = require "neap.generator"
    local outer = generator.new(function()
        local inner = generator.new(function()
            local ok, e = pcall(generator.yield, 1)
            assert(not ok)
            if e ~= "thrown" then error(e, 0) end
            generator.yield(2)
            return 3
        end)
        return generator.delegate(inner)
    end)
    assert(outer:send() == 1 and outer:throw "thrown" == 2)
    local ok, e = pcall(outer.send, outer)
    assert(not ok)
    if not generator.is_stop(e) then error(e, 0) end
    assert(e.value == 3 and generator.StopIteration(4).value == 4)
end

local function preload(name, fn)
    package.preload[name] = fn
    package.loaded[name] = nil
end

function coroutines.require()
    preload("oom.slow", function()
        neap.sleep(1)
        return {"loaded"}
    end)
    local a, b, c = neap.gather(
        function() return require "oom.slow" end,
        function() return require "oom.slow" end,
        function() return (require "oom.slow") end)
    assert(a == b and b == c and a[1] == "loaded")
    preload("oom.slow", nil)
end

function coroutines.require_fails()
    preload("oom.broken", function()
        neap.sleep(1)
        error "not enough memory for this module"
    end)
    local one, two = table.unpack(neap.settle(
        function() return require "oom.broken" end,
        function() return require "oom.broken" end))
    preload("oom.broken", nil)
    assert(not one.ok and not two.ok)
    local ok, e = pcall(require, "oom.not there")
    assert(not ok)
    if not tostring(e):find "not found" then error(e, 0) end
end

function coroutines.require_cancelled()
    preload("oom.taken", function()
        neap.sleep(1)
        return "taken over"
    end)
    local first = neap.spawn(require, "oom.taken")
    neap.yield()
    local second = neap.spawn(require, "oom.taken")
    neap.sleep(0.5)
    first:cancel()
    assert(second:await() == "taken over")
    preload("oom.taken", nil)
end

return coroutines
