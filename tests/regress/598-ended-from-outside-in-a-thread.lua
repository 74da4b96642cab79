-- SPDX-License-Identifier: MIT
--
-- A task in another thread that was ended from outside, by an error in a
-- coroutine of a C module's own or a yield that only a scheduler could answer,
-- was said to have had no memory.

local tasks = require "tests.spec.tasks"

local library = tasks.build "foreign"

local function raise(library)
    local foreign = package.loadlib(library, "luaopen_foreign")()
    require "neap".yield()
    foreign.call(error, "in a coroutine of its own")
end

local function yield(library)
    package.loadlib(library, "luaopen_foreign")().yield()
end

local function expect(words, task)
    local ok, message = pcall(task.await, task)
    assert(not ok and tostring(message):find(words), message)
end

local thread = neap.thread(function() require "neap".sleep(100) end)
expect("in a coroutine of its own", thread:spawn(raise, library))
expect("attempt to yield", thread:spawn(yield, library))
thread:stop()
thread:await()
expect("in a coroutine of its own", neap.thread(raise, library))
expect("attempt to yield", neap.thread(yield, library))
tasks.clean()
