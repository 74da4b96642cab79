// SPDX-License-Identifier: MIT
// Time: sleeping, yielding, intervals. Seconds in Lua, nanoseconds below.
//
// Seconds are rounded up to whole nanoseconds, and a deadline is computed from
// the clock itself: never early. What no deadline can hold (2^63 ns, 292 years)
// is clamped; infinity sleeps until it is cancelled.
#include <assert.h>
#include <math.h>

#include "bindings/task.h"

// Longer ones are clamped, so that a deadline stays below NEAP_NEVER_NS.
#define LONGEST_NS (NEAP_NEVER_NS / 2)

int64_t neapL_checkseconds(lua_State *L, int arg) {
    int is_integer; // the common sleep(0), without a detour by floats
    if (lua_tointegerx(L, arg, &is_integer) <= 0 && is_integer) return 0;
    lua_Number seconds = luaL_checknumber(L, arg);
    luaL_argcheck(L, !isnan(seconds), arg,
                  "number of seconds expected, got nan");
    if (seconds == HUGE_VAL) return NEAP_NEVER_NS;
    if (seconds <= 0) return 0;
    lua_Number ns = ceil(seconds * 1e9);
    return ns < (lua_Number)LONGEST_NS ? (int64_t)ns : LONGEST_NS;
}

int64_t neapL_optseconds(lua_State *L, int index, const char *name) {
    int64_t span_ns = NEAP_NEVER_NS;
    if (lua_getfield(L, index, name) != LUA_TNIL) {
        bool number = lua_isnumber(L, -1), nan = isnan(lua_tonumber(L, -1));
        if (!number || nan)
            luaL_argerror(L, index,
                          lua_pushfstring(
                              L,
                              "option '%s': number of seconds expected, got %s",
                              name, nan ? "nan" : luaL_typename(L, -1)));
        span_ns = neapL_checkseconds(L, -1);
    }
    lua_pop(L, 1);
    return span_ns;
}

int64_t neapL_deadline(neap_runtime *rt, int64_t duration_ns) {
    assert(duration_ns >= 0);
    if (duration_ns == NEAP_NEVER_NS) return NEAP_NEVER_NS;
    int64_t now_ns = neap_loop_time(&rt->loop);
    int64_t room_ns = NEAP_NEVER_NS - 1 - now_ns; // virtual time may be late
    return now_ns + (duration_ns < room_ns ? duration_ns : room_ns);
}

// The task is the context; a sleep has no results, so the sentinel may stay.
static int slept_k(lua_State *L, int status, lua_KContext ctx) {
    const neapL_task *task = (const neapL_task *)ctx;
    if (task->core.wake >= NEAP_WAKE_CANCEL) neapL_woken(L, status); // raises
    return 0;
}

static int yield_now(lua_State *L) {
    neapL_task *task = neapL_waiting(L, NEAPL_YIELD);
    neap_task_yield(&task->core);
    return neapL_suspend(L, (lua_KContext)task, slept_k);
}

static int sleep_until_ns(lua_State *L, int64_t deadline_ns) {
    neapL_task *task = neapL_waiting(L, NEAPL_SLEEP);
    neap_task_wait(&task->core, NULL);
    if (deadline_ns < NEAP_NEVER_NS) neap_task_arm(&task->core, deadline_ns);
    return neapL_suspend(L, (lua_KContext)task, slept_k);
}

// neap.sleep(s): a negative time is 0; 0 lets the others go first.
static int sleep_for(lua_State *L) {
    int64_t duration_ns = neapL_checkseconds(L, 1);
    if (duration_ns == 0) return yield_now(L);
    return sleep_until_ns(L, neapL_deadline(neapL_rt(L), duration_ns));
}

// neap.sleep_until(t): t as neap.time() tells it.
static int sleep_until(lua_State *L) {
    int64_t deadline_ns = neapL_checkseconds(L, 1);
    if (deadline_ns <= neap_loop_time(&neapL_rt(L)->loop)) return yield_now(L);
    return sleep_until_ns(L, deadline_ns);
}

static int time_now(lua_State *L) {
    int64_t now_ns = neap_loop_time(&neapL_rt(L)->loop);
    lua_pushnumber(L, (lua_Number)now_ns / 1e9);
    return 1;
}

// ---- every

enum { // upvalues of the iterator
    RUNTIME = 1,
    START,  // nanoseconds
    PERIOD, // nanoseconds
    COUNT   // rounds so far
};

static int round_k(lua_State *L, int status, lua_KContext count) {
    neapL_woken(L, status);
    lua_pushinteger(L, count);
    return 1;
}

// The n-th round begins at start + n * period, however long the rounds take;
// one that is late begins at once.
static int every_next(lua_State *L) {
    int64_t period_ns = lua_tointeger(L, lua_upvalueindex(PERIOD));
    int64_t start_ns = lua_tointeger(L, lua_upvalueindex(START));
    lua_Integer count = lua_tointeger(L, lua_upvalueindex(COUNT)) + 1;
    lua_pushinteger(L, count);
    lua_replace(L, lua_upvalueindex(COUNT));
    lua_Number due =
        (lua_Number)start_ns + (lua_Number)period_ns * (lua_Number)count;
    neapL_task *task = neapL_waiting(L, NEAPL_SLEEP);
    if (due <= (lua_Number)neap_loop_time(&neapL_rt(L)->loop))
        neap_task_yield(&task->core);
    else {
        neap_task_wait(&task->core, NULL);
        if (due < (lua_Number)LONGEST_NS)
            neap_task_arm(&task->core, start_ns + period_ns * count);
    }
    return neapL_suspend(L, count, round_k);
}

// neap.every(s) -> iterator: for i in neap.every(0.5) do ... end
static int every(lua_State *L) {
    int64_t period_ns = neapL_checkseconds(L, 1);
    luaL_argcheck(L, period_ns > 0, 1, "positive number of seconds expected");
    lua_pushvalue(L, lua_upvalueindex(RUNTIME));
    lua_pushinteger(L, neap_loop_time(&neapL_rt(L)->loop));
    lua_pushinteger(L, period_ns);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, every_next, COUNT);
    return 1;
}

static const luaL_Reg functions[] = {
    {"sleep", sleep_for}, {"sleep_until", sleep_until},
    {"yield", yield_now}, {"time", time_now},
    {"every", every},     {NULL, NULL}};

void neapL_open_time(lua_State *L, neap_runtime *rt) {
    neapL_addfuncs(L, rt, functions);
}
