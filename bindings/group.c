// SPDX-License-Identifier: MIT
// Group: the tasks that somebody owns: their scope, and how many are left.
//
// Its node of the scope tree is the runtime's own memory, not a userdata's: a
// collected userdata must not free a node that tasks stand beneath. The
// registry holds, under the address of a scope, the Cancelled that its cancel
// raises.
//
// Invariant: live counts the tasks beneath whose end has not been counted yet;
// a closed group has none.
#include <assert.h>

#include "bindings/block.h"

neapL_group *neapL_group_open(neap_runtime *rt, neap_scope *parent,
                              neapL_task *owner) {
    neapL_group *group = neap_alloc_new(&rt->alloc, sizeof *group);
    if (!group) return NULL;
    group->rt = rt;
    group->id = ++rt->last_group_id;
    group->run = group;
    group->owner = owner;
    neap_list_init(&group->line);
    neap_scope_open(&group->scope, parent, NULL);
    group->scope.kind = NEAPL_SCOPE_GROUP;
    neap_list_append(&rt->groups, &group->link);
    return group;
}

// A cancelled scope's error object goes with it.
void neapL_group_close(lua_State *L, neapL_group *group) {
    neap_runtime *rt = group->rt;
    assert(group->live == 0 && neap_list_empty(&group->line));
    neapL_overdue_leave(group);
    if (group->cover.parent) neapL_uncover(&group->cover);
    neapL_errors_report(L, group); // what its owner, ended by force, left
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &group->scope);
    if (group->orphan) rt->orphans--;
    if (group->block) group->block->group = NULL;
    neap_scope_close(&group->scope);
    neap_list_unlink(&group->link);
    neap_alloc_free(&rt->alloc, group, sizeof *group);
}

void neapL_cover(neap_scope *cover, neap_task *task) {
    neap_scope_open(cover, task->inner, task);
    neap_scope_shield(cover, true);
    task->inner = cover;
}

void neapL_uncover(neap_scope *cover) {
    assert(cover->task->inner == cover);
    cover->task->inner = cover->parent;
    neap_scope_close(cover);
}

void neapL_group_cancel(lua_State *L, neapL_group *group, const char *reason) {
    neapL_scope_stop(L, &group->scope, reason);
}

// The group that a callback was made in may have ended since.
static neapL_group *find(neap_runtime *rt, uint64_t id) {
    neap_link *link = rt->groups.prev;
    for (; link != &rt->groups; link = link->prev) {
        neapL_group *group = NEAP_OWNER(link, neapL_group, link);
        if (group->id == id) return group;
    }
    return rt->root;
}

neapL_group *neapL_spawn_group(neap_runtime *rt) {
    if (rt->task) return neapL_group_of(rt->task)->run;
    if (rt->callback_group_id) return find(rt, rt->callback_group_id);
    return rt->group;
}

bool neapL_group_cancel_tasks(lua_State *L, neapL_group *group,
                              const char *reason) {
    bool changed = false;
    neap_scope *root = &group->scope, *scope = root;
    while ((scope = neap_scope_next(root, scope, false))) {
        neapL_task *task = neapL_task_of(scope);
        if (task) changed |= neapL_task_stop(L, task, reason);
    }
    return changed;
}

bool neapL_group_is_over(const neapL_group *group) {
    const neap_runtime *rt = group->rt;
    return group == rt->root ? rt->alive == 0 : group->live == 0;
}

bool neapL_group_idle(const neapL_group *group) {
    assert(group->daemons <= group->live);
    return group->live == group->daemons;
}

// It may have been woken by something else, or be the one that ends.
static void wake_hopeful(neapL_group *group) {
    neap_task *hopeful = group->hopeful;
    group->hopeful = NULL;
    if (hopeful->state == NEAP_TASK_WAITING)
        neap_task_wake(hopeful, NEAP_WAKE_READY);
}

void neapL_group_leave(neapL_group *group, bool daemon) {
    assert(group->live > 0);
    group->live--;
    if (daemon) group->daemons--;
    if (group->hopeful) wake_hopeful(group);
    if (neapL_group_idle(group))
        neap_task_wake_all(&group->line, NEAP_WAKE_READY);
    if (group->live > 0) return;
    neapL_overdue_leave(group);
    if (group->orphan) neapL_group_close(group->rt->turner, group);
}
