// SPDX-License-Identifier: MIT
// Limit: the least that Lua's C API costs for the work of
// tests/bench/micro.lua.
//
// Each function does what a scheduler cannot do without, and nothing else: it
// resumes coroutines from an array or a heap, looks nobody up and checks
// nothing. Prints nanoseconds of CPU per operation.
//
//     limit switch | sleepers COUNT SECONDS
#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TASKS = 100, ROUNDS = 10000 };

typedef struct timer { // of a sleeping coroutine
    double due;        // seconds
    unsigned order;    // among equals
    lua_State *co;     // who sleeps
} timer;

static timer *timers; // a 4-ary heap
static size_t count;  // of them
static unsigned made; // timers so far

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int before(const timer *a, const timer *b) {
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void push(timer item) {
    size_t slot = count++;
    while (slot > 0 && before(&item, &timers[(slot - 1) / 4])) {
        timers[slot] = timers[(slot - 1) / 4];
        slot = (slot - 1) / 4;
    }
    timers[slot] = item;
}

static size_t least_child(size_t slot) {
    size_t least = slot * 4 + 1;
    for (size_t child = least + 1; child <= slot * 4 + 4; child++)
        if (child < count && before(&timers[child], &timers[least]))
            least = child;
    return least;
}

static timer pop(void) {
    timer top = timers[0], last = timers[--count];
    size_t slot = 0;
    while (slot * 4 + 1 < count) {
        size_t child = least_child(slot);
        if (!before(&timers[child], &last)) break;
        timers[slot] = timers[child];
        slot = child;
    }
    timers[slot] = last;
    return top;
}

static int yield(lua_State *L) { return lua_yield(L, 0); }

static int wait_for(lua_State *L) {
    double due = seconds(CLOCK_MONOTONIC) + luaL_checknumber(L, 1);
    push((timer){due, made++, L});
    return lua_yield(L, 0);
}

// The chunk's function goes to index 1, a table that anchors coroutines to 2.
static lua_State *open_state(const char *chunk) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_register(L, "yield", yield);
    lua_register(L, "sleep", wait_for);
    if (luaL_dostring(L, chunk) != LUA_OK) abort();
    lua_newtable(L);
    return L;
}

static lua_State *start(lua_State *L, int row) {
    lua_State *co = lua_newthread(L);
    lua_rawseti(L, 2, row);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return co;
}

static void bench_switch(void) {
    lua_State *co[TASKS];
    lua_State *L = open_state("return function() local yield = yield "
                              "for _ = 1, 10000 do yield() end end");
    int results;
    double since = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < TASKS; i++) co[i] = start(L, i + 1);
    for (int round = 0; round <= ROUNDS; round++)
        for (int i = 0; i < TASKS; i++) lua_resume(co[i], L, 0, &results);
    double spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - since;
    printf("%.1f\n", spent * 1e9 / TASKS / ROUNDS);
    lua_close(L);
}

static void rest(double wait) {
    time_t whole = (time_t)wait;
    struct timespec time = {whole, (long)((wait - (double)whole) * 1e9)};
    time.tv_nsec += 1000000; // rounded up, as poll rounds
    if (time.tv_nsec >= 1000000000) time.tv_sec++, time.tv_nsec -= 1000000000;
    nanosleep(&time, NULL);
}

static void bench_sleepers(int sleepers, double span) {
    lua_State *L =
        open_state("return function(s) sleep(math.random() * s) end");
    int results;
    timers = malloc((size_t)sleepers * sizeof *timers);
    double since = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 1; i <= sleepers; i++) {
        lua_State *co = start(L, i);
        lua_pushnumber(co, span);
        lua_resume(co, L, 1, &results);
    }
    while (count > 0) {
        double wait = timers[0].due - seconds(CLOCK_MONOTONIC);
        if (wait > 0) rest(wait);
        else lua_resume(pop().co, L, 0, &results);
    }
    double spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - since;
    printf("%.1f\n", spent * 1e9 / sleepers);
    lua_close(L);
    free(timers);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "switch") == 0) bench_switch();
    else if (argc == 4) bench_sleepers(atoi(argv[2]), atof(argv[3]));
    else return fputs("limit switch | sleepers COUNT SECONDS\n", stderr), 2;
    return 0;
}
