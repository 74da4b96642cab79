-- SPDX-License-Identifier: MIT
--
-- Runs one program of scripts/ and compares what it prints with the output it
-- carries:
--
--     NEAP=build/dev/neap lua5.4 tests/scripts.lua scripts/FOLDER/NAME.lua
--
-- A program carries its output either in its last comment,
--
--     --[[ output:
--     T-minus 3
--     ...                     any number of lines
--     ~ took 0%.%d+ s         a Lua pattern for the whole line
--     ]]
--
-- or beside the lines that print it: `print(n)  --> 3`. The comment it opens
-- with may say
--
--     -- runs on: lua5.4, neap    with whom (neap alone, if it says nothing)
--     -- args: 0                  what to pass
--     -- test: tests/spec/io_scheduler_spec.lua    a server; that spec runs it
--
-- neap runs it under the virtual clock; a stock Lua gets a `clock` module whose
-- sleep makes the time jump, so that neither takes longer than it computes.

local FAKE_CLOCK <const> = [[
    local now = 0.0
    local clock = {}
    function clock.time() return now end
    function clock.sleep(seconds) now = now + math.max(seconds, 0) end
    package.preload.clock = function() return clock end
]]

local function quote(word)
    return "'" .. word:gsub("'", [['\'']]) .. "'"
end

local interpreters = {
    neap = quote(os.getenv "NEAP" or "neap") .. " --clock=virtual",
    ["lua5.4"] = "lua5.4 -e " .. quote(FAKE_CLOCK),
}

local function split(text)
    local lines = {}
    for line in text:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
    return lines
end

-- The value of a `-- key: value` line of the comment a program opens with.
local function head(source, key)
    for _, line in ipairs(split(source)) do
        local value = line:match("^%-%- " .. key .. ": *(.-)%s*$")
        if value or not line:find "^[-#]" then return value end
    end
end

-- The lines a program carries as its output, or nil.
local function carried(source)
    local _, block = source:match "\n%-%-%[(=*)%[ output:\n(.-)%]%1%]%s*$"
    if block then return split(block) end
    local lines = {}
    for text in source:gmatch "%-%->[ \t]*([^\n]*)" do
        lines[#lines + 1] = text
    end
    return lines[1] and lines
end

local function fits(expected, line)
    if not expected or not line then return false end
    local pattern = expected:match "^~ (.*)"
    if not pattern then return line == expected end
    return line:find("^" .. pattern .. "$") ~= nil
end

-- nil if the lines are as expected, else what is wrong where. What fails after
-- a `...` is tried again one line later; an earlier one needs no second try.
local function compare(expected, lines)
    local i, j, again_i, again_j = 1, 1, nil, nil
    local far_i, far_j = 1, 1
    while i <= #expected or j <= #lines do
        if expected[i] == "..." then
            again_i, again_j = i + 1, j
            i = i + 1
        elseif fits(expected[i], lines[j]) then
            i, j = i + 1, j + 1
        elseif again_j and again_j <= #lines then
            again_j = again_j + 1
            i, j = again_i, again_j
        else
            return ("line %d\n  expected: %s\n  found:    %s"):format(far_j,
                expected[far_i] or "(the end)", lines[far_j] or "(the end)")
        end
        if i >= far_i and j >= far_j then far_i, far_j = i, j end
    end
end

-- Runs the program with one interpreter; nil, or what went wrong.
local function run(interpreter, path, args, expected)
    local command = interpreters[interpreter]
    if not command then return "no such interpreter" end
    local pipe <close> = io.popen(
        ("%s %s %s < /dev/null"):format(command, quote(path), args))
    local output = pipe:read "a"
    local ok, how, code = pipe:close()
    if not ok then return ("%s %d, after\n%s"):format(how, code, output) end
    if output:find "[^\n]$" then output = output .. "\n" end
    local wrong = compare(expected, split(output))
    return wrong and wrong .. "\nall of it:\n" .. output
end

local function check(path)
    local file <close> = assert(io.open(path))
    local source = file:read "a"
    local spec = head(source, "test")
    if spec then return not io.open(spec) and "no such test: " .. spec end
    local expected = carried(source)
    if not expected then return "carries no expected output" end
    local args = head(source, "args") or ""
    for interpreter in (head(source, "runs on") or "neap"):gmatch "[^,%s]+" do
        local wrong = run(interpreter, path, args, expected)
        if wrong then return interpreter .. ": " .. wrong end
    end
end

local wrong = check(arg[1])
if wrong then io.stderr:write(arg[1], ": ", wrong, "\n") end
os.exit(not wrong)
