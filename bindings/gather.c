// SPDX-License-Identifier: MIT
// Gather: gather, settle, race: calls that own what they are given.
//
// Each waits until enough of its arguments have ended (gathering.h). What still
// runs when it is over, or when its task is cancelled, is cancelled, and the
// call returns when all of it has ended.
#include "bindings/gathering.h"

static neapL_gathering *gathering_of(lua_State *L) {
    return neapL_gathering_at(L, NEAPL_GATHERING);
}

// ---- the arguments

// Whether one of the arguments has still to end. A function is no userdata.
static bool check_arguments(lua_State *L, int count) {
    bool pending = false;
    for (int i = 1; i <= count; i++) {
        if (!neapL_is_gatherable(L, i))
            luaL_typeerror(L, i, "Task, Future or function");
        const neapL_future *future = lua_touserdata(L, i);
        pending |= !future || neapL_is_pending(future);
    }
    return pending;
}

static neapL_gathering *take_arguments(lua_State *L) {
    if (check_arguments(L, lua_gettop(L)))
        neapL_waiting(L, NEAPL_AWAIT); // or nothing is begun
    return neapL_gather_arguments(L);
}

// ---- gather: all of them, or the first failure

static int gathered(lua_State *L) {
    const neapL_gathering *gathering = gathering_of(L);
    if (gathering->failed) return neapL_gathering_fail(L);
    luaL_checkstack(L, gathering->size, "too many results");
    for (int i = 1; i <= gathering->size; i++) neapL_gathering_result(L, i);
    return gathering->size;
}

// neap.gather(a, b, ...) -> the first result of each
static int gather(lua_State *L) {
    if (lua_gettop(L) == 0)
        return neapL_is_cancelled(L) ? neapL_meet_cancel(L) : 0;
    take_arguments(L)->on_error = true;
    return neapL_gathering_own(L, gathered);
}

// ---- settle: all of them

// Pushes { ok = true, value =, n =, ... } or { ok = false, error = }.
static void push_outcome(lua_State *L, int place) {
    neapL_gathering_get(L, place);
    int index = lua_gettop(L);
    const neapL_future *future = lua_touserdata(L, index);
    bool ok = future->state == NEAPL_FINISHED;
    if (ok) {
        int results = neapL_future_results(L, index);
        luaL_checkstack(L, LUA_MINSTACK, "too many results");
        neapL_pack(L, results);
        lua_rawgeti(L, -1, 1);
    } else {
        lua_createtable(L, 0, 2);
        neapL_getvalue(L, index);
    }
    lua_setfield(L, -2, ok ? "value" : "error");
    lua_pushboolean(L, ok);
    lua_setfield(L, -2, "ok");
    lua_replace(L, index);
    lua_settop(L, index);
}

static int settled(lua_State *L) {
    int size = gathering_of(L)->size;
    lua_createtable(L, size, 0);
    for (int i = 1; i <= size; i++) {
        push_outcome(L, i);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

// neap.settle(a, b, ...) -> a list of outcomes
static int settle(lua_State *L) {
    take_arguments(L);
    return neapL_gathering_own(L, settled);
}

// ---- race: the first of them

// It is on top.
static int push_winner(lua_State *L) { return neapL_future_results(L, -1); }

static int raced(lua_State *L) {
    neapL_gathering *gathering = gathering_of(L);
    const neapL_watch *winner = neapL_gathering_take(gathering);
    if (winner == gathering->failed) return neapL_gathering_fail(L);
    neapL_gathering_get(L, winner->place);
    if (gathering->pending == 0) return push_winner(L);
    return neapL_gathering_end(L, push_winner);
}

// neap.race(a, b, ...) -> the results of the first to finish
static int race(lua_State *L) {
    if (lua_gettop(L) == 0) luaL_typeerror(L, 1, "Task, Future or function");
    neapL_gathering *gathering = take_arguments(L);
    gathering->enough = gathering->size - 1;
    return neapL_gathering_own(L, raced);
}

static const luaL_Reg functions[] = {
    {"gather", gather}, {"settle", settle}, {"race", race}, {NULL, NULL}};

void neapL_open_gather(lua_State *L, neap_runtime *rt) {
    neapL_addfuncs(L, rt, functions);
}
