-- SPDX-License-Identifier: MIT
-- Ours: the dining philosophers, a deadlock that names itself, and two cures.
--
-- Five philosophers sit around a table, a fork between each two. Who wants to
-- eat takes both. If all of them take the left one first, then each holds a
-- fork and waits for the next, around the table: nothing can ever happen again,
-- and neap notices. It raises an error in the main task that says who waits for
-- what; so the group is left, the philosophers are sent home, and every fork is
-- back on the table.
--
-- The cure is that not all do the same. Any order of the forks that everybody
-- keeps to will do: then the circle cannot close. A good one lets neighbours
-- want the same fork *first*, so that nobody holds one and waits for long.

local neap = require "neap"

local names = {"Aristotle", "Boethius", "Confucius", "Descartes", "Epicurus"}

-- The numbers of the forks beside a seat.
local function forks_at(seat)
    return seat, seat % #names + 1
end

local function left_first(seat)
    return forks_at(seat)
end

local function lower_first(seat)
    local left, right = forks_at(seat)
    return math.min(left, right), math.max(left, right)
end

local function odd_first(seat)
    local left, right = forks_at(seat)
    if left % 2 == 1 then
        return left, right
    end
    return right, left
end

local function eat(name, first, second)
    local _ <close> = first:acquire()
    neap.sleep(0.1)    -- the other hand takes its time
    local _ <close> = second:acquire()
    neap.sleep(1)
    print("    " .. name)
end

-- Everybody eats once; order(seat) says which fork is taken first, and which
-- then.
local function dine(order)
    local forks = {}
    for i = 1, #names do
        forks[i] = neap.Lock()
    end
    local group <close> = neap.group()
    for seat, name in ipairs(names) do
        local first, second = order(seat)
        group:spawn({name = name}, eat, name, forks[first], forks[second])
    end
    group:wait()
end

local function try(words, order)
    print(words)
    local start = neap.time()
    local ok, err = pcall(dine, order)
    if ok then
        print(("%.1f s"):format(neap.time() - start))
    else
        print(err)
    end
end

try("The left fork first:", left_first)
try("The lower number first:", lower_first)
try("The odd number first:", odd_first)

--[[ output:
The left fork first:
deadlock: nothing can wake these tasks
~ %s+<Task #1 pending, awaiting a group, .-: <Group 5 tasks>
~ %s+<Task #2 'Aristotle' .*: <Lock held by <Task #3 'Boethius' .*
~ %s+<Task #3 'Boethius' .*: <Lock held by <Task #4 'Confucius' .*
~ %s+<Task #4 'Confucius' .*: <Lock held by <Task #5 'Descartes' .*
~ %s+<Task #5 'Descartes' .*: <Lock held by <Task #6 'Epicurus' .*
~ %s+<Task #6 'Epicurus' .*: <Lock held by <Task #2 'Aristotle' .*
The lower number first:
    Descartes
    Confucius
    Boethius
    Aristotle
    Epicurus
5.2 s
The odd number first:
    Aristotle
    Descartes
    Boethius
    Epicurus
    Confucius
3.2 s
]]
