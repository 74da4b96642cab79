// SPDX-License-Identifier: MIT
// Loopface: neap.loop(), asyncio's face of the one loop that there is.
//
// run_forever and run_until_complete turn the loop where no task runs; inside a
// task they only wait. Each one that is under way is a `stay` in the runtime's
// list; stop ends the innermost.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bindings/reader.h"

typedef struct neapL_loop { // there is one for each runtime
    const neapL_type *type;
} neapL_loop;

typedef struct stay {
    const neapL_type *type;
    neap_link link;       // among the runtime's forevers
    neap_task *waiter;    // the task inside of which it waits; NULL: it turns
    neapL_future *future; // until this has ended; NULL: for ever
    bool stopped;         // by stop()
} stay;

static int stay_close(lua_State *L) {
    stay *here = lua_touserdata(L, 1);
    neap_list_unlink(&here->link);
    return 0;
}

static const luaL_Reg no_methods[] = {{NULL, NULL}};
static const luaL_Reg stay_meta[] = {
    {"__close", stay_close}, {"__gc", stay_close}, {NULL, NULL}};
static const neapL_type stay_type = {"neap.stay", sizeof(stay), no_methods,
                                     stay_meta};

enum { // stack of the running methods
    LOOP = 1,
    FUTURE, // what run_until_complete waits for; nil: run_forever
    STAY
};

static stay *push_stay(lua_State *L, neapL_future *future) {
    neap_runtime *rt = neapL_rt(L);
    lua_settop(L, FUTURE);
    stay *here = neapL_new(L, &stay_type, 0);
    neap_list_init(&here->link);
    neapL_toclose(L, STAY);
    neap_list_append(&rt->forevers, &here->link);
    here->future = future;
    here->stopped = rt->stop_next;
    rt->stop_next = false;
    return here;
}

// run_forever is no deadlock: a signal's or another thread's stop may come.
bool neapL_stays_forever(const neap_runtime *rt) {
    const neap_link *link = rt->forevers.next;
    for (; link != &rt->forevers; link = link->next)
        if (!NEAP_OWNER(link, stay, link)->future) return true;
    return false;
}

static bool is_over(const stay *here) {
    bool ended = here->future && !neapL_is_pending(here->future);
    return ended || here->stopped;
}

static int leave(lua_State *L, stay *here) {
    neap_list_unlink(&here->link); // before an error: see stay_k
    if (!here->future) return 0;
    if (!neapL_is_pending(here->future)) return neapL_future_results(L, FUTURE);
    return luaL_error(L, "the loop was stopped before %s ended",
                      luaL_tolstring(L, FUTURE, NULL));
}

// ---- outside of tasks

static bool is_through(neap_runtime *rt, const void *ud) {
    (void)rt;
    return is_over(ud);
}

// As asyncio's: a stop that came before still lets one pass run.
static int stay_outside(lua_State *L, stay *here) {
    neap_runtime *rt = neapL_rt(L);
    if (here->stopped) neap_loop_stop(&rt->loop), neapL_turn(rt, L, 0);
    int rc = neapL_drive(rt, L, is_through, here);
    rt->loop.stopping = false;
    neap_list_unlink(&here->link);
    if (rc < 0 && !is_over(here))
        return luaL_error(L, "%s",
                          rc == -EDEADLK ? "deadlock: nothing can end the wait"
                                         : strerror(-rc));
    return leave(L, here);
}

// ---- inside of one

static int stay_k(lua_State *L, int status, lua_KContext ctx) {
    stay *here = lua_touserdata(L, STAY);
    bool woken = status == LUA_YIELD;
    // An error that ends a coroutine of the user's may leave its slots open.
    if (woken && neapL_current(L)->core.wake >= NEAP_WAKE_CANCEL)
        neap_list_unlink(&here->link);
    neapL_woken(L, status);
    if (is_over(here)) return leave(L, here);
    neapL_waiting(L, here->future ? NEAPL_AWAIT : NEAPL_FOREVER);
    if (here->future) neap_task_wait(here->waiter, &here->future->line);
    else neap_task_wait(here->waiter, NULL);
    return neapL_suspend(L, ctx, stay_k);
}

// A stop that came before: what is ready still runs once, as outside.
static int stay_once(lua_State *L, stay *here) {
    neapL_waiting(L, NEAPL_YIELD);
    neap_task_yield(here->waiter);
    return neapL_suspend(L, 0, stay_k);
}

// Raises where neither a wait nor a loop is possible.
static void check_stay(lua_State *L) {
    const neap_runtime *rt = neapL_rt(L);
    if (rt->closing) luaL_error(L, "the runtime is closed");
    if (rt->task || rt->loop.in_turn) neapL_waiting(L, NEAPL_FOREVER);
}

static int stay_here(lua_State *L, neapL_future *future) {
    const neapL_task *task = neapL_current(L);
    if (task && future == &task->future)
        return luaL_error(L, "a task cannot await itself");
    stay *here = push_stay(L, future);
    if (!task) return stay_outside(L, here);
    here->waiter = &neapL_current(L)->core;
    return here->stopped ? stay_once(L, here) : neapL_begin(L, 0, stay_k);
}

// loop:run_forever(): until stop()
static int loop_run_forever(lua_State *L) {
    neapL_checkloop(L);
    check_stay(L);
    lua_settop(L, LOOP);
    return stay_here(L, NULL);
}

// loop:run_until_complete(x) -> the results of a task, future or function
static int loop_run_until_complete(lua_State *L) {
    neapL_checkloop(L);
    check_stay(L); // or no function is begun
    if (neapL_is_cancelled(L)) return neapL_meet_cancel(L);
    neapL_future *future = neapL_tofuture(L, FUTURE);
    lua_settop(L, FUTURE);
    return stay_here(L, future);
}

// On the side of the loop, what is ready is still run in this pass.
bool neapL_stop(neap_runtime *rt) {
    if (neap_list_empty(&rt->forevers)) return false;
    stay *here = NEAP_OWNER(rt->forevers.prev, stay, link);
    here->stopped = true;
    if (!here->waiter) neap_loop_stop(&rt->loop);
    else if (here->waiter->state == NEAP_TASK_WAITING)
        neap_task_wake(here->waiter, NEAP_WAKE_READY);
    return true;
}

// loop:stop(): ends the innermost of those, or the next one
static int loop_stop(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    neapL_checkloop(L);
    if (!neapL_stop(rt)) rt->stop_next = true;
    return 0;
}

// loop:run_once(): one turn, which sleeps until there is something to do
static int loop_run_once(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    neapL_checkloop(L);
    if (rt->closing) return luaL_error(L, "the runtime is closed");
    if (rt->task || rt->loop.in_turn)
        return luaL_error(L, "run_once inside the loop: it is running "
                             "(neap.yield() lets the others run)");
    int rc = neapL_turn(rt, L, -1);
    if (rc < 0 && rc != -EDEADLK) return luaL_error(L, "%s", strerror(-rc));
    return 0;
}

// ---- close

static bool is_empty(neap_runtime *rt, const void *ud) {
    (void)rt;
    return ((const neapL_group *)ud)->live == 0;
}

// Whether they have ended, or the wait for it was given up: nobody is due.
static int closed_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_overdue_leave((neapL_group *)ctx); // NOLINT: as it was given
    return status == LUA_OK || status == LUA_YIELD ? 0 : lua_error(L);
}

// All tasks of the run but the one that asks, as a list; pushed.
static void push_others(lua_State *L, neapL_group *group) {
    neap_scope *scope = &group->scope;
    lua_newtable(L);
    while ((scope = neap_scope_next(&group->scope, scope, false))) {
        neapL_task *task = neapL_task_of(scope);
        if (!task || task == neapL_current(L)) continue;
        neapL_task_push(L, task);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        lua_pushliteral(L, "the loop was closed");
        neapL_task_cancel(L, task);
    }
}

// loop:close(): cancels and awaits what is left of this run
static int loop_close(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    neapL_checkloop(L);
    if (rt->closing) return 0; // neap_close has done it, or is about to
    neapL_group *group = neapL_spawn_group(rt);
    if (rt->task) {
        lua_pushvalue(L, lua_upvalueindex(2)); // neap.wait
        push_others(L, group);
        neapL_overdue_group(group);
        int status = lua_pcallk(L, 1, 0, 0, (lua_KContext)group, closed_k);
        return closed_k(L, status, (lua_KContext)group);
    }
    if (rt->loop.in_turn) neapL_waiting(L, NEAPL_AWAIT); // raises: a callback
    neapL_group_cancel_tasks(L, group, "the loop was closed");
    neapL_overdue_group(group);
    neapL_drive(rt, L, is_empty, group);
    neapL_overdue_leave(group);
    return 0;
}

// ---- the rest

static int loop_is_running(lua_State *L) {
    const neap_runtime *rt = neapL_rt(L);
    neapL_checkloop(L);
    lua_pushboolean(L, rt->task || rt->loop.in_turn);
    return 1;
}

// The method is the function of the module that is its second upvalue.
static int forward(lua_State *L) {
    neapL_checkloop(L);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_replace(L, LOOP);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int loop_tostring(lua_State *L) {
    const neap_runtime *rt = neapL_rt(L);
    neapL_checkloop(L);
    lua_pushfstring(L, "<Loop %s, %d tasks>",
                    rt->loop.in_turn ? "running" : "idle", (int)rt->alive);
    return 1;
}

static const luaL_Reg loop_meta[] = {{"__tostring", loop_tostring},
                                     {NULL, NULL}};
static const luaL_Reg loop_methods[] = {
    {"run_forever", loop_run_forever},
    {"run_until_complete", loop_run_until_complete},
    {"stop", loop_stop},
    {"run_once", loop_run_once},
    {"is_running", loop_is_running},
    {NULL, NULL}};

static const neapL_type loop_type = {"neap.Loop", sizeof(neapL_loop),
                                     loop_methods, loop_meta};

void neapL_checkloop(lua_State *L) { neapL_check(L, LOOP, &loop_type); }

// neap.loop() -> the Loop
static int get_loop(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(2));
    return 1;
}

// Adds to the table on top a function with a second upvalue: the module's
// function `name`; the module is just below.
static void add_method(lua_State *L, neap_runtime *rt, lua_CFunction method,
                       const char *const names[2]) {
    lua_pushlightuserdata(L, rt);
    lua_getfield(L, -3, names[1]);
    assert(lua_isfunction(L, -1));
    lua_pushcclosure(L, method, 2);
    lua_setfield(L, -2, names[0]);
}

// Methods that are functions of the module, under these names there.
static const char *const forwards[][2] = {{"call_soon", "call_soon"},
                                          {"call_soon_threadsafe", "call_soon"},
                                          {"call_later", "call_later"},
                                          {"call_at", "call_at"},
                                          {"time", "time"},
                                          {"create_task", "spawn"},
                                          {"create_future", "Future"}};
static const char *const closing[2] = {"close", "wait"};

void neapL_open_loop(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &stay_type);
    neapL_newtype(L, rt, &loop_type);
    luaL_getmetatable(L, loop_type.name);
    lua_getfield(L, -1, "__index");
    lua_replace(L, -2);
    neapL_addfuncs(L, rt, neapL_reader_methods);
    for (size_t i = 0; i < sizeof forwards / sizeof *forwards; i++)
        add_method(L, rt, forward, forwards[i]);
    add_method(L, rt, loop_close, closing);
    lua_pop(L, 1);
    lua_pushlightuserdata(L, rt);
    neapL_new(L, &loop_type, 0);
    lua_pushcclosure(L, get_loop, 2);
    lua_setfield(L, -2, "loop");
}
