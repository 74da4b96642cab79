-- SPDX-License-Identifier: MIT
--
-- What docs/embedding.md quotes of a host program stands there, to the letter:
-- a block of code behind `<!-- FILE -->`; behind `<!-- FILE, whole -->` it is
-- all of the file but its head. Every host is named on the page.
--
--     lua5.4 tests/embed/quotes.lua        in the project's root

local function read(path)
    local file <close> = assert(io.open(path))
    return file:read "a"
end

local page = read "docs/embedding.md"
local whole = {}
for path, how, code in
    page:gmatch "\n<!%-%- ([^%s,]+)(,?%s?%a*) %-%->\n```c?%+*\n(.-)```" do
    local program = read(path)
    assert(program:find(code, 1, true), path .. " does not say this")
    if how == ", whole" then
        assert(program:match "^.-\n\n(.*)" == code, path .. " says more")
        whole[path:match "([^/]+)%.c$"] = true
    end
end
for _, name in ipairs {"hello", "nest", "libuv", "worker", "sandbox"} do
    assert(whole[name], name .. ".c does not stand there whole")
end

local hosts <close> = assert(io.popen "ls tests/embed/*.c tests/embed/*.cc")
for path in hosts:lines() do
    local name = path:match "[^/]+$"
    assert(page:find("`" .. name .. "`", 1, true), name .. " is not named")
end
