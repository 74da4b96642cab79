// SPDX-License-Identifier: MIT
// Taskface: what Lua sees of tasks: spawn, current, tasks, and Task's own
// methods.
//
// The methods that a Task shares with a Future are in future.c.
#include <assert.h>
#include <stdlib.h>

#include "bindings/task.h"

// ---- in words

// Where its code stands now; before it began, where it was spawned.
static const char *push_place(lua_State *L, const neapL_task *task) {
    lua_Debug ar;
    for (int level = 0; task->future.started; level++) {
        if (!lua_getstack(task->co, level, &ar)) break;
        lua_getinfo(task->co, "Sl", &ar);
        if (ar.currentline <= 0) continue;
        return lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
    }
    return neapL_spawned_at(L, task);
}

// " 'fetch'" for the Task at `index`, or ""; pushed.
static const char *push_name(lua_State *L, int index) {
    neapL_getextra(L, index, "name");
    const char *name = lua_tostring(L, -1);
    return name ? lua_pushfstring(L, " '%s'", name) : "";
}

// What a pending task is at; pushed.
static const char *push_doing(lua_State *L, const neapL_task *task) {
    const neap_runtime *rt = neapL_of_loop(task->core.loop);
    if (task == rt->task) return lua_pushliteral(L, "running");
    if (task->core.state != NEAP_TASK_WAITING)
        return lua_pushliteral(L, "pending");
    return lua_pushfstring(L, "pending, %s", neapL_doings[task->future.doing]);
}

const char *neapL_describe(lua_State *L, int index) {
    static const char *const ends[] = {"", "finished", "failed", "cancelled"};
    const neapL_task *task = lua_touserdata(L, index);
    lua_Integer id = (lua_Integer)task->id;
    int top = lua_gettop(L);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    const char *name = push_name(L, index);
    if (neapL_is_pending(&task->future)) {
        const char *doing = push_doing(L, task), *place = push_place(L, task);
        lua_pushfstring(L, "<Task #%I%s %s, %s>", id, name, doing,
                        place ? place : "?");
    } else
        lua_pushfstring(L, "<Task #%I%s %s>", id, name,
                        ends[task->future.state]);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
    return lua_tostring(L, -1);
}

// ---- spawn

// Reads the options before there is a task, since that may raise: `daemon` is
// returned, and what is to stand beside the Task, or nil, takes their place at
// index 1.
static bool take_options(lua_State *L) {
    int top = lua_gettop(L);
    lua_getfield(L, 1, "daemon");
    bool daemon = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (lua_getfield(L, 1, "name") != LUA_TNIL) {
        luaL_tolstring(L, -1, NULL);
        lua_createtable(L, 1, 2);
        lua_insert(L, -2);
        lua_setfield(L, -2, "name");
    }
    lua_replace(L, 1);
    lua_settop(L, top);
    return daemon;
}

void neapL_task_daemonize(neapL_task *task) {
    if (task->future.daemon) return;
    task->future.daemon = true;
    neapL_group_of(task)->daemons++;
}

int neapL_spawn_with(lua_State *L, neapL_group *group, int fn) {
    bool daemon = fn == 2 && take_options(L);
    neapL_task *task = neapL_spawn(L, group->rt, group, lua_gettop(L) - fn);
    if (daemon) neapL_task_daemonize(task);
    if (fn == 1 || lua_isnil(L, 1)) return 1;
    lua_pushvalue(L, 1);
    neapL_setextras(L, 2);
    return 1;
}

// neap.spawn(fn, ...) or neap.spawn({ name =, daemon = }, fn, ...) -> Task
static int spawn(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    int fn = lua_istable(L, 1) ? 2 : 1;
    if (fn == 2) neapL_checknames(L, 1, " name daemon ");
    luaL_checktype(L, fn, LUA_TFUNCTION);
    if (rt->closing) return luaL_error(L, "the runtime is closing");
    return neapL_spawn_with(L, neapL_spawn_group(rt), fn);
}

// ---- who is there

static int current(lua_State *L) {
    neapL_task *task = neapL_current(L);
    if (!task) return lua_pushnil(L), 1;
    neapL_task_push(L, task);
    return 1;
}

static int by_id(const void *a, const void *b) {
    const neapL_task *one = *(neapL_task *const *)a;
    const neapL_task *two = *(neapL_task *const *)b;
    return one->id < two->id ? -1 : one->id > two->id;
}

// neap.tasks() -> a list of those that have not ended, in spawn order
static int tasks(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    neapL_task **list, *task = NULL;
    uint32_t size, count = 0;
    do {
        lua_settop(L, 0);
        size = rt->alive;
        lua_createtable(L, (int)size, 0);
        list = lua_newuserdatauv(L, (size + 1) * sizeof *list, 0);
    } while (rt->alive > size); // a finalizer has spawned some
    while ((task = neapL_task_next(rt, task))) list[count++] = task;
    assert(count == rt->alive);
    qsort(list, count, sizeof *list, by_id);
    for (uint32_t i = 0; i < count; i++) {
        neapL_task_push(L, list[i]);
        lua_rawseti(L, 1, (lua_Integer)i + 1);
    }
    lua_settop(L, 1);
    return 1;
}

// ---- Task's own methods

static int task_tostring(lua_State *L) {
    neapL_check(L, 1, &neapL_task_type);
    neapL_describe(L, 1);
    return 1;
}

// task:name([s]) -> its name, or nil; with an argument, sets it
static int task_name(lua_State *L) {
    neapL_check(L, 1, &neapL_task_type);
    if (lua_gettop(L) >= 2) {
        luaL_tolstring(L, 2, NULL);
        neapL_setextra(L, 1, "name");
    }
    neapL_getextra(L, 1, "name");
    return 1;
}

// task:traceback() -> of its error, or of where it waits now
static int task_traceback(lua_State *L) {
    neapL_task *task = neapL_check(L, 1, &neapL_task_type);
    if (neapL_is_pending(&task->future)) {
        luaL_traceback(L, task->co, NULL, 0);
        return 1;
    }
    neapL_future_see(neapL_rt(L), &task->future);
    neapL_getextra(L, 1, "traceback");
    return 1;
}

static const luaL_Reg task_meta[] = {{"__tostring", task_tostring},
                                     {NULL, NULL}};
static const luaL_Reg task_methods[] = {
    {"name", task_name}, {"traceback", task_traceback}, {NULL, NULL}};

const neapL_type neapL_task_type = {"neap.Task", sizeof(neapL_task),
                                    task_methods, task_meta};

static int is_cancelled(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, neapL_iserror(L, 1, &neapL_cancelled));
    return 1;
}

static const luaL_Reg functions[] = {{"spawn", spawn},
                                     {"current", current},
                                     {"tasks", tasks},
                                     {"is_cancelled", is_cancelled},
                                     {NULL, NULL}};

void neapL_open_task(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &neapL_task_type);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &neapL_task_type);
    rt->task_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    neapL_addfuncs(L, rt, functions);
}
