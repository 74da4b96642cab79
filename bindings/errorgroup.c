// SPDX-License-Identifier: MIT
// Errorgroup: the errors of a group, gathered until it is left.
//
// They stand in a list in the registry, under the group's address, which is
// made for the first of them. One error comes out as it is; several come out as
// an ErrorGroup, in the order in which they were raised.
#include "bindings/report.h"
#include "bindings/task.h"

// The list counts in a field n, because nil may be an error.
static lua_Integer length(lua_State *L, int list) {
    lua_getfield(L, list, "n");
    lua_Integer count = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return count;
}

static void push_list(lua_State *L, const neapL_group *group) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, group) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, group);
}

enum { COMPARED_MAX = 16 }; // of the last errors

static bool is_listed(lua_State *L, int list, int index) {
    lua_Integer count = length(L, list);
    for (lua_Integer i = count; i > 0 && count - i < COMPARED_MAX; i--) {
        lua_rawgeti(L, list, i);
        bool same = lua_rawequal(L, -1, index);
        lua_pop(L, 1);
        if (same) return true;
    }
    return false;
}

void neapL_errors_add(lua_State *L, const neapL_group *group, int index,
                      bool known) {
    index = lua_absindex(L, index);
    push_list(L, group);
    int list = lua_gettop(L);
    known |= lua_type(L, index) != LUA_TSTRING; // equal strings may be two
    if (!known || !is_listed(L, list, index)) {
        lua_Integer count = length(L, list) + 1;
        lua_pushvalue(L, index);
        lua_rawseti(L, list, count);
        lua_pushinteger(L, count);
        lua_setfield(L, list, "n");
    }
    lua_pop(L, 1);
}

bool neapL_errors_take(lua_State *L, const neapL_group *group) {
    int kind = lua_rawgetp(L, LUA_REGISTRYINDEX, group);
    if (kind != LUA_TTABLE) return false;
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, group);
    return true;
}

void neapL_errors_report(lua_State *L, neapL_group *group) {
    bool any = neapL_errors_take(L, group);
    lua_Integer count = any ? length(L, lua_gettop(L)) : 0;
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        group->rt->unseen++;
        neapL_report_error(L, group->rt, NULL, NULL);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

enum { LISTED_MAX = 10 }; // errors that an ErrorGroup's message lists

static void push_words(lua_State *L, int list, lua_Integer count) {
    luaL_Buffer words;
    luaL_buffinit(L, &words);
    lua_pushfstring(L, "%I errors in a group:", (LUAI_UACINT)count);
    luaL_addvalue(&words);
    for (lua_Integer i = 1; i <= count && i <= LISTED_MAX; i++) {
        lua_rawgeti(L, list, i);
        const char *error = neapL_errorstring(L, -1);
        lua_pushfstring(L, "\n\t%I. %s", (LUAI_UACINT)i, error);
        lua_replace(L, -3);
        lua_pop(L, 1);
        luaL_addvalue(&words);
    }
    if (count > LISTED_MAX) luaL_addstring(&words, "\n\t...");
    luaL_pushresult(&words);
}

// The list on top becomes an ErrorGroup.
static void join(lua_State *L, lua_Integer count) {
    int list = lua_gettop(L);
    if ((lua_Integer)lua_rawlen(L, list) == count) { // no nil among them
        lua_pushnil(L);
        lua_setfield(L, list, "n");
    }
    push_words(L, list, count);
    neapL_pusherror(L, &neapL_error_group, lua_tostring(L, -1));
    lua_pushvalue(L, list);
    lua_setfield(L, -2, "errors");
    lua_replace(L, list);
    lua_settop(L, list);
}

void neapL_errors_sum(lua_State *L) {
    lua_Integer count = length(L, lua_gettop(L));
    if (count > 1) join(L, count);
    else {
        lua_rawgeti(L, -1, 1);
        lua_remove(L, -2);
    }
}
