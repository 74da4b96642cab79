// SPDX-License-Identifier: MIT
// What C modules do that know nothing of neap: they yield, call and resume by
// themselves. For threads_spec.lua.
#include <lauxlib.h>
#include <lua.h>

// yield(...): as a C function that yields for a scheduler of its own.
static int foreign_yield(lua_State *L) { return lua_yield(L, lua_gettop(L)); }

// call(fn, ...): calls it unprotected in a coroutine that nobody resumed.
static int foreign_call(lua_State *L) {
    lua_State *co = lua_newthread(L);
    lua_insert(L, 1);
    int nargs = lua_gettop(L) - 2;
    lua_xmove(L, co, nargs + 1);
    lua_call(co, nargs, 0);
    return 0;
}

// resume(co, ...) -> status, values...
static int foreign_resume(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    int count, nargs = lua_gettop(L) - 1;
    lua_xmove(L, co, nargs);
    int status = lua_resume(co, L, nargs, &count);
    if (status != LUA_OK && status != LUA_YIELD) count = 1; // the error
    lua_pushinteger(L, status);
    lua_xmove(co, L, count);
    return count + 1;
}

// each(list, fn): calls fn(element) for each, as C libraries do.
static int foreign_each(lua_State *L) {
    lua_Integer count = luaL_len(L, 1);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_pushvalue(L, 2);
        lua_geti(L, 1, i);
        lua_call(L, 1, 0);
    }
    return 0;
}

int luaopen_foreign(lua_State *L) {
    static const luaL_Reg functions[] = {{"yield", foreign_yield},
                                         {"call", foreign_call},
                                         {"resume", foreign_resume},
                                         {"each", foreign_each},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
