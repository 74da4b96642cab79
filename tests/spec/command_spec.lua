-- SPDX-License-Identifier: MIT
--
-- The command: what `lua` does it does, too, to the byte; and what it adds.

local shell = require "tests.spec.shell"

local command = shell.command

-- Both commands name themselves before messages: that alone may differ.
local function run_as(path, line, input)
  local result = shell.run(line:gsub("%f[%w]LUA%f[%W]", path), input)
  result.err = result.err:gsub(path:gsub("%p", "%%%0") .. ":", "lua:")
  for field, text in pairs(result) do
    result[field] = type(text) == "string"
      and text:gsub(path:gsub("%p", "%%%0"), "lua"):gsub("0x%x+", "0x") or text
  end
  return result
end

local function check_like_lua(line, input)
  assert.same(run_as("lua5.4", line, input), run_as(shell.neap, line, input))
end

describe("as lua does", function()
  local folder, here

  setup(function()
    local pwd <close> = io.popen("pwd; mktemp -d")
    here, folder = pwd:read("l", "l")
    if shell.neap:sub(1, 1) ~= "/" then
      shell.neap = here .. "/" .. shell.neap
    end
    local files = {
      ["show.lua"] = "print('show', ...) for i = -5, 5 do print(i, arg[i]) end",
      ["bad.lua"] = "x x",
      ["error.lua"] = "local function f() error 'boom' end\nf()",
      ["table.lua"] = "error {}",
      ["words.lua"] = "error(setmetatable({}, {__tostring = function() "
        .. "return 'in words' end}))",
      ["shebang.lua"] = "#!/usr/bin/lua\nprint(debug.getinfo(1).currentline)",
      ["mark.lua"] = "\xEF\xBB\xBFprint 'mark'",
      ["module.lua"] = "print('module', ...) return {x = 1}",
      ["warn.lua"] = "warn '@on' warn('a', 'b')\n"
        .. "setmetatable({}, {__gc = function() error 'gc' end})",
      ["exit.lua"] = "local t <close> = setmetatable({}, {__close = "
        .. "function() print 'closed' end}) os.exit(3, true)",
      ["-"] = "print('a file named -', ...)",
    }
    for name, text in pairs(files) do
      shell.write(folder .. "/" .. name, text)
    end
  end)

  teardown(function() os.execute("rm -r " .. folder) end)

  local lines = {
    "LUA -v", "LUA -v -e 'print(2)'", "LUA -e 'print(1)'",
    "LUA '-eprint(1)' -e a=3 -e 'print(a)'", "LUA -e ' ' show.lua a b",
    "LUA show.lua", "LUA show.lua a b", "LUA - a b", "LUA -- show.lua x",
    "LUA -- - x", "LUA -e '' - q", "LUA -E -W -v show.lua -i", "LUA ''",
    "LUA", "LUA bad.lua", "LUA error.lua", "LUA table.lua", "LUA words.lua",
    "LUA shebang.lua", "LUA mark.lua", "LUA warn.lua", "LUA -W warn.lua",
    "LUA nosuch.lua", "LUA /tmp", "LUA exit.lua",
    "LUA -lmodule -e 'print(module.x)'", "LUA -l g=module -e 'print(g.x)'",
    "LUA '-lg=module' -e 'print(g.x, module)'", "LUA -lbad",
    "LUA -e 'arg = 1' show.lua",
    "LUA -e 'arg = 1' bad.lua", "LUA -e 'arg[3] = 3' show.lua a b",
    "LUA -e 'arg[1] = 100' -", "LUA -W -e 'warn[[x]]'", "LUA -e 'warn[[x]]'",
    "LUA -e 'os.exit(3)'", "LUA -e 'os.exit(true, true)'", "LUA -e 'x x'",
    "LUA -e 'error()'", "LUA -e 'error(nil)'", "LUA -e 'error(42)'",
    "LUA -e 'error([[x]], 0)'", "LUA -e 'error([[x]], 2)'",
    "LUA -e 'string.gsub([[x]], [[.]], error)'", "LUA -i bad.lua",
    "LUA -e 'print(debug.traceback())'", "LUA -e 'print(...)'",
    "LUA -e 'coroutine.wrap(function() error [[in]] end)()'",
    "LUA -e 'print(#arg, arg[0], arg[1], arg[-1])' -W",
    "LUA_INIT='print(arg[0])' LUA show.lua",
    "LUA_INIT=@module.lua LUA show.lua",
    "LUA_INIT=@nosuch LUA show.lua", "LUA_INIT='error[[x]]' LUA show.lua",
    "LUA_INIT='x x' LUA show.lua",
    "LUA_INIT_5_4='print(54)' LUA_INIT='print(5)' LUA show.lua",
    "LUA_INIT='error[[x]]' LUA_PATH=p LUA_CPATH=c "
      .. "LUA -E -e 'print(package.path, package.cpath)'",
    "LUA_PATH='p;;' LUA_CPATH_5_4=c "
      .. "LUA -e 'print(package.path, package.cpath)'",
    "LUA -e 'print(io.read())' <&-", "LUA - </dev/null",
    "LUA -e 'print(select([[#]], ...))'; LUA - " .. ("a "):rep(500),
  }

  for _, line in ipairs(lines) do
    it(line, function()
      line = line:gsub("%f[%w]LUA ", "LUA "):gsub("%f[%w]LUA$", "LUA")
      check_like_lua(("cd %s; %s"):format(folder, line),
        "print('stdin', ...)\n")
    end)
  end
end)

describe("options of lua that are refused", function()
  for _, case in ipairs {
    {"-h", "unrecognized option '-h'"}, {"---", "unrecognized option '---'"},
    {"-Ex", "unrecognized option '-Ex'"}, {"-vv", "unrecognized option '-vv'"},
    {"-iv", "unrecognized option '-iv'"}, {"-e", "'-e' needs argument"},
    {"-l", "'-l' needs argument"}, {"--clock=x", "option '--clock=x'"},
    {"--helpx", "unrecognized option '--helpx'"},
  } do
    it(case[1], function()
      local result = command {case[1]}
      assert.equal(1, result.status)
      assert.equal("", result.out)
      assert.truthy(result.err:find(case[2], 1, true))
      assert.truthy(result.err:find "^[^\n]+\n$")   -- one line
    end)
  end
end)

describe("options of neap's own", function()
  it("--version", function()
    local result = command {"--version"}
    assert.truthy(result.out:find "^neap %d+%.%d+%.%d+ %(Lua 5%.4%.%d+%)\n$")
    assert.equal(0, result.status)
  end)

  it("--help", function()
    local result = command {"--help"}
    assert.truthy(result.out:find "^usage: ")
    assert.truthy(result.out:find("--clock=virtual", 1, true))
    assert.equal(0, result.status)
  end)

  it("--clock=virtual", function()
    local result = command {"--clock=virtual", "-e",
      "print(neap.time()) neap.sleep(3600) print(neap.time())"}
    assert.same({out = "0.0\n3600.0\n", err = "", status = 0}, result)
  end)

  it("-l name-version: the hyphen and what follows are not the name's",
    function()
      local module <close> = shell.temporary "return {id = 5}"
      os.rename(module.path, module.path .. "-v2.lua")
      local name = module.path:match "[^/]*$"
      local result = command({"-l", name .. "-v2", "-e",
        ("print(_G[%q].id)"):format(name)}, "", "LUA_PATH='/tmp/?.lua'")
      os.remove(module.path .. "-v2.lua")
      assert.same({out = "5\n", err = "", status = 0}, result)
    end)
end)

describe("everything may wait", function()
  it("in -e", function()
    assert.equal("1\n", command({"-e", "neap.sleep(0.001) print(1)"}).out)
  end)

  it("in LUA_INIT", function()
    local result = command({"-e", "print(x)"}, "",
      "LUA_INIT='neap.sleep(0.001) x = 1'")
    assert.equal("1\n", result.out)
  end)

  it("in a module of -l", function()
    local module <close> = shell.temporary "neap.sleep(0.001) return 7"
    local result = command({"-l", "m=" .. module.path:sub(6), "-e", "print(m)"},
      "", "LUA_PATH='/tmp/?'")
    assert.equal("7\n", result.out)
  end)

  it("in a script on stdin", function()
    local result = command({}, "neap.sleep(0.001) print(1)")
    assert.same({out = "1\n", err = "", status = 0}, result)
  end)
end)

describe("the end of a script", function()
  local function run(script)
    local file <close> = shell.temporary(script)
    return command {"--clock=virtual", file.path}
  end

  it("waits for tasks that are left", function()
    local result = run [[
      neap.spawn(function() neap.sleep(1) print "task" end)
      print "main"]]
    assert.same({out = "main\ntask\n", err = "", status = 0}, result)
  end)

  it("does not wait for daemons, which clean up", function()
    local result = run [[
      neap.spawn({daemon = true}, function()
        local t <close> = setmetatable({}, {__close = function()
          print "cleaned" end})
        while true do neap.sleep(1) end
      end)
      neap.sleep(3)]]
    assert.same({out = "cleaned\n", err = "", status = 0}, result)
  end)

  it("cancels the others when main fails", function()
    local result = run [[
      neap.spawn(function()
        local t <close> = setmetatable({}, {__close = function()
          print "cleaned" end})
        neap.sleep(1000)
      end)
      neap.sleep(1)
      error "main failed"]]
    assert.equal("cleaned\n", result.out)
    assert.truthy(result.err:find("main failed\nstack traceback:", 1, true))
    assert.equal(1, result.status)
  end)

  it("is a failure where an error was seen by nobody", function()
    local result = run [[
      neap.spawn(function() error "unseen" end)
      neap.sleep(1)
      print "main goes on"]]
    assert.equal("main goes on\n", result.out)
    assert.truthy(result.err:find("unseen", 1, true))
    assert.equal(1, result.status)
  end)

  it("is none where the error was looked at later", function()
    local result = run [[
      local t = neap.spawn(function() error "seen" end)
      neap.sleep(1)
      assert(t:error():find "seen")]]
    assert.truthy(result.err:find("seen", 1, true))
    assert.equal(0, result.status)
  end)

  it("comes by deadlock, in words", function()
    local result = run "neap.Queue(1):get()"
    assert.truthy(result.err:find "deadlock")
    assert.equal(1, result.status)
  end)

  it("comes by deadlock of what main left behind", function()
    local result = run [[
      neap.spawn(function() neap.Queue(1):get() end)
      print "main"]]
    assert.equal("main\n", result.out)
    assert.truthy(result.err:find "deadlock")
    assert.equal(1, result.status)
  end)

  it("comes by os.exit in a task", function()
    local result = run [[
      neap.spawn(function() os.exit(5, true) end)
      local t <close> = setmetatable({}, {__close = function()
        print "closed" end})
      neap.sleep(10)]]
    assert.same({out = "closed\n", err = "", status = 5}, result)
  end)

  it("is a failure where stdin, run unasked, fails", function()
    assert.equal(1, command({}, "x x").status)
    assert.equal(1, command({}, "error 'x'").status)
  end)
end)

describe("--report=json", function()
  -- The fields of an object of strings, numbers and nulls.
  local function fields(line)
    local found = {}
    for key, value in line:gmatch '"([%w_]+)":("?.-[^\\])[,}]%f["\0]' do
      found[key] = value
    end
    return found
  end

  local function reports(script)
    local result = command {"--report=json", "--clock=virtual", "-e", script}
    local found = {}
    for line in result.err:gmatch "(.-)\n" do
      assert.truthy(line:find "^{.*}$")
      found[#found + 1] = fields(line)
    end
    return found, result
  end

  it("a task's error", function()
    local found, result = reports [[
      neap.spawn({name = "worker"}, function()
        neap.sleep(2) error 'a "quoted"\nword' end)]]
    assert.equal(1, #found)
    local report = found[1]
    assert.equal('"error"', report.kind)
    assert.equal('"worker"', report.task)
    assert.truthy(report.message:find([[a \"quoted\"\nword]], 1, true))
    assert.truthy(report.traceback:find "^\"stack traceback:\\n")
    assert.equal('"(command line):1"', report.spawned_at)
    assert.equal("2.000000", report.time)
    assert.truthy(math.tointeger(report.id))
    assert.equal(1, result.status)
  end)

  it("main's error", function()
    local found, result = reports [[neap.sleep(1) error "x"]]
    assert.equal('"error"', found[1].kind)
    assert.equal('"(command line):1: x"', found[1].message)
    assert.equal("1.000000", found[1].time)
    assert.equal(1, result.status)
  end)

  it("a deadlock of what main left behind", function()
    local found = reports "neap.spawn(function() neap.Queue(1):get() end)"
    assert.equal('"deadlock"', found[1].kind)
  end)

  it("bytes that are no UTF-8", function()
    local _, result = reports [[error("\xFF\u{E9}\xC3(\xED\xA0\x80", 0)]]
    assert.truthy(result.err:find("\\ufffdé\\ufffd(\\ufffd\\ufffd\\ufffd",
      1, true))
  end)
end)
