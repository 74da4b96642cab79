// SPDX-License-Identifier: MIT
// Threads: a stack of idle coroutines over a table of all (see threads.h).
//
// A coroutine is not used again whose identity got out (libraries key tables by
// it), or whose stack grew large (generational collection never shrinks one).
// Idle ones are traversed by every collection: their number is bounded.
//
// Invariant: row r of the table of anchors, 1-based, holds a coroutine, or, as
// an integer, the next free row (0: none).
#include "bindings/threads.h"

#include <assert.h>

#include "bindings/task.h"

enum {
    IDLE_MIN = 16,     // room for idle coroutines at first
    IDLE_MAX = 1024,   // coroutines kept: 1.1 KB each,
    IDLE_SHARE = 16384 // and one of so many bytes, where those are limited
};

struct neapL_thread { // an idle one
    lua_State *co;
    uint32_t row; // where it is anchored
};

void neapL_threads_init(lua_State *L, neap_runtime *rt) {
    rt->threads = (neapL_threads){.free_row = 0};
    lua_newtable(L);
    rt->threads.anchors = luaL_ref(L, LUA_REGISTRYINDEX);
}

void neapL_threads_term(neap_runtime *rt) {
    neapL_threads *threads = &rt->threads;
    neap_alloc_free(&rt->alloc, threads->idle,
                    threads->size * sizeof *threads->idle);
    *threads = (neapL_threads){.anchors = threads->anchors};
}

// Anchors the coroutine on top of L, which is popped: its row.
static uint32_t anchor(lua_State *L, neapL_threads *threads) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, threads->anchors);
    lua_insert(L, -2);
    uint32_t row = threads->free_row, next = 0;
    if (row) {
        lua_rawgeti(L, -2, row);
        next = (uint32_t)lua_tointeger(L, -1);
        lua_pop(L, 1);
    } else row = threads->count + 1;
    lua_rawseti(L, -2, row);
    lua_pop(L, 1);
    if (threads->free_row) threads->free_row = next;
    else threads->count++; // not before nothing can fail any more
    return row;
}

lua_State *neapL_thread_take(lua_State *L, neap_runtime *rt, uint32_t *row) {
    neapL_threads *threads = &rt->threads;
    lua_State *co;
    if (threads->idle_count > 0) {
        struct neapL_thread *idle = &threads->idle[--threads->idle_count];
        co = idle->co;
        *row = idle->row;
    } else {
        co = lua_newthread(L);
        lua_sethook(co, NULL, 0, 0); // lua_newthread copied L's
        *row = anchor(L, threads);
    }
    if (lua_gethook(L) && !rt->interruption.hooked) // as coroutine.create does
        lua_sethook(co, lua_gethook(L), lua_gethookmask(L),
                    lua_gethookcount(L));
    return co;
}

static void drop(neap_runtime *rt, uint32_t row) {
    lua_State *L = rt->turner;
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->threads.anchors);
    lua_pushinteger(L, rt->threads.free_row);
    lua_rawseti(L, -2, row);
    lua_pop(L, 1);
    rt->threads.free_row = row;
}

// Room for one more idle coroutine; false: enough of them, or no memory.
static bool has_room(neap_runtime *rt) {
    neapL_threads *threads = &rt->threads;
    if (threads->idle_count < threads->size) return true;
    uint32_t size = threads->size ? threads->size * 2 : IDLE_MIN;
    size_t limit = rt->config.memory_limit;
    if (size > IDLE_MAX || (limit && size > limit / IDLE_SHARE)) return false;
    struct neapL_thread *idle = neap_alloc_array(
        &rt->alloc, threads->idle, threads->size, size, sizeof *idle);
    if (!idle) return false;
    threads->idle = idle;
    threads->size = size;
    return true;
}

void neapL_thread_drop(neap_runtime *rt, lua_State *co, uint32_t row) {
    if (rt->interruption.hooked == co) neapL_unhook(rt); // it may be collected
    drop(rt, row);
}

void neapL_note_big(neap_runtime *rt) {
    rt->arena.big = false;
    if (rt->task) rt->task->future.exposed = true;
}

void neapL_thread_give(neap_runtime *rt, lua_State *co, uint32_t row,
                       bool reuse) {
    neapL_threads *threads = &rt->threads;
    lua_settop(co, 0);
    if (rt->interruption.hooked == co) neapL_unhook(rt); // it may be collected
    if (!reuse || lua_gethook(co) != rt->limits.hook || !has_room(rt)) {
        drop(rt, row); // debug.sethook keys a table by the coroutine, too
        return;
    }
    threads->idle[threads->idle_count++] = (struct neapL_thread){co, row};
}
