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

// Protected. What its tasks still spawn is cancelled with them.
static int cancel_all(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, 1);
    neapL_group_cancel(L, rt->root, reason);
    return 0;
}

bool neapL_protect(neap_runtime *rt, lua_CFunction fn, void *ud) {
    lua_State *L = rt->L;
    if (!lua_checkstack(L, LUA_MINSTACK)) return false;
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, ud);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) return true;
    lua_pop(L, 1);
    return false;
}

static bool is_over(const neapL_group *group) {
    const neap_runtime *rt = group->rt;
    return group == rt->root ? rt->alive == 0 : group->live == 0;
}

// Turns until no task is left, or the grace is over.
static void turn_out(neapL_group *group) {
    neap_runtime *rt = group->rt;
    int64_t end_ns = neap_clock_ns() + rt->config.grace_ns;
    while (!is_over(group)) {
        int64_t left_ns = end_ns - neap_clock_ns();
        if (left_ns <= 0 || neapL_turn(rt, rt->L, left_ns) < 0) return;
    }
}

static int end_tasks(lua_State *L) {
    const neapL_group *group = lua_touserdata(L, 1);
    neapL_kill_beneath(L, (neap_scope *)&group->scope);
    return 0;
}

static void tell_hosts(const neapL_future *future) {
    neap_link *link = future->line.next, *next;
    for (; link != &future->line; link = next) {
        neap_task *core = NEAP_OWNER(link, neap_task, link);
        next = link->next;
        if (core->kind == NEAPL_HOST) neapL_host_wake(core);
    }
}

static void empty_group(neap_scope *scope) {
    neapL_group *group = NEAP_OWNER(scope, neapL_group, scope);
    group->live = group->daemons = 0;
    group->main = NULL;
}

static void drop_task(neapL_task *task) {
    tell_hosts(&task->future);
    task->future.state = NEAPL_CANCELLED;
    neap_task_term(&task->core);
    neapL_of_loop(task->core.loop)->alive--;
}

// They are dropped as they stand; only hosts are told. Finalizers of what they
// had open find it closed.
static void drop_tasks(neapL_group *group) {
    neap_scope *root = &group->scope, *scope = neap_scope_leaf(root), *next;
    for (; scope != root; scope = next) {
        next = neap_scope_back(scope);
        if (scope->kind == NEAPL_SCOPE_TASK) drop_task(neapL_task_of(scope));
        if (scope->kind == NEAPL_SCOPE_GROUP) empty_group(scope);
        if (scope->kind == NEAPL_SCOPE_BLOCK) neapL_block_forsake(scope);
        else neap_scope_close(scope);
    }
    empty_group(root);
}

// Each round ends some of them, or there is no memory even for that.
void neapL_end_group(neapL_group *group) {
    neap_runtime *rt = group->rt;
    uint32_t before = rt->alive + 1;
    while (!is_over(group) && rt->alive < before) {
        before = rt->alive;
        neapL_protect(rt, end_tasks, group);
    }
    if (!is_over(group)) drop_tasks(group);
}

void neapL_run_out(neapL_group *group) {
    turn_out(group);
    if (is_over(group)) return;
    neapL_protect(group->rt, name_tasks, group);
    neapL_end_group(group);
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
    neapL_protect(rt, drop_readers, rt);
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
    if (!neapL_protect(rt, cancel_all, rt)) neap_scope_cancel(&rt->root->scope);
    neapL_cfutures_cancel(rt); // no post will complete them
    neapL_run_out(rt->root);
    neap_inbox_drain(rt->loop.inbox); // what threads said in the end
    neapL_run_out(rt->root);          // posts may have spawned
    rt->closing = true;
    tell_all(rt);
    neapL_protect(rt, drop_callbacks, rt);
    neapL_protect(rt, drop_threads, rt);
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
    neapL_threads_term(rt);
    neap_inbox_close(rt->loop.inbox);
    neap_loop_term(&rt->loop);
    rt->loop.alarmed = false; // there is no alarm any more
}
