-- SPDX-License-Identifier: MIT
--
-- neap.stdin and neap.stdout, in programs whose standard streams are pipes,
-- files, devices, sockets, terminals, or closed. The numbers are those of
-- SEMANTICS. The same file is run on both backends (N35).

local neap = require "neap"
local shell = require "tests.spec.shell"
local sockets = require "tests.spec.sockets"
local stock = require "tests.spec.stock"

teardown(sockets.clean)

-- Before each program: `raw`, a count of what other tasks did meanwhile, and
-- pipes in the place of stdin and stdout, of which the program has the other
-- end: what is to wait waits however long the program took to begin.
local preamble = ([[
  local raw = package.loadlib(%q, "luaopen_raw")()
  local ticks = 0
  neap.spawn({daemon = true}, function()
    while true do neap.sleep(0.001) ticks = ticks + 1 end
  end)
  local function after_ticks()
    repeat neap.sleep(0.001) until ticks > 10
  end
  local function feed_stdin()
    local from, to = raw.pipe()
    raw.dup2(from, 0)
    raw.close(from)
    return to
  end
  local function tap_stdout()
    local from, to = raw.pipe()
    raw.dup2(to, 1)
    raw.close(to)
    return from
  end
  -- What comes, up to so many bytes.
  local function take(from, size)
    local parts = {}
    repeat
      assert(neap.wait_readable(from))
      parts[#parts + 1] = raw.read(from)
      size = size - #parts[#parts]
    until size <= 0
    return table.concat(parts)
  end
]]):format(sockets.library)

-- The command line of a program, whose file lives as long as the second
-- result's block.
local function program(code)
  local file = shell.temporary(preamble .. code)
  return shell.quote(shell.neap) .. " " .. file.path, file
end

-- Runs a program inside of a shell line, where %s stands for it.
local function run(line, code, input)
  local command, _ <close> = program(code)
  return shell.run((line:gsub("%%s", function() return command end)), input)
end

-- What it prints, if all goes well.
local function out(line, code, input)
  local result = run(line, code, input)
  assert.equal("", result.err)
  assert.equal(0, result.status)
  return result.out
end

local copy = [[
  for line in neap.stdin:lines() do neap.stdout:write("[", line, "]\n") end
  neap.stdout:write("end: ", tostring(neap.stdin:read()), "\n")
]]

describe("neap.stdin:lines() and neap.stdout:write()", function() -- I11
  it("work on a pipe, while other tasks run", function()
    assert.equal("[one]\n[two]\ntrue\n", out("%s | cat", [[
      local to = feed_stdin()
      neap.spawn(function()
        raw.write(to, "one\n")
        after_ticks()
        raw.write(to, "two\n")
        raw.close(to)
      end)
      for line in neap.stdin:lines() do
        assert(neap.stdout:write("[", line, "]\n") == neap.stdout)
      end
      print(ticks > 10)
    ]]))
  end)

  it("work on a file", function()
    assert.equal("[one]\n[]\n[three]\nend: nil\n",
      out("%s", copy, "one\n\nthree"))
    local path <close> = shell.temporary()
    out("%s > " .. path.path, copy, "one\n")
    local file <close> = io.open(path.path)
    assert.equal("[one]\nend: nil\n", file:read "a")
  end)

  it("work on /dev/null", function()
    assert.equal("end: nil\n", out("%s < /dev/null", copy))
    assert.equal("", out("%s > /dev/null", copy, "one\n"))
  end)

  it("work on a terminal", function()
    local command = shell.temporary(preamble .. [[
      neap.spawn(function()
        repeat neap.sleep(0) until ticks > 2
        neap.stdout:write "your name? "
      end)
      local name = neap.stdin:read()
      assert(ticks > 2 and raw.blocks(0) and raw.blocks(1))
      neap.stdout:write("hello, ", name, "\n")
      for line in neap.stdin:lines "L" do neap.stdout:write("got ", line) end
      neap.stdout:write "bye\n"
    ]])
    local _ <close> = command
    assert.truthy(shell.talk([[
< your name? 
> Ada\n
< hello, Ada
> more\n
< got more
> \x04
< bye
exit 0
]], command.path))
  end)

  it("work on sockets", function()
    local command, _ <close> = program [[
      local here, there = raw.pair()
      raw.dup2(there, 0)
      raw.close(there)
      local peer <close> = assert(neap.socket(here))
      local sender = neap.spawn(function()
        neap.sleep(0.01)
        peer:send "a\nb"
      end)
      assert(neap.stdin:read() == "a" and ticks > 0)
      sender:await()
      peer:shutdown "send"
      assert(neap.stdin:read() == "b" and neap.stdin:read() == nil)
      raw.dup2(0, 1)
      assert(neap.stdout:send(("x"):rep(10)))
      assert(#peer:read(10) == 10)
      neap.spawn(neap.stdout.send, neap.stdout, ("x"):rep(1000000))
      neap.yield()
      assert(#peer:read(1000000) == 1000000)
    ]]
    local result = shell.run(command)
    assert.same({out = "", err = "", status = 0}, result)
  end)

  it("say so where they are closed", function() -- N8
    local code = [[
      local nothing, message, code = neap.stdin:read()
      assert(nothing == nil and message == "read: Bad file descriptor")
      assert(code == "EBADF" and select(3, neap.stdin:recv()) == "EBADF")
      assert(not pcall(neap.stdin:lines()))
      local out = neap.stdout:write("x")
      assert(out == nil and select(3, neap.stdout:send "x") == "EBADF")
      os.exit(7)
    ]]
    assert.equal(7, run("%s <&- >&-", code).status)
  end)

  it("say so on a folder", function()
    local result = run("%s < tests", "print(neap.stdin:read())")
    assert.equal("nil\tread: Is a directory\tEISDIR\n", result.out)
  end)
end)

describe("neap.stdin", function()
  it("reads what is asked for", function()
    assert.equal("", out("cat | %s", [[
      local stdin = neap.stdin
      assert(stdin:read(2) == "ab" and stdin:read "L" == "cd\n")
      assert(stdin:recv(1) == "e" and stdin:read_until "|" == "f\ng|")
      assert(stdin:read "a" == "h\n" and stdin:read "a" == "")
      assert(stdin:read() == nil and stdin:recv() == nil)
    ]], "abcd\nef\ng|h\n"))
  end)

  it("reads long lines whole", function()
    assert.equal("1000000\t1\tnil\n", out("cat | %s", [[
      print(#neap.stdin:read(), #neap.stdin:read "L", neap.stdin:read())
    ]], ("x"):rep(1000000) .. "\n\n"))
  end)

  it("lets the others run while it reads a file", function()
    local path <close> = shell.temporary(("x"):rep(10000000))
    assert.equal("", out("%s < " .. path.path, [[
      local rounds, reading = 0, true
      neap.spawn(function()
        while reading do neap.yield() rounds = rounds + 1 end
      end)
      assert(#neap.stdin:read "a" == 10000000)
      reading = false
      assert(rounds > 10)
    ]]))
  end)

  it("loses nothing to a cancel", function()
    assert.equal("false\nabcdef\tnil\n", out("%s", [[
      local to = feed_stdin()
      raw.write(to, "abc")
      print((neap.move_on_after(0.02, neap.stdin.read, neap.stdin)))
      raw.write(to, "def\n")
      raw.close(to)
      print(neap.stdin:read(), neap.stdin:read())
    ]]))
  end)

  it("is read by one task at a time", function()
    assert.equal("stdin is already being read\n", out("%s", [[
      local to = feed_stdin()
      local reader = neap.spawn(neap.stdin.read, neap.stdin)
      neap.yield()
      local ok, message = pcall(neap.stdin.recv, neap.stdin)
      print(not ok and message:match "stdin is already being read")
      raw.close(to)
      assert(reader:await() == nil)
    ]]))
  end)

  it("can be waited for beside it", function()
    assert.equal("read\ntrue\nx\n", out("{ sleep 0.05; echo x; } | %s", [[
      local loop = neap.loop()
      local waiter = neap.spawn(function()
        print(neap.wait_readable(0))
      end)
      loop:add_reader(0, function()
        loop:remove_reader(0)
        print "read"
      end)
      neap.sleep(0)
      neap.sleep(0)
      print(neap.stdin:read())
      waiter:await()
    ]]))
  end)

  it("shares the number with a Socket made of it meanwhile", function()
    local command, _ <close> = program [[
      local here, there = raw.pair()
      raw.dup2(there, 0)
      local sock <close> = assert(neap.socket(0))
      local peer <close> = assert(neap.socket(here))
      neap.call_later(0.01, function() neap.spawn(peer.send, peer, "a\n") end)
      assert(neap.stdin:read() == "a")
      neap.call_later(0.01, function() sock:close() end)
      assert(select(3, neap.stdin:read()) == "EBADF")
    ]]
    assert.same({out = "", err = "", status = 0}, shell.run(command))
  end)

  it("takes up another file of its number", function() -- N5, N6
    local command, _ <close> = program [[
      local function put(text)
        local from, to = raw.pipe()
        if from > 0 then
          raw.dup2(from, 0)
          raw.close(from)
        end
        neap.call_later(0.01, function()
          raw.write(to, text)
          raw.close(to)
        end)
        return neap.stdin:read "a"
      end
      assert(put "one" == "one" and put "two" == "two")
      raw.close(0)
      assert(put "three" == "three")
    ]]
    assert.same({out = "", err = "", status = 0}, shell.run(command))
  end)

  it("cannot be waited for where nobody can", function()
    assert.equal("true\n", out("%s", [[
      local to = feed_stdin()
      neap.call_soon(function()
        local ok, words = pcall(neap.stdin.read, neap.stdin)
        print(not ok and words:find("cannot wait here", 1, true) ~= nil)
      end)
      neap.yield()
    ]]))
  end)

  it("is no deadlock", function()
    assert.equal("nil\n", out("sleep 0.05 | " .. shell.quote(shell.neap) ..
      " -e 'print(neap.stdin:read())'", ""))
  end)
end)

describe("neap.stdout", function()
  it("waits for a slow reader, and the others do not", function()
    assert.equal("", out("%s", [[
      local from = tap_stdout()
      local reader = neap.spawn(function()
        after_ticks()
        return take(from, 1000000)
      end)
      neap.stdout:write(("x"):rep(1000000))
      assert(ticks > 10 and raw.blocks(1))
      assert(reader:await() == ("x"):rep(1000000))
    ]]))
  end)

  it("lets the others run while it fills a file", function()
    assert.equal("", out("%s > /dev/null", [[
      local rounds, writing = 0, true
      neap.spawn(function()
        while writing do neap.yield() rounds = rounds + 1 end
      end)
      neap.stdout:write(("x"):rep(10000000))
      writing = false
      assert(rounds > 10)
    ]]))
  end)

  it("does not mix the writes of several tasks", function()
    local text = out("%s | { sleep 0.1; cat; }", [[
      local tasks = {}
      for i = 1, 4 do
        tasks[i] = neap.spawn(neap.stdout.write, neap.stdout,
          tostring(i):rep(100000))
      end
      neap.gather(table.unpack(tasks))
    ]])
    local parts = {}
    for i = 1, 4 do parts[i] = tostring(i):rep(100000) end
    assert.is_true(text == table.concat(parts))
  end)

  it("goes on after a write that was cancelled", function()
    assert.equal("", out("%s", [[
      local from = tap_stdout()
      assert(not neap.move_on_after(0.01, neap.stdout.send, neap.stdout,
        ("x"):rep(1000000)))
      local writer = neap.spawn(neap.stdout.write, neap.stdout, "|", 1, "|",
        2.5, "\n")
      local text = ""
      repeat text = text .. take(from, 1) until text:find "\n"
      assert(text:find "^x+|1|2.5\n$" and writer:await() == neap.stdout)
    ]]))
  end)

  it("keeps its place among print and io.write", function()
    assert.equal("a\nbcd\n", out("%s | cat", [[
      print "a"
      io.write "b"
      neap.stdout:write "c"
      print "d"
    ]]))
  end)

  it("ends the program when nobody reads, as lua's does", function()
    local result = run("{ { %s; echo $? >&2; } | true; } 2>&1",
      "while true do neap.stdout:write(('x'):rep(1000)) end")
    assert.equal(tostring(128 + 13), result.out:match "%d+")
  end)

  it("fails when nobody reads and SIGPIPE is ignored", function()
    local result = run("{ trap '' PIPE; %s; } | true", [[
      local out, message, code
      repeat
        out, message, code = neap.stdout:write(("x"):rep(1000))
      until not out
      io.stderr:write(message, " ", code)
    ]])
    assert.equal("send: Broken pipe EPIPE", result.err)
  end)
end)

describe("the objects", function()
  it("have their names, and each its own methods", function()
    assert.equal("<stdin>", tostring(neap.stdin))
    assert.equal("<stdout>", tostring(neap.stdout))
    assert.is_nil(neap.stdin.write)
    assert.is_nil(neap.stdout.read)
    local a, b, _ <close> = sockets.pair()
    assert.is_false(pcall(a.read, neap.stdout))
    assert.is_false(pcall(a.write, neap.stdin, "x"))
    assert.is_false(pcall(b.accept, neap.stdin))
    assert.is_false(pcall(b.close, neap.stdout))
    assert.is_false(pcall(neap.stdin.read, 1))
    assert.is_false(pcall(neap.stdin.read, neap.stdin, "x"))
    assert.is_false(pcall(neap.stdout.write, neap.stdout, {}))
  end)

  it("may be dropped with bytes in them", function()
    assert.equal("x\n", out("printf 'x\nrest' | %s", [[
      print(neap.stdin:read())
      neap.stdin = nil
      collectgarbage()
      collectgarbage()
    ]]))
  end)

  it("exist in a stock lua, too", function()
    assert.equal("nil\nx", stock.out [[
      neap.run(function() -- its stdin is empty
        print(neap.stdin:read())
        neap.stdout:write "x"
      end)
    ]])
  end)
end)

describe("at the prompt", function() -- I10, I11
  it("stdin is the prompt's", function()
    local result = shell.command({"-i"}, "neap.stdin:read()\n=1 + 1\n")
    assert.truthy(result.err:find("stdin is read by the host", 1, true))
    assert.truthy(result.out:find("2\n", 1, true))
    assert.truthy(shell.talk [[
prompt
> neap.stdin:lines()\n
< stdin is read by the host
prompt
> neap.stdout:write("all", "right", "\\n") ~= nil\n
< allright
< true
prompt
]])
  end)
end)
