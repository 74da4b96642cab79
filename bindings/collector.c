// SPDX-License-Identifier: MIT
// Collector: modes and paces (see collector.h).
//
// Lua does not tell the mode: to set one tells the one before. So a script that
// chose the incremental mode is put back, once, and left alone from then on.
#include "bindings/neapL.h"

enum {
    SOME_TASKS = 8,  // that make a minor collection dear,
    SMALL_KB = 4096, // in a heap of less than that, and as much of garbage:
    MINOR = 70,      // then one begins when memory has grown by so much,
    MAJOR = 400,     // and is a major one by so much since the last of these;
    LUA_MINOR = 20,  // in percent; these are Lua's own
    LUA_MAJOR = 100,
    PAUSE = 200, // in percent of the memory in use when the last cycle ended
    STEP = 10    // the least that keeps pace; larger marks in bursts
};

void neapL_collector_init(neap_runtime *rt) {
    rt->collector = NEAPL_AS_IN_LUA;
    lua_gc(rt->L, LUA_GCGEN, LUA_MINOR, LUA_MAJOR);
}

void neapL_collector_crowd(neap_runtime *rt) {
    if (rt->collector == NEAPL_LEFT_ALONE) return;
    rt->collector = NEAPL_LEFT_ALONE;
    if (lua_gc(rt->L, LUA_GCINC, 0, 0, 0) == LUA_GCGEN)
        lua_gc(rt->L, LUA_GCINC, PAUSE, STEP, 0);
}

static void stay_generational(neap_runtime *rt, bool sparse) {
    rt->collector = sparse ? NEAPL_SPARSE : NEAPL_AS_IN_LUA;
    int mode = sparse ? lua_gc(rt->L, LUA_GCGEN, MINOR, MAJOR)
                      : lua_gc(rt->L, LUA_GCGEN, LUA_MINOR, LUA_MAJOR);
    if (mode != LUA_GCINC) return;
    rt->collector = NEAPL_LEFT_ALONE;
    lua_gc(rt->L, LUA_GCINC, 0, 0, 0); // with what it had set
}

void neapL_collector_turn(neap_runtime *rt) {
    if (rt->collector == NEAPL_LEFT_ALONE) return;
    bool was_sparse = rt->collector == NEAPL_SPARSE;
    int limit = was_sparse ? 2 * SMALL_KB : SMALL_KB;
    bool sparse = rt->alive >= SOME_TASKS && lua_gc(rt->L, LUA_GCCOUNT) < limit;
    if (sparse != was_sparse) stay_generational(rt, sparse);
}
