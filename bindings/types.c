// SPDX-License-Identifier: MIT
// Types: userdata whose first word is the address of their type.
//
// luaL_checkudata looks its metatable up by name in the registry, 17 ns a call;
// comparing the first word costs one load. New userdata find their metatable
// in the registry by that address, too. No other library's userdata can
// begin with an address inside ours, and a light userdata has length 0.
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "bindings/neapL.h"

void *neapL_test(lua_State *L, int arg, const neapL_type *type) {
    void *ud = lua_touserdata(L, arg);
    if (!ud || lua_rawlen(L, arg) != type->size) return NULL;
    return *(const neapL_type *const *)ud == type ? ud : NULL;
}

void *neapL_check(lua_State *L, int arg, const neapL_type *type) {
    void *ud = neapL_test(L, arg, type);
    return ud ? ud : luaL_checkudata(L, arg, type->name); // for the message
}

lua_Integer neapL_checkpositive(lua_State *L, int arg) {
    int exact;
    luaL_checknumber(L, arg);
    lua_Integer value = lua_tointegerx(L, arg, &exact);
    if (exact && value > 0) return value;
    const char *words = lua_pushfstring(
        L, "a positive integer expected, got %s", luaL_tolstring(L, arg, NULL));
    return luaL_argerror(L, arg, words);
}

void *neapL_new(lua_State *L, const neapL_type *type, int values) {
    void *ud = lua_newuserdatauv(L, type->size, values);
    memset(ud, 0, type->size);
    *(const neapL_type **)ud = type;
    lua_rawgetp(L, LUA_REGISTRYINDEX, type);
    lua_setmetatable(L, -2);
    return ud;
}

static int do_nothing(lua_State *L) { return (void)L, 0; }

// A call that does nothing, of as many arguments, makes the record that a call
// takes, and the room: the collector leaves the first record and twice the
// stack that is in use.
void neapL_toclose(lua_State *L, int index) {
    lua_pushcfunction(L, do_nothing);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_call(L, 2, 0);
    lua_toclose(L, index);
}

static bool is_known(lua_State *L, int key, const char *known) {
    if (lua_type(L, key) != LUA_TSTRING) return false;
    const char *word = lua_pushfstring(L, " %s ", lua_tostring(L, key));
    bool found = strstr(known, word) != NULL;
    lua_pop(L, 1);
    return found;
}

void neapL_checknames(lua_State *L, int index, const char *known) {
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        int key = lua_gettop(L) - 1;
        if (is_known(L, key, known)) continue;
        const char *name = luaL_tolstring(L, key, NULL);
        known = lua_pushlstring(L, known, strlen(known) - 1);
        name = lua_pushfstring(L, "unknown option '%s'; known:%s", name, known);
        luaL_argerror(L, index, name);
    }
}

int neapL_optlimit(lua_State *L, int index, const char *name) {
    int exact, top = lua_gettop(L);
    bool given = lua_getfield(L, index, name) != LUA_TNIL;
    lua_Integer limit = lua_tointegerx(L, -1, &exact);
    bool endless = !given || lua_tonumber(L, -1) >= (lua_Number)HUGE_VAL;
    if (!endless && (!exact || limit <= 0)) {
        const char *words = luaL_tolstring(L, -1, NULL);
        words = lua_pushfstring(L,
                                "option '%s': positive integer or math.huge "
                                "expected, got %s",
                                name, words);
        luaL_argerror(L, index, words);
    }
    lua_settop(L, top);
    return endless || limit > INT_MAX ? INT_MAX : (int)limit;
}

void neapL_addfuncs(lua_State *L, neap_runtime *rt, const luaL_Reg *funcs) {
    assert(lua_istable(L, -1));
    lua_pushlightuserdata(L, rt);
    luaL_setfuncs(L, funcs, 1);
}

void neapL_newtype(lua_State *L, neap_runtime *rt, const neapL_type *type) {
    luaL_newmetatable(L, type->name);
    if (type->meta) neapL_addfuncs(L, rt, type->meta);
    if (type->methods) {
        lua_newtable(L);
        neapL_addfuncs(L, rt, type->methods);
        lua_setfield(L, -2, "__index");
    }
    lua_pushboolean(L, 0); // getmetatable gives nothing to tamper with
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, type);
}

void neapL_addmethods(lua_State *L, neap_runtime *rt, const neapL_type *type,
                      const luaL_Reg *methods) {
    luaL_getmetatable(L, type->name);
    lua_getfield(L, -1, "__index");
    neapL_addfuncs(L, rt, methods);
    lua_pop(L, 2);
}
