// SPDX-License-Identifier: MIT
// Kill: tasks that end from outside of their coroutine.
//
// One that cannot end by itself is killed: its coroutine is closed, so that its
// clean-up runs, where nothing can wait. That takes memory; where there is none
// it is dropped as it stands, which takes none at all. One that nobody has seen
// yet and that has not begun is withdrawn.
#include <assert.h>

#include "bindings/block.h"
#include "bindings/runtime.h"
#include "bindings/socket.h"
#include "bindings/threads.h"

void neapL_task_unwind(lua_State *L, neapL_task *task, const char *who) {
    neap_runtime *rt = neapL_of_loop(task->core.loop);
    lua_State *co;
    neapL_task *current = rt->task; // whose scope clean-up sees
    neap_scope *outer = current ? current->core.inner : NULL;
    neapL_task_push(L, task);
    int index = lua_gettop(L);
    neapL_spawned_at(L, task);
    neapL_setextra(L, index, "spawned_at");
    neapL_context_keep(L, task, index);
    neapL_anchor(L, rt, index);
    task->future.closing = true;
    if (task->core.state == NEAP_TASK_WAITING) neap_task_forgo(&task->core);
    neapL_socket_forsake(neapL_innermost(task->co), task);
    if (task->core.inner->kind == NEAPL_SCOPE_COVER) // of the wait cut off
        neapL_uncover(task->core.inner);
    neapL_stretch stretch = neapL_limits_begin(rt);
    while ((co = neapL_innermost(task->co)) != task->co)
        neapL_unwind(L, co, who);
    neapL_unwind(L, co, who);
    neapL_limits_end(rt, &stretch);
    if (current && current != task && current->core.inner != outer)
        neapL_blocks_drop(L, current->core.inner, outer);
}

void neapL_task_kill(lua_State *L, neapL_task *task, const char *who) {
    neap_runtime *rt = neapL_of_loop(task->core.loop);
    lua_State *co = task->co;
    uint32_t row = task->scope.tag;
    if (task->scope.kids) neapL_kill_beneath(L, &task->scope);
    neapL_task_unwind(L, task, who);
    lua_insert(L, -2); // Task, error
    if (neapL_is_pending(&task->future)) neapL_task_fail(L, task, -2);
    else lua_pop(L, 1);
    if (!task->future.unawaited) neapL_unanchor(L, rt, task);
    neapL_task_leave(task);
    neapL_thread_give(rt, co, row, false);
    lua_pop(L, 1);
}

// All tasks beneath a scope, in pre-order, in a table that is pushed: children
// come behind their parents.
static int push_tasks(lua_State *L, neap_scope *root) {
    int count = 0;
    neap_scope *scope = root;
    lua_newtable(L);
    while ((scope = neap_scope_next(root, scope, false))) {
        neapL_task *task = neapL_task_of(scope);
        if (!task) continue;
        neapL_task_push(L, task);
        lua_rawseti(L, -2, ++count);
    }
    return count;
}

// Clean-up may spawn: then there is another round.
void neapL_kill_beneath(lua_State *L, neap_scope *root) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    for (int count; (count = push_tasks(L, root)) > 0; lua_pop(L, 1)) {
        for (; count > 0; count--) {
            lua_rawgeti(L, -1, count);
            neapL_task *task = lua_touserdata(L, -1);
            neapL_pusherror(L, &neapL_ended, NULL);
            if (task->co) neapL_task_kill(L, task, "the task");
            else lua_pop(L, 1);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

// ---- withdrawing

void neapL_task_withdraw(neapL_task *task) {
    neap_runtime *rt = neapL_of_loop(task->core.loop);
    lua_State *co = task->co;
    uint32_t row = task->scope.tag;
    assert(!task->future.started && neap_list_empty(&task->future.line));
    task->future.state = NEAPL_CANCELLED;
    if (task->core.state != NEAP_TASK_IDLE) neapL_task_leave(task);
    else neap_task_term(&task->core); // it had not begun
    neapL_thread_give(rt, co, row, true);
}

// ---- dropping

static int end_tasks(lua_State *L) {
    const neapL_group *group = lua_touserdata(L, 1);
    neapL_kill_beneath(L, (neap_scope *)&group->scope);
    return 0;
}

static void empty_group(neapL_group *group) {
    neapL_overdue_leave(group);
    group->live = group->daemons = 0;
    group->main = NULL;
}

static void drop_task(neapL_task *task) {
    neap_runtime *rt = neapL_of_loop(task->core.loop);
    neapL_future_drop(&task->future);
    if (task->core.state == NEAP_TASK_WAITING)
        neapL_socket_forsake(neapL_innermost(task->co), task);
    neap_task_term(&task->core);
    neapL_thread_drop(rt, task->co, task->scope.tag);
    neapL_unanchor(rt->L, rt, task);
    task->co = NULL;
    rt->alive--;
}

// Its owner is among those that are dropped: it goes, but for its memory, in
// which its cover may still stand in the tree.
static void drop_group(neapL_group *group, neap_list *dropped) {
    lua_State *L = group->rt->L;
    empty_group(group);
    neap_task_wake_all(&group->line, NEAP_WAKE_CLOSED);
    if (group->orphan) group->rt->orphans--;
    lua_pushnil(L); // of its Cancelled
    lua_rawsetp(L, LUA_REGISTRYINDEX, &group->scope);
    lua_pushnil(L); // of its errors
    lua_rawsetp(L, LUA_REGISTRYINDEX, group);
    neap_list_unlink(&group->link);
    neap_list_append(dropped, &group->link);
}

static void drop_scope(neap_scope *scope, neap_list *dropped) {
    if (scope->kind == NEAPL_SCOPE_TASK) drop_task(neapL_task_of(scope));
    if (scope->kind == NEAPL_SCOPE_GROUP)
        drop_group(NEAP_OWNER(scope, neapL_group, scope), dropped);
    if (scope->kind == NEAPL_SCOPE_BLOCK) neapL_block_forsake(scope);
    else neap_scope_close(scope);
}

// They are dropped as they stand; who waits for them is told. Finalizers of
// what they had open find it closed.
static void drop_beneath(neap_runtime *rt, neap_scope *root) {
    neap_scope *scope = neap_scope_leaf(root), *next;
    neap_list dropped;
    neap_list_init(&dropped);
    for (; scope != root; scope = next) {
        next = neap_scope_back(scope);
        drop_scope(scope, &dropped);
    }
    while (!neap_list_empty(&dropped)) {
        neap_link *link = dropped.next;
        neapL_group *group = NEAP_OWNER(link, neapL_group, link);
        neap_list_unlink(link);
        neap_alloc_free(&rt->alloc, group, sizeof *group);
    }
}

void neapL_task_drop(neapL_task *task) {
    neap_runtime *rt = neapL_of_loop(task->core.loop);
    lua_State *co = task->co;
    uint32_t row = task->scope.tag;
    neapL_group *group = neapL_group_of(task);
    drop_beneath(rt, &task->scope);
    task->core.inner = &task->scope;
    if (group->block) group->starved = true;
    if (group->block) neap_scope_cancel(&group->block->deadline.scope);
    if (neapL_is_pending(&task->future)) neapL_future_drop(&task->future);
    neapL_thread_drop(rt, co, row);
    if (!task->future.unawaited) neapL_unanchor(rt->L, rt, task);
    neapL_task_leave(task);
}

// Each round ends some of them, or there is no memory even for that.
void neapL_end_group(lua_State *L, neapL_group *group) {
    neap_runtime *rt = group->rt;
    uint32_t before = rt->alive + 1;
    while (!neapL_group_is_over(group) && rt->alive < before) {
        before = rt->alive;
        neapL_protect(L, end_tasks, group);
    }
    if (neapL_group_is_over(group)) return;
    drop_beneath(rt, &group->scope);
    empty_group(group);
}
