-- SPDX-License-Identifier: MIT
--
-- scripts/README.md against the scripts: every program has a row, every row a
-- program, and the C files that it names are there.

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function exists(path)
  local file <close> = io.open(path)
  return file ~= nil
end

-- The rows: {script =, files =}. A file's folder is core/ unless it says else.
local function rows_of(page)
  local rows, folder = {}, nil
  for line in page:gmatch "[^\n]+" do
    folder = line:match "^## (%l[%w_]*)/" or folder
    local script, rest = line:match "^| .- | `([%w_]+%.lua)` | .- | ([^|]*) |$"
    if script then
      local row = {script = folder .. "/" .. script, files = {}}
      for path in rest:gmatch "`([%w_/]+%.%l+)`" do
        row.files[#row.files + 1] = path:find "/" and path or "core/" .. path
      end
      rows[#rows + 1] = row
    end
  end
  return rows
end

-- The programs there are; a module that some of them share is none.
local function programs()
  local list = {}
  local find <close> = io.popen "find scripts -name '*.lua' | LC_ALL=C sort"
  for path in find:lines() do
    if not read(path):find "\n%-%- module" then
      list[#list + 1] = path:match "^scripts/(.*)"
    end
  end
  return list
end

describe("the table of scripts", function()
  local rows = rows_of(read "scripts/README.md")

  it("has a row for each program, and no other", function()
    local listed = {}
    for i, row in ipairs(rows) do listed[i] = row.script end
    table.sort(listed)
    assert.same(programs(), listed)
  end)

  for _, row in ipairs(rows) do
    it("names files that are there: " .. row.script, function()
      for _, path in ipairs(row.files) do
        assert.truthy(exists(path), path)
      end
    end)
  end
end)
