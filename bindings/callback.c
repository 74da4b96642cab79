// SPDX-License-Identifier: MIT
// Callback: call_soon, call_later, call_at, on_done, and how they are run.
//
// They run in a Lua thread of the loop's own, under one pcall: nothing can wait
// there, current() is nil, and an error goes to the report function with the
// line that made the callback.
#include "bindings/callback.h"
#include "bindings/report.h"

#include <assert.h>

// ---- making

enum {
    COUNT_MAX = 60000, // arguments: Lua bounds user values by 65,535
    SITE_DEPTH_MAX = 3 // C functions between us and who called
};

static void note_site(lua_State *L, neapL_handle *handle) {
    lua_Debug ar;
    handle->line = -1;
    for (int level = 1; level <= SITE_DEPTH_MAX; level++) {
        if (!lua_getstack(L, level, &ar)) return;
        lua_getinfo(L, "l", &ar);
        if (ar.currentline < 0) continue; // a C function, such as pcall
        lua_getinfo(L, "f", &ar);
        handle->line = ar.currentline;
        lua_setiuservalue(L, -2, NEAPL_HANDLE_SITE);
        return;
    }
}

static void inherit(lua_State *L, neap_runtime *rt, neapL_handle *handle) {
    neapL_context_pass(L, rt);
    handle->contexted = true;
    lua_setiuservalue(L, -2, NEAPL_HANDLE_ARGS + handle->count);
}

neapL_handle *neapL_handle_new(lua_State *L, int arg, int kind) {
    neap_runtime *rt = neapL_rt(L);
    luaL_checktype(L, arg, LUA_TFUNCTION);
    int count = lua_gettop(L) - arg, contexted = neapL_has_context(rt);
    luaL_argcheck(L, count <= COUNT_MAX, arg + 1, "too many arguments");
    neapL_handle *handle = neapL_new(L, &neapL_handle_type,
                                     NEAPL_HANDLE_ARGS + count - 1 + contexted);
    neap_task_init(&handle->core, &rt->loop, (uint8_t)kind);
    handle->count = count;
    handle->group_id = neapL_spawn_group(rt)->id;
    handle->active = true;
    note_site(L, handle);
    if (contexted) inherit(L, rt, handle);
    lua_pushvalue(L, arg);
    lua_setiuservalue(L, -2, NEAPL_HANDLE_FN);
    for (int i = 0; i < count; i++) {
        lua_pushvalue(L, arg + 1 + i);
        lua_setiuservalue(L, -2, NEAPL_HANDLE_ARGS + i);
    }
    return handle;
}

void neapL_anchor(lua_State *L, neap_runtime *rt, int index) {
    index = lua_absindex(L, index);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    lua_pushvalue(L, index);
    lua_rawsetp(L, -2, lua_touserdata(L, index));
    lua_pop(L, 1);
}

void neapL_anchor_reserve(lua_State *L, neap_runtime *rt, const void *ud) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    lua_pushboolean(L, 0);
    lua_rawsetp(L, -2, ud);
    lua_pop(L, 1);
}

void neapL_unanchor(lua_State *L, neap_runtime *rt, const void *ud) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    lua_pushnil(L);
    lua_rawsetp(L, -2, ud);
    lua_pop(L, 1);
}

static void check_open(lua_State *L, neap_runtime *rt) {
    if (rt->closing) luaL_error(L, "the runtime is closed");
}

int neapL_call_soon(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    check_open(L, rt);
    neapL_handle *handle = neapL_handle_new(L, 1, NEAPL_CALLBACK);
    neapL_anchor(L, rt, -1);
    neap_task_ready(&handle->core, NEAP_WAKE_READY);
    return 1;
}

static int call_when(lua_State *L, int64_t deadline_ns) {
    neap_runtime *rt = neapL_rt(L);
    check_open(L, rt);
    neapL_handle *handle = neapL_handle_new(L, 2, NEAPL_CALLBACK);
    neapL_anchor(L, rt, -1); // it raises without memory: before the reserving
    if (neap_task_reserve(&handle->core) < 0) {
        neapL_handle_cancel(L, rt, handle);
        return luaL_error(L, "not enough memory");
    }
    neap_task_wait(&handle->core, NULL);
    if (deadline_ns < NEAP_NEVER_NS) neap_task_arm(&handle->core, deadline_ns);
    return 1;
}

// A negative number of seconds at argument 1, clamped; it decides the order
// among those that are due at once.
static int64_t past_ns(lua_State *L) {
    lua_Number seconds = lua_tonumber(L, 1), least = -1e9;
    if (seconds >= 0) return 0;
    return (int64_t)((seconds > least ? seconds : least) * 1e9);
}

static int call_later(lua_State *L) {
    int64_t delay_ns = neapL_checkseconds(L, 1);
    return call_when(L, neapL_deadline(neapL_rt(L), delay_ns) + past_ns(L));
}

static int call_at(lua_State *L) {
    int64_t deadline_ns = neapL_checkseconds(L, 1);
    return call_when(L, deadline_ns + past_ns(L));
}

// ---- calling

const char *neapL_handle_site(lua_State *L, int index) {
    const neapL_handle *handle = lua_touserdata(L, index);
    lua_Debug ar;
    if (handle->line < 0) return lua_pushnil(L), NULL;
    lua_getiuservalue(L, index, NEAPL_HANDLE_SITE);
    lua_getinfo(L, ">S", &ar);
    return lua_pushfstring(L, "%s:%d", ar.short_src, handle->line);
}

// The handler keeps the traceback beside the error: { error, traceback }.
static int keep_traceback(lua_State *L) {
    lua_settop(L, 1);
    lua_createtable(L, 2, 0);
    lua_insert(L, 1);
    lua_rawseti(L, 1, 1);
    luaL_traceback(L, L, NULL, 1);
    lua_rawseti(L, 1, 2);
    return 1;
}

enum { // of the stack of the thread for callbacks
    HANDLE = 1,
    HANDLER,
    FUNCTION,         // and its arguments
    RECORD = FUNCTION // what keep_traceback made, or an error without it
};

static void report(lua_State *L, neap_runtime *rt) {
    const char *site = neapL_handle_site(L, HANDLE), *traceback = NULL;
    if (rt->limits.now.doomed) {
        neapL_push_verdict(L, rt);
        traceback = lua_tostring(L, -1);
        lua_pushvalue(L, -2);
    } else if (lua_istable(L, RECORD)) {
        lua_rawgeti(L, RECORD, 2);
        traceback = lua_tostring(L, -1);
        lua_rawgeti(L, RECORD, 1);
    } else lua_pushvalue(L, RECORD);
    rt->unseen++;
    neapL_report_error(L, rt, traceback, site);
}

static int push_call(lua_State *L, const neapL_handle *handle) {
    int count = handle->count;
    luaL_checkstack(L, count + LUA_MINSTACK, "too many arguments");
    lua_pushcfunction(L, keep_traceback);
    lua_getiuservalue(L, HANDLE, NEAPL_HANDLE_FN);
    for (int i = 0; i < count; i++)
        lua_getiuservalue(L, HANDLE, NEAPL_HANDLE_ARGS + i);
    if (!handle->with_future) return count;
    lua_getiuservalue(L, HANDLE, NEAPL_HANDLE_LAST);
    return count + 1;
}

void neapL_handle_call(neap_runtime *rt, neapL_handle *handle) {
    lua_State *L = rt->caller;
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    lua_rawgetp(L, -1, handle);
    lua_remove(L, 1);
    assert(lua_touserdata(L, HANDLE) == handle);
    if (!handle->fd) neapL_unanchor(L, rt, handle);
    if (handle->contexted) {
        lua_getiuservalue(L, HANDLE, NEAPL_HANDLE_ARGS + handle->count);
        neapL_context_enter(L, rt);
    }
    int count = push_call(L, handle);
    rt->running = L;
    rt->callback_group_id = handle->group_id;
    if (rt->interruption.pending) neapL_interrupt_running(rt);
    int status = lua_pcall(L, count, 0, HANDLER);
    rt->running = NULL;
    rt->callback_group_id = 0;
    if (rt->callback_contexted) neapL_context_leave(L, rt);
    if (status != LUA_OK || rt->limits.now.doomed) report(L, rt);
    lua_settop(L, 0);
}

void neapL_callback_slice(neap_runtime *rt, neap_task *callback) {
    neapL_handle *handle = NEAP_OWNER(callback, neapL_handle, core);
    assert(handle->active);
    handle->active = false;
    neap_task_term(&handle->core);
    neapL_handle_call(rt, handle);
}

// Each callback of the line gets a place in the table of anchors, or, with
// `hold`, is put there. [-0, +0, m]
static void take_places(lua_State *L, int callbacks, const neap_list *line,
                        bool hold) {
    const neap_link *link = line->next;
    for (; link != line; link = link->next) {
        neap_task *core = NEAP_OWNER(link, neap_task, link);
        const neapL_handle *handle = NEAP_OWNER(core, neapL_handle, core);
        if (core->kind != NEAPL_CALLBACK) continue;
        if (hold) lua_rawgetp(L, callbacks, handle);
        else lua_pushboolean(L, 0);
        lua_rawsetp(L, -2, handle);
    }
}

// What has a place needs no memory for it: all of them are held, or none.
void neapL_callbacks_anchor(lua_State *L, int index) {
    const neapL_future *future = lua_touserdata(L, index);
    if (neapL_getextra(L, index, "callbacks") == LUA_TTABLE) {
        int callbacks = lua_gettop(L);
        lua_rawgeti(L, LUA_REGISTRYINDEX, neapL_find(L)->anchors);
        take_places(L, callbacks, &future->line, false);
        take_places(L, callbacks, &future->line, true);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

// ---- on_done

// The handle on top goes into the future's table of callbacks. [-1, +0, m]
static void keep(lua_State *L, neapL_handle *handle) {
    if (neapL_getextra(L, 1, "callbacks") != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        neapL_setextra(L, 1, "callbacks");
    }
    lua_insert(L, -2);
    lua_rawsetp(L, -2, handle);
    lua_pop(L, 1);
}

// future:on_done(fn, ...): called with ... and the future in the pass after it
// ended. The handle is the future's, and is collected with it.
static int future_on_done(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    neapL_future *future = neapL_checkfuture(L, 1);
    check_open(L, rt);
    neapL_handle *handle = neapL_handle_new(L, 2, NEAPL_CALLBACK);
    handle->with_future = true;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, NEAPL_HANDLE_LAST);
    if (neapL_is_pending(future)) {
        keep(L, handle);
        neap_task_wait(&handle->core, &future->line);
        return 0;
    }
    neapL_future_see(rt, future);
    neapL_anchor(L, rt, -1);
    neap_task_ready(&handle->core, NEAP_WAKE_READY);
    return 0;
}

static bool calls(lua_State *L, int fn) {
    lua_getiuservalue(L, -1, NEAPL_HANDLE_FN);
    bool same = lua_rawequal(L, -1, fn);
    lua_pop(L, 1);
    return same;
}

// future:remove_done(fn) -> how many were removed that had not been called.
static int future_remove_done(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    neapL_checkfuture(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    int removed = 0;
    if (neapL_getextra(L, 1, "callbacks") == LUA_TTABLE)
        for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
            neapL_handle *handle = lua_touserdata(L, -1);
            if (!calls(L, 2)) continue;
            removed += neapL_handle_cancel(L, rt, handle);
            lua_pushnil(L); // setting a present key to nil is allowed
            lua_rawsetp(L, 3, handle);
        }
    lua_pushinteger(L, removed);
    return 1;
}

// ---- handles

bool neapL_handle_cancel(lua_State *L, neap_runtime *rt, neapL_handle *handle) {
    if (!handle->active) return false;
    handle->active = false;
    handle->cancelled = true;
    neap_task_term(&handle->core);
    neapL_unanchor(L, rt, handle);
    return true;
}

static int handle_cancel(lua_State *L) {
    neapL_handle *handle = neapL_check(L, 1, &neapL_handle_type);
    lua_pushboolean(L, neapL_handle_cancel(L, neapL_rt(L), handle));
    return 1;
}

static int handle_cancelled(lua_State *L) {
    const neapL_handle *handle = neapL_check(L, 1, &neapL_handle_type);
    lua_pushboolean(L, handle->cancelled);
    return 1;
}

static int handle_tostring(lua_State *L) {
    neapL_handle *handle = neapL_check(L, 1, &neapL_handle_type);
    const char *state = handle->active      ? "pending"
                        : handle->cancelled ? "cancelled"
                                            : "called";
    const char *site = neapL_handle_site(L, 1);
    lua_pushfstring(L, "<Handle %s, %s>", state, site ? site : "?");
    return 1;
}

static const luaL_Reg handle_meta[] = {{"__tostring", handle_tostring},
                                       {NULL, NULL}};
static const luaL_Reg handle_methods[] = {
    {"cancel", handle_cancel}, {"cancelled", handle_cancelled}, {NULL, NULL}};

const neapL_type neapL_handle_type = {"neap.Handle", sizeof(neapL_handle),
                                      handle_methods, handle_meta};

static const luaL_Reg done_methods[] = {{"on_done", future_on_done},
                                        {"remove_done", future_remove_done},
                                        {NULL, NULL}};

static const luaL_Reg functions[] = {{"call_soon", neapL_call_soon},
                                     {"call_later", call_later},
                                     {"call_at", call_at},
                                     {NULL, NULL}};

void neapL_open_callback(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &neapL_handle_type);
    neapL_addmethods(L, rt, &neapL_task_type, done_methods);
    neapL_addmethods(L, rt, &neapL_future_type, done_methods);
    neapL_addfuncs(L, rt, functions);
}
