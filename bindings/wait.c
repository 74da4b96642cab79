// SPDX-License-Identifier: MIT
// Wait: wait, as_completed: calls that own nothing of what they are given.
//
// What they leave runs on; a cancel of the task that waits is none of theirs.
// as_completed's gathering outlives the call: the iterator holds it, and it is
// the closing value of the loop (gathering.h).
#include <string.h>

#include "bindings/gathering.h"

enum { LIST = 1, OPTIONS }; // the arguments

// ---- arguments

// options.timeout as a deadline; the others are all in `known`.
static int64_t check_options(lua_State *L, const char *known) {
    lua_settop(L, OPTIONS);
    if (lua_isnil(L, OPTIONS)) return NEAP_NEVER_NS;
    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    neapL_checknames(L, OPTIONS, known);
    int64_t span_ns = neapL_optseconds(L, OPTIONS, "timeout");
    return neapL_deadline(neapL_rt(L), span_ns);
}

// options.return_when: 0 all, 1 first_done, 2 first_error.
static int check_when(lua_State *L) {
    static const char *const names[] = {"all", "first_done", "first_error",
                                        NULL};
    if (lua_isnil(L, OPTIONS)) return 0;
    lua_getfield(L, OPTIONS, "return_when");
    const char *name = lua_isnil(L, -1) ? names[0] : lua_tostring(L, -1);
    for (int i = 0; name && names[i]; i++)
        if (strcmp(name, names[i]) == 0) return lua_pop(L, 1), i;
    return luaL_argerror(
        L, OPTIONS,
        lua_pushfstring(L,
                        "option 'return_when': 'all', 'first_done' or "
                        "'first_error' expected, "
                        "got %s",
                        luaL_tolstring(L, -1, NULL)));
}

// The list, copied and alone on the stack; its size.
static int check_list(lua_State *L) {
    int size = neapL_checklist(L);
    lua_settop(L, LIST);
    for (int i = 1; i <= size; i++) {
        lua_rawgeti(L, LIST, i);
        if (!neapL_is_gatherable(L, -1))
            luaL_argerror(
                L, LIST,
                lua_pushfstring(
                    L, "element %d: Task, Future or function expected, got %s",
                    i, luaL_typename(L, -1)));
        lua_pop(L, 1);
    }
    neapL_waiting(L, NEAPL_AWAIT); // or nothing is begun
    return size;
}

// ---- wait

// Two lists, in the order given: what has ended, and what has not.
static int push_sets(lua_State *L, int size) {
    lua_newtable(L);
    lua_newtable(L);
    for (int i = 1; i <= size; i++) {
        lua_rawgeti(L, NEAPL_LIST, i);
        const neapL_future *future = lua_touserdata(L, -1);
        int set = neapL_is_pending(future) ? -2 : -3;
        lua_rawseti(L, set, (lua_Integer)lua_rawlen(L, set) + 1);
    }
    return 2;
}

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
    const neapL_gathering *gathering = neapL_gathering_at(L, NEAPL_GATHERING);
    if (!gathering) return neapL_gathering_forsake(L, status);
    bool over = neapL_gathering_is_over(gathering);
    over |= neapL_gathering_woken(L, status) == NEAP_WAKE_TIMEOUT;
    if (over) return push_sets(L, gathering->size);
    return neapL_gathering_wait(L, ctx, wait_k);
}

// neap.wait(list, { timeout =, return_when = }) -> done, pending
static int wait_some(lua_State *L) {
    luaL_checktype(L, LIST, LUA_TTABLE);
    int64_t deadline_ns = check_options(L, " timeout return_when ");
    int when = check_when(L), size = check_list(L);
    if (neapL_is_cancelled(L)) return neapL_meet_cancel(L);
    neapL_gathering *gathering = neapL_gathering_new(L, size, size);
    neapL_toclose(L, NEAPL_GATHERING);
    for (int i = 0; i < size; i++) neapL_watch_next(L, &gathering->watches[i]);
    gathering->deadline_ns = deadline_ns;
    if (when == 1 && size > 0) gathering->enough = size - 1;
    gathering->on_error = when == 2;
    return neapL_begin(L, 0, wait_k);
}

// ---- as_completed

enum { STATE = 2 }; // upvalue of the iterator: its gathering

static int raise_timeout(lua_State *L, const neapL_gathering *gathering) {
    const char *words =
        lua_pushfstring(L, "as_completed: time-out, %d of %d still run",
                        gathering->pending, gathering->size);
    neapL_pusherror(L, &neapL_timed_out, words);
    return lua_error(L);
}

// Pushes what a watch has watched, and keeps it no longer.
static int hand_out(lua_State *L, int place) {
    lua_rawgeti(L, NEAPL_LIST, place);
    neapL_future_see(neapL_rt(L), lua_touserdata(L, -1));
    lua_pushnil(L);
    lua_rawseti(L, NEAPL_LIST, place);
    return 1;
}

static int next_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_gathering *gathering = neapL_gathering_at(L, NEAPL_GATHERING);
    bool late = neapL_woken(L, status) == NEAP_WAKE_TIMEOUT;
    if (!gathering) return lua_pushnil(L), 1; // the loop was left
    const neapL_watch *watch = neapL_gathering_take(gathering);
    if (watch) return hand_out(L, watch->place);
    if (gathering->pending == 0) return lua_pushnil(L), 1;
    if (late) return raise_timeout(L, gathering);
    gathering->enough = gathering->pending - 1;
    return neapL_gathering_wait(L, ctx, next_k);
}

static int next_ended(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(STATE));
    lua_getiuservalue(L, NEAPL_GATHERING, 1);
    return neapL_begin(L, 0, next_k);
}

// for task in neap.as_completed(list, { timeout = }) do: in the order of ending
static int as_completed(lua_State *L) {
    luaL_checktype(L, LIST, LUA_TTABLE);
    int64_t deadline_ns = check_options(L, " timeout ");
    int size = check_list(L);
    if (neapL_is_cancelled(L)) return neapL_meet_cancel(L);
    neapL_gathering *gathering = neapL_gathering_new(L, size, size);
    neapL_gathering_lend(L);
    gathering->deadline_ns = deadline_ns;
    for (int i = 0; i < size; i++) neapL_watch_next(L, &gathering->watches[i]);
    lua_pushlightuserdata(L, neapL_rt(L));
    lua_pushvalue(L, NEAPL_GATHERING);
    lua_pushcclosure(L, next_ended, STATE);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, NEAPL_GATHERING);
    return 4;
}

static const luaL_Reg functions[] = {
    {"wait", wait_some}, {"as_completed", as_completed}, {NULL, NULL}};

void neapL_open_wait(lua_State *L, neap_runtime *rt) {
    neapL_addfuncs(L, rt, functions);
}
