-- SPDX-License-Identifier: MIT
--
-- The model test itself: what its checker refuses, by hand-written histories,
-- and a sample of random ones.
--
-- A line of a history is one of these; tasks are numbers, and what has no
-- result yet waits:
--
--     1 put a = ok        called, and returned at once
--     2 get               called; it may be that it never returns
--     2 = a               it returned; or `2 raised`: it was cancelled
--     quiet               virtual time moved on: everybody waited

local checker = require "tests.model.checker"
local objects = require "tests.model.objects"
local shell = require "tests.spec.shell"

local constants = {["true"] = true, ["false"] = false}

local function value_of(word)
    if constants[word] ~= nil then return constants[word] end
    return tonumber(word) or word
end

-- The events of a history in the notation above.
local function parse(text)
    local events, open = {}, {}
    local function finish(task, word)
        local op = open[task]
        op.raised = word == "raised"
        op.result = value_of(word)
        events[#events + 1] = {"return", op}
    end
    for line in text:gmatch "[^\n;]+" do
        local task, words, result = line:match "^%s*(%d+)%s*(.-)%s*=%s*(%S+)"
        if not task then task, words = line:match "^%s*(%d+)%s*(.-)%s*$" end
        if line:find "quiet" then
            events[#events + 1] = {"quiet"}
        elseif task and words == "raised" then
            finish(task, "raised")
        elseif task then
            local name, arg, priority = words:match "(%S+)%s*(%S*)%s*(%S*)"
            if name then
                open[task] = {task = tonumber(task), name = name,
                    arg = arg ~= "" and value_of(arg) or nil,
                    priority = tonumber(priority)}
                events[#events + 1] = {"call", open[task]}
            end
            if result then finish(task, result) end
        end
    end
    for _, op in pairs(open) do op.raised = op.raised or op.result == nil end
    return events
end

-- An assertion each: about a model that starts with these arguments.
local function about(kind, ...)
    local model, arguments = objects[kind], table.pack(...)
    local function check(text)
        local state = model.new(table.unpack(arguments, 1, arguments.n))
        return checker.check(model, state, parse(text))
    end
    local function good(text)
        assert.same({true}, {check(text)})
    end
    local function bad(text, words)
        local ok, message = check(text)
        assert.is_false(ok)
        assert.matches(words, message, 1, true)
    end
    return good, bad
end

describe("the checker of queues", function()
    local good, bad = about("queue", 1)

    it("allows what a queue does", function()
        good "1 put a = ok; 2 get = a; 2 try_get = none; 1 len = 0"
        good "1 get; 2 get; 3 put a = ok; 3 put b = ok; 2 = b; 1 = a; quiet"
        good "1 put a = ok; 2 put b; quiet; 1 get = a; 1 get = b; 2 = ok"
        good [[1 put a = ok; 2 put b; quiet; 2 raised; 1 get = a
            1 try_get = none]]
        good "1 get; 2 close = ok; 1 = closed; 2 put a = closed"
        good "1 put a = ok; 1 put b; 2 close = ok; 1 = closed; 2 get = a"
        good "1 put a = ok; 1 join; 2 get = a; quiet; 2 task_done = ok; 1 = ok"
        good "1 task_done = refused"
    end)

    it("refuses a lost item", function()
        bad("1 put a = ok; 2 try_get = none", "should be -> a")
        bad("1 put a = ok; 2 get; quiet", "waits in vain")
        bad("1 put a = ok; 2 put b; 2 = ok", "has no place")
    end)

    it("refuses a doubled item", function()
        bad("1 put a = ok; 2 get = a; 3 get = a", "task 3 get -> a")
        bad("1 get; 2 get; 3 put a = ok; 1 = a; 2 = a", "task 2 get -> a")
    end)

    it("refuses an item whose put raised", function() -- Q3
        bad([[1 put a = ok; 2 put b; 2 raised; 3 get = a; 3 get = b]],
            "task 3 get -> b")
    end)

    it("refuses that a get took something and raised", function() -- Q1
        bad("1 get; 2 put a = ok; 1 raised; 3 try_get = none",
            "should be -> a")
    end)

    it("refuses barging", function() -- Q5
        bad("1 get; 2 get; 3 put a = ok; 2 = a; 3 put b = ok; 1 = b",
            "should be -> a")
        bad("1 get; 2 put a = ok; 2 try_get = a; 1 = none", "should be -> a")
        bad([[1 put a = ok; 2 put b; 3 put c; 4 get = a; 4 get = c; 2 = ok]],
            "should be -> b")
        bad([[1 put a = ok; 2 put b; 4 get = a; 4 try_put c = true; 2 = ok]],
            "should be -> false")
    end)

    it("refuses that somebody waits in vain", function()
        bad("1 put a = ok; 2 put b; 2 raised; 3 put c; 1 get = a; quiet",
            "waits in vain")
        bad("1 put a = ok; 3 get; quiet; 3 raised", "waits in vain")
        bad("1 put a = ok; 2 put b; 1 get = a; quiet; 2 = ok", "still waits")
        bad("1 put a = ok; 1 join; 1 = ok", "has no place")
    end)

    it("refuses what a closed queue does not do", function() -- Q7, Q8
        bad("1 close = ok; 2 put a = ok", "should be -> closed")
        bad("1 get; 2 close = ok; quiet", "waits in vain")
        bad("1 put a = ok; 1 close drop = ok; 2 get = a", "should be -> closed")
    end)
end)

describe("the checker of other orders", function()
    it("knows a rendezvous", function() -- Q12
        local good, bad = about("queue", 0)
        good "1 put a; quiet; 2 get = a; 1 = ok"
        good "1 get; quiet; 2 put a = ok; 1 = a"
        good "1 try_put a = false; 1 get; 2 try_put b = true; 1 = b"
        good "1 put a; 2 try_get = a; 2 try_get = none; 1 = ok"
        bad("1 put a = ok", "has no place")
        bad("1 put a; 2 try_get = none; 3 get = a; 1 = ok", "should be")
        bad("1 get; 2 try_put a = false; 3 put b = ok; 1 = b", "should be")
        bad("1 put a; 1 raised; 2 get = a", "has no place")
        bad("1 put a; 2 get; quiet; 1 raised; 2 raised", "waits in vain")
    end)

    it("knows stacks and priorities", function()
        local good, bad = about("queue", nil, "newest")
        good "1 put a = ok; 1 put b = ok; 1 get = b; 1 get = a"
        bad("1 put a = ok; 1 put b = ok; 1 get = a", "should be -> b")
        good, bad = about("queue", nil, "least")
        good "1 put a 2 = ok; 1 put b 1 = ok; 1 put c 2 = ok; 1 get = b"
        bad([[1 put a 2 = ok; 1 put b 1 = ok; 1 put c 2 = ok; 1 get = b
            1 get = c]], "should be -> a")
    end)
end)

describe("the checker of locks", function()
    local good, bad = about "lock"

    it("allows what a lock does", function()
        good [[1 acquire = ok; 2 acquire; 3 acquire; quiet; 1 release = ok
            2 = ok; 2 locked = true; 2 release = ok; 3 = ok; 3 release = ok
            1 locked = false]]
        good "1 acquire = ok; 2 acquire; 1 acquire = refused; 2 raised"
        good "1 release = refused; 1 acquire = ok; 2 release = refused"
    end)

    it("refuses a lock that is held twice", function()
        bad("1 acquire = ok; 2 acquire = ok", "task 2 acquire -> ok")
        bad("1 acquire = ok; 2 release = ok", "should be -> refused")
        bad("1 acquire = ok; 1 release = ok; 1 release = ok", "refused")
    end)

    it("refuses barging", function()
        bad([[1 acquire = ok; 2 acquire; 3 acquire; 1 release = ok; 3 = ok
            3 release = ok; 2 = ok]], "task 3 acquire -> ok")
        bad([[1 acquire = ok; 2 acquire; 1 release = ok; 1 acquire = ok
            1 release = ok; 2 = ok]], "task 1 acquire")
    end)

    it("refuses a phantom owner", function() -- Q14
        bad([[1 acquire = ok; 2 acquire; 1 release = ok; 2 raised
            3 acquire; quiet; 3 raised]], "waits in vain")
    end)
end)

describe("the checker of semaphores", function()
    local good, bad = about("semaphore", 3)

    it("allows what a semaphore does", function()
        good [[1 acquire 2 = ok; 2 acquire 2; 3 acquire 1; quiet
            1 release 2 = ok; 3 = ok; 2 = ok; 2 release 2 = ok
            3 release 1 = ok; 1 release 1 = refused]]
        -- who leaves lets those behind it step up, a little later
        good [[1 acquire 2 = ok; 2 acquire 2; 3 acquire 1; quiet
            2 raised; 3 = ok; quiet]]
    end)

    it("refuses that a permit is lost or doubled", function()
        bad([[1 acquire 3 = ok; 1 release 3 = ok; 2 acquire 3; quiet
            2 raised]], "waits in vain")
        bad("1 acquire 2 = ok; 2 acquire 2 = ok", "has no place")
        bad("1 acquire 1 = ok; 2 release 2 = ok", "has no place")
        bad("1 acquire 2 = ok; 2 acquire 2; 2 raised; 1 release 3 = ok",
            "has no place")
    end)

    it("refuses that a large request is overtaken", function() -- Q18
        bad([[1 acquire 2 = ok; 2 acquire 2; 3 acquire 1 = ok
            1 release 2 = ok; 2 = ok]], "has no place")
    end)

    it("refuses that somebody waits in vain", function()
        bad([[1 acquire 2 = ok; 2 acquire 2; 3 acquire 1; 2 raised; quiet
            3 = ok]], "waits in vain")
    end)
end)

describe("the checker of events", function()
    local good, bad = about "event"

    it("allows what an event does", function() -- Q21
        good "1 wait; quiet; 2 set = ok; 2 clear = ok; 1 = ok; 2 is_set = false"
        good "1 set = ok; 1 wait = ok; 1 is_set = true; 1 clear = ok; 1 wait"
        good "1 wait; 1 raised; 2 set = ok"
    end)

    it("refuses that somebody sleeps on, or wakes too soon", function()
        bad("1 wait; 2 set = ok; 2 clear = ok; quiet; 2 set = ok; 1 = ok",
            "still waits")
        bad("1 wait; 1 = ok; 2 set = ok", "has no place")
        bad("1 wait; 2 wait; 3 set = ok; 3 clear = ok; 2 raised; quiet; 1 = ok",
            "still waits")
    end)
end)

describe("random histories", function()
    local function sweep(arguments, neap)
        return shell.run(("NEAP='%s' tests/model/sweep %s"):format(neap,
            arguments))
    end

    it("are all that the models allow", function() -- Q23, S25
        local result = sweep("1 200", shell.neap)
        assert.equal("200 histories: all well\n", result.out)
        assert.equal(0, result.status)
    end)

    it("that fail say how they can be seen again", function()
        local neap <close> = shell.temporary [[#!/bin/sh
            echo trace; echo "seed $4: lock1: why"; exit 1]]
        shell.run("chmod +x " .. neap.path)
        local result = sweep("7 1", neap.path)
        assert.equal(1, result.status)
        assert.equal(([[
trace
seed 7: lock1: why
seed 7 fails
again: %s --clock=virtual --seed=7 tests/model/history.lua 7
]]):format(neap.path), result.out)
    end)

    it("are another where the ready order is", function() -- S25
        local function trace(seed)
            return shell.command({"--clock=virtual", "--seed=" .. seed,
                "tests/model/history.lua", "3"}).out
        end
        assert.equal(trace(1), trace(1))
        assert.not_equal(trace(1), trace(2))
    end)

    it("whose two traces differ are told", function() -- S25
        local neap <close> = shell.temporary [[#!/bin/sh
            date +%N]]
        shell.run("chmod +x " .. neap.path)
        local result = sweep("7 1", neap.path)
        assert.equal(1, result.status)
        assert.matches("^seed 7: two runs differ\nagain: ", result.out)
    end)
end)
