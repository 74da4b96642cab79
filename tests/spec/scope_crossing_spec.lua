-- SPDX-License-Identifier: MIT
--
-- Generators with scopes that go from task to task: resumed or closed by a task
-- of their own group, moved while a cancel is on its way, collected while their
-- task ends. What matters is that nothing is lost and nothing crashes. The
-- numbers are those of SEMANTICS, group 10.

local tasks = require "tests.spec.tasks"

-- What it prints; it may report, but ends by itself.
local function ends(code)
    local result = tasks.run(code)
    if result.status > 1 then
        error(("status %s\n%s"):format(result.status, result.err), 2)
    end
    return result.out
end

-- A generator `co` with a group open, whose one task, `child`, runs `fn`.
local prelude = [[
    local co, child
    local function open(fn)
        co = coroutine.create(function()
            local g <close> = neap.group()
            child = g:spawn(fn)
            coroutine.yield "open"
            neap.yield()
            return "through"
        end)
        return coroutine.resume(co)
    end
]]

describe("a generator with a group", function()
    it("resumed by a task of that group", function() -- Y4
        local out = ends(prelude .. [[
            open(function() coroutine.resume(co) end)
            neap.sleep(1)
            print(#neap.tasks(), child:done())
            coroutine.close(co)
            neap.sleep(1)
            print(#neap.tasks(), child:done())
        ]])
        assert.matches("1\ttrue\n$", out)
    end)

    it("closed by a task of that group", function() -- Y4
        local out = ends(prelude .. [[
            open(function() coroutine.close(co) end)
            neap.sleep(1)
            print(#neap.tasks(), child:done())
        ]])
        assert.equal("1\ttrue\n", out)
    end)

    it("closed by a task of a group within that group", function() -- Y4
        local out = ends(prelude .. [[
            open(function()
                neap.group(function(g)
                    g:spawn(function() coroutine.close(co) end)
                end)
            end)
            neap.sleep(1)
            print(#neap.tasks(), child:done())
        ]])
        assert.equal("1\ttrue\n", out)
    end)

    it("resumed by another task while a cancel is on its way", function()
        -- Y3 C10
        local out = ends(prelude .. [[
            local opener = neap.spawn(function()
                open(function() neap.sleep(5) end)
                neap.sleep(60)
            end)
            neap.yield()
            neap.yield()
            opener:cancel()             -- reaches the child, which is woken
            print(coroutine.resume(co)) -- before it runs
            print(#neap.tasks(), child:done())
        ]])
        assert.equal("true\tthrough\n1\ttrue\n", out)
    end)

    it("resumed by a task that is cancelled, its own being so too", function()
        -- Y3
        local out = ends(prelude .. [[
            local opener = neap.spawn(function()
                open(function() neap.sleep(5) end)
                neap.sleep(60)
            end)
            neap.yield()
            neap.yield()
            opener:cancel()
            local other = neap.spawn(function()
                neap.current():cancel()
                local ok, e = coroutine.resume(co)
                print(ok, neap.is_cancelled(e))
            end)
            neap.sleep(1)
            print(#neap.tasks(), child:done(), other:state())
        ]])
        assert.equal("false\ttrue\n1\ttrue\tfinished\n", out)
    end)

    it("collected while its task ends", function() -- Y4 Y15
        assert.equal("1\n", ends [[
            collectgarbage("incremental", 1, 1000)
            local function drop()
                for _ = 1, 3 do
                    coroutine.wrap(function()
                        local t <close> = neap.timeout(60)
                        local g <close> = neap.group()
                        g:spawn(neap.sleep, 60)
                        local h <close> = neap.group()
                        h:spawn(neap.sleep, 60)
                        neap.yield()
                        coroutine.yield()
                    end)()
                end
            end
            for _ = 1, 2000 do neap.spawn(drop):await() end
            print(#neap.tasks())
        ]])
    end)
end)
