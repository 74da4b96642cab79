// SPDX-License-Identifier: MIT
// Threads: a stack of idle coroutines over a table of all (see threads.h).
//
// A coroutine is not used again whose identity got out (libraries key tables by
// it), or whose stack grew large (generational collection never shrinks one).
// Idle ones are traversed by every collection: their number is bounded.
//
// Invariant: row r of the anchors table, 1-based, holds rows[r - 1].co.
#include "bindings/threads.h"

#include <assert.h>

enum {
    ROWS_MIN = 64,   // rows of the first table
    IDLE_MAX = 1024, // coroutines kept: 1.1 KB each
    USES_MAX = 64,   // where a host allocates, big stacks go unseen: retire
    NO_ROW = UINT32_MAX
};

struct neapL_thread {
    lua_State *co;  // NULL: the row is free
    uint32_t uses;  // tasks that ran in it
    uint32_t next;  // free rows: the next one
};

void neapL_threads_init(lua_State *L, neap_runtime *rt) {
    rt->threads = (neapL_threads){.free_row = NO_ROW};
    lua_newtable(L);
    rt->threads.anchors = luaL_ref(L, LUA_REGISTRYINDEX);
}

void neapL_threads_term(neap_runtime *rt) {
    neapL_threads *threads = &rt->threads;
    neap_alloc_free(&rt->alloc, threads->rows,
                    threads->size * sizeof *threads->rows);
    neap_alloc_free(&rt->alloc, threads->idle,
                    threads->size * sizeof *threads->idle);
    *threads = (neapL_threads){.free_row = NO_ROW, .anchors = threads->anchors};
}

static void grow(lua_State *L, neap_runtime *rt) {
    neapL_threads *threads = &rt->threads;
    uint32_t old = threads->size, size = old ? old * 2 : ROWS_MIN;
    struct neapL_thread *rows =
        neap_alloc_array(&rt->alloc, threads->rows, old, size, sizeof *rows);
    if (rows) threads->rows = rows;
    uint32_t *idle = neap_alloc_array(&rt->alloc, threads->idle, old, size,
                                      sizeof *idle);
    if (idle) threads->idle = idle;
    if (!rows || !idle) luaL_error(L, "not enough memory");
    threads->size = size;
}

static uint32_t take_row(lua_State *L, neap_runtime *rt) {
    neapL_threads *threads = &rt->threads;
    uint32_t row = threads->free_row;
    if (row != NO_ROW) return threads->free_row = threads->rows[row].next, row;
    if (threads->count == threads->size) grow(L, rt);
    return threads->count++;
}

static void free_row(neapL_threads *threads, uint32_t row) {
    assert(row < threads->count);
    threads->rows[row].co = NULL;
    threads->rows[row].next = threads->free_row;
    threads->free_row = row;
}

// A row that was taken goes back if the coroutine cannot be made or anchored.
static lua_State *make(lua_State *L, neap_runtime *rt, uint32_t *row) {
    neapL_threads *threads = &rt->threads;
    lua_rawgeti(L, LUA_REGISTRYINDEX, threads->anchors);
    lua_State *co = lua_newthread(L);
    *row = take_row(L, rt);
    free_row(threads, *row); // so that an error in the next line loses nothing
    lua_rawseti(L, -2, (lua_Integer)*row + 1);
    *row = take_row(L, rt);
    lua_pop(L, 1);
    threads->rows[*row].co = co;
    threads->rows[*row].uses = 0;
    lua_sethook(co, NULL, 0, 0); // lua_newthread copied L's
    return co;
}

lua_State *neapL_thread_take(lua_State *L, neap_runtime *rt, uint32_t *row) {
    neapL_threads *threads = &rt->threads;
    lua_State *co;
    if (threads->idle_count > 0) {
        *row = threads->idle[--threads->idle_count];
        co = threads->rows[*row].co;
    } else co = make(L, rt, row);
    threads->rows[*row].uses++;
    if (lua_gethook(L) && !rt->interruption.hooked) // as coroutine.create does
        lua_sethook(co, lua_gethook(L), lua_gethookmask(L),
                    lua_gethookcount(L));
    return co;
}

static void drop(neap_runtime *rt, uint32_t row) {
    lua_State *L = rt->turner;
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->threads.anchors);
    lua_pushnil(L);
    lua_rawseti(L, -2, (lua_Integer)row + 1);
    lua_pop(L, 1);
    free_row(&rt->threads, row);
}

void neapL_thread_give(neap_runtime *rt, uint32_t row, bool reuse) {
    neapL_threads *threads = &rt->threads;
    struct neapL_thread *thread = &threads->rows[row];
    assert(thread->co);
    if (rt->host_allocates && thread->uses >= USES_MAX) reuse = false;
    lua_settop(thread->co, 0);
    if (!reuse || threads->idle_count >= IDLE_MAX) {
        drop(rt, row);
        return;
    }
    if (lua_gethook(thread->co)) lua_sethook(thread->co, NULL, 0, 0);
    threads->idle[threads->idle_count++] = row;
}
