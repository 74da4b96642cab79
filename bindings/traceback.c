// SPDX-License-Identifier: MIT
// Traceback: the message handlers: what is kept of an error where it is raised.
//
// A handler sees only what no pcall inside catches. Beside the Task it keeps
// the traceback of the last error that was no cancel, and that error: where
// clean-up that waits replaces it by a Cancelled, it is still told.
//
// A guard (neap.timeout with a function, and its like) catches what was raised
// inside and hands it on: its own handler keeps the traceback apart, because a
// pcall further out may still catch the error; the task's takes it from there.
#include "bindings/block.h"

// What an error object that is told to a host says of itself, said where the
// error was raised, as lua does; goes beside the Task at index 2.
static void keep_words(lua_State *L) {
    lua_pushnil(L); // an error before it is forgotten
    if (!lua_isstring(L, 1) &&
        luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        if (lua_pcall(L, 1, 1, 0) != LUA_OK) lua_pushnil(L);
    }
    neapL_setextra(L, 2, "words");
}

// The error at index 1 comes out of a guard.
static bool is_from_guard(lua_State *L) {
    lua_Debug ar;
    return lua_getstack(L, 1, &ar) && neapL_is_guard(L, &ar);
}

// A guard's handler has seen it already; the Task is at index 2.
static bool is_kept(lua_State *L) {
    if (!is_from_guard(L)) return false;
    neapL_getextra(L, 2, "guarded");
    bool same = lua_rawequal(L, -1, 1);
    lua_pop(L, 1);
    return same;
}

// Puts what was seen of the error under two names.
static void keep(lua_State *L, const char *error, const char *traceback) {
    bool kept = is_kept(L);
    if (kept) neapL_getextra(L, 2, "inner_traceback");
    else luaL_traceback(L, L, NULL, 1);
    neapL_setextra(L, 2, traceback);
    lua_pushvalue(L, 1);
    neapL_setextra(L, 2, error);
}

// A Cancelled that comes out of a guard in place of an error raised inside.
static void keep_replaced(lua_State *L) {
    neapL_getextra(L, 2, "guarded");
    if (!lua_isnil(L, -1)) {
        neapL_getextra(L, 2, "inner_traceback");
        neapL_setextra(L, 2, "traceback");
        neapL_setextra(L, 2, "raised");
    }
}

int neapL_traceback(lua_State *L) {
    neap_runtime *rt = neapL_find(L);
    lua_settop(L, 1);
    bool cancelled = neapL_iserror(L, 1, &neapL_cancelled);
    if (!rt->task) return 1;
    if (cancelled && (!rt->task->future.boxed || !is_from_guard(L))) return 1;
    neapL_task_push(L, rt->task);
    if (cancelled) keep_replaced(L);
    else keep(L, "raised", "traceback");
    if (!cancelled && rt->task->future.hosted) keep_words(L);
    lua_settop(L, 1);
    return 1;
}

int neapL_guard_traceback(lua_State *L) {
    neap_runtime *rt = neapL_find(L);
    lua_settop(L, 1);
    if (neapL_iserror(L, 1, &neapL_cancelled) || !rt->task) return 1;
    neapL_task_push(L, rt->task);
    keep(L, "guarded", "inner_traceback");
    lua_settop(L, 1);
    return 1;
}

void neapL_forget_traceback(lua_State *L, int index) {
    static const char *const names[] = {"raised", "traceback", "guarded",
                                        "inner_traceback", NULL};
    const neapL_future *future = lua_touserdata(L, index);
    for (int i = 0; future->boxed && names[i]; i++) {
        lua_pushnil(L);
        neapL_setextra(L, index, names[i]);
    }
}
