// SPDX-License-Identifier: MIT
// Run: neap.run: a main task, and the end of everything that it left behind.
//
// Outside of tasks it turns the loop; inside one the same is done by waiting:
// main becomes a child of the calling task, and there is no second loop. Either
// way the run is a group: when main has ended, what is left of the group is
// cancelled and awaited, and then main's results are returned, or its error is
// raised.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bindings/task.h"

static bool main_ended(neap_runtime *rt, const void *group) {
    (void)rt;
    return !((const neapL_group *)group)->main;
}

static bool all_ended(neap_runtime *rt, const void *group) {
    (void)rt;
    return ((const neapL_group *)group)->live == 0;
}

// Opens a group and spawns main in it, whose Task takes the arguments' place.
static neapL_group *begin(lua_State *L, neap_scope *parent, neapL_task *owner) {
    neap_runtime *rt = neapL_rt(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    neapL_task *main = neapL_task_new(L, rt, lua_gettop(L) - 1);
    neapL_group *group = neapL_group_open(rt, parent, owner);
    if (!group) {
        neapL_task_withdraw(main);
        luaL_error(L, "not enough memory");
    }
    neapL_task_begin(main, group);
    group->main = main;
    main->future.hosted = true; // its error is ours
    return group;
}

// Main has ended: what is left is to end, too.
static void leave_behind(lua_State *L, neapL_group *group) {
    neapL_group_cancel(L, group, "the run that spawned it has ended");
    neapL_overdue_group(group);
}

// ---- outside of tasks

static int run_outside(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    neapL_group *group = begin(L, &rt->root->scope, NULL);
    neapL_group *outer = rt->group;
    rt->group = group;
    int rc = neapL_drive(rt, L, main_ended, group);
    leave_behind(L, group);
    if (rc == 0) rc = neapL_drive(rt, L, all_ended, group);
    neapL_end_group(L, group); // the poller failed: nobody can go on
    rt->group = outer;
    neapL_group_close(L, group);
    if (rc < 0) return luaL_error(L, "the loop failed: %s", strerror(-rc));
    return neapL_future_results(L, 1);
}

// ---- inside of one

void neapL_run_end(lua_State *L, neapL_group *group) {
    neap_runtime *rt = neapL_rt(L);
    neapL_group_close(L, group);
    neapL_future_see(rt, lua_touserdata(L, 1));
    if (!rt->task->core.inner->cause) return;
    neapL_push_cancelled(L, rt->task);
    lua_error(L);
}

// The caller waits under the group's cover; a cancel reaches main, not the
// wait.
static int run_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_group *group = (neapL_group *)ctx; // NOLINT: as it was given
    neapL_wake_of(L, status);                // whatever it is
    if (!group->main && !group->scope.cancelled) leave_behind(L, group);
    if (group->live > 0) {
        neapL_task *task = neapL_waiting(L, NEAPL_RUN);
        bool main_runs = group->main != NULL;
        neap_task_wait(&task->core,
                       main_runs ? &group->main->future.line : &group->line);
        return neapL_suspend(L, ctx, run_k);
    }
    neapL_run_end(L, group);
    return neapL_future_results(L, 1);
}

static int run_inside(lua_State *L, neapL_task *task) {
    neapL_waiting(L, NEAPL_RUN); // or nothing is begun
    neapL_group *group = begin(L, task->core.inner, task);
    neapL_cover(&group->cover, &task->core);
    return run_k(L, LUA_OK, (lua_KContext)group);
}

// neap.run(main, ...) -> its results
static int run(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (rt->closing) return luaL_error(L, "the runtime is closing");
    neapL_task *task = neapL_current(L);
    if (task) return run_inside(L, task);
    if (rt->loop.in_turn) neapL_waiting(L, NEAPL_RUN); // raises: a callback
    return run_outside(L);
}

static const luaL_Reg functions[] = {{"run", run}, {NULL, NULL}};

void neapL_open_run(lua_State *L, neap_runtime *rt) {
    neapL_addfuncs(L, rt, functions);
}
