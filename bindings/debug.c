// SPDX-License-Identifier: MIT
// Debug: what holds the loop up, and what is left over (NEAP_DEBUG_MODE).
//
// The resume hook is chosen when the runtime is made: outside of debug mode no
// switch pays for it. This one takes the time, and reports a slice that was
// long: the others waited for it. Where it began is noted before, for a task
// that ended in it has nothing left to tell.
//
// neap_close, before it cancels anything, reports what nobody ended: tasks that
// are no daemons, callbacks that wait for their time, Sockets.
//
// Whatever fails here for want of memory is not reported; nothing else fails.
#include <stdio.h>
#include <string.h>

#include "bindings/callback.h"
#include "bindings/report.h"
#include "bindings/runtime.h"
#include "bindings/socket.h"

#define SLOW_NS (100 * NEAP_MILLISECOND_NS) // a person begins to notice

// ---- slices that are long

typedef struct slice {
    neap_task *core;  // whose it is; of a callback it may be gone afterwards
    bool of_task;     // a task's; else a callback's
    char site[128];   // where that was made; empty: unknown
    char message[80]; // of the report
} slice;

// Pushes a callback's Handle, which is anchored.
static void push_handle(lua_State *L, neap_runtime *rt, neap_task *core) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    lua_rawgetp(L, -1, NEAP_OWNER(core, neapL_handle, core));
    lua_remove(L, -2);
}

// Protected: notes where it was made.
static int note_site(lua_State *L) {
    slice *it = lua_touserdata(L, 1);
    const char *site;
    if (it->of_task) site = neapL_spawned_at(L, NEAPL_CORE_TASK(it->core));
    else {
        push_handle(L, neapL_find(L), it->core);
        site = neapL_handle_site(L, -1);
    }
    if (site) snprintf(it->site, sizeof it->site, "%s", site);
    return 0;
}

// A task that has ended: it is all that its coroutine returned.
static void report_ended(lua_State *L, neapL_task *task, const slice *it) {
    lua_pushvalue(task->co, -1);
    lua_xmove(task->co, L, 1);
    neap_report report = {.kind = "slow", .id = task->id};
    if (neapL_getextra(L, -1, "name") == LUA_TSTRING)
        report.task = lua_tostring(L, -1);
    report.message = it->message;
    report.spawned_at = *it->site ? it->site : NULL;
    neapL_report(neapL_find(L), &report);
}

// Protected: reports it.
static int report_slow(lua_State *L) {
    slice *it = lua_touserdata(L, 1);
    if (!it->of_task) {
        neap_report report = {.kind = "slow", .message = it->message};
        report.spawned_at = *it->site ? it->site : NULL;
        neapL_report(neapL_find(L), &report);
        return 0;
    }
    neapL_task *task = NEAPL_CORE_TASK(it->core);
    if (neapL_is_pending(&task->future))
        neapL_report_standing(L, task, "slow", it->message);
    else report_ended(L, task, it);
    return 0;
}

static void call(neap_runtime *rt, lua_CFunction fn, void *ud) {
    lua_State *L = rt->turner;
    if (!lua_checkstack(L, LUA_MINSTACK)) return;
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, ud);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

void neapL_debug_slice(neap_task *core) {
    neap_runtime *rt = neapL_of_loop(core->loop);
    slice it = {.core = core, .of_task = core->kind == NEAPL_TASK};
    if (core->kind > NEAPL_READER) { // a host's, or our own
        neapL_slice(core);
        return;
    }
    neapL_leave_slice(rt);
    call(rt, note_site, &it);
    int64_t start_ns = neap_clock_ns();
    neapL_slice(core);
    int64_t took_ns = neap_clock_ns() - start_ns;
    if (took_ns <= SLOW_NS) return;
    neapL_leave_slice(rt);
    snprintf(it.message, sizeof it.message, "%sheld the loop for %.3g s",
             it.of_task ? "" : "a callback ", (double)took_ns / 1e9);
    call(rt, report_slow, &it);
}

// ---- what is left over

static void list_tasks(lua_State *L, neap_runtime *rt) {
    neapL_task *task = NULL;
    while ((task = neapL_task_next(rt, task)))
        if (!task->future.daemon)
            neapL_report_standing(L, task, "leak",
                                  "had not ended when the runtime was closed");
}

// The one on top is a callback that waits for its time.
static bool is_timer(lua_State *L) {
    const neapL_handle *handle = neapL_test(L, -1, &neapL_handle_type);
    return handle && !handle->fd && handle->core.state == NEAP_TASK_WAITING;
}

// Collects them first: who hears of one may make others.
static void list_timers(lua_State *L, neap_runtime *rt) {
    int count = 0;
    lua_newtable(L);
    int list = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    for (lua_pushnil(L); lua_next(L, list + 1); lua_settop(L, list + 2))
        if (is_timer(L)) lua_rawseti(L, list, ++count);
    for (int i = 1; i <= count; i++) {
        neap_report report = {.kind = "leak"};
        lua_settop(L, list);
        lua_rawgeti(L, list, i);
        report.message = "a callback was never called";
        report.spawned_at = neapL_handle_site(L, -1);
        neapL_report(rt, &report);
    }
}

static void list_sockets(lua_State *L, neap_runtime *rt) {
    for (size_t row = 0; row < rt->loop.fds.size; row++) {
        neap_fd *fd = rt->loop.fds.rows[row];
        if (!fd || fd->kind == NEAP_FD_BORROWED) continue;
        neapL_socket_describe(L, NEAP_OWNER(fd, neapL_socket, fd));
        lua_pushfstring(L, "%s was left open", lua_tostring(L, -1));
        neapL_report_words(rt, "leak", lua_tostring(L, -1));
        lua_pop(L, 2);
    }
}

// Protected.
static int list_all(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, 1);
    list_tasks(L, rt);
    list_timers(L, rt);
    list_sockets(L, rt);
    return 0;
}

// Nothing is collected meanwhile: a Socket that nobody refers to is left open,
// too, and is not held by its number.
void neapL_debug_leaks(neap_runtime *rt) {
    if (!(rt->config.flags & NEAP_DEBUG_MODE)) return;
    bool collects = lua_gc(rt->L, LUA_GCISRUNNING);
    lua_gc(rt->L, LUA_GCSTOP);
    call(rt, list_all, rt);
    if (collects) lua_gc(rt->L, LUA_GCRESTART);
}
