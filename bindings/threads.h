// SPDX-License-Identifier: MIT
// Threads: the Lua threads (coroutines) that tasks run in, used again and
// again.
//
// Making a coroutine costs 300 ns and 1.1 KB of garbage; a task's body runs
// under a base pcall, so its coroutine always ends well and can serve the next
// task. One table in the registry, row -> coroutine, anchors them all.
#ifndef NEAP_BINDINGS_THREADS_H
#define NEAP_BINDINGS_THREADS_H

#include "bindings/neapL.h"

// A coroutine with an empty stack and the hook of L; `*row` is its row.
// [-0, +0, m]
lua_State *neapL_thread_take(lua_State *L, neap_runtime *rt, uint32_t *row);

// Gives it back; without `reuse` it is left to the collector.
void neapL_thread_give(neap_runtime *rt, lua_State *co, uint32_t row,
                       bool reuse);

// Leaves one that is suspended to the collector, as it stands. [-0, +0, -]
void neapL_thread_drop(neap_runtime *rt, lua_State *co, uint32_t row);

void neapL_threads_init(lua_State *L, neap_runtime *rt); // [-0, +0, m]
void neapL_threads_term(neap_runtime *rt);

#endif
