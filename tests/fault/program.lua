-- SPDX-License-Identifier: MIT
--
-- Runs a program of programs.lua three times in the face of one fault:
--
--     NEAP_FAULT="recv 104 2" neap-fault tests/fault/program.lua echo_tcp
--
-- A round may fail in words: by nil, message and code, or "not enough memory".
-- A time-out, a wrong byte, any other error, or a descriptor left open ends the
-- process with a message and status 1. The fault strikes once, so that no two
-- rounds may fail.

local neap = require "neap"
local programs = require "tests.fault.programs"
local support = require "tests.fault.support"

local ROUNDS, SECONDS = 3, 10

local function die(...)
    io.stderr:write(table.concat({...}), "\n")
    os.exit(1)
end

local function round()
    local own <close> = support.owner()
    programs[arg[1]](own)
end

local function run()
    local ok, e = pcall(neap.timeout, SECONDS, round)
    if not ok and not support.is_told(e) then die(tostring(e)) end
    return ok
end

-- What stays open between rounds: three workers that are kept warm, with a
-- poller's descriptor and that of its wakes (or a pipe's two) each.
local warm = arg[1] == "offloaded" and 3 * 3 or 0

local before = support.raw.count()
local function check_descriptors()
    collectgarbage()
    collectgarbage()
    local left = support.raw.count() - before
    if left < 0 or left > warm then die(left, " descriptors left") end
end

local failed = 0
for _ = 1, ROUNDS do
    if not run() then failed = failed + 1 end
    check_descriptors()
end
os.remove(support.path)
if failed > 1 then die(failed, " rounds failed") end
