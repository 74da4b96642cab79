-- SPDX-License-Identifier: MIT
--
-- SIGINT and SIGTERM: the first cancels the main task, a second one ends the
-- process. (At the prompt: repl_spec.lua; for hosts: tests/embed/interrupt.c.)

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
