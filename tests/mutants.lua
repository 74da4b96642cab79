-- SPDX-License-Identifier: MIT
--
-- Whether the tests would notice: breaks the product at one place for each case
-- of the catalogue, and the test that is named must fail.
--
--     lua5.4 tests/mutants.lua              all of them: `make mutants`
--     lua5.4 tests/mutants.lua CASE...      those of a case or a file
--     lua5.4 tests/mutants.lua sample       a few
--     lua5.4 tests/mutants.lua check        only that each can be made
--
-- The catalogue is tests/mutants/*.lua, a list each of
--
--     {"Q5", "bindings/queue.c", "spec.queue", "what stands there", "instead"}
--
-- where the third is a test's name as ctest knows it, and the fourth is found
-- in the file exactly once, so that the catalogue stays true.
--
-- It works on a copy of the tree below build/ ($NEAP_MUTANTS names another
-- place). The tests must pass there before anything is broken. A mutant that
-- compiles no more is a mistake of the catalogue's; a test that hangs has
-- failed.

local groups = {"clock", "cancel", "scopes", "await", "errors", "between",
    "sockets", "streams", "datagrams", "names", "servers", "coroutines",
    "hosts", "values", "channels"}

-- What `sample` runs: cheap to build, quick to fail.
local sampled = {Q5 = "spec.queue", C8 = "spec.cancel"}

local scratch = os.getenv "NEAP_MUTANTS" or "build/mutants"
local tree, build = scratch .. "/tree", scratch .. "/build"

-- A broken product may compute or allocate for ever.
local limits = "ulimit -t 60; ulimit -v 8000000; "

local function read(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read "a"
end

local function write(path, text)
    local file <close> = assert(io.open(path, "wb"))
    assert(file:write(text))
end

local function run(line)
    return (os.execute(("{ %s\n} > %s/log 2>&1"):format(line, scratch)))
end

local function must(line)
    if run(line) then return end
    io.stderr:write(read(scratch .. "/log"), line, " failed\n")
    os.exit(1)
end

-- The catalogue -------------------------------------------------------------

local function count(text, part)
    local found, at = 0, 1
    repeat
        local first, last = text:find(part, at, true)
        if first then found, at = found + 1, last + 1 end
    until not first
    return found
end

local function load_catalogue()
    local list = {}
    for _, group in ipairs(groups) do
        for _, entry in ipairs(require("tests.mutants." .. group)) do
            local case, file, test, from, to = table.unpack(entry)
            list[#list + 1] = {case = case, file = file, test = test,
                from = from, to = to}
        end
    end
    return list
end

-- Where it stands is only known if that can be said of one place.
local function check(list)
    local mistakes = 0
    for _, mutant in ipairs(list) do
        local text = read(mutant.file)
        local found = count(text, mutant.from)
        local at = text:find(mutant.from, 1, true) or 1
        mutant.line = count(text:sub(1, at - 1), "\n") + 1
        if found ~= 1 or mutant.from == mutant.to then
            mistakes = mistakes + 1
            print(("%s %s: found %d times: %s"):format(mutant.case,
                mutant.file, found, mutant.from))
        end
    end
    return mistakes
end

local function is_chosen(mutant)
    if #arg == 0 or arg[1] == "check" then return true end
    if arg[1] == "sample" then return sampled[mutant.case] == mutant.test end
    for _, name in ipairs(arg) do
        if mutant.case == name or mutant.file == name then return true end
    end
    return false
end

-- Building and testing ------------------------------------------------------

local function set_up()
    os.execute(("rm -rf %s %s; mkdir -p %s"):format(tree, build, tree))
    must(("tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C %s")
        :format(tree))
    must(("cmake -S %s -B %s -DCMAKE_BUILD_TYPE=Debug -DNEAP_TESTS=ON "
        .. "-DCMAKE_C_FLAGS_DEBUG=-O0 -DNEAP_TEST_TIMEOUT=")
        :format(tree, build))
end

-- What a test needs: a program of tests/core, all there is, or what the command
-- and a stock Lua need.
local function target_of(test)
    local label, name = test:match "^(%w+)%.(.*)"
    if label == "core" then return "--target " .. name end
    if label == "parcel" then return "--target neap_probe" end
    if label == "embed" then return "" end
    return "--target neap_command neap_module neap_pty"
end

local function build_line(test)
    return ("cmake --build %s --parallel $(nproc) %s"):format(build,
        target_of(test))
end

local function test_line(test, seconds)
    return ("%s ctest --test-dir %s --no-tests=error --timeout %d "
        .. "--tests-regex '^%s$'"):format(limits, build, seconds,
        test:gsub("%p", "[%0]"))
end

-- How long each test takes as things are, to tell a hang; or it fails as it is.
local function measure(list)
    local seconds = {}
    for _, mutant in ipairs(list) do
        local test = mutant.test
        if seconds[test] == nil then
            must(build_line(test))
            local start = os.time()
            seconds[test] = run(test_line(test, 120))
                and 10 + 3 * (os.time() - start)
        end
        mutant.seconds = seconds[test]
    end
end

-- How the mutant ended: "killed by", or a word in capitals.
local function try(mutant)
    local path = tree .. "/" .. mutant.file
    local text = read(path)
    local first, last = text:find(mutant.from, 1, true)
    write(path, text:sub(1, first - 1) .. mutant.to .. text:sub(last + 1))
    local restore <close> = setmetatable({}, {__close = function()
        write(path, text)
    end})
    if not mutant.seconds then return "FAILS ANYWAY:" end
    if not run(build_line(mutant.test)) then return "DOES NOT COMPILE for" end
    if run(test_line(mutant.test, mutant.seconds)) then return "SURVIVES" end
    return "killed by"
end

-- All of it -----------------------------------------------------------------

local catalogue = load_catalogue()
if check(catalogue) > 0 then os.exit(1) end

local chosen = {}
for _, mutant in ipairs(catalogue) do
    if is_chosen(mutant) then chosen[#chosen + 1] = mutant end
end
if arg[1] == "check" then
    print(("%d mutants can be made"):format(#chosen))
    os.exit(true)
end

set_up()
measure(chosen)
local killed = 0
for _, mutant in ipairs(chosen) do
    local how = try(mutant)
    if how == "killed by" then killed = killed + 1 end
    print(("%-4s %s:%d %s %s"):format(mutant.case, mutant.file, mutant.line,
        how, mutant.test))
    io.stdout:flush()
end
print(("%d mutants, %d killed"):format(#chosen, killed))
os.exit(killed == #chosen and killed > 0)
