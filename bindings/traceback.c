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
// What was caught is forgotten by the next guard that only a cancel ends.
#include "bindings/block.h"
#include "bindings/report.h"

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

// What is known of an error that another thread has raised; or NULL. Pushed.
static const char *push_elsewhere(lua_State *L) {
    neapL_getextra(L, 2, "raised_elsewhere");
    neapL_getextra(L, 2, "elsewhere");
    const char *traceback = lua_tostring(L, -1);
    if (!traceback || !lua_rawequal(L, -2, 1)) return NULL;
    return lua_pushfstring(L, "in another thread:\n%s\nand here:", traceback);
}

// Puts what was seen of the error under two names.
static void keep(lua_State *L, const char *error, const char *traceback) {
    bool kept = is_kept(L);
    if (kept) neapL_getextra(L, 2, "inner_traceback");
    else luaL_traceback(L, L, push_elsewhere(L), 1);
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

int neapL_raise_from(lua_State *L, const char *traceback) {
    const neap_runtime *rt = neapL_rt(L);
    if (!traceback || !rt->task) return lua_error(L);
    neapL_task_push(L, rt->task);
    lua_pushstring(L, traceback);
    neapL_setextra(L, -2, "elsewhere");
    lua_pushvalue(L, -2);
    neapL_setextra(L, -2, "raised_elsewhere");
    lua_pop(L, 1);
    return lua_error(L);
}

// The guard whose handler this is.
static void note_raised(const neapL_task *task) {
    neap_scope *scope = task->core.inner;
    for (; scope != &task->scope; scope = scope->parent) {
        if (scope->kind != NEAPL_SCOPE_BLOCK) continue;
        neapL_block *block = neapL_block_of(scope);
        if (!block->guards) continue;
        block->raised = true;
        return;
    }
}

int neapL_guard_traceback(lua_State *L) {
    neap_runtime *rt = neapL_find(L);
    lua_settop(L, 1);
    bool cancelled = neapL_iserror(L, 1, &neapL_cancelled);
    if (!rt->task || (cancelled && !is_from_guard(L))) return 1;
    neapL_task_push(L, rt->task);
    if (!cancelled) keep(L, "guarded", "inner_traceback");
    if (!cancelled || neapL_getextra(L, 2, "guarded") != LUA_TNIL)
        note_raised(rt->task);
    lua_settop(L, 1);
    return 1;
}

static void forget(lua_State *L, int index, const char *const *names) {
    const neapL_future *future = lua_touserdata(L, index);
    for (; future->boxed && *names; names++) {
        lua_pushnil(L);
        neapL_setextra(L, index, *names);
    }
}

static const char *const kept[] = {"raised", "traceback", "guarded",
                                   "inner_traceback", NULL};

void neapL_forget_traceback(lua_State *L, int index) { forget(L, index, kept); }

void neapL_forget_guarded(lua_State *L) {
    const neap_runtime *rt = neapL_rt(L);
    if (!rt->task) return;
    neapL_task_push(L, rt->task);
    forget(L, lua_gettop(L), kept + 2);
    lua_pop(L, 1);
}
