// SPDX-License-Identifier: MIT
// Barrier: n tasks wait for each other; when the last comes, all go on.
//
// Their numbers, 1 to n in the order in which they stand, are written when the
// barrier opens, onto the stacks of those who wait. So who was cancelled
// meanwhile has none, and leaves no gap.
//
// A waiter that is cancelled leaves its line and tells nobody: `count` may be
// too large. It is counted anew when the barrier seems full, so that arriving
// costs no walk along the line.
//
// Invariant: the line is shorter than n, and no longer than count.
#include <assert.h>

#include "bindings/task.h"

enum { // places on wait's stack
    BARRIER = 1,
    NUMBER // written by who opens it
};

typedef struct neapL_barrier {
    const neapL_type *type; // &barrier_type
    lua_Integer max;        // how many go together
    lua_Integer count;      // how many wait; those who left may be among them
    neap_list line;         // who waits for the others
} neapL_barrier;

static const neapL_type barrier_type;

static neapL_barrier *check_barrier(lua_State *L) {
    return neapL_check(L, BARRIER, &barrier_type);
}

// All the others are there.
static bool is_last(neapL_barrier *barrier) {
    if (barrier->count + 1 < barrier->max) return false;
    barrier->count = neapL_count_line(&barrier->line);
    return barrier->count + 1 == barrier->max;
}

// Everybody gets a number and goes on.
static void open_barrier(neapL_barrier *barrier) {
    lua_Integer number = 0;
    while (!neap_list_empty(&barrier->line)) {
        lua_State *waiter = neapL_first_of(&barrier->line);
        lua_pushinteger(waiter, ++number);
        lua_replace(waiter, NUMBER);
        neap_task_wake_first(&barrier->line, NEAP_WAKE_READY);
    }
    assert(number + 1 == barrier->max);
    barrier->count = 0;
}

static int opened_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    neapL_woken(L, status);
    assert(lua_gettop(L) == NUMBER);
    return 1;
}

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_barrier *barrier = lua_touserdata(L, BARRIER);
    neapL_woken(L, status);
    if (is_last(barrier)) {
        open_barrier(barrier);
        lua_pushinteger(L, barrier->max);
        return 1;
    }
    neapL_task *task = neapL_waiting(L, NEAPL_BARRIER);
    lua_pushnil(L); // NUMBER
    barrier->count++;
    neap_task_wait(&task->core, &barrier->line);
    return neapL_suspend(L, ctx, opened_k);
}

// barrier:wait() -> 1 .. n, in the order of arrival
static int barrier_wait(lua_State *L) {
    check_barrier(L);
    lua_settop(L, BARRIER);
    return neapL_begin(L, 0, wait_k);
}

// "<Barrier 2/3 tasks waiting>"
static int barrier_tostring(lua_State *L) {
    const neapL_barrier *barrier = check_barrier(L);
    lua_Integer count = neapL_count_line(&barrier->line);
    lua_pushfstring(L, "<Barrier %I/%I tasks waiting>", (LUAI_UACINT)count,
                    (LUAI_UACINT)barrier->max);
    return 1;
}

// neap.Barrier(n)
static int barrier_new(lua_State *L) {
    lua_Integer max = neapL_checkpositive(L, 1);
    neapL_barrier *barrier = neapL_new(L, &barrier_type, 0);
    barrier->max = max;
    neap_list_init(&barrier->line);
    return 1;
}

static const luaL_Reg barrier_methods[] = {{"wait", barrier_wait},
                                           {NULL, NULL}};

static const luaL_Reg barrier_meta[] = {{"__tostring", barrier_tostring},
                                        {NULL, NULL}};

static const neapL_type barrier_type = {"neap.Barrier", sizeof(neapL_barrier),
                                        barrier_methods, barrier_meta};

static const luaL_Reg barrier_funcs[] = {{"Barrier", barrier_new},
                                         {NULL, NULL}};

void neapL_open_barrier(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &barrier_type);
    neapL_addfuncs(L, rt, barrier_funcs);
}
