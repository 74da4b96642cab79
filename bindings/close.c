// SPDX-License-Identifier: MIT
// Close: how a runtime ends, so that every task's clean-up runs.
//
// Cancel, run on for at most the grace, name what is left and end it: from then
// on every wait raises, shielded or not, and each remaining task is closed from
// outside, children before parents. What else the loop holds (callbacks,
// readers, sockets) is taken out of it, so that values which live on in the
// host's state find nothing to touch.
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "bindings/callback.h"
#include "bindings/reader.h"
#include "bindings/runtime.h"
#include "bindings/threads.h"
#include "core/sys.h"

static const char reason[] = "the runtime is closing";

// The next task to be ended: one beneath which none stands; not `spare`.
static neapL_task *last_task(neap_runtime *rt, const neapL_task *spare) {
    neapL_task *last = NULL, *task = NULL;
    while ((task = neapL_task_next(rt, task)))
        if (task != spare) last = task;
    return last;
}

void neapL_close_tasks(neap_runtime *rt, const neapL_task *spare) {
    lua_State *L = rt->turner;
    neapL_task *task;
    rt->closing = true;
    if (!spare) {
        neapL_group_kill(L, rt->root);
        return;
    }
    while ((task = last_task(rt, spare))) {
        lua_pushstring(L, reason);
        neapL_task_kill(L, task, "os.exit");
    }
}

// Names a task that did not end within the grace.
static void name_task(lua_State *L, neap_runtime *rt, neapL_task *task) {
    char message[128];
    snprintf(message, sizeof message,
             "did not end within %g s of being cancelled",
             (double)rt->config.grace_ns / 1e9);
    neapL_task_push(L, task);
    luaL_traceback(L, task->co, NULL, 0);
    neapL_setextra(L, -2, "traceback");
    lua_pushstring(L, message);
    neapL_setextra(L, -2, "message");
    task->future.seen = true; // how it is ended then is no news
    neapL_report_task(L, rt, "leak");
    lua_pop(L, 1);
}

// Protected: names all that are left.
static int name_tasks(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, 1);
    neapL_task *task = NULL;
    while ((task = neapL_task_next(rt, task))) name_task(L, rt, task);
    return 0;
}

static int cancel_all(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, 1);
    neapL_group_cancel_tasks(L, rt->root, reason);
    return 0;
}

// Calls a protected function with the runtime; an error is dropped.
static void protect(neap_runtime *rt, lua_CFunction fn) {
    lua_State *L = rt->L;
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, rt);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

// Turns until no task is left, or the grace is over.
static void run_out(neap_runtime *rt) {
    int64_t end_ns = neap_clock_ns() + rt->config.grace_ns;
    while (rt->alive > 0) {
        int64_t left_ns = end_ns - neap_clock_ns();
        if (left_ns <= 0 || neapL_turn(rt, rt->L, left_ns) < 0) return;
    }
}

static int end_tasks(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, 1);
    neapL_close_tasks(rt, NULL);
    return 0;
}

// Protected: callbacks that wait for their time will not be called.
static int drop_callbacks(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, 1);
    neapL_readers_term(L, rt);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        neapL_handle *handle = neapL_test(L, -1, &neapL_handle_type);
        if (!handle || !handle->active) continue;
        handle->active = false;
        neap_task_term(&handle->core);
    }
    return 0;
}

void neapL_wind_up(neap_runtime *rt) {
    rt->turner = rt->L;
    neap_inbox_close(&rt->loop.inbox);
    protect(rt, cancel_all);
    run_out(rt);
    if (rt->alive > 0) protect(rt, name_tasks);
    rt->closing = true;
    while (rt->alive > 0) protect(rt, end_tasks);
    neapL_turn(rt, rt->L, 0); // the hosts that wait for them are told
    protect(rt, drop_callbacks);
}

// Sockets that nobody closed; their userdata find them closed.
static void close_fds(neap_loop *loop) {
    for (size_t row = 0; row < loop->fds.size; row++) {
        neap_fd *fd = loop->fds.rows[row];
        bool settled;
        if (!fd) continue;
        int number = neap_fd_close(fd, &settled);
        if (fd->kind != NEAP_FD_BORROWED) neap_sys_close(number);
    }
}

void neapL_runtime_term(neap_runtime *rt) {
    rt->closing = true;
    close_fds(&rt->loop);
    while (!neap_list_empty(&rt->groups)) {
        neap_link *link = rt->groups.prev;
        neapL_group *group = NEAP_OWNER(link, neapL_group, link);
        neap_list_unlink(link);
        neap_alloc_free(&rt->alloc, group, sizeof *group);
    }
    rt->root = rt->group = NULL;
    if (rt->scratch)
        neap_alloc_free(&rt->alloc, rt->scratch, NEAPL_SCRATCH_SIZE);
    rt->scratch = NULL;
    neapL_threads_term(rt);
    neap_loop_term(&rt->loop);
}
