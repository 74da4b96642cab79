-- SPDX-License-Identifier: MIT
--
-- Programs of tests/oom: time-outs, shields, groups, and who leaves them how.

local neap = require "neap"

local scopes = {}

-- An error of another kind than the one that is expected here is raised.
local function fails_by(is, ok, e)
    assert(not ok)
    if not is(e) then error(e, 0) end
end

local function clean_up()
    return setmetatable({}, {__close = function()
        neap.shield(neap.sleep, 0.1)
    end})
end

local function sleep_long()
    local _ <close> = clean_up()
    neap.sleep(100)
end

function scopes.timeout()
    fails_by(neap.is_timeout, pcall(neap.timeout, 1, sleep_long))
    assert(neap.timeout(1, function() return 5 end) == 5)
end

function scopes.timeout_block()
    do
        local timeout <close> = neap.timeout(1)
        neap.sleep(0.5)
        timeout:reschedule(5)
        neap.sleep(3)
    end
    fails_by(neap.is_timeout, pcall(function()
        local _ <close> = neap.timeout(1)
        local _ <close> = neap.timeout(2)
        sleep_long()
    end))
end

function scopes.move_on_after()
    assert(neap.move_on_after(1, sleep_long) == false)
    assert(neap.move_on_after(1, neap.sleep, 0.5))
end

function scopes.shield()
    fails_by(neap.is_timeout, pcall(neap.timeout, 1, function()
        neap.shield(neap.sleep, 3)
        neap.sleep(3)
    end))
end

function scopes.nested()
    local function nest(n)
        if n == 0 then return sleep_long() end
        return neap.timeout(n + 1, nest, n - 1)
    end
    fails_by(neap.is_timeout, pcall(nest, 8))
end

function scopes.group()
    local done = 0
    neap.group(function(group)
        for _ = 1, 3 do
            group:spawn({name = "child"}, function()
                neap.sleep(1)
                done = done + 1
            end)
        end
    end)
    assert(done == 3)
end

function scopes.group_block()
    local group <close> = neap.group()
    for _ = 1, 3 do group:spawn(sleep_long) end
    neap.sleep(1)
    group:cancel("enough")
    group:wait()
end

function scopes.group_fails()
    local ok, e = pcall(neap.group, function(group)
        group:spawn(sleep_long)
        group:spawn(function()
            local _ <close> = clean_up()
            neap.sleep(1)
            error "not enough memory, one"
        end)
        group:spawn(function()
            local _ <close> = setmetatable({}, {__close = function()
                error "not enough memory, two"
            end})
            neap.sleep(100)
        end)
    end)
    assert(not ok)
    error(tostring(e))
end

function scopes.groups_nested()
    local ok = neap.move_on_after(1, neap.group, function(outer)
        outer:spawn(neap.group, function(inner)
            inner:spawn(sleep_long)
            inner:spawn(sleep_long)
        end)
    end)
    assert(ok == false)
end

-- Cancelled with all that it owns.
function scopes.cancelled()
    expect "timed out"
    local task = neap.spawn(function()
        local group <close> = neap.group()
        group:spawn(sleep_long)
        group:spawn(neap.gather, sleep_long, sleep_long)
        group:spawn(neap.timeout, 50, sleep_long)
    end)
    neap.sleep(1)
    task:cancel()
    fails_by(neap.is_cancelled, pcall(task.await, task))
end

-- Scopes that go with their generator.
function scopes.generator()
    local function generate()
        return coroutine.wrap(function()
            local timeout <close> = neap.timeout(1)
            local group <close> = neap.group()
            group:spawn(neap.sleep, 0.5)
            for i = 1, 3 do coroutine.yield(i) end
        end)
    end
    local generator = generate()
    assert(generator() == 1)
    neap.sleep(0.1)
    assert(generator() == 2)
    generator = nil
    for i in generate() do assert(i) end
end

function scopes.generator_closed()
    local co = coroutine.create(function()
        local group <close> = neap.group()
        group:spawn(sleep_long)
        coroutine.yield()
    end)
    local ok, e = coroutine.resume(co)
    if not ok then error(e, 0) end
    neap.yield()
    ok, e = coroutine.close(co)
    if not ok then error(e, 0) end
end

function scopes.generator_dies()
    local wrapped = coroutine.wrap(function()
        local _ <close> = neap.timeout(9)
        local group = neap.group()
        group:spawn(sleep_long)
        coroutine.yield()
        error "not enough memory, as it were"
    end)
    wrapped()
    wrapped()
end

-- The report of a scope that was never left is none of memory.
function scopes.left_open()
    expect "was never left"
    neap.group(function(group)
        group:spawn(function()
            neap.timeout(5)
            local _ = neap.group()
        end)
    end)
end

-- A task that goes on spawning while it is cancelled.
function scopes.late_children()
    local _, e = pcall(neap.timeout, 1, neap.group, function(group)
        local _ <close> = setmetatable({}, {__close = function()
            group:spawn(neap.sleep, 1)
        end})
        neap.sleep(100)
    end)
    if not neap.is_timeout(e) then error(e, 0) end
end

return scopes
