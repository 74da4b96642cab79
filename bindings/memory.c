// SPDX-License-Identifier: MIT
// Memory: the allocator of a runtime whose memory is limited: a count before
// the host's, or malloc's. (The arena keeps what is freed for blocks of the
// same size; who fills one size after the other would leave nothing to others.)
//
// Where there is no room all garbage is collected. Who asks when that was no
// help broke the limit: nobody is doomed for garbage that others left.
//
// What threads share is malloc's, and not counted.
#include <stdio.h>
#include <stdlib.h>

#include "bindings/neapL.h"

enum { RESERVE = 8 }; // which part of the limit is added for the doomed

static void doom(neap_runtime *rt, lua_State *L) {
    char words[NEAPL_VERDICT_SIZE];
    snprintf(words, sizeof words, "the memory limit is reached: %zu bytes",
             rt->config.memory_limit);
    neapL_doom(rt, L, words);
}

// The doomed may take some more: else each request of their clean-up would
// make Lua collect all garbage, in vain.
static bool has_room(const neap_runtime *rt, size_t more) {
    const neapL_limits *it = &rt->limits;
    size_t limit = rt->config.memory_limit;
    if (it->now.doomed) limit += limit / RESERVE;
    return it->bytes <= limit && more <= limit - it->bytes;
}

static int ask(lua_State *L) {
    lua_newuserdatauv(L, 1, 0);
    return 1;
}

// Lua itself collects where memory is refused, and runs no finalizers then: we
// may be in the middle of anything. So it is refused, to a thread that is there
// for this alone. False: Lua did not ask again, for it may not collect now.
static bool collect(neap_runtime *rt) {
    lua_State *L = rt->limits.asker;
    if (!L || rt->closing) return false;
    rt->limits.starved = true;
    rt->limits.asked = 0;
    lua_pushcfunction(L, ask);
    lua_pcall(L, 0, 1, 0);
    lua_pop(L, 1); // the words of a memory error
    rt->limits.starved = false;
    return rt->limits.asked > 1;
}

// There is no room for `more` bytes, unless garbage makes some. What was
// refused Lua asks for once more: that need not be tried again.
//
// Where it may not collect it is collecting already, and would move a stack to
// a smaller block; or else (since 5.4.5, by realloc) it moves one to a larger
// block, and that stack cannot be looked at.
static bool make_room(neap_runtime *rt, size_t more, const void *block) {
    neapL_limits *it = &rt->limits;
    if (it->now.doomed || it->refused == more) return false;
    bool collected = collect(rt);
    if (has_room(rt, more)) return true;
    it->refused = more;
    if (it->now.counting && (collected || block))
        doom(rt, collected ? rt->running : NULL);
    return false;
}

// `osize` of a new block is a type tag of Lua's.
static void *limited_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
    neap_runtime *rt = ud;
    neapL_limits *it = &rt->limits;
    size_t held = ptr ? osize : 0;
    bool grows = nsize > held;
    if (grows && it->starved) return it->asked++, NULL;
    if (grows && !has_room(rt, nsize - held) &&
        !make_room(rt, nsize - held, ptr))
        return NULL;
    void *block = it->under.fn(it->under.ud, ptr, osize, nsize);
    if (!block && nsize > 0) return NULL;
    it->bytes = it->bytes - held + nsize;
    if (grows) it->refused = 0;
    if (nsize > NEAP_ARENA_BIG) rt->arena.big = true;
    return block;
}

// ---- beginning

static void *plain_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
    (void)ud, (void)osize;
    if (nsize > 0) return realloc(ptr, nsize);
    free(ptr);
    return NULL;
}

void neapL_limit_memory(neap_runtime *rt) {
    if (!rt->config.memory_limit) return;
    if (rt->config.memory_limit > SIZE_MAX / 2)
        rt->config.memory_limit = SIZE_MAX / 2; // with room for the reserve
    rt->limits.under = (neap_alloc){plain_alloc, NULL};
    if (rt->host_allocates) rt->limits.under = rt->alloc;
    rt->alloc = (neap_alloc){limited_alloc, rt};
}
