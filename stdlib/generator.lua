-- SPDX-License-Identifier: MIT
-- neap.generator: Python's generators on Lua's coroutines.
--
-- A generator is a function that pauses at each yield. Its consumer goes on
-- with it in one of three ways: send gives the yield a value, throw raises an
-- error there, close raises GeneratorExit there.
--
--     local generator = require "neap.generator"
--
--     local echo = generator.new(function()
--         while true do
--             print(generator.yield())
--         end
--     end)
--     echo:send()           -- runs it to its first yield
--     echo:send("hello")    --> hello
--     echo:close()
--
-- The body runs under a pcall at the bottom of its coroutine. So an error
-- unwinds it from within: its <close> variables run, and in a task of neap they
-- may wait. A coroutine that ended has always returned what that pcall says.
--
-- What was thrown travels through resume in a box that only the yields of this
-- module open. A body that pauses in coroutine.yield can be sent values, but
-- nothing can be raised there: throw and close say so.

local resume, status = coroutine.resume, coroutine.status
local raw_yield = coroutine.yield

local generator = {}

-- Raised at the yield by close. A body that catches it may clean up, and must
-- then end.
generator.GeneratorExit = setmetatable({}, {
    __name = "neap.generator.GeneratorExit",
    __tostring = function() return "GeneratorExit" end,
})
local GeneratorExit = generator.GeneratorExit

-- Raised by send and throw when the body has returned.
-- Fields: value, the first value it returned; n and 1..n, all of them.
local StopIteration = {__name = "neap.generator.StopIteration"}

function StopIteration:__tostring()
    if self.value == nil then
        return "StopIteration"
    end
    return "StopIteration: " .. tostring(self.value)
end

-- generator.StopIteration(...) -> what send raises when a body returned `...`
function generator.StopIteration(...)
    local stop = table.pack(...)
    stop.value = stop[1]
    return setmetatable(stop, StopIteration)
end

-- generator.is_stop(e) -> bool: is e a StopIteration?
function generator.is_stop(e)
    return getmetatable(e) == StopIteration
end

local Box = {}    -- metatable of {err=, opened=}, which carries what is thrown

local Generator = {__name = "neap.generator"}
Generator.__index = Generator

-- What a yield does with what it is resumed with: ... | raises what was thrown
local function unpacked(...)
    local box = ...
    if getmetatable(box) ~= Box then
        return ...
    end
    box.opened = true
    error(box.err, 0)
end

-- The end of a body, as the pcall under it saw it.
local function ended(returned, ...)
    if returned then
        return "returned", ...
    elseif generator.is_stop((...)) then
        -- Left alone it would look as if this body had returned, which hides
        -- that a send in it was not expected to fail.
        return "raised", "generator raised StopIteration"
    end
    return "raised", ...
end

local function outcome(self, resumed, ...)
    if not resumed then
        return "raised", ...
    elseif status(self.coro) == "dead" then
        return ended(...)
    end
    return "yielded", ...
end

-- Runs the body to its next yield or to its end
-- -> "yielded", values... | "returned", values... | "raised", error
local function advance(self, ...)
    local start = self.start
    if status(self.coro) == "dead" then
        return "returned"
    elseif start then
        self.start = nil
        return outcome(self, resume(self.coro, table.unpack(start, 1, start.n)))
    end
    return outcome(self, resume(self.coro, ...))
end

local function check_opened(box, state, ...)
    if not box.opened then
        error("cannot raise in coroutine.yield: the generator's body should "
            .. "pause in generator.yield", 0)
    end
    return state, ...
end

-- Raises err where the body is paused; results as advance.
local function advance_raising(self, err)
    if self.start or status(self.coro) == "dead" then
        self.start = nil
        coroutine.close(self.coro)    -- it never ran, and now never will
        return "raised", err
    end
    local box = setmetatable({err = err, opened = false}, Box)
    return check_opened(box, advance(self, box))
end

-- What send and throw make of advance's results.
local function delivered(state, ...)
    if state == "yielded" then
        return ...
    elseif state == "returned" then
        error(generator.StopIteration(...), 0)
    end
    error((...), 0)
end

local function check(self, what)
    if getmetatable(self) ~= Generator then
        error(("bad argument #1 to '%s' (generator expected, got %s)")
            :format(what, type(self)), 3)
    end
    local state = status(self.coro)
    if state == "running" or state == "normal" then
        error("generator is already running", 3)
    end
end

-- generator.new(fn, ...) -> Generator
-- Nothing of fn(...) runs before the first send. A Generator is also the
-- iterator of a `for`, and a `<close>` variable: leaving the block closes it. A
-- paused one that is collected is closed, too.
function generator.new(fn, ...)
    if type(fn) ~= "function" then
        error(("bad argument #1 to 'new' (function expected, got %s)")
            :format(type(fn)), 2)
    end
    return setmetatable({
        coro = coroutine.create(pcall),
        start = table.pack(fn, ...),    -- its first resume; nil once started
    }, Generator)
end

-- generator.yield(...) -> what the consumer sends
-- Only inside a body: gives `...` to the consumer and pauses. Raises what the
-- consumer throws.
function generator.yield(...)
    return unpacked(raw_yield(...))
end

-- gen:send(...) -> what the body yields next
-- The paused yield returns `...`. Raises a StopIteration if the body returns or
-- has ended, and whatever error the body raises. The first send starts the
-- body: no yield waits for a value yet, so to send one is an error.
function Generator:send(...)
    check(self, "send")
    if self.start and (...) ~= nil then
        error("cannot send a value to a generator that has not started", 2)
    end
    return delivered(advance(self, ...))
end

-- gen:throw(err) -> what the body yields next
-- Raises err (any value) at the paused yield; errors as send. A generator that
-- has not started, or has ended, just raises err, and is at its end.
function Generator:throw(err)
    check(self, "throw")
    return delivered(advance_raising(self, err))
end

-- gen:close()
-- Raises GeneratorExit at the paused yield. The body may let it pass, or catch
-- it and return; what it returns is dropped. To yield once more is an error:
-- "generator ignored GeneratorExit". Any other error of the body is raised. A
-- generator that has not started, or has ended, is just at its end.
function Generator:close()
    check(self, "close")
    local state, err = advance_raising(self, GeneratorExit)
    if state == "yielded" then
        error("generator ignored GeneratorExit", 2)
    elseif state == "raised" and err ~= GeneratorExit then
        error(err, 0)
    end
end

Generator.__close = Generator.close

-- A generator nobody refers to can be resumed by nobody: its clean-up is ours.
function Generator:__gc()
    if not self.start and status(self.coro) == "suspended" then
        self:close()
    end
end

local function iterated(state, ...)
    if state == "returned" then
        return nil
    elseif state == "raised" then
        error((...), 0)
    elseif (...) == nil then
        error("a generator in a for loop yielded nil, where the loop would end",
            0)
    end
    return ...
end

-- for v in gen do: the yielded values, up to the body's end. (What a `for`
-- passes to its iterator is not sent.)
function Generator:__call()
    check(self, "for iterator")
    return iterated(advance(self))
end

local relay

-- Hands on to inner what our own yield was resumed with.
local function pass(inner, ...)
    local box = ...
    if getmetatable(box) ~= Box then
        return relay(inner, advance(inner, ...))
    end
    box.opened = true
    if box.err == GeneratorExit then
        inner:close()
        error(GeneratorExit, 0)
    end
    return relay(inner, advance_raising(inner, box.err))
end

-- Hands on to our consumer what inner yielded.
function relay(inner, state, ...)
    if state == "returned" then
        return ...
    elseif state == "raised" then
        error((...), 0)
    end
    return pass(inner, raw_yield(...))
end

-- generator.delegate(inner) -> what inner's body returns
-- Only inside a body; Python's `yield from`. Until inner ends, its values go to
-- our consumer, and what that sends or throws goes to inner; closing us closes
-- inner first. An error of inner is raised here. (Coroutines nest through C: at
-- about a hundred levels Lua says "C stack overflow".)
function generator.delegate(inner)
    check(inner, "delegate")
    return relay(inner, advance(inner))
end

return generator
