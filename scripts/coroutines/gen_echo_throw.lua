-- SPDX-License-Identifier: MIT
-- Document 003, fourth section: gen_echo and a Ctrl-C thrown into it.
--
-- throw raises any error at the yield. One that is caught there does not end
-- the generator: it goes on to its next yield, and throw returns what that
-- yields.
--
-- runs on: neap

local generator = require "neap.generator"

local KeyboardInterrupt = "KeyboardInterrupt"

local function gen_echo()
    while true do
        local ok, x = pcall(generator.yield)
        if ok then
            print(x)
        elseif x == generator.GeneratorExit then
            print("exit. bye")
            return
        elseif x == KeyboardInterrupt then
            print("按下了 Ctrl-C")    -- "Ctrl-C was pressed"
        else
            error(x, 0)
        end
    end
end

local echo = generator.new(gen_echo)
echo:send()
echo:throw(KeyboardInterrupt)

-- The document leaves it paused. It is still alive:
echo:send("x")
echo:close()

--[[ output:
按下了 Ctrl-C
x
exit. bye
]]
