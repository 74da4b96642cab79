// SPDX-License-Identifier: MIT
// Memory: the one counter of all requests, and who is refused (oom.h).
//
// Two ways lead here: the allocator that a runtime or a host's state is given,
// and what our libraries, Lua among them, call of the C library: the linker
// puts __wrap_malloc and the like in its place. A request is a call that asks
// for more than there was; freeing and shrinking cannot fail, on which Lua
// relies. Other threads ask, too: their states have arenas, in which each
// request counts as well, but for those that the birth of a runtime takes.
//
// A block remembers its size, so that a wrong one shows when it comes back. It
// moves whenever its size changes, and what is given back is overwritten: who
// still looks there is found out.
#ifndef NEAP_OOM_MEMORY_H
#define NEAP_OOM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

typedef enum oom_mode {
    OOM_ONCE,  // request n and the one after it are refused
    OOM_ON,    // and all that follow
    OOM_SPELL, // the same, until the program has ended
    OOM_MODES
} oom_mode;

// Counting begins: the n-th request from now on, from 0, is refused.
void oom_arm(oom_mode mode, long n);

// Nobody is refused any more.
void oom_disarm(void);

typedef struct oom_counts {
    long requests;     // between oom_arm and oom_disarm
    bool struck;       // one of them was refused
    size_t blocks;     // given and not taken back, by anybody
    const char *wrong; // what an owner did and must not; NULL: nothing
} oom_counts;

oom_counts oom_counted(void);

// A lua_Alloc; `ud` is not used.
void *oom_alloc(void *ud, void *ptr, size_t osize, size_t nsize);

#endif
