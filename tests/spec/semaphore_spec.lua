-- SPDX-License-Identifier: MIT
--
-- neap.Semaphore: n permits, first waiter first whatever it asks for. The
-- numbers are those of SEMANTICS, group 5. Run by our command, so that a test
-- may wait.

local neap = require "neap"
local queues = require "tests.spec.queues"
local tasks = require "tests.spec.tasks"
local settle, start, states = queues.settle, queues.start, queues.states

teardown(tasks.clean)

describe("a semaphore", function()
  it("lets as many in as it has permits", function()
    local semaphore, inside, most, list = neap.Semaphore(3), 0, 0, {}
    for i = 1, 10 do
      list[i] = neap.spawn(function()
        semaphore:acquire()
        inside = inside + 1
        most = math.max(most, inside)
        neap.yield()
        inside = inside - 1
        semaphore:release()
      end)
    end
    for _, task in ipairs(list) do task:await() end
    assert.equal(3, most)
    assert.equal("<Semaphore 3/3 free>", tostring(semaphore))
  end)

  it("is locked while acquire would have to wait", function()
    local semaphore = neap.Semaphore(2)
    assert.is_false(semaphore:locked())
    semaphore:acquire()
    assert.is_false(semaphore:locked())
    local waiter = start(semaphore, "acquire", 2)
    assert.is_true(semaphore:locked()) -- one is free, but not for us
    assert.equal("<Semaphore 1/2 free, 1 task waiting>", tostring(semaphore))
    semaphore:release()
    waiter:await()
    assert.is_true(semaphore:locked())
    assert.equal("<Semaphore 0/2 free>", tostring(semaphore))
  end)

  it("serves waiters in the order of arrival", function() -- Q18
    local semaphore, log = neap.Semaphore(2), {}
    semaphore:acquire(2)
    for i = 1, 4 do
      neap.spawn(function()
        semaphore:acquire()
        log[#log + 1] = i
      end)
    end
    settle()
    semaphore:release()
    settle()
    assert.same({1}, log)
    semaphore:release()
    semaphore:release(1)
    settle()
    assert.same({1, 2, 3}, log)
    semaphore:release(2)
    settle()
    assert.same({1, 2, 3, 4}, log)
    assert.equal("<Semaphore 1/2 free>", tostring(semaphore))
  end)

  it("hands permits over: nobody barges in", function() -- Q5
    local semaphore = neap.Semaphore(1)
    semaphore:acquire()
    local waiter = start(semaphore, "acquire")
    semaphore:release()
    assert.is_true(semaphore:locked())
    local late = start(semaphore, "acquire")
    assert.same({"finished", "pending"}, states {waiter, late})
    semaphore:release()
    late:await()
  end)

  it("never lets small requests overtake a large one", function() -- Q18
    local semaphore, log = neap.Semaphore(3), {}
    semaphore:acquire(3)
    local function ask(n)
      neap.spawn(function()
        semaphore:acquire(n)
        log[#log + 1] = n
      end)
      settle()
    end
    ask(3)
    ask(1)
    semaphore:release()
    ask(1)
    assert.same({}, log)
    semaphore:release()
    settle()
    assert.same({}, log)
    assert.equal("<Semaphore 2/3 free, 3 tasks waiting>", tostring(semaphore))
    semaphore:release()
    settle()
    assert.same({3}, log)
    semaphore:release(3)
    settle()
    assert.same({3, 1, 1}, log)
    assert.equal("<Semaphore 1/3 free>", tostring(semaphore))
  end)

  it("serves several small ones with one release", function() -- Q18
    local semaphore = neap.Semaphore(5)
    semaphore:acquire(5)
    local list = {}
    for i, n in ipairs {1, 2, 2, 1} do
      list[i] = start(semaphore, "acquire", n)
    end
    semaphore:release(4)
    settle()
    assert.same({"finished", "finished", "pending", "pending"}, states(list))
    semaphore:release(2)
    settle()
    assert.same({"finished", "finished", "finished", "finished"}, states(list))
    assert.equal("<Semaphore 0/5 free>", tostring(semaphore))
  end)
end)

describe("the end of a block", function()
  it("gives back what was acquired", function()
    local semaphore = neap.Semaphore(5)
    for n = 1, 5 do
      for _, how in ipairs {"return", "error", "break"} do
        pcall(function()
          while true do
            local _ <close> = semaphore:acquire(n)
            assert.equal(("<Semaphore %d/5 free>"):format(5 - n),
              tostring(semaphore))
            if how == "return" then return end
            if how == "error" then error(how) end
            if how == "break" then break end
          end
        end)
        assert.equal("<Semaphore 5/5 free>", tostring(semaphore))
      end
    end
  end)

  it("gives back what was waited for, also after a cancel", function() -- Q16
    local semaphore = neap.Semaphore(4)
    semaphore:acquire(4)
    local function work()
      local _ <close> = semaphore:acquire(3)
      neap.sleep(60)
    end
    local task = neap.spawn(work)
    settle()
    semaphore:release(4)
    task:cancel() -- it has them, and meets the cancel in its sleep
    assert.equal("<Semaphore 1/4 free>", tostring(semaphore))
    settle()
    assert.is_true(task:cancelled())
    assert.equal("<Semaphore 4/4 free>", tostring(semaphore))
  end)

  it("gives several back once only, and tells what it is", function()
    local semaphore = neap.Semaphore(5)
    local permit = semaphore:acquire(3)
    assert.equal("<Permit 3 of <Semaphore 2/5 free>>", tostring(permit))
    do local _ <close> = permit end
    assert.equal("<Permit 0 of <Semaphore 5/5 free>>", tostring(permit))
    semaphore:acquire(2)
    do local _ <close> = permit end
    assert.equal("<Semaphore 3/5 free>", tostring(semaphore))
  end)

  it("says so where too much was released before", function() -- Q19
    local semaphore = neap.Semaphore(2)
    local function block(n, e)
      local _ <close> = semaphore:acquire(n)
      semaphore:release(n)
      if e then error(e, 0) end
    end
    for n = 1, 2 do
      assert.error_matches(function() block(n) end, ("cannot release %d: 2 of "
        .. "the semaphore's 2 are free already"):format(n))
      assert.same({false, "the real one"}, {pcall(block, n, "the real one")})
    end
    assert.equal("<Semaphore 2/2 free>", tostring(semaphore))
  end)
end)

describe("with", function()
  it("takes one permit, passes arguments and results", function()
    local semaphore = neap.Semaphore(2)
    local results = table.pack(semaphore:with(function(...)
      assert.equal("<Semaphore 1/2 free>", tostring(semaphore))
      return ..., nil
    end, 7))
    assert.same({n = 2, 7}, results)
    assert.equal("<Semaphore 2/2 free>", tostring(semaphore))
  end)

  it("waits its turn, behind and before acquires", function() -- Q18
    local semaphore, log = neap.Semaphore(2), {}
    semaphore:acquire(2)
    local large = start(semaphore, "acquire", 2)
    local task = start(semaphore, "with", function() log[1] = "called" end)
    semaphore:release(2)
    settle()
    assert.same({"finished", "pending"}, states {large, task})
    semaphore:release(1)
    task:await()
    assert.same({"called"}, log)
    assert.equal("<Semaphore 1/2 free>", tostring(semaphore))
  end)

  it("releases after an error and a cancel", function()
    local semaphore = neap.Semaphore(1)
    assert.same({false, "oops"}, {pcall(semaphore.with, semaphore, error,
      "oops")})
    local task = start(semaphore, "with", neap.sleep, 60)
    assert.is_true(semaphore:locked())
    task:cancel()
    settle()
    assert.is_false(semaphore:locked())
    assert.error_matches(function() semaphore:with {} end,
      "bad argument #1 to 'with' %(function expected, got table%)")
  end)
end)

describe("a waiter that is cancelled", function()
  it("before a release leaves its permit to the next", function() -- Q16
    local semaphore = neap.Semaphore(1)
    semaphore:acquire()
    local first = start(semaphore, "acquire")
    local second = start(semaphore, "acquire")
    first:cancel()
    semaphore:release()
    settle()
    assert.same({"cancelled", "finished"}, states {first, second})
  end)

  it("at the head lets those behind it be served", function() -- Q18
    local semaphore = neap.Semaphore(3)
    semaphore:acquire(2)
    local large = start(semaphore, "acquire", 2)
    local small = start(semaphore, "acquire", 1)
    local next_one = start(semaphore, "with", print)
    assert.same({"pending", "pending"}, states {large, small})
    large:cancel()
    settle()
    assert.same({"cancelled", "finished", "pending"},
      states {large, small, next_one})
    assert.equal("<Semaphore 0/3 free, 1 task waiting>", tostring(semaphore))
    next_one:cancel()
    settle()
  end)

  it("at the head of with does so, too", function() -- Q18
    local semaphore = neap.Semaphore(2)
    semaphore:acquire(2)
    local first = start(semaphore, "with", print)
    local second = start(semaphore, "acquire")
    first:cancel()
    semaphore:release()
    settle()
    assert.same({"cancelled", "finished"}, states {first, second})
  end)

  it("is overtaken by nobody who comes before those behind it", function()
    -- Q18
    local semaphore, log = neap.Semaphore(3), {}
    semaphore:acquire(2)
    local large = start(semaphore, "acquire", 2)
    neap.spawn(function()
      semaphore:acquire()
      log[#log + 1] = "behind"
    end)
    settle()
    neap.spawn(function()
      semaphore:acquire()
      log[#log + 1] = "late"
    end)
    large:cancel()
    settle()
    assert.same({"behind"}, log)
    semaphore:release()
    settle()
    assert.same({"behind", "late"}, log)
  end)

  it("after it was given permits keeps them", function() -- Q16
    local semaphore = neap.Semaphore(1)
    semaphore:acquire()
    local met
    local task = neap.spawn(function()
      semaphore:acquire()
      met = not pcall(neap.yield)
      semaphore:release()
    end)
    settle()
    semaphore:release()
    task:cancel()
    assert.is_true(semaphore:locked())
    task:await()
    assert.is_true(met)
    assert.is_false(semaphore:locked())
  end)

  it("takes nothing when it calls acquire in a cancelled task", function()
    local semaphore = neap.Semaphore(1)
    local task = neap.spawn(function()
      neap.current():cancel()
      return pcall(semaphore.acquire, semaphore)
    end)
    assert.is_false((task:await()))
    assert.is_false(semaphore:locked())
  end)

  it("was one of many: every permit comes back", function() -- Q17 Q18
    local semaphore, list, out, most = neap.Semaphore(4), {}, 0, 0
    local seed = 11
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n
    end
    for i = 1, 750 do
      local n = random(4) + 1
      list[i] = neap.spawn(function()
        local _ <close> = semaphore:acquire(n)
        out = out + n
        most = math.max(most, out)
        local _ <close> = setmetatable({}, {__close = function()
          out = out - n
        end})
        for _ = 1, random(3) do neap.yield() end
      end)
    end
    for _ = 1, 400 do
      list[random(750) + 1]:cancel()
      neap.yield()
    end
    for _, task in ipairs(list) do neap.wait {task} end
    local finished = 0
    for _, task in ipairs(list) do
      if task:state() == "finished" then finished = finished + 1 end
    end
    assert.is_true(finished > 100 and finished < 700)
    assert.equal(4, most)
    assert.equal("<Semaphore 4/4 free>", tostring(semaphore))
  end)
end)

describe("misuse:", function()
  it("release above the number of permits", function() -- Q19
    local semaphore = neap.Semaphore(2)
    assert.error_matches(function() semaphore:release() end,
      "cannot release 1: 2 of the semaphore's 2 are free already")
    semaphore:acquire()
    assert.error_matches(function() semaphore:release(2) end,
      "cannot release 2: 1 of the semaphore's 2 are free already")
    assert.error_matches(function() semaphore:release(math.maxinteger) end,
      "cannot release")
    assert.equal("<Semaphore 1/2 free>", tostring(semaphore))
    semaphore:release()
  end)

  it("acquire of more than there are", function() -- Q19
    local semaphore = neap.Semaphore(2)
    assert.error_matches(function() semaphore:acquire(3) end,
      "cannot acquire 3: the semaphore has only 2")
    assert.equal("<Semaphore 2/2 free>", tostring(semaphore))
  end)

  it("numbers that count nothing", function() -- Q19
    local semaphore = neap.Semaphore(2)
    for value, shown in pairs {[0] = "0", [-1] = "-1", [1.5] = "1.5"} do
      local words = ("(a positive integer expected, got %s)"):format(shown)
      for _, fn in ipairs {
        neap.Semaphore,
        function() semaphore:acquire(value) end,
        function() semaphore:release(value) end,
      } do
        local ok, e = pcall(fn, value)
        assert.is_false(ok)
        assert.truthy(e:find(words, 1, true), e)
      end
    end
    assert.error_matches(function() neap.Semaphore() end,
      "bad argument #1 to 'Semaphore' %(number expected, got no value%)")
    assert.error_matches(function() semaphore:acquire {} end,
      "bad argument #1 to 'acquire' %(number expected, got table%)")
    assert.equal("<Semaphore 2/2 free>", tostring(semaphore))
    assert.equal("<Semaphore 2/2 free>", tostring(neap.Semaphore(2.0)))
  end)

  it("another thing than a semaphore is named", function()
    local semaphore = neap.Semaphore(1)
    for _, name in ipairs {"acquire", "release", "locked", "with"} do
      assert.error_matches(function() semaphore[name](neap.Lock(), print) end,
        "neap.Semaphore expected")
    end
  end)

  it("a deadlock names the semaphore", function() -- S19
    assert.equal([[
neap: deadlock: nothing can wake these tasks
	<Task #1 pending, acquiring a semaphore, it:3>: ]] ..
      "<Semaphore 1/3 free, 1 task waiting>\n", tasks.run([[
local semaphore = neap.Semaphore(3)
semaphore:acquire(2)
semaphore:acquire(2)
]]).err)
  end)
end)
