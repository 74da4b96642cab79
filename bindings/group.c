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

#include "bindings/task.h"

neapL_group *neapL_group_open(neap_runtime *rt, neap_scope *parent,
                              neapL_task *owner) {
    neapL_group *group = neap_alloc_new(&rt->alloc, sizeof *group);
    if (!group) return NULL;
    group->rt = rt;
    group->id = ++rt->last_group_id;
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
    if (group->cover.parent) neapL_uncover(&group->cover);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &group->scope);
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
    if (group->scope.cancelled) return;
    lua_pushstring(L, reason);
    neapL_pushcancel(L, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &group->scope);
    neap_scope_cancel(&group->scope);
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
    if (rt->task) return neapL_group_of(rt->task);
    if (rt->callback_group_id) return find(rt, rt->callback_group_id);
    return rt->group;
}

void neapL_group_abandon(lua_State *L, neap_scope *scope) {
    if (scope->shield) {
        neap_scope_close(scope);
        return;
    }
    neapL_group *group = NEAP_OWNER(scope, neapL_group, scope);
    neap_list_init(&group->line); // its owner stood there
    if (group->cover.parent) neap_scope_close(&group->cover);
    if (group->live > 0) neapL_end_group(group); // no memory to wait for them
    neapL_group_close(L, group);
}

bool neapL_group_cancel_tasks(lua_State *L, neapL_group *group,
                              const char *reason) {
    bool changed = false;
    neap_scope *root = &group->scope, *scope = root;
    while ((scope = neap_scope_next(root, scope, false))) {
        neapL_task *task = neapL_task_of(scope);
        if (!task || task->future.cancelling) continue;
        lua_pushstring(L, reason);
        changed |= neapL_task_cancel(L, task);
    }
    return changed;
}

void neapL_group_kill(lua_State *L, neapL_group *group) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    while (group->scope.kids) {
        neap_scope *leaf = neap_scope_leaf(&group->scope);
        neapL_task *task = neapL_task_of(leaf);
        if (!task) {
            neapL_group_abandon(L, leaf);
            continue;
        }
        lua_pushliteral(L, "the task was ended: its run is over");
        neapL_task_kill(L, task, "the task");
    }
}

bool neapL_group_idle(const neapL_group *group) {
    assert(group->daemons <= group->live);
    return group->live == group->daemons;
}

void neapL_group_leave(neapL_group *group, bool daemon) {
    assert(group->live > 0);
    group->live--;
    if (daemon) group->daemons--;
    if (neapL_group_idle(group))
        neap_task_wake_all(&group->line, NEAP_WAKE_READY);
}
