// SPDX-License-Identifier: MIT
// Map: a function of each element of a list, some at once (gathering.h).
//
// There are as many watches as may run at once. One table is all: a place holds
// the element until its turn comes, the task while that runs, then its result.
#include <limits.h>

#include "bindings/gathering.h"

enum { // map's arguments; then the gathering, the list, and its function
    LIST = 1,
    FN,
    OPTIONS,
    MAPPED = NEAPL_LIST + 1
};

// The next element's task.
static void begin_next(lua_State *L, neapL_watch *watch) {
    neap_runtime *rt = neapL_rt(L);
    const neapL_gathering *gathering = neapL_gathering_at(L, NEAPL_GATHERING);
    int place = gathering->begun + 1;
    lua_pushvalue(L, MAPPED);
    lua_rawgeti(L, NEAPL_LIST, place);
    neapL_task *task = neapL_spawn(L, rt, neapL_spawn_group(rt), 1);
    lua_rawseti(L, NEAPL_LIST, place);
    neapL_watch_begin(watch, &task->future);
    watch->made = true;
}

// Those that ended make room for others, until none is left.
static int mapped(lua_State *L) {
    neapL_gathering *gathering = neapL_gathering_at(L, NEAPL_GATHERING);
    neapL_watch *watch;
    if (gathering->failed) return neapL_gathering_fail(L);
    while ((watch = neapL_gathering_take(gathering))) {
        neapL_gathering_result(L, watch->place);
        lua_rawseti(L, NEAPL_LIST, watch->place);
        if (gathering->begun < gathering->size) begin_next(L, watch);
    }
    gathering->enough = gathering->pending - 1;
    if (gathering->pending > 0) return neapL_gathering_own(L, mapped);
    lua_pushvalue(L, NEAPL_LIST);
    return 1;
}

static int check_limit(lua_State *L) {
    if (lua_isnoneornil(L, OPTIONS)) return INT_MAX;
    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    neapL_checknames(L, OPTIONS, " limit ");
    return neapL_optlimit(L, OPTIONS, "limit");
}

// neap.map(list, fn, { limit = }) -> a list of the first result for each
static int map(lua_State *L) {
    luaL_checktype(L, LIST, LUA_TTABLE);
    luaL_checktype(L, FN, LUA_TFUNCTION);
    int limit = check_limit(L);
    lua_settop(L, FN);
    int size = neapL_checklist(L);
    if (size > 0) neapL_waiting(L, NEAPL_AWAIT); // or nothing is begun
    if (neapL_is_cancelled(L)) return neapL_meet_cancel(L);
    neapL_gathering *gathering = neapL_gathering_new(L, size, limit);
    neapL_toclose(L, NEAPL_GATHERING);
    for (int i = 0; i < gathering->count; i++)
        begin_next(L, &gathering->watches[i]);
    return mapped(L);
}

static const luaL_Reg functions[] = {{"map", map}, {NULL, NULL}};

void neapL_open_map(lua_State *L, neap_runtime *rt) {
    neapL_addfuncs(L, rt, functions);
}
