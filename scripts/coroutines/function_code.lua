-- SPDX-License-Identifier: MIT
-- Document 003, first section: the function and its code.
--
-- In Python func.__code__ is an object with a dozen fields. Lua compiles a
-- function to a prototype as well, and shares it between all the closures made
-- from it, but hands no object out: debug.getinfo tells about it, string.dump
-- gives its code, and constants and inner names stay where they are.
--
-- runs on: lua5.4, neap

local function func()
    local x = 1
    return x
end

print(func)

-- The lines that have instructions, which is what co_lnotab is about.
local function lines(info)
    local list = {}
    for line in pairs(info.activelines) do
        table.insert(list, line)
    end
    table.sort(list)
    return table.concat(list, " ")
end

local info = debug.getinfo(func, "SuL")
print("nparams (co_argcount)", info.nparams)
print("isvararg (co_flags)", info.isvararg)
print("nups (co_freevars)", info.nups)
print("short_src (co_filename)", info.short_src)
print("linedefined (co_firstlineno)", info.linedefined)
print("lastlinedefined", info.lastlinedefined)
print("activelines (co_lnotab)", lines(info))
print("what", info.what)

-- A function has no name: the variable has, and who calls through it sees it.
print("name (co_name)", debug.getinfo(func, "n").name)

-- Names of parameters are known from outside; those of locals only while the
-- function runs (see frame.lua).
local function area(width, height)
    return width * height
end

local first, second = debug.getlocal(area, 1), debug.getlocal(area, 2)
print("getlocal (co_varnames)", first, second)

-- First the letters ESC Lua, the same for every function; the instructions come
-- later, and scripts/futures/dis.lua reads them.
local code = string.dump(func)
print("string.dump (co_code)", code:sub(2, 4))

-- Two functions, one prototype: each has its own n, the code is the same.
local function counter()
    local n = 0
    return function()
        n = n + 1
        return n
    end
end

local a, b = counter(), counter()
print("one function", a == b)
print("one n", debug.upvalueid(a, 1) == debug.upvalueid(b, 1))
print("one code", string.dump(a) == string.dump(b))

--[[ output:
~ function: 0x%x+
nparams (co_argcount)	0
isvararg (co_flags)	false
nups (co_freevars)	0
short_src (co_filename)	scripts/coroutines/function_code.lua
linedefined (co_firstlineno)	11
lastlinedefined	14
activelines (co_lnotab)	12 13 14
what	Lua
name (co_name)	nil
getlocal (co_varnames)	width	height
string.dump (co_code)	Lua
one function	false
one n	false
one code	true
]]
