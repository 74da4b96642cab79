-- SPDX-License-Identifier: MIT
--
-- Runs code with a stock lua5.4 that finds neap.so, the module that was built
-- with the command under test.

local shell = require "tests.spec.shell"

local stock = {}

local folder = shell.neap:match "^(.*/)" or "./"

-- A module that was built with sanitizers needs their library loaded first.
local function find_environment()
    local needs = shell.run("ldd " .. shell.quote(folder .. "neap.so")).out
    local library = needs:match "libasan[^\n]* => ([^%s]+)"
    if not library then return "" end
    return ("LD_PRELOAD=%s ASAN_OPTIONS=detect_leaks=0"):format(library)
end

stock.environment = find_environment()

-- {out =, err =, status =} of the code as a script "it"; neap is a global of it
-- unless `bare`.
function stock.run(code, bare)
    local file <close> = shell.temporary(code)
    local setup = ("package.cpath = %q .. package.cpath"):format(
        folder .. "?.so;")
    if not bare then setup = setup .. " neap = require 'neap'" end
    local result = shell.run(("%s timeout 60 lua5.4 -e %s %s"):format(
        stock.environment, shell.quote(setup), file.path))
    for _, field in ipairs {"out", "err"} do
        result[field] = result[field]:gsub(file.path:gsub("%p", "%%%0"), "it")
    end
    return result
end

-- What it prints, if all goes well.
function stock.out(code, bare)
    local result = stock.run(code, bare)
    if result.err ~= "" or result.status ~= 0 then
        error(("status %s\n%s"):format(result.status, result.err), 2)
    end
    return result.out
end

return stock
