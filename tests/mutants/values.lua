-- SPDX-License-Identifier: MIT
--
-- Mutants of values on their way to another state (see tests/mutants.lua).

return {
    {"P7", "bindings/pack.c", "parcel.values",
        "return p->tells && lua_isuserdata(p->L, index) &&",
        "return false && lua_isuserdata(p->L, index) &&"},
    {"P7", "bindings/refusal.c", "parcel.values",
        "lua_copy(s->L, -1, top + 2);",
        "lua_pushliteral(s->L, \"\"), lua_copy(s->L, -1, top + 2);"},
    {"P7", "bindings/parcel.c", "parcel.values",
        "return shared ? sharing : NULL;",
        "return sharing;"},
    {"P12", "bindings/pack.c", "parcel.values",
        "bool exact = lua_isinteger(p->L, index);",
        "bool exact = (lua_Number)integer == number;"},
    {"P12", "bindings/pack.c", "parcel.values",
        "place - length <= HOLES_MAX + 1;",
        "place - length <= 1;"},
    {"P12", "bindings/pack.c", "parcel.values",
        "if (p->addresses[i] == address) return i + 1;",
        "if (p->addresses[i] == address) return i ? i + 1 : 0;"},
    {"P12", "bindings/unpack.c", "parcel.values",
        "lua_pushlstring(u->L, bytes, size);",
        "lua_pushfstring(u->L, \"%s\", size ? bytes : \"\");"},
    {"P12", "bindings/code.c", "parcel.code",
        "if (!code || !still_fits(L, index, code))",
        "if (!code)"},
    {"P12", "bindings/code.c", "parcel.code",
        "for (int i = 1; i <= code->upvalues; i++) {",
        "for (int i = 1; i < code->upvalues; i++) {"},
}
