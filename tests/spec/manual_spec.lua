-- SPDX-License-Identifier: MIT
--
-- docs/manual.md against the module: every name is on both sides, every call
-- marked ⏸ looks for a cancel, every example prints what it says. The names of
-- docs/neap.lua and the examples of README.md and docs/asyncio.md are held to
-- the same.
--
-- An entry of the manual is a heading of level 4, or several with nothing in
-- between, that give names as `neap.sleep (seconds)`, `task:await ()`; what
-- stands before the dot or colon tells the type. A box of ```lua is an
-- example. It is run by the command, under the virtual clock, as example.lua:
-- what it prints are its `--> ` comments, in their order, where white space of
-- any kind counts as one blank and `~ ` begins a Lua pattern for the line. A
-- box of ```stderr behind it is what it writes to standard error, and then its
-- status is 1.

local neap = require "neap"
local generator = require "neap.generator"
local shell = require "tests.spec.shell"

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

-- Reading the pages ---------------------------------------------------------

-- The boxes of a page: {language =, text =, line =}, in their order.
local function boxes_of(page)
  local boxes, number, box = {}, 0, nil
  for line in page:gmatch "([^\n]*)\n" do
    number = number + 1
    local language = line:match "^```(%w*)$"
    if language and box then
      box.text = table.concat(box, "\n") .. "\n"
      boxes[#boxes + 1] = box
      box = nil
    elseif language then
      box = {language = language, line = number + 1}
    elseif box then
      box[#box + 1] = line
    end
  end
  return boxes
end

-- The examples of a page: {code =, line =, errors =}.
local function examples_of(page)
  local examples = {}
  for _, box in ipairs(boxes_of(page)) do
    if box.language == "lua" then
      examples[#examples + 1] = {code = box.text, line = box.line}
    elseif box.language == "stderr" then
      examples[#examples].errors = box.text
    end
  end
  return examples
end

-- Adds what a heading names to an entry.
local function add_names(entry, heading)
  entry.waits = entry.waits or heading:find("⏸", 1, true) ~= nil
  for code in heading:gmatch "`([^`]+)`" do
    entry.names[#entry.names + 1] = code:match "^[%w_.:]+"
  end
end

-- The entries of the manual: {names =, waits =, text =}.
local function entries_of(page)
  local entries, entry = {}, nil
  for line in page:gmatch "[^\n]*\n" do
    if line:find "^#### " then
      if not entry or entry.text:find "%S" then
        entry = {names = {}, text = ""}
        entries[#entries + 1] = entry
      end
      add_names(entry, line)
    elseif line:find "^##+ " then
      entry = nil
    elseif entry then
      entry.text = entry.text .. line
    end
  end
  return entries
end

local manual = read "docs/manual.md"
local pages = {["docs/manual.md"] = manual}
for _, path in ipairs {"README.md", "docs/asyncio.md"} do
  pages[path] = read(path)
end
local entries = entries_of(manual)

-- The names -----------------------------------------------------------------

local function names_of(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- One of each type, as the manual calls them.
local function samples()
  local sock, other = neap.socketpair()
  other:close()
  local timeout <close> = neap.timeout(1)
  local group <close> = neap.group()
  return {
    task = neap.spawn(neap.yield),
    thread = neap.thread(function() end),
    future = neap.Future(),
    handle = neap.call_soon(math.abs, 1),
    timeout = timeout,
    group = group,
    queue = neap.Queue(),
    channel = neap.Channel(),
    event = neap.Event(),
    lock = neap.Lock(),
    semaphore = neap.Semaphore(1),
    condition = neap.Condition(),
    barrier = neap.Barrier(1),
    socket = sock,
    stdin = neap.stdin,
    stdout = neap.stdout,
    loop = neap.loop(),
    gen = generator.new(neap.yield),
  }
end

local function is_public(name)
  return type(name) == "string" and not name:find "^__"
end

-- All that exists: a set of names as the headings have them.
local function existing()
  local set = {}
  for name in pairs(neap) do set["neap." .. name] = true end
  for name in pairs(generator) do set["generator." .. name] = true end
  local all = samples()
  for kind, sample in pairs(all) do
    local methods = debug.getmetatable(sample).__index
    for name in pairs(methods) do
      local inherited = kind == "thread" and all.task[name] == methods[name]
      if is_public(name) and not inherited then
        set[kind .. ":" .. name] = true
      end
    end
  end
  return set
end

local function documented()
  local set = {}
  for _, entry in ipairs(entries) do
    for _, name in ipairs(entry.names) do set[name] = true end
  end
  return set
end

-- What the editors' file declares; Awaitable is both Task and Future.
local function declared()
  local set = {["neap._VERSION"] = true, ["generator.GeneratorExit"] = true,
    ["neap.stdin"] = true, ["neap.stdout"] = true}
  for owner, mark, name in
    read "docs/neap.lua":gmatch "\nfunction (%w+)([.:])([%w_]+)" do
    local kinds = owner == "Awaitable" and {"task", "future"}
      or owner == "Generator" and {"gen"} or {owner:lower()}
    for _, kind in ipairs(kinds) do set[kind .. mark .. name] = true end
  end
  return set
end

-- The metamethods that a type has besides what every type has.
local ordinary = {
  __index = true, __name = true, __metatable = true, __gc = true,
  __tostring = true,
}

local function special_of(sample)
  local set = {}
  for name in pairs(debug.getmetatable(sample)) do
    local named = type(name) == "string" -- what is not is nobody's business
    if named and not ordinary[name] and not is_public(name) then
      set[name] = true
    end
  end
  return names_of(set)
end

describe("the manual", function()
  it("has every name that there is, and no other", function()
    assert.same(names_of(existing()), names_of(documented()))
  end)

  it("names each once", function()
    local seen = {}
    for _, entry in ipairs(entries) do
      for _, name in ipairs(entry.names) do
        assert.is_nil(seen[name], name)
        seen[name] = true
      end
    end
  end)

  it("has an example in every entry, which uses each of its names", function()
    for _, entry in ipairs(entries) do
      local code = entry.text:match "```lua\n(.-)```"
      assert.truthy(code, entry.names[1] .. " has no example")
      for _, name in ipairs(entry.names) do
        local short = name:match "[%w_]+$"
        assert.truthy(code:find(short, 1, true), name .. " is not in it")
      end
    end
  end)

  it("speaks of the metamethods of the types", function()
    for kind, sample in pairs(samples()) do
      for _, name in ipairs(special_of(sample)) do
        assert.truthy(manual:find("`" .. name .. "`", 1, true),
          kind .. ": " .. name)
      end
    end
  end)

  it("has no line of more than 100 columns but in tables", function()
    for line in manual:gmatch "[^\n]+" do
      assert.truthy(line:find "^|" or utf8.len(line) <= 100, line)
    end
  end)
end)

describe("the page beside asyncio and trio", function()
  it("speaks of nothing that there is not", function()
    local there = existing()
    for name in pages["docs/asyncio.md"]:gmatch "neap%.[%w_]+" do
      assert.truthy(there[name], name)
    end
  end)
end)

describe("the editors' file", function()
  it("has every name that there is, and no other", function()
    assert.same(names_of(existing()), names_of(declared()))
  end)

  it("compiles", function()
    assert(loadfile "docs/neap.lua")
  end)
end)

-- What may wait --------------------------------------------------------------

-- A call of each; none would have to wait but for what it is given.
local calls = {
  ["neap.run"] = function() neap.run(neap.yield) end,
  ["neap.sleep"] = function() neap.sleep(0) end,
  ["neap.sleep_until"] = function() neap.sleep_until(0) end,
  ["neap.yield"] = neap.yield,
  ["neap.every"] = function() neap.every(1)() end,
  ["neap.await"] = function(its) neap.await(its.ended) end,
  ["neap.gather"] = function(its) neap.gather(its.ended) end,
  ["neap.settle"] = function(its) neap.settle(its.ended) end,
  ["neap.race"] = function(its) neap.race(its.ended) end,
  ["neap.map"] = function() neap.map({}, print) end,
  ["neap.offload"] = function() neap.offload(function() end) end,
  ["neap.as_completed"] = function(its)
    neap.as_completed {its.ended} ()
  end,
  ["neap.wait"] = function(its) neap.wait {its.ended} end,
  ["neap.group"] = function() neap.group(math.type) end,
  ["neap.connect"] = function() neap.connect("127.0.0.1", 1) end,
  ["neap.wait_readable"] = function(its) neap.wait_readable(its.socket) end,
  ["neap.wait_writable"] = function(its) neap.wait_writable(its.socket) end,
  ["neap.resolve"] = function() neap.resolve "neap.invalid" end,
  ["task:await"] = function(its) its.task:await() end,
  ["future:await"] = function(its) its.ended:await() end,
  ["group:wait"] = function()
    local group <close> = neap.group()
    group:wait()
  end,
  ["channel:put"] = function(its) its.channel:put(1) end,
  ["channel:get"] = function(its) its.channel:get() end,
  ["channel:items"] = function(its) its.channel:items()(its.channel) end,
  ["queue:put"] = function(its) its.queue:put(1) end,
  ["queue:get"] = function(its) its.queue:get() end,
  ["queue:items"] = function(its) its.queue:items()(its.queue) end,
  ["queue:join"] = function() neap.Queue():join() end,
  ["event:wait"] = function(its) its.event:wait() end,
  ["lock:acquire"] = function() neap.Lock():acquire() end,
  ["lock:with"] = function() neap.Lock():with(math.abs, 1) end,
  ["semaphore:acquire"] = function() neap.Semaphore(1):acquire() end,
  ["semaphore:with"] = function() neap.Semaphore(1):with(math.abs, 1) end,
  ["condition:acquire"] = function() neap.Condition():acquire() end,
  ["condition:with"] = function() neap.Condition():with(math.abs, 1) end,
  ["condition:wait"] = function() neap.Condition():wait() end,
  ["barrier:wait"] = function() neap.Barrier(1):wait() end,
  ["neap.serve"] = function(its) neap.serve(its.listener, print) end,
  ["socket:accept"] = function(its) its.listener:accept() end,
  ["socket:recv"] = function(its) its.socket:recv() end,
  ["socket:send"] = function(its) its.socket:send "x" end,
  ["socket:write"] = function(its) its.socket:write "x" end,
  ["socket:read"] = function(its) its.socket:read(1) end,
  ["socket:read_until"] = function(its) its.socket:read_until "b" end,
  ["socket:lines"] = function(its) its.socket:lines(1)() end,
  ["socket:recv_from"] = function(its) its.udp:recv_from() end,
  ["socket:send_to"] = function(its)
    its.udp:send_to("x", its.udp:sockname())
  end,
  ["stdin:read"] = function() neap.stdin:read() end,
  ["stdin:read_until"] = function() neap.stdin:read_until "x" end,
  ["stdin:lines"] = function() neap.stdin:lines()() end,
  ["stdin:recv"] = function() neap.stdin:recv() end,
  ["stdout:write"] = function() neap.stdout:write "# x\n" end,
  ["stdout:send"] = function() neap.stdout:send "# x\n" end,
  ["loop:run_until_complete"] = function(its)
    neap.loop():run_until_complete(its.ended)
  end,
  ["loop:run_forever"] = function() neap.loop():run_forever() end,
  ["loop:close"] = function() neap.loop():close() end,
}

-- What the calls work on, all of it ready.
local function ready_things()
  local a, b = neap.socketpair()
  b:send "bytes"
  local its = {
    ended = neap.Future(),
    task = neap.spawn(math.abs, 1),
    queue = neap.Queue(),
    channel = neap.Channel(),
    event = neap.Event(),
    socket = a,
    peer = b,
    listener = assert(neap.listen("127.0.0.1", 0)),
    udp = assert(neap.udp("127.0.0.1", 0)),
  }
  its.udp:send_to("datagram", its.udp:sockname())
  its.ended:set_result()
  its.queue:put "item"
  its.channel:put "item"
  its.event:set()
  neap.yield()
  return its
end

describe("a call marked ⏸", function()
  it("is one of those listed here", function()
    local marked = {}
    for _, entry in ipairs(entries) do
      for _, name in ipairs(entry.waits and entry.names or {}) do
        marked[name] = true
      end
    end
    assert.same(names_of(calls), names_of(marked))
  end)

  for _, name in ipairs(names_of(calls)) do
    it("raises in a cancelled task: " .. name, function()
      local its, came_back = ready_things(), false
      local function main()
        neap.current():cancel "enough"
        calls[name](its)
        came_back = true
      end
      -- In a run of its own, which loop:close may close.
      local task = neap.spawn(neap.run, main)
      neap.wait({task}, {timeout = 10})
      its.socket:close()
      its.peer:close()
      its.listener:close()
      its.udp:close()
      assert.is_false(came_back)
      assert.equal("cancelled: enough", tostring(task:error()))
    end)
  end
end)

-- The examples ---------------------------------------------------------------

local function squeeze(line)
  return (line:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

local function fits(expected, line)
  local pattern = expected:match "^~ (.*)"
  if not pattern then return squeeze(expected) == line end
  return line:find("^" .. squeeze(pattern) .. "$") ~= nil
end

-- Compares what was printed with the example's comments.
local function check_output(example, output)
  local expected, lines = {}, {}
  for line in example.code:gmatch "%-%->[ \t]*([^\n]*)" do
    expected[#expected + 1] = line
  end
  for line in output:gmatch "([^\n]*)\n" do
    lines[#lines + 1] = squeeze(line)
  end
  for i = 1, math.max(#expected, #lines) do
    if not (expected[i] and lines[i] and fits(expected[i], lines[i])) then
      error(("line %d of the output\n expected: %s\n found:    %s\nall: %s")
        :format(i, expected[i] or "(the end)", lines[i] or "(the end)", output))
    end
  end
end

-- Runs an example in a folder of its own, as example.lua.
local function run(neap_path, example)
  local folder = shell.run("mktemp -d").out:gsub("\n", "")
  shell.write(folder .. "/example.lua", example.code)
  local result = shell.run(("cd %s && %s --clock=virtual example.lua")
    :format(folder, shell.quote(neap_path)))
  os.execute("rm -r " .. folder)
  return result
end

local function check(neap_path, example)
  local result = run(neap_path, example)
  assert.equal(example.errors or "", result.err)
  assert.equal(example.errors and 1 or 0, result.status)
  check_output(example, result.out)
end

for name, page in pairs(pages) do
  describe("an example prints what it says:", function()
    local neap_path

    setup(function()
      local line = "realpath " .. shell.quote(shell.neap)
      neap_path = shell.run(line).out:gsub("\n", "")
    end)

    for _, example in ipairs(examples_of(page)) do
      it(("%s:%d"):format(name, example.line), function()
        check(neap_path, example)
      end)
    end
  end)
end
