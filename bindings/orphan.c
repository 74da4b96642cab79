// SPDX-License-Identifier: MIT
// Orphan: a group whose block is gone, in a coroutine that died or was dropped.
//
// Its tasks are cancelled at once, and somebody waits for them: the call that
// found the coroutine dead, where that can wait, or else the end of the task.
// Nobody is left to raise their errors, so those are reported. An orphan frees
// itself when its last task has ended (neapL_group_leave).
#include <assert.h>

#include "bindings/block.h"

static const char awaiter = 'a'; // registry: the function that waits for all

// The Cancelled that its tasks have met already stays the one that they meet.
static void cancel(lua_State *L, neapL_group *group) {
    const neap_scope *body = &group->block->deadline.scope;
    if (group->scope.cancelled) return;
    lua_pushliteral(L, "the coroutine that opened the group has ended");
    if (!body->cancelled) {
        neapL_scope_cancel(L, &group->scope);
        return;
    }
    neapL_push_cancelled_by(L, body);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &group->scope);
    lua_pop(L, 1);
    neap_scope_cancel(&group->scope);
}

void neapL_group_orphan(lua_State *L, neapL_group *group) {
    assert(group->owner && !group->orphan);
    cancel(L, group);
    neapL_errors_report(L, group);
    group->block->group = NULL;
    group->block = NULL;
    group->orphan = true;
    group->rt->orphans++;
    if (group->cover.parent) neap_scope_close(&group->cover);
    neap_scope_move(&group->scope, &group->owner->scope);
    if (group->live == 0) neapL_group_close(L, group);
}

// One of the task's that still has tasks; the youngest.
static neapL_group *find(const neap_runtime *rt, const neapL_task *task) {
    const neap_link *link = rt->groups.prev;
    for (; rt->orphans > 0 && link != &rt->groups; link = link->prev) {
        neapL_group *group = NEAP_OWNER(link, neapL_group, link);
        if (group->orphan && group->owner == task) return group;
    }
    return NULL;
}

bool neapL_await_orphans(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    neapL_task *task = rt->task;
    if (rt->orphans == 0 || !task || !neapL_may_wait(L)) return false;
    neapL_group *group = find(rt, task);
    if (!group) return false;
    neapL_waiting(L, NEAPL_GROUP_END);
    neapL_cover(&group->cover, &task->core);
    neap_task_wait(&task->core, &group->line);
    return true;
}

// A group that ended has taken its cover along. One that nothing can wake any
// more is ended by force: it was cancelled, and waits all the same.
void neapL_orphans_woken(lua_State *L, int status) {
    neap_runtime *rt = neapL_rt(L);
    if (neapL_wake_of(L, status) != NEAP_WAKE_STUCK) return;
    neapL_group *group = find(rt, rt->task);
    assert(group && group->cover.parent);
    group->live++; // it frees itself after the last, not meanwhile
    neapL_kill_beneath(L, &group->scope);
    neapL_group_leave(group, false);
}

static int await_k(lua_State *L, int status, lua_KContext ctx) {
    if (status == LUA_YIELD) neapL_orphans_woken(L, status);
    return neapL_await_orphans(L) ? neapL_suspend(L, ctx, await_k) : 0;
}

static int await_all(lua_State *L) { return await_k(L, LUA_OK, 0); }

void neapL_call_awaiter(lua_State *L, lua_KContext ctx, lua_KFunction k) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &awaiter);
    lua_callk(L, 0, 0, ctx, k);
}

void neapL_open_orphan(lua_State *L, neap_runtime *rt) {
    lua_pushlightuserdata(L, rt);
    lua_pushcclosure(L, await_all, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &awaiter);
}
