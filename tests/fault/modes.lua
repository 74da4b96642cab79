-- SPDX-License-Identifier: MIT
--
-- Runs the specs of the network with the command's variant:
--
--     neap tests/fault/modes.lua one_byte    each transfer moves one byte
--     neap tests/fault/modes.lua storm       1,000 signals a second
--
-- A spec of the network is one that uses tests/spec/sockets.lua, and those that
-- run servers in processes of their own. What is left out:
--
-- - In one-byte mode, tests with "#whole" in their names. They are about what
--   one recv has left over for another, or the size of a buffer; or they send
--   before somebody reads, for which a kernel's buffer has room for some
--   hundreds of single bytes only.
-- - In it also the documents' servers: they take what one recv gives for a
--   message, as the documents do.
-- - In a storm, "#calm". Between two waits virtual time stands still, and the
--   loop wakes 1,000 times a second.
--
-- A spec that fails is shown as its own output. $NEAP_FAULT_COMMAND is the
-- variant.

local shell = require "tests.spec.shell"

local SECONDS = 100 -- for a spec

local command = os.getenv "NEAP_FAULT_COMMAND" or
    shell.neap:gsub("[^/]*$", "neap-fault")

local modes = {
    one_byte = {variable = "NEAP_ONE_BYTE", options = "--exclude-tags=whole",
        except = {servers = true}},
    storm = {variable = "NEAP_STORM", options = "--exclude-tags=calm",
        except = {}},
}

local function run(line)
    local result = shell.run(line)
    return result.status, result.out .. result.err
end

local function specs(mode)
    local _, names = run(
        "grep -lE 'spec\\.sockets|real clients' tests/spec/*_spec.lua")
    local list = {}
    for path in names:gmatch "[^\n]+" do
        local name = path:match "([^/]*)_spec.lua$"
        if not mode.except[name] then list[#list + 1] = path end
    end
    return list
end

local function count(text, word)
    return select(2, ("\n" .. text):gsub("\n" .. word .. " %d+ %-", ""))
end

local mode = modes[arg[1]]
local passed, failed = 0, 0
for _, path in ipairs(specs(mode)) do
    local line = "%s=1 NEAP=%s timeout -k 1 %d %s `which busted` -o TAP %s %s"
    local status, out = run(line:format(mode.variable, command, SECONDS,
        command, mode.options, path))
    passed = passed + count(out, "ok")
    local bad = count(out, "not ok")
    if status ~= 0 or bad > 0 then
        failed = failed + math.max(bad, 1)
        print(("%s %s: status %d\n%s"):format(arg[1], path, status, out))
    end
end
print(("%s: %d tests passed, %d failed"):format(arg[1], passed, failed))
os.exit(passed > 0 and failed == 0)
