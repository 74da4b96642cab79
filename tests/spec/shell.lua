-- SPDX-License-Identifier: MIT
--
-- Runs commands for the specs, and shows what a terminal would show.

local shell = {}

shell.neap = os.getenv "NEAP" or "build/dev/neap"
shell.pty = os.getenv "NEAP_PTY" or shell.neap:gsub("[^/]*$", "pty")

function shell.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

function shell.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
  return path
end

-- A path for a file that lives as long as the returned variable's block.
function shell.temporary(text)
  local path = os.tmpname()
  shell.write(path, text or "")
  return setmetatable({path = path}, {
    __close = function() os.remove(path) end,
    __tostring = function() return path end,
  })
end

-- Runs a command line with this input: {out =, err =, status =}.
function shell.run(line, input)
  local given <close> = shell.temporary(input)
  local out <close> = shell.temporary()
  local err <close> = shell.temporary()
  local _, kind, status = os.execute(("{ %s\n} < %s > %s 2> %s")
    :format(line, given, out, err))
  if kind == "signal" then status = 128 + status end
  return {out = read(out.path), err = read(err.path), status = status}
end

-- neap with these arguments; `environment` is "NAME=value ..." for the shell.
function shell.command(arguments, input, environment)
  local line = {environment or "", shell.quote(shell.neap)}
  for _, argument in ipairs(arguments) do
    line[#line + 1] = shell.quote(argument)
  end
  return shell.run(table.concat(line, " "), input)
end

-- Acts out a dialogue (tests/pty.c) with neap on a terminal: the transcript.
function shell.talk(dialogue, arguments)
  local line = "TERM=xterm LC_ALL=C.UTF-8 %s %s %s"
  local result = shell.run(line:format(shell.quote(shell.pty),
    shell.quote(shell.neap), arguments or ""), dialogue)
  if result.status ~= 0 then error(result.err .. result.out, 2) end
  return result.out
end

-- A terminal, as far as line editing needs one: rows of characters.
local Screen = {}
Screen.__index = Screen

local moves = {
  ["@"] = function(screen, n)
    for _ = 1, n do table.insert(screen[screen.row], screen.column, " ") end
  end,
  P = function(screen, n)
    for _ = 1, n do table.remove(screen[screen.row], screen.column) end
  end,
  A = function(screen, n) screen.row = math.max(screen.row - n, 1) end,
  C = function(screen, n) screen.column = screen.column + n end,
  D = function(screen, n) screen.column = math.max(screen.column - n, 1) end,
  G = function(screen, n) screen.column = n end,
}

function Screen:erase(below)
  local row = self[self.row]
  for column = self.column, #row do row[column] = nil end
  for number = #self, self.row + 1, -1 do
    if below then self[number] = nil end
  end
end

local controls = {
  ["\r"] = function(screen) screen.column = 1 end,
  ["\n"] = function(screen) screen.row = screen.row + 1 end,
  ["\b"] = function(screen) screen.column = math.max(screen.column - 1, 1) end,
  ["\a"] = function() end,
}

function Screen:put(character)
  if self.column > 80 then
    self.row, self.column = self.row + 1, 1
    self[self.row] = self[self.row] or {}
  end
  local row = self[self.row]
  for column = #row + 1, self.column - 1 do row[column] = " " end
  row[self.column] = character
  self.column = self.column + 1
end

-- Takes what stands at `at`; where the rest begins.
function Screen:take(text, at)
  local count, letter, rest = text:match("^\27%[(%d*)([%a@])()", at)
  if letter == "J" or letter == "K" then
    self:erase(letter == "J")
  elseif letter then
    moves[letter](self, tonumber(count) or 1)
  else
    local character = text:match("^" .. utf8.charpattern, at)
    rest = at + #character
    local control = controls[character]
    if control then control(self) else self:put(character) end
  end
  self[self.row] = self[self.row] or {}
  return rest
end

-- The rows that a terminal shows after this transcript.
function shell.screen(transcript)
  local screen = setmetatable({row = 1, column = 1, {}}, Screen)
  local at = 1
  while at <= #transcript do at = screen:take(transcript, at) end
  local rows = {}
  for i, row in ipairs(screen) do
    rows[i] = table.concat(row):gsub(" +$", "")
  end
  return rows
end

return shell
