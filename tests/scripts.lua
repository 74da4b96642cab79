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
--     -- clock: real              time is not made to jump
--     -- interrupt: after line 3  a SIGINT, once it has printed so
--                                 many lines and waits
--     -- test: tests/spec/io_scheduler_spec.lua    a server; that spec runs it
--
-- neap runs it under the virtual clock; a stock Lua gets a `clock` module whose
-- sleep makes the time jump, so that neither takes longer than it computes. One
-- that is interrupted is given 20 seconds.

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
    neap = quote(os.getenv "NEAP" or "neap") .. " --clock=CLOCK",
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

-- Whether a process runs: it neither waits nor has ended.
local function is_running(pid)
    local file <close> = io.open(("/proc/%s/stat"):format(pid))
    return file ~= nil and file:read("a"):find "^%d+ %b() [RD]" ~= nil
end

-- All that it prints. One that is to be interrupted says its process first; it
-- gets the signal when it waits, for where it runs that strikes who runs.
local function read_all(pipe, interrupt_after)
    if not interrupt_after then return pipe:read "a" end
    local pid, lines = pipe:read "l", {}
    for i = 1, interrupt_after do lines[i] = pipe:read "L" end
    while is_running(pid) do os.execute "sleep 0.01" end
    if #lines == interrupt_after then os.execute("kill -INT " .. pid) end
    return table.concat(lines) .. pipe:read "a"
end

-- Runs the program with one interpreter; nil, or what went wrong.
local function run(interpreter, program)
    local command = interpreters[interpreter]
    if not command then return "no such interpreter" end
    command = ("%s %s %s"):format(command:gsub("CLOCK", program.clock),
        quote(program.path), program.args)
    if program.interrupt_after then
        command = "timeout 20 sh -c " .. quote("echo $$; exec " .. command)
    end
    local pipe <close> = io.popen(command .. " < /dev/null")
    local output = read_all(pipe, program.interrupt_after)
    local ok, how, code = pipe:close()
    if not ok then return ("%s %d, after\n%s"):format(how, code, output) end
    if output:find "[^\n]$" then output = output .. "\n" end
    local wrong = compare(program.expected, split(output))
    return wrong and wrong .. "\nall of it:\n" .. output
end

local function check(path)
    local file <close> = assert(io.open(path))
    local source = file:read "a"
    local spec = head(source, "test")
    if spec then return not io.open(spec) and "no such test: " .. spec end
    local interrupt = head(source, "interrupt") or ""
    local program = {
        path = path,
        args = head(source, "args") or "",
        clock = head(source, "clock") or "virtual",
        interrupt_after = tonumber(interrupt:match "^after line (%d+)$"),
        expected = carried(source),
    }
    if not program.expected then return "carries no expected output" end
    for interpreter in (head(source, "runs on") or "neap"):gmatch "[^,%s]+" do
        local wrong = run(interpreter, program)
        if wrong then return interpreter .. ": " .. wrong end
    end
end

local wrong = check(arg[1])
if wrong then io.stderr:write(arg[1], ": ", wrong, "\n") end
os.exit(not wrong)
