-- SPDX-License-Identifier: MIT
--
-- Sweeps the faults: every system call, every errno that it can give, each of
-- its first four occurrences, in every program that makes that call.
--
--     neap tests/fault/sweep.lua table OBJECT...  is the table complete?
--     neap tests/fault/sweep.lua sample COUNT     of a fixed seed
--     neap tests/fault/sweep.lua full [SHARD SHARDS]
--     neap tests/fault/sweep.lua of PROGRAM...
--
-- A fault is a process of its own, and has survived if that ends with status 0
-- in time and holds no more descriptors than it began with; program.lua says
-- what its status means. Each that does not is printed as the line that runs
-- it again. $NEAP_FAULT_COMMAND is the command's variant.

local calls = require "tests.fault.calls"
local shell = require "tests.spec.shell"
local sockets = require "tests.spec.sockets"

local OCCURRENCES, SECONDS, SEED = 4, 40, 4

local command = os.getenv "NEAP_FAULT_COMMAND" or
    shell.neap:gsub("[^/]*$", "neap-fault")
local folder <close> = setmetatable({}, {__close = sockets.clean})
local log, out = sockets.folder .. "/log", sockets.folder .. "/out"
local base = ("NEAP_OFFLINE=1 NEAP_RAW=%s NEAP_PATH=%s/sock timeout -k 1 " ..
    "%d %s tests/fault/program.lua "):format(sockets.library, sockets.folder,
    SECONDS, command)

local function read(path)
    local file <close> = io.open(path)
    return file and file:read "a" or ""
end

local function sorted(map)
    local keys = {}
    for key in pairs(map) do keys[#keys + 1] = key end
    table.sort(keys)
    return keys
end

-- One process ---------------------------------------------------------------

-- What a process noted at its end: the calls, and how many of each.
local function counts()
    local noted = {}
    for name, count in read(log):gmatch "([%w_]+)=(%-?%d+)" do
        noted[name] = tonumber(count)
    end
    return noted
end

-- The command may say that it cannot even begin.
local function is_refused(status)
    return status == 1 and read(out):find "^[^\n]*: cannot open the runtime: "
end

-- Runs a line: whether the process ended well, and what it noted.
local function run(line)
    os.remove(log)
    local ok, how, status = os.execute(("NEAP_FAULT_LOG=%s %s > %s 2>&1")
        :format(log, line, out))
    local noted = counts()
    ok = ok or is_refused(status)
    if ok and noted.left ~= 0 then
        return false, noted, ("%s descriptors left"):format(noted.left)
    end
    return ok, noted, ("%s %d: %s"):format(how, status, read(out))
end

-- The faults ----------------------------------------------------------------

-- Adds the faults that can strike a program, in an order of their own, and the
-- calls that it makes.
local function faults_of(program, list, made)
    local ok, noted, words = run(base .. program)
    if not ok then error(program .. " fails by itself: " .. words, 0) end
    for _, call in ipairs(sorted(calls.errnos)) do
        made[call] = made[call] or noted[call]
        for errno in calls.errnos[call]:gmatch "[%w_]+" do
            local last = math.min(noted[call] or 0, OCCURRENCES)
            for nth = 1, last do
                list[#list + 1] = {program = program, call = call,
                    errno = errno, nth = nth}
            end
        end
    end
end

local function all_faults()
    local list, made = {}, {}
    for _, program in ipairs(sorted(require "tests.fault.programs")) do
        faults_of(program, list, made)
    end
    for _, call in ipairs(sorted(calls.errnos)) do
        if not made[call] and not calls.backend[call] then
            error("no program calls " .. call, 0)
        end
    end
    return list
end

-- So many of them, the same each time.
local function sample(list, count)
    math.randomseed(SEED)
    for i = 1, math.min(count, #list) do
        local other = math.random(i, #list)
        list[i], list[other] = list[other], list[i]
    end
    return table.move(list, 1, math.min(count, #list), 1, {})
end

-- What became of a process that did not end well.
local function kind_of(words)
    local status = tonumber(words:match "^%a+ (%d+)")
    if words:find "timed out" or status == 124 or status == 137 then
        return "hung"
    elseif words:find "descriptors left" then
        return "leaked"
    elseif words:find "^signal" or words:find "Sanitizer" or
        words:find "runtime error" or status and status > 128 then
        return "crashed"
    end
    return "wrong"
end

local function inject(fault, sums)
    local line = ("NEAP_FAULT='%s %d %d' %s%s"):format(fault.call,
        assert(calls.numbers[fault.errno], fault.errno), fault.nth, base,
        fault.program)
    local ok, noted, words = run(line)
    if ok and noted.struck == 0 then return end
    sums.injected = sums.injected + 1
    local kind = ok and "survived" or kind_of(words)
    sums[kind] = sums[kind] + 1
    if not ok then print(("%s (%s): %s"):format(line, fault.errno, words)) end
end

local function sweep(list, shard, shards)
    local sums = {injected = 0, survived = 0, crashed = 0, hung = 0,
        leaked = 0, wrong = 0}
    for i = shard, #list, shards do inject(list[i], sums) end
    print(("%d faults injected, %d survived; %d crashed, %d hung, " ..
        "%d leaked descriptors, %d went wrong"):format(sums.injected,
        sums.survived, sums.crashed, sums.hung, sums.leaked, sums.wrong))
    return sums.injected > 0 and sums.injected == sums.survived
end

-- The table -----------------------------------------------------------------

-- What compilers and sanitizers add: none of it is a system call.
local function is_added(symbol) return symbol:find "^_" end

-- Each call of the objects (the sys seam, compiled against seam.h) has a row.
local function check_table(objects)
    local complete = true
    local pipe <close> = assert(io.popen("nm -u " .. objects))
    for symbol in pipe:read "a":gmatch "U ([%w_]+)" do
        local call = symbol:gsub("^fault_", "")
        local known = call ~= symbol and calls.errnos[call] or
            calls.sure[symbol] or is_added(symbol)
        if not known then
            print(call .. ": the sys seam calls it, but it has no row in " ..
                "tests/fault/calls.lua or no line in seam.h")
            complete = false
        end
    end
    return complete
end

-- What is asked for ---------------------------------------------------------

local what, one, two = table.unpack(arg)
local ok
if what == "table" then
    ok = check_table(table.concat(arg, " ", 2))
elseif what == "of" then
    local list = {}
    for i = 2, #arg do faults_of(arg[i], list, {}) end
    ok = sweep(list, 1, 1)
elseif what == "sample" then
    ok = sweep(sample(all_faults(), tonumber(one)), 1, 1)
else
    ok = sweep(all_faults(), tonumber(one or 1), tonumber(two or 1))
end
sockets.clean()
os.exit(ok)
