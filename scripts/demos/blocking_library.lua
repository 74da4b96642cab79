-- SPDX-License-Identifier: MIT
-- Ours: a library in C that blocks, and a loop that does not.
--
-- LuaFileSystem asks the system for each name of a tree and waits for the disk.
-- In a task that would hold up all the others; neap.offload calls it in a
-- worker thread, which requires the library for itself. Three walk at once. The
-- loop goes on: it can tick, and stop waiting when it has had enough.
--
--     neap scripts/demos/blocking_library.lua [FOLDER...]
--
-- (Debian: lua-filesystem.)
--
-- runs on: neap
-- clock: real
-- args: core bindings docs

local neap = require "neap"

-- Runs in a worker: what it needs it requires, or is given.
local function walk(folder)
    local lfs = require "lfs"
    local files, bytes, folders = 0, 0, {folder}
    while #folders > 0 do
        local path = table.remove(folders)
        for name in lfs.dir(path) do
            local about = lfs.symlinkattributes(path .. "/" .. name)
            if name == "." or name == ".." or not about then
                goto continue
            elseif about.mode == "directory" then
                table.insert(folders, path .. "/" .. name)
            else
                files, bytes = files + 1, bytes + about.size
            end
            ::continue::
        end
    end
    return {folder = folder, files = files, bytes = bytes}
end

local folders = #arg > 0 and arg or {"/usr/share", "/usr/lib", "/usr/include"}

local ticks = 0
local ticker = neap.spawn({daemon = true}, function()
    for _ in neap.every(0.001) do
        ticks = ticks + 1
    end
end)

-- At most a minute for all: what is not through by then is abandoned.
neap.timeout(60, function()
    local found = neap.map(folders, function(folder)
        return neap.offload(walk, folder)
    end)
    for _, it in ipairs(found) do
        print(("%s: %d files, %d KiB"):format(it.folder, it.files,
            it.bytes // 1024))
    end
end)
ticker:cancel()

-- An error comes back as any other, with the traceback of over there.
print(pcall(neap.offload, walk, "/no/such/folder"))

--[[ output:
~ core: %d+ files, %d+ KiB
~ bindings: %d+ files, %d+ KiB
~ docs: %d+ files, %d+ KiB
~ false	.*cannot open.*/no/such/folder.*
]]
