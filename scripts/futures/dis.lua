-- SPDX-License-Identifier: MIT
-- Document 004, section 3.1: the instructions of three functions (dis).
--
-- Python's dis shows that a generator function has an instruction of its own,
-- YIELD_VALUE: the compiler decides what a generator is. Lua has no dis, and
-- no such instruction. To yield is to call a function, so any function may do
-- it, and every function that calls it pauses along: which is why neap needs no
-- await.
--
-- All that Lua itself offers is string.dump, the binary code; what is below
-- reads the instructions out of it, for 5.4 alone. (`luac5.4 -l -l file` is the
-- tool that shows everything: constants, lines, names.)
--
-- runs on: lua5.4, neap

-- The opcodes of Lua 5.4 in their order, from 0 (lopcodes.h).
local names = {}
for name in ([[
    MOVE LOADI LOADF LOADK LOADKX LOADFALSE LFALSESKIP LOADTRUE LOADNIL
    GETUPVAL SETUPVAL GETTABUP GETTABLE GETI GETFIELD SETTABUP SETTABLE SETI
    SETFIELD NEWTABLE SELF ADDI ADDK SUBK MULK MODK POWK DIVK IDIVK BANDK BORK
    BXORK SHRI SHLI ADD SUB MUL MOD POW DIV IDIV BAND BOR BXOR SHL SHR MMBIN
    MMBINI MMBINK UNM BNOT NOT LEN CONCAT CLOSE TBC JMP EQ LT LE EQK EQI LTI LEI
    GTI GEI TEST TESTSET CALL TAILCALL RETURN RETURN0 RETURN1 FORLOOP FORPREP
    TFORPREP TFORCALL TFORLOOP SETLIST CLOSURE VARARG VARARGPREP EXTRAARG
]]):gmatch("%u%w*") do
    names[#names + 1] = name
end

-- A number is written in groups of seven bits, the last with its top bit set.
local function number_at(dump, at)
    local number = 0
    repeat
        local byte = dump:byte(at)
        number = number << 7 | byte & 0x7f
        at = at + 1
    until byte & 0x80 ~= 0
    return number, at
end

-- How many instructions there are, and where. Before them stand a header of 31
-- bytes, a byte with the number of upvalues, the source's name (stripped: a
-- length of 0), two line numbers, and a byte each for parameters, varargs and
-- stack.
local function find_code(dump)
    local at = 33
    for _ = 1, 3 do
        at = select(2, number_at(dump, at))
    end
    return number_at(dump, at + 3)
end

-- Prints number, name and the fields A, B, C, also those that go unused.
local function dis(func)
    local dump = string.dump(func, true)
    local count, at = find_code(dump)
    for i = 1, count do
        local word
        word, at = string.unpack("I4", dump, at)
        local name = names[(word & 0x7f) + 1]
        local a, b, c = word >> 7 & 0xff, word >> 16 & 0xff, word >> 24
        print(("%d %-9s %d %d %d"):format(i, name, a, b, c))
    end
end

local function aaa() end
local function bbb() aaa() end
local function ccc() coroutine.yield() end

print("aaa: returns nothing")
dis(aaa)

print("bbb: gets aaa, calls it")
dis(bbb)

print("ccc: gets coroutine.yield, calls it")
dis(ccc)

--[[ output:
aaa: returns nothing
1 RETURN0   0 1 0
bbb: gets aaa, calls it
1 GETUPVAL  0 0 0
2 CALL      0 1 1
3 RETURN0   0 1 0
ccc: gets coroutine.yield, calls it
1 GETTABUP  0 0 0
2 GETFIELD  0 0 1
3 CALL      0 1 1
4 RETURN0   0 1 0
]]
