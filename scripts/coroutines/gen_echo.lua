-- SPDX-License-Identifier: MIT
-- Document 003, fourth section: gen_echo, which only close can end.
--
-- An error sent is a value as any other: it does not strike. close does, and
-- afterwards there is nobody left to send to.
--
-- runs on: neap

local generator = require "neap.generator"

-- Python prints an error as its argument alone.
local function text(x)
    return generator.is_stop(x) and x.value or x
end

local function gen_echo()
    while true do
        print(text(generator.yield()))
    end
end

local echo = generator.new(gen_echo)
echo:send()
for i = 0, 2 do
    echo:send(i)
end
echo:send(generator.StopIteration("stop"))
echo:close()
local _, err = pcall(echo.send, echo, 4)
print(err)

--[[ output:
0
1
2
stop
StopIteration
]]
