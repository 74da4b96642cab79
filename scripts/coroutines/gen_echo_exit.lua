-- SPDX-License-Identifier: MIT
-- Document 003, fourth section: gen_echo says good-bye.
--
-- close raises GeneratorExit at the yield, so a generator can clean up by
-- catching it. A generator that is dropped is closed as well: Python does it at
-- once, Lua when the garbage is collected. So do not wait for that where it
-- matters: `local echo <close>` closes it at the end of its block.
--
-- runs on: neap

local generator = require "neap.generator"

local function gen_echo()
    while true do
        local ok, x = pcall(generator.yield)
        if ok then
            print(x)
        elseif x == generator.GeneratorExit then
            print("exit. bye")
            return
        else
            error(x, 0)
        end
    end
end

local echo = generator.new(gen_echo)
echo:send()
echo:close()

echo = generator.new(gen_echo)
echo:send()
echo = nil
collectgarbage()

do    -- not in the document: Lua's own way
    local scoped <close> = generator.new(gen_echo)
    scoped:send()
end

--[[ output:
exit. bye
exit. bye
exit. bye
]]
