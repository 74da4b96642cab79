// SPDX-License-Identifier: MIT
// Cancel: the error that a cancelled scope raises, and whose it is.
//
// A Cancelled is made once, by the cancel, and every wait in the scope raises
// that object; a time-out's is made by the first raise, since a deadline
// strikes where no Lua runs. A task's is its user value; others are in the
// registry, under the address of their scope, until that is left.
//
// Whether a task was cancelled is decided by what ended it: its own Cancelled,
// or that of a scope around it. Any other Cancelled, of a task that it awaited,
// is an error to it.
#include <assert.h>

#include "bindings/report.h"
#include "bindings/task.h"

static const char spare = 's'; // registry: a Cancelled, for want of memory

// The Cancelled for the reason on top of L, pushed.
static void push_for(lua_State *L) {
    int reason = lua_gettop(L);
    const char *words = neapL_errorstring(L, reason);
    words = lua_pushfstring(L, "cancelled: %s", words);
    neapL_pusherror(L, &neapL_cancelled, words);
    lua_pushvalue(L, reason);
    lua_setfield(L, -2, "reason");
    lua_replace(L, reason + 1);
    lua_settop(L, reason + 1);
}

void neapL_pushcancel(lua_State *L, int index) {
    if (index) index = lua_absindex(L, index);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (lua_isnil(L, -1)) neapL_pusherror(L, &neapL_cancelled, NULL);
    else push_for(L);
    if (index) lua_pushvalue(L, index), lua_setfield(L, -2, "task");
    lua_replace(L, -2);
}

bool neapL_cancel_at(lua_State *L, int index) {
    neapL_task *task = lua_touserdata(L, index);
    bool pending = neapL_is_pending(&task->future);
    if (!pending || task->future.cancelling) return lua_pop(L, 1), pending;
    neapL_pushcancel(L, index);
    neapL_setvalue(L, index);
    task->future.cancelling = true;
    neap_scope_cancel(&task->scope);
    return true;
}

bool neapL_task_cancel(lua_State *L, neapL_task *task) {
    if (!neapL_is_pending(&task->future)) return lua_pop(L, 1), false;
    neapL_task_push(L, task);
    lua_insert(L, -2);
    bool pending = neapL_cancel_at(L, lua_gettop(L) - 1);
    lua_pop(L, 1);
    return pending;
}

// Pushes the task that waits in a scope, or nil.
static void push_owner(lua_State *L, const neap_scope *scope) {
    if (scope->task) neapL_task_push(L, NEAPL_CORE_TASK(scope->task));
    else lua_pushnil(L);
}

// The Cancelled of a scope that is no task's, from the reason on top.
static void keep(lua_State *L, const neap_scope *scope) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    push_owner(L, scope);
    lua_insert(L, -2);
    neapL_pushcancel(L, lua_isnil(L, -2) ? 0 : -2);
    lua_remove(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, scope);
}

bool neapL_scope_cancel(lua_State *L, neap_scope *scope) {
    assert(scope->kind != NEAPL_SCOPE_TASK);
    if (scope->cancelled) return lua_pop(L, 1), false;
    keep(L, scope);
    return neap_scope_cancel(scope);
}

void neapL_push_spare(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &spare);
}

typedef struct stop { // of a scope, or of a task
    neap_scope *scope;
    neapL_task *task;
    const char *reason;
} stop;

// Protected: the Cancelled of a scope that is stopped.
static int keep_stop(lua_State *L) {
    const stop *it = lua_touserdata(L, 1);
    lua_pushstring(L, it->reason);
    keep(L, it->scope);
    return 0;
}

void neapL_scope_stop(lua_State *L, neap_scope *scope, const char *reason) {
    stop it = {.scope = scope, .reason = reason};
    if (scope->cancelled) return;
    neapL_protect(L, keep_stop, &it); // or the spare one stands in for it
    neap_scope_cancel(scope);
}

// Protected.
static int stop_task(lua_State *L) {
    const stop *it = lua_touserdata(L, 1);
    lua_pushstring(L, it->reason);
    neapL_task_cancel(L, it->task);
    return 0;
}

bool neapL_task_stop(lua_State *L, neapL_task *task, const char *reason) {
    stop it = {.task = task, .reason = reason};
    if (task->scope.cancelled) return false;
    if (!neapL_protect(L, stop_task, &it)) neap_scope_cancel(&task->scope);
    return true;
}

// Pushes what is kept of a scope's own cancel: nil where that is a time-out's
// which has raised nothing.
static void push_kept(lua_State *L, const neap_scope *scope) {
    if (scope->kind != NEAPL_SCOPE_TASK) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, scope);
        if (!lua_isnil(L, -1) || scope->kind == NEAPL_SCOPE_BLOCK) return;
    } else {
        neapL_task_push(L, NEAPL_CORE_TASK(scope->task));
        neapL_getvalue(L, -1);
        lua_remove(L, -2);
        if (!lua_isnil(L, -1)) return;
    }
    lua_pop(L, 1);
    neapL_push_spare(L);
}

void neapL_push_cancelled_by(lua_State *L, const neap_scope *scope) {
    assert(scope->cancelled);
    push_kept(L, scope);
    if (!lua_isnil(L, -1) || scope->kind != NEAPL_SCOPE_BLOCK) return;
    lua_pop(L, 1);
    lua_pushliteral(L, "timed out");
    keep(L, scope);
    push_kept(L, scope);
}

void neapL_push_cancelled(lua_State *L, neapL_task *task) {
    neapL_push_cancelled_by(L, task->core.inner->cause);
}

bool neapL_is_cancel_by(lua_State *L, const neap_scope *scope, int index) {
    if (!scope->cancelled || lua_isnil(L, index)) return false;
    index = lua_absindex(L, index);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    push_kept(L, scope);
    bool same = lua_rawequal(L, -1, index);
    lua_pop(L, 1);
    return same;
}

// The cause is nearly always it; other Cancelleds are looked for outwards.
bool neapL_is_cancel_of(lua_State *L, const neap_scope *scope, int index) {
    index = lua_absindex(L, index);
    if (scope->cause && neapL_is_cancel_by(L, scope->cause, index)) return true;
    if (!neapL_iserror(L, index, &neapL_cancelled)) return false;
    while (scope && !neapL_is_cancel_by(L, scope, index)) scope = scope->parent;
    return scope != NULL;
}

void neapL_open_cancel(lua_State *L) {
    neapL_pusherror(L, &neapL_cancelled,
                    "cancelled: there is no memory for the reason");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &spare);
}
