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

#include "bindings/block.h"
#include "bindings/borrow.h"
#include "bindings/callback.h"
#include "bindings/reader.h"
#include "bindings/runtime.h"
#include "bindings/socket.h"
#include "bindings/sys.h"
#include "bindings/threads.h"

static const char reason[] = "the runtime is closing";

void neapL_close_tasks(neap_runtime *rt) {
    lua_State *L = rt->turner;
    neap_scope *root = &rt->root->scope, *scope = neap_scope_leaf(root);
    assert(rt->closing); // nobody enters the tree, and nobody leaves it
    for (; scope != root; scope = neap_scope_back(scope)) {
        neapL_task *task = neapL_task_of(scope);
        if (!task) continue;
        neapL_task_unwind(L, task, "os.exit");
        lua_pop(L, 1);
    }
}

// Protected: names all that are left of a group. How they are ended then is no
// news.
static int name_tasks(lua_State *L) {
    neapL_group *group = lua_touserdata(L, 1);
    neap_scope *root = &group->scope, *scope = root;
    while ((scope = neap_scope_next(root, scope, false))) {
        neapL_task *task = neapL_task_of(scope);
        if (!task) continue;
        neapL_overdue_name(L, task);
        task->future.seen = true;
    }
    return 0;
}

// Turns until no task is left, or the grace is over.
static void turn_out(neapL_group *group) {
    neap_runtime *rt = group->rt;
    int64_t end_ns = neap_clock_ns() + rt->config.grace_ns;
    while (!neapL_group_is_over(group)) {
        int64_t left_ns = end_ns - neap_clock_ns();
        if (left_ns <= 0 || neapL_turn(rt, rt->L, left_ns) < 0) return;
    }
}

void neapL_run_out(neapL_group *group) {
    turn_out(group);
    if (neapL_group_is_over(group)) return;
    neapL_protect(group->rt->L, name_tasks, group);
    neapL_end_group(group->rt->L, group);
}

static int drop_readers(lua_State *L) {
    neapL_readers_term(L, lua_touserdata(L, 1));
    return 0;
}

static bool is_ready(const neap_loop *loop) {
    return !neap_list_empty(&loop->ready) || !neap_list_empty(&loop->pass);
}

// Those who wait for an end that has come are told; nothing new is made ready.
static void tell_all(neap_runtime *rt) {
    neapL_protect(rt->L, drop_readers, rt);
    while (is_ready(&rt->loop) && rt->alive == 0)
        if (neapL_turn(rt, rt->L, 0) < 0) break;
    neapL_host_tell(rt);
}

// Protected: callbacks that wait for their time will not be called.
static int drop_callbacks(lua_State *L) {
    const neap_runtime *rt = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        neapL_handle *handle = neapL_test(L, -1, &neapL_handle_type);
        if (!handle || !handle->active) continue;
        handle->active = false;
        handle->cancelled = true;
        neap_task_term(&handle->core);
    }
    return 0;
}

// Protected: coroutines that nobody will run again. The state may live on.
static int drop_threads(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, 1);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &rt->caller);
    luaL_unref(L, LUA_REGISTRYINDEX, rt->threads.anchors);
    rt->threads.anchors = LUA_NOREF;
    return 0;
}

void neapL_wind_up(neap_runtime *rt) {
    rt->turner = rt->L;
    neap_inbox_close(rt->loop.inbox);
    neapL_overdue_stop(rt);
    neapL_debug_leaks(rt);
    neapL_group_cancel(rt->L, rt->root, reason);
    neapL_cfutures_cancel(rt); // no post will complete them
    neapL_run_out(rt->root);
    neap_inbox_drain(rt->loop.inbox); // what threads said in the end
    neapL_run_out(rt->root);          // posts may have spawned
    rt->closing = true;
    tell_all(rt);
    neapL_protect(rt->L, drop_callbacks, rt);
    neapL_protect(rt->L, drop_threads, rt);
    neapL_cfutures_term(rt);
}

// Sockets that nobody closed; their userdata find them closed.
static void close_fds(neap_loop *loop) {
    for (size_t row = 0; row < loop->fds.size; row++) {
        neap_fd *fd = loop->fds.rows[row];
        bool settled;
        if (!fd) continue;
        int number = neap_fd_close(fd, &settled);
        if (fd->kind != NEAP_FD_BORROWED && number >= 0) neap_sys_close(number);
    }
}

void neapL_runtime_term(neap_runtime *rt) {
    rt->closing = true;
    neapL_workers_close(rt->workers);
    rt->workers = NULL;
    if (!rt->owns_state) neapL_close_sockets(rt);
    close_fds(&rt->loop);
    neapL_borrowed_term(rt);
    while (!neap_list_empty(&rt->groups)) {
        neap_link *link = rt->groups.prev;
        neapL_group *group = NEAP_OWNER(link, neapL_group, link);
        neap_list_unlink(link);
        neap_alloc_free(&rt->alloc, group, sizeof *group);
    }
    neapL_blocks_term(rt);
    rt->root = rt->group = NULL;
    if (rt->scratch)
        neap_alloc_free(&rt->alloc, rt->scratch, NEAPL_SCRATCH_SIZE);
    rt->scratch = NULL;
    neapL_buffers_term(rt);
    neapL_sockets_term(rt);
    if (rt->owns_state) neapL_gatherings_term(rt);
    neapL_channels_term(rt);
    neapL_codes_term(rt);
    neapL_threads_term(rt);
    neap_inbox_close(rt->loop.inbox);
    neap_loop_term(&rt->loop);
    rt->loop.alarmed = false; // there is no alarm any more
}
