-- SPDX-License-Identifier: MIT
--
-- A script that serves, in a process of its own:
--
--     local server <close> = server_of("demos/chat", "0")
--     local sock = neap.connect("127.0.0.1", server:port())

local shell = require "tests.spec.shell"

local Server = {}
Server.__index = Server

-- What it prints is `out`, a file.
local function server_of(script, arguments)
    local line = ("echo $$; exec %s scripts/%s.lua %s"):format(
        shell.quote(shell.neap), script, arguments)
    local out = assert(io.popen(line))
    return setmetatable({out = out, pid = assert(out:read "n", "no pid"),
        rest = out:read "l"}, Server)
end

-- Where it listens, as its next line tells: host and port, or the path.
function Server:address()
    local line = assert(self.out:read "l")
    local host, port = line:match "^[Ll]istening on\t([^\t]+)\t?(%d*)$"
    return host or error(line), tonumber(port)
end

function Server:port()
    return select(2, self:address())
end

function Server:__close()
    os.execute("kill " .. self.pid)
    self.out:close()
end

return server_of
