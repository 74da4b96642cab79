-- SPDX-License-Identifier: MIT
--
-- What docs/embedding.md quotes of a host program stands there, to the letter:
-- a block of code behind `<!-- FILE -->`. Every host is named on the page.
--
--     lua5.4 tests/embed/quotes.lua        in the project's root

local function read(path)
    local file <close> = assert(io.open(path))
    return file:read "a"
end

local page = read "docs/embedding.md"
local count = 0
for path, code in page:gmatch "\n<!%-%- (%S+) %-%->\n```c?%+*\n(.-)```" do
    assert(read(path):find(code, 1, true), path .. " does not say this")
    count = count + 1
end
assert(count > 0, "nothing is quoted")

local hosts <close> = assert(io.popen "ls tests/embed/*.c tests/embed/*.cc")
for path in hosts:lines() do
    local name = path:match "[^/]+$"
    assert(page:find("`" .. name .. "`", 1, true), name .. " is not named")
end
