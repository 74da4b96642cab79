-- SPDX-License-Identifier: MIT
--
-- SIGINT and SIGTERM: the first cancels the main task, a second one ends the
-- process. SIGQUIT shows all tasks. (At the prompt: repl_spec.lua; for hosts:
-- tests/embed/interrupt.c and dump.c.)

local shell = require "tests.spec.shell"

-- How each is sent in a dialogue, its reason, the status.
local signals = {
  SIGINT = {"> \\x03", "interrupted", 130},
  SIGTERM = {"signal 15", "terminated", 143},
}

for name, signal in pairs(signals) do
  local strike, reason, status = table.unpack(signal)

  -- Acts out a dialogue with a script; STRIKE and STATUS are the signal's.
  local function talk(script, dialogue)
    local file <close> = shell.temporary(
      "local cleaner = setmetatable({}, {__close = function(_, e)\n"
      .. "print('cleaned', e and e.reason) end})\n" .. script)
    dialogue = dialogue:gsub("%u+", {STRIKE = strike, STATUS = status})
    return shell.talk(dialogue, file.path)
  end

  local at_once = "< ready\nSTRIKE\nexit STATUS\n"

  describe(name, function() -- I1
    it("cancels main, which cleans up", function()
      local out = talk([[
        local t <close> = cleaner
        print "ready"
        neap.sleep(1000)]], at_once)
      assert.truthy(out:find("cleaned%s+" .. reason))
      assert.truthy(out:find("cancelled: " .. reason, 1, true))
    end)

    it("lets clean-up wait under a shield", function()
      local out = talk([[
        local t <close> = setmetatable({}, {__close = function()
          neap.shield(neap.sleep, 0.01)
          print("waited", pcall(neap.sleep, 0.01)) end})
        print "ready"
        neap.sleep(1000)]], at_once)
      assert.truthy(out:find("waited%s+false%s+cancelled: " .. reason))
    end)

    it("ends a busy loop", function()
      talk([[print "ready" while true do end]], at_once)
    end)

    it("ends a busy loop of another task", function()
      talk([[
        neap.spawn(function() print "ready" while true do end end)
        neap.sleep(1000)]], at_once)
    end)

    it("ends what main left behind", function()
      local out = talk([[
        neap.spawn(function()
          local t <close> = cleaner
          print "ready"
          neap.sleep(1000)
        end)]], at_once)
      assert.truthy(out:find("cleaned%s+" .. reason))
    end)

    it("ends a busy loop that main left behind", function()
      talk([[
        neap.spawn(function() print "ready" while true do end end)]], at_once)
    end)

    it("may be caught, once: the script goes on", function()
      local out = talk([[
        pcall(function() print "ready" while true do end end)
        print "caught"]], "< ready\nSTRIKE\n< caught\nexit 0\n")
      assert.truthy(out:find "caught")
    end)

    it("ends the process at once when it comes twice", function()
      talk([[
        pcall(function() print "ready" while true do end end)
        print "caught"
        while true do end]],
        "< ready\nSTRIKE\n< caught\nSTRIKE\nexit STATUS\n")
    end)

    it("does so where the other one came first", function()
      local other = signals[name == "SIGINT" and "SIGTERM" or "SIGINT"][1]
      talk([[
        pcall(function() print "ready" while true do end end)
        print "caught"
        while true do end]],
        "< ready\n" .. other .. "\n< caught\nSTRIKE\nexit STATUS\n")
    end)
  end)
end

describe("SIGTERM", function()
  -- Once "ready" is there and the process waits in the kernel, it is reading.
  local commands = [[
    mkfifo $0.fifo && exec 3<> $0.fifo && rm $0.fifo
    $NEAP $1 <&3 > $0.out & pid=$!
    until grep -q ready $0.out; do kill -0 $pid || exit 99; done
    until grep -q '^State:.S' /proc/$pid/status; do
      kill -0 $pid || exit 99
    done
    kill $pid; wait $pid; status=$?
    cat $0.out; rm $0.out
    exit $status]]

  it("ends a script that reads its standard input", function() -- I1
    local file <close> = shell.temporary(commands)
    local script <close> = shell.temporary [[
      local t <close> = setmetatable({}, {__close = function(_, e)
        print(e.reason) end})
      print "ready"
      io.stdout:flush()
      io.read()
      print "not reached"]]
    local result = shell.run(("NEAP=%s sh %s %s"):format(
      shell.quote(shell.neap), file.path, script.path))
    assert.equal("ready\nterminated\n", result.out)
    assert.truthy(result.err:find("cancelled: terminated", 1, true))
    assert.equal(143, result.status)
  end)

  it("stays ignored where it was", function()
    local line = ("trap '%s' TERM; %s -e %s"):format("%s",
      shell.quote(shell.neap), shell.quote [[
        os.execute("kill -TERM $PPID")
        print "goes on"]])
    local result = shell.run(line:format(""))
    assert.same({out = "goes on\n", err = "", status = 0}, result)
    assert.equal(143, shell.run(line:format(":")).status)
  end)
end)

describe("SIGQUIT", function()
  -- Runs a script, called "it", in which a call of quit() sends the signal:
  -- what is written to standard error. The script has to go on to its end.
  local function quit(code, options, before)
    local file <close> = shell.temporary(
      "local function quit() io.popen('kill -QUIT $PPID'):close()\nend\n"
      .. code .. "\nprint 'went on'\nos.exit(0)")
    local line = ("%s %s %s %s"):format(before or "", shell.quote(shell.neap),
      options or "--clock=virtual", file.path)
    local result = shell.run(line)
    assert.equal("went on\n", result.out)
    assert.equal(0, result.status)
    return (result.err:gsub(file.path:gsub("%p", "%%%0"), "it"))
  end

  it("shows every task and its stacks, in a busy loop, too", function()
    assert.equal([[
neap: tree: 4 tasks
<Task #1 running, it:10>
    it:2: in upvalue 'quit'
    it:10: in function <it:10>
    [C]: in ?
    it:10: in local 'busy'
    it:11: in main chunk
    [C]: in ?
<Task #2 'getter' pending, getting from a queue, it:3>: ]] ..
      [[<Queue 0 items, 1 getter waiting>, for 1.0 s, spawned at it:3
    [C]: in method 'get'
    it:4: in function <it:3>
    [C]: in ?
    it:3: in function <it:3>
    [C]: in ?
<Task #3 pending, running a main function, it:6>: <Task #4 pending, ]] ..
      [[sleeping, it:7>, for 1.0 s, spawned at it:5
    [C]: in function 'neap.run'
    it:6: in function <it:5>
    [C]: in ?
  timeout, 9.0 s left, it:5
    run
      <Task #4 pending, sleeping, it:7>, for 1.0 s, spawned at it:6
          [C]: in function 'neap.sleep'
          it:7: in function <it:6>
          [C]: in ?
]], quit [[
neap.spawn({name = "getter"}, function() coroutine.wrap(function()
    neap.Queue():get() end)() end)
neap.spawn(function() local _ <close> = neap.timeout(10)
    neap.run(function()
        neap.sleep(5) end) end)
neap.sleep(1)

local function busy() coroutine.wrap(function() quit() end)() end
busy()]])
  end)

  it("in a callback shows that one's stack first", function()
    assert.equal([[
neap: tree: 1 task
callback, running
    it:2: in upvalue 'quit'
    it:3: in function <it:3>
<Task #1 pending, sleeping, it:4>, for 0.0 s
    [C]: in function 'neap.sleep'
    it:4: in main chunk
    [C]: in ?
]], quit [[
neap.call_soon(function() quit() end)
neap.sleep(1)]])
  end)

  it("is told as an object where reports are", function()
    assert.matches('^{"kind":"tree","task":null,"id":null,"message":"1 task'
      .. '\\n<Task #1 running, it:2>\\n    it:2: in local \'quit\'\\n'
      .. '    it:3: in main chunk\\n    %[C%]: in %?","traceback":null,'
      .. '"spawned_at":null,"time":0.000000}\n$',
      quit("quit()", "--clock=virtual --report=json"))
  end)

  it("leaves a hook of the script's alone", function()
    assert.matches("tree: 1 task", quit [[
      local lines = 0
      local function hook() lines = lines + 1 end
      debug.sethook(hook, "l")
      quit()
      assert(debug.gethook() == hook)
      local before = lines
      for _ = 1, 10 do
        lines = lines + 0 end
      assert(lines > before)
      debug.sethook()]])
  end)

  -- Sends it twice while the process waits in the kernel, the second one when
  -- the first has been taken.
  local twice = [[
    local script = "until grep -q '^State:.S' /proc/$PPID/status; do :; done; "
      .. "kill -QUIT $PPID; "
      .. "while grep -q '^ShdPnd:.*[4-7c-f]$' /proc/$PPID/status; do :; done; "
      .. "kill -QUIT $PPID"
    io.popen(script):close()
    print "went on"
    os.exit(0)]]

  it("ends the process where the one before got no answer", function()
    local result = shell.command({"-e", twice}, nil, "ulimit -c 0;")
    assert.equal("", result.out)
    assert.falsy(result.err:find "tree")
    assert.equal(131, result.status)
  end)

  it("but not where it is ignored; there it shows them, too", function()
    local result = shell.command({"-e", twice}, nil, "trap '' QUIT;")
    assert.equal("went on\n", result.out)
    assert.matches("^neap: tree: 1 task\n<Task #1 running, ", result.err)
    assert.equal(0, result.status)
  end)

  for name, script in pairs {
    ["a loop that sleeps"] = [[print "ready" neap.sleep(1000)]],
    ["a loop that waits for a socket"] = [[
      local sock = neap.socketpair() print "ready" sock:recv()]],
    ["a busy loop"] = [[print "ready" while true do end]],
    ["a busy loop of others"] = [[
      neap.spawn(function() print "ready" while true do neap.yield() end end)
      neap.sleep(1000)]],
  } do
    it("is heard by " .. name .. ", any number of times", function()
      local file <close> = shell.temporary(script)
      shell.talk("< ready\n" .. ("> \\x1c\n< neap: tree: \n< in main chunk\n")
        :rep(3) .. "> \\x03\nexit 130\n", file.path)
    end)
  end
end)
