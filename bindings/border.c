// SPDX-License-Identifier: MIT
// Border: where a Lua function waits, where it may not, and how it comes back.
//
// A wait yields the sentinel out of every coroutine up to the loop (see
// coroutine.c); the same continuation is called when the task is resumed.
// Whether a wait is possible is known before it begins: L must be the innermost
// coroutine that we resumed, and neither it nor one that resumed it may be
// inside a C function that cannot be yielded across.
//
// Invariant: rt->running is the coroutine whose code runs, and rt->link the
// chain of those that resumed it, whoever was resumed and has come back since.
#include <assert.h>
#include <string.h>

#include "bindings/task.h"

// lua_resetthread was superseded by lua_closethread in 5.4.6.
#if LUA_VERSION_RELEASE_NUM >= 50406
#define CLOSE_THREAD(co, from) lua_closethread(co, from)
#else
#define CLOSE_THREAD(co, from) ((void)(from), lua_resetthread(co))
#endif

enum {
    // Calls in one slice that did not have to wait, before the next one lets
    // the others go first: a fast peer or a full queue may not hold the loop.
    // At 256 the switch costs less than 1 ns a call (tests/bench/quick.lua).
    QUICK_MAX = 256
};

static const char sentinel = 's'; // its address is what waits yield

const char *const neapL_doings[NEAPL_DOING_COUNT] = {
    [NEAPL_START] = "starting",
    [NEAPL_YIELD] = "ready",
    [NEAPL_SLEEP] = "sleeping",
    [NEAPL_AWAIT] = "awaiting",
    [NEAPL_GET] = "getting from a queue",
    [NEAPL_PUT] = "putting into a queue",
    [NEAPL_JOIN] = "joining a queue",
    [NEAPL_CHANNEL_GET] = "getting from a channel",
    [NEAPL_CHANNEL_PUT] = "putting into a channel",
    [NEAPL_ACCEPT] = "accepting",
    [NEAPL_CONNECT] = "connecting",
    [NEAPL_RECV] = "receiving",
    [NEAPL_SEND] = "sending",
    [NEAPL_READABLE] = "waiting until a descriptor is readable",
    [NEAPL_WRITABLE] = "waiting until a descriptor is writable",
    [NEAPL_RUN] = "running a main function",
    [NEAPL_REQUIRE] = "requiring a module",
    [NEAPL_FOREVER] = "running forever",
    [NEAPL_EVENT] = "waiting for an event",
    [NEAPL_LOCK] = "acquiring a lock",
    [NEAPL_SEMAPHORE] = "acquiring a semaphore",
    [NEAPL_CONDITION] = "waiting for a condition",
    [NEAPL_BARRIER] = "waiting at a barrier",
    [NEAPL_GROUP_END] = "awaiting a group",
    [NEAPL_SERVE] = "serving",
    [NEAPL_EXIT] = "exiting",
    [NEAPL_RESOLVE] = "resolving a name",
    [NEAPL_OFFLOAD] = "waiting for a worker thread",
    [NEAPL_ELSEWHERE] = "running in another thread",
};

neapL_task *neapL_current(lua_State *L) { return neapL_rt(L)->task; }

bool neapL_is_waiting(lua_State *co) {
    return lua_status(co) == LUA_YIELD && lua_gettop(co) > 0 &&
           lua_touserdata(co, -1) == &sentinel;
}

// ---- what stands in the way, for the message

// The name by which the function on top is found in a loaded module, or NULL.
static const char *find_in(lua_State *L, int module, const char *prefix) {
    if (!lua_istable(L, module)) return NULL;
    for (lua_pushnil(L); lua_next(L, module); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !lua_rawequal(L, -1, 1)) continue;
        bool global = strcmp(prefix, LUA_GNAME) == 0;
        const char *field = lua_tostring(L, -2);
        return global ? field : lua_pushfstring(L, "%s.%s", prefix, field);
    }
    return NULL;
}

// Called with the function as its argument: its name, or nil. The shortest, for
// modules re-export what they find.
static int name_function(lua_State *L) {
    const char *best = NULL;
    lua_settop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushnil(L); // the best name
    for (lua_pushnil(L); lua_next(L, 2); lua_settop(L, 4)) {
        if (lua_type(L, 4) != LUA_TSTRING) continue;
        const char *name = find_in(L, 5, lua_tostring(L, 4));
        if (!name || (best && strlen(best) <= strlen(name))) continue;
        best = lua_pushstring(L, name);
        lua_replace(L, 3);
    }
    lua_settop(L, 3);
    return 1;
}

// C functions that can be yielded across, and our own.
static bool is_transparent(lua_State *L, const char *name) {
    static const char *const known[] = {"pcall", "xpcall", "require", "dofile",
                                        "error", "pairs",  NULL};
    const char *upvalue = lua_getupvalue(L, -1, 1);
    bool ours = upvalue && lua_touserdata(L, -1) == neapL_rt(L);
    if (upvalue) lua_pop(L, 1);
    for (int i = 0; name && known[i] && !ours; i++)
        ours = strcmp(name, known[i]) == 0;
    return ours;
}

// What Lua itself calls where nothing can be yielded; or NULL.
static const char *called_by_lua(const lua_Debug *ar) {
    if (strcmp(ar->namewhat, "hook") == 0) return "a debug hook";
    if (strcmp(ar->namewhat, "metamethod") != 0) return NULL;
    return strcmp(ar->name, "__gc") == 0 ? "__gc" : NULL;
}

// The first C function on co's stack that cannot be yielded across; its name
// is left on L. NULL: there is none.
static const char *blocker(lua_State *L, lua_State *co) {
    lua_Debug ar;
    for (int level = 0; lua_getstack(co, level, &ar); level++) {
        lua_getinfo(co, "Sfn", &ar);
        if (co != L) lua_xmove(co, L, 1);
        if (called_by_lua(&ar)) return called_by_lua(&ar);
        if (*ar.what == 'C') {
            lua_pushcfunction(L, name_function);
            lua_pushvalue(L, -2);
            lua_call(L, 1, 1);
            const char *name = lua_tostring(L, -1);
            lua_insert(L, -2);
            if (!is_transparent(L, name))
                return name ? name : ar.name ? ar.name : "a C function";
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    return NULL;
}

// What is in the way, in words; pushed.
static const char *push_obstacle(lua_State *L, neap_runtime *rt) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (rt->closing) return lua_pushliteral(L, "the runtime is closing");
    if (rt->unwinding)
        return lua_pushfstring(L, "%s is closing", rt->unwinding);
    if (!rt->task)
        return lua_pushliteral(L, "this is a callback; "
                                  "spawn a task in it (neap.spawn)");
    const char *name = blocker(L, L);
    if (!name && rt->running != L) name = blocker(L, rt->running);
    for (neapL_link *link = rt->link; link && !name; link = link->up)
        name = blocker(L, link->L);
    return lua_pushfstring(L, "%s is on the stack",
                           name ? name : "a C function");
}

void neapL_push_refusal(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    bool idle = !rt->task && !rt->loop.in_turn;
    luaL_where(L, 1);
    int where = lua_gettop(L);
    if (idle && !rt->closing && !rt->unwinding)
        lua_pushliteral(L, "cannot wait outside of a task: "
                           "put it into neap.run(function() ... end)");
    else lua_pushfstring(L, "cannot wait here: %s", push_obstacle(L, rt));
    lua_insert(L, where + 1);
    lua_settop(L, where + 1);
    lua_concat(L, 2);
}

NEAPL_SELDOM
static int refuse(lua_State *L) {
    if (neapL_rt(L)->limits.now.doomed) return neapL_strike(L);
    neapL_push_refusal(L);
    return lua_error(L);
}

// ---- waiting

static bool can_wait(const neap_runtime *rt, lua_State *L) {
    return L == rt->waitable && lua_isyieldable(L);
}

bool neapL_may_wait(lua_State *L) { return can_wait(neapL_rt(L), L); }

neapL_task *neapL_waiting(lua_State *L, neapL_doing doing) {
    neap_runtime *rt = neapL_rt(L);
    if (!can_wait(rt, L)) return refuse(L), NULL;
    neapL_task *task = rt->task;
    task->future.doing = (uint8_t)doing;
    task->future.since = neapL_stamp(rt);
    task->future.nested = L != task->co;
    return task;
}

int neapL_suspend(lua_State *L, lua_KContext ctx, lua_KFunction k) {
    lua_pushlightuserdata(L, (void *)&sentinel);
    return lua_yieldk(L, 1, ctx, k);
}

int neapL_begin(lua_State *L, lua_KContext ctx, lua_KFunction k) {
    neap_runtime *rt = neapL_rt(L);
    neapL_task *task = rt->task;
    if (!task) return k(L, LUA_OK, ctx);
    if (!task->core.inner->cause && ++rt->quick < QUICK_MAX)
        return k(L, LUA_OK, ctx);
    if (!can_wait(rt, L)) return k(L, LUA_OK, ctx);
    return neapL_pause(L, NEAPL_YIELD, ctx, k);
}

static int concluded_k(lua_State *L, int status, lua_KContext count) {
    neapL_woken(L, status);
    return (int)count;
}

int neapL_conclude(lua_State *L, int count) {
    return neapL_begin(L, count, concluded_k);
}

bool neapL_is_spent(lua_State *L) {
    const neap_runtime *rt = neapL_rt(L);
    return rt->task && rt->quick >= QUICK_MAX && can_wait(rt, L);
}

int neapL_pause(lua_State *L, neapL_doing doing, lua_KContext ctx,
                lua_KFunction k) {
    neapL_task *task = neapL_waiting(L, doing);
    neap_task_yield(&task->core);
    return neapL_suspend(L, ctx, k);
}

bool neapL_is_cancelled(lua_State *L) {
    const neapL_task *task = neapL_current(L);
    return task && task->core.inner->cause;
}

int neapL_meet_cancel(lua_State *L) { return neapL_conclude(L, 0); }

int neapL_raise_stuck(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &neapL_stuck);
    return lua_error(L);
}

static int raise_cancelled(lua_State *L, neap_runtime *rt) {
    neapL_push_cancelled(L, rt->task);
    return lua_error(L);
}

// Whoever resumes a waiting coroutine by other means than ours takes it from
// the task that waits in it.
neap_wake neapL_wake_of(lua_State *L, int status) {
    if (status != LUA_YIELD) return NEAP_WAKE_READY;
    const neap_runtime *rt = neapL_rt(L);
    if (L != rt->running)
        luaL_error(L, "a coroutine that waits was resumed by a function that "
                      "neap did not replace");
    assert(lua_touserdata(L, -1) == &sentinel);
    lua_pop(L, 1);
    return rt->task->core.wake;
}

bool neapL_is_raising(lua_State *L, int status) {
    const neapL_task *task = neapL_current(L);
    if (status != LUA_YIELD || !task) return false;
    return task->core.wake == NEAP_WAKE_CANCEL ||
           task->core.wake == NEAP_WAKE_STUCK;
}

neap_wake neapL_woken(lua_State *L, int status) {
    neap_wake wake = neapL_wake_of(L, status);
    if (wake == NEAP_WAKE_CANCEL) raise_cancelled(L, neapL_rt(L));
    if (wake == NEAP_WAKE_STUCK) neapL_raise_stuck(L);
    return wake;
}

// ---- resuming

int neapL_resume(lua_State *L, lua_State *co, int nargs, int *count) {
    neap_runtime *rt = neapL_rt(L);
    lua_State *running = rt->running, *waitable = rt->waitable;
    neapL_link link = {.L = L, .up = rt->link};
    bool passes = L == waitable && lua_isyieldable(L);
    rt->link = &link;
    if (rt->limits.any) neapL_limits_resume(rt, co);
    rt->running = co;
    rt->waitable = passes ? co : NULL;
    if (rt->interruption.pending) neapL_interrupt_running(rt);
    int status = lua_resume(co, L, nargs, count);
    rt->running = running;
    rt->waitable = rt->limits.now.doomed ? NULL : waitable;
    rt->link = link.up;
    if (rt->interruption.pending) neapL_interrupt_running(rt); // still unheard
    return status;
}

int neapL_unwind(lua_State *L, lua_State *co, const char *who) {
    neap_runtime *rt = neapL_find(L);
    const char *outer = rt->unwinding;
    assert(who);
    rt->unwinding = who;
    if (rt->limits.any) neapL_limits_unwind(rt, co);
    int status = CLOSE_THREAD(co, L);
    rt->unwinding = outer;
    return status;
}
