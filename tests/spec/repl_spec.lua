-- SPDX-License-Identifier: MIT
--
-- The REPL: on a pipe as Debian's `lua5.4 -i`, to the byte; on a terminal a
-- prompt beside which tasks go on.

local shell = require "tests.spec.shell"

describe("on a pipe, as lua5.4 -i", function() -- I10
  local inputs = {
    "", "\n\n", " ", "x=1\nprint(x)\n=x\n", "x=1", "1,nil,2\n", "return 7\n",
    "for i=1,2 do\nprint(i)\nend\n", "x=[[a\nb\n\nc]]\nx\n",
    "f(\n1\n,\n2\n)\n",
    'error("a")\n', "error{}\n", "error(nil)\n", 'error("no place",0)\n',
    "x x\n", "  =4\n", "=\n", "= 4\n", "=1,\n2\n", "break\n", "goto x\n",
    'function f()\nerror("deep")\nend\nf()\n', "a.b.c=1\n",
    'coroutine.wrap(function() error("c") end)()\n', 'debug.traceback("t")\n',
    '_PROMPT="" _PROMPT2=""\nfor i=1,1\ndo end\n1\n', "_PROMPT=5\n1\n",
    "_PROMPT=nil _PROMPT2='...'\nfor i=1,1\ndo end\n",
    "C=0 _PROMPT=setmetatable({},{__tostring=function() C=C+1 return C end})\n"
      .. "1\n2\n",
    '_PROMPT=setmetatable({},{__tostring=function() error("x") end})\n1\n',
    "print=nil\n1\nx=2\n=x\n", "print=setmetatable({},{__call=type})\n1\n",
    "print=error\n1\n",
    "print=function(x) io.write('<',x,'>\\n') end\n1\n",
    'setmetatable({},{__tostring=function() error("ts") end})\n',
    'io.write("abc")\n1\n', 'io.stderr:write("abc\\n")\nprint(1)\n',
    "os.exit(5)\n", "print(1)\nos.exit(false)\n", "local a=1\na\n",
    "x=io.read()\nfoo\nprint(x)\nprint(3)\n", '"é"\n', "é=1\n", "-- c\n",
    '("x"):rep(10000)\n', "x='" .. ("y"):rep(70) .. "'\n#x\n", "xx\0=1\nxx\n",
    'warn("@on")\nwarn("hey")\n', "table.unpack({},1,300)\n", "x=1\r\nx\r\n",
    "table.unpack({},1,1e7)\n", 'print("a\\0b")\n',
  }

  -- Both commands with the same name, and no trace of where things are.
  local function transcript(path, input, merged)
    local line = "exec -a lua %s -i%s"
    line = line:format(path, merged and " 2>&1" or "")
    local result = shell.run(
      "TERM=xterm bash -c " .. shell.quote(line), input)
    for _, stream in ipairs {"out", "err"} do
      result[stream] = result[stream]:gsub("0x%x+", "0x")
    end
    return result
  end

  for _, input in ipairs(inputs) do
    it(("%q"):format(input:sub(1, 60)):gsub("\n", "n"), function()
      assert.same(transcript("lua5.4", input), transcript(shell.neap, input))
      assert.same(transcript("lua5.4", input, true),
        transcript(shell.neap, input, true))
    end)
  end

  local function repl(input, arguments)
    return shell.command(arguments or {"-i"}, input)
  end

  it("tells why a statement that the input cut off is none", function()
    local result = repl "for i = 1, 2 do\n"
    assert.truthy(result.out:find "\n> for i = 1, 2 do\n>> > \n$")
    assert.equal("stdin:1: 'end' expected near <eof>\n", result.err)
    assert.equal(0, result.status)
  end)

  it("takes a line of a megabyte", function()
    local result = repl("#'" .. ("x"):rep(1 << 20) .. "'\n")
    assert.truthy(result.out:find "\n1048576\n> \n$")
  end)

  it("waits in a line", function()
    local result = repl("neap.sleep(1) 1\nneap.sleep(1)\nneap.time() >= 1\n",
      {"--clock=virtual", "-i"})
    assert.truthy(result.out:find "true\n> \n$")
  end)

  it("runs background tasks while a line waits, and while none comes",
    function()
      local result = shell.run(([[
        fifo=$(mktemp -u); mkfifo $fifo
        %s -i < $fifo & exec 3> $fifo
        echo 'q = neap.Queue() neap.spawn(function() print(q:get()) end)' >&3
        echo 'q:put("one")' >&3
        echo 'neap.spawn(function() neap.sleep(0.01) os.exit(9) end)' >&3
        wait $!; status=$?
        rm $fifo
        exit $status
      ]]):format(shell.quote(shell.neap)))
      assert.truthy(result.out:find "one")
      assert.equal(9, result.status)
    end)

  it("ends tasks with the input", function()
    local result = repl [[
cleaner = setmetatable({}, {__close = function() print "cleaned" end})
neap.spawn(function() local t <close> = cleaner neap.sleep(1000) end)
]]
    assert.truthy(result.out:find "cleaned")
    assert.equal(0, result.status)
  end)

  it("works where stdin is closed, empty or a file", function()
    for _, redirection in ipairs {"<&-", "</dev/null"} do
      local result = shell.run(shell.quote(shell.neap) .. " -i " .. redirection)
      assert.equal("", result.err)
      assert.equal(0, result.status)
      assert.truthy(result.out:find "> \n$")
    end
  end)

  it("SIGTERM ends it while it reads", function() -- I1
    local result = shell.run(([[
      fifo=$(mktemp -u); mkfifo $fifo
      %s -i < $fifo & exec 3> $fifo
      echo "neap.spawn(os.execute, 'kill $!')" >&3
      wait $!; status=$?
      rm $fifo
      exit $status
    ]]):format(shell.quote(shell.neap)))
    assert.equal("", result.err)
    assert.equal(143, result.status)
  end)

  it("a deadlock is an error of its line", function()
    local result = repl "neap.Queue():get()\n1 + 1\n"
    assert.truthy(result.err:find "deadlock")
    assert.truthy(result.out:find "\n2\n")
  end)
end)

describe("on a terminal", function() -- I10
  local talk, screen = shell.talk, shell.screen

  -- The row that shows `text`, from the top.
  local function row_of(rows, text)
    for i, row in ipairs(rows) do
      if row == text then return i end
    end
    error(("no row %q in:\n%s"):format(text, table.concat(rows, "\n")), 2)
  end

  it("shows the prompt after each result; Ctrl-D ends", function()
    local rows = screen(talk [[
prompt
> 1 + 1\n
< 2
prompt
> x = "two" x\n
prompt >>
> = 3\n
prompt
> x\n
< 3
prompt
> \x04
exit 0
]])
    local at = row_of(rows, "> 1 + 1")
    assert.equal("2", rows[at + 1])
    assert.equal('> x = "two" x', rows[at + 2])
    assert.equal(">> = 3", rows[at + 3])
    assert.equal("> x", rows[at + 4])
    assert.equal("3", rows[at + 5])
  end)

  it("shows errors with their traceback, and goes on", function()
    local out = talk [[
prompt
> error "oh"\n
< stdin:1: oh
< stack traceback:
prompt
> x x\n
< syntax error near 'x'
prompt
> 7 * 6\n
< 42
]]
    assert.truthy(out:find "in main chunk")
  end)

  it("waits in a line", function()
    talk "prompt\n> neap.sleep(0.01)\\n\nprompt\n> 1 + 1\\n\n< 2\nprompt\n"
  end)

  it("edits UTF-8 by characters", function()
    talk [[
prompt
> #"aéü€\x7f\x7f\x7f."\n
< \n2
prompt
> #"日本語"\x02\x7f\n
< \n6
]]
  end)

  it("shows a task's output above a half-typed line", function()
    local rows = screen(talk [[
prompt
> q = neap.Queue()\n
prompt
> function consume() for s in q:items() do print(s) end end\n
prompt
> task = neap.spawn(consume)\n
prompt
> neap.call_later(0.3, q.try_put, q, "from a task") print "typed"\n
< \ntyped
prompt
> half a li
< half a li
< from a task
< half a li
> ne = 4\x01x = "\x05"\n
prompt
> x\n
< half a line = 4
prompt
]])
    assert.equal("from a task", rows[row_of(rows, 'typed') + 1])
    assert.equal('> x = "half a line = 4"',
      rows[row_of(rows, "from a task") + 1])
  end)

  it("also where the line takes several rows", function()
    local long = ("0123456789"):rep(20)
    local rows = screen(talk(([[
prompt
> neap.call_later(0.3, print, "from a timer") print "typed"\n
< \ntyped
prompt
> #"%s
< from a timer
< 789
> "\n
< 200
prompt
]]):format(long)))
    local at = row_of(rows, "from a timer")
    assert.equal("typed", rows[at - 1])
    assert.equal(('> #"%s"'):format(long),
      rows[at + 1] .. rows[at + 2] .. rows[at + 3])
  end)

  it("shows all tasks above it when SIGQUIT comes", function()
    local rows = screen(talk [[
prompt
> task = neap.spawn({name = "left"}, neap.sleep, 1000)\n
prompt
> "half a li
< half a li
> \x1c
< 'left' pending, sleeping
< half a li
> ne"\n
< \nhalf a line
prompt
> task:cancel()\n
< true
prompt
]])
    local at = row_of(rows, 'neap: tree: 1 task')
    assert.equal('> "half a line"', rows[row_of(rows, "half a line") - 1])
    assert.matches("^<Task #%d+ 'left' pending, sleeping", rows[at + 1])
  end)

  it("and leaves alone what stands above an empty line", function()
    local long = ("0123456789"):rep(20)
    local rows = screen(talk(([[
prompt
> neap.call_later(0.3, print, "from a timer") print "typed" return "%s"\n
< \n0123
< 789
prompt
< from a timer
< \x3e
]]):format(long)))
    local at = row_of(rows, "from a timer")
    assert.equal(long, rows[at - 3] .. rows[at - 2] .. rows[at - 1])
    assert.equal("typed", rows[at - 4])
  end)

  it("draws the line anew when the window changes", function()
    talk(([[
prompt
> #"%sabc
< abc
size 24 30
< \r\e[J> #"
< abc
> "\n
< \n73
]]):format(("0123456789"):rep(7)))
  end)

  it("reports a background task's failure there, too", function()
    local rows = screen(talk [[
prompt
> function late() neap.sleep(0.3) error("oh", 0) end\n
prompt
> task = neap.spawn(late)\n
prompt
> half
< oh
< half
]])
    assert.equal("> half", rows[#rows])
  end)

  it("Ctrl-C clears an idle line, and a statement begun", function()
    talk [[
prompt
> garbage
< garbage
> \x03
< ^C
prompt
> x = 1 +\n
prompt >>
> \x03
< ^C
prompt
> 2 + 2\n
< \n4
prompt
> \x04
exit 0
]]
  end)

  it("Ctrl-C cancels the line that runs", function()
    local out = talk [[
prompt
> neap.sleep(1000)\n
< \n
> \x03
< interrupted
prompt
> while true do end\n
< \n
> \x03
< interrupted
prompt
> 2 + 2\n
< \n4
prompt
> \x04
exit 0
]]
    assert.truthy(out)
  end)

  it("Ctrl-C leaves background tasks alone", function()
    talk [[
prompt
> function late() neap.sleep(0.5) print("still", "here") end\n
prompt
> task = neap.spawn(late)\n
prompt
> neap.sleep(1000)\n
< \n
> \x03
< interrupted
prompt
< still
]]
  end)

  it("Ctrl-C ends a busy background task", function()
    talk [[
prompt
> function spin() neap.sleep(0.05) print(1 + 99) while true do end end\n
prompt
> task = neap.spawn(spin)\n
< 100
> \x03
< \x3e
> 2 + 2\n
< \n4
]]
  end)

  it("SIGTERM ends it, with the tasks that are left", function() -- I1
    local out = talk [[
prompt
> c = setmetatable({}, {__close = function(_, e) print("=" .. e.reason) end})\n
prompt
> task = neap.spawn(function() local t <close> = c neap.sleep(1000) end)\n
prompt
> half a li
< half a li
signal 15
< =terminated
exit 143
]]
    assert.falsy(out:find "%^C")
  end)

  it("SIGTERM ends it with the line that runs, also a busy one", function()
    for _, wait in ipairs {"neap.sleep(1000)", "while true do end"} do -- I1
      local out = talk(([[
prompt
> c = setmetatable({}, {__close = function(_, e) print("=" .. e.reason) end})\n
prompt
> do local t <close> = c print("re" .. "ady") %s end\n
< ready
signal 15
< =terminated
exit 143
]]):format(wait))
      assert.falsy(out:match "terminated.*\n> ")
    end
  end)

  it("Ctrl-C, and then SIGTERM, end what does not listen", function() -- I1
    talk [[
prompt
> f = function() print("c" .. "aught") while true do end end\n
prompt
> pcall(function() print("re" .. "ady") while true do end end) f()\n
< ready
> \x03
< caught
signal 15
exit 143
]]
  end)

  it("os.exit puts the terminal right", function()
    local out = shell.run(([[
      TERM=xterm %s sh -c 'stty -a > /tmp/$$.a; %s; s=$?; stty -a |
        cmp - /tmp/$$.a && rm /tmp/$$.a && exit $s' ]]):format(
        shell.quote(shell.pty), shell.neap), [[
prompt
> task = neap.spawn(function() neap.sleep(0.05) os.exit(7) end)\n
exit 7
]])
    assert.equal("", out.err)
  end)

  it("io.read reads what is typed, echoed", function()
    talk [[
prompt
> print("as" .. "k") return io.read("l")\n
< ask
> some words\n
< some words
< some words
prompt
]]
  end)

  it("Tab completes globals and fields", function()
    talk [[
prompt
> tosTring
> \x08\x08\x08\x08\x08tr\t(12) == "12"\n
]]
    talk [[
prompt
> string.le\t"four"\n
< \n4
]]
  end)

  it("recalls lines", function()
    talk "prompt\n> 40 + 2\\n\n< \\n42\nprompt\n> \\e[A\\n\n< \\n42\nprompt\n"
  end)

  it("without TERM it takes plain lines", function()
    local line = ("TERM= %s %s"):format(shell.quote(shell.pty),
      shell.quote(shell.neap))
    local result = shell.run(line,
      "prompt\n> 40 + 2\\n\n< \\n42\n> \\x04\nexit 0\n")
    assert.equal("", result.err)
    assert.falsy(result.out:find "\27")
  end)
end)
