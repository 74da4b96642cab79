// SPDX-License-Identifier: MIT
// Alloc: the one way to memory; every byte of a runtime goes through here.
//
// The function has the shape of Lua's lua_Alloc, so a host that gives its own
// to a Lua state sees our bytes with Lua's. Sizes are told when memory is given
// back: so an allocator can do without headers (bindings/arena.h).
#ifndef NEAP_CORE_ALLOC_H
#define NEAP_CORE_ALLOC_H

#include <stddef.h>

// nsize 0 frees and returns NULL; else NULL means no memory, `ptr` untouched.
typedef void *(*neap_alloc_fn)(void *ud, void *ptr, size_t osize, size_t nsize);

typedef struct neap_alloc {
    neap_alloc_fn fn;
    void *ud; // fn's first argument
} neap_alloc;

// Zeroed memory of `size` > 0 bytes, or NULL.
void *neap_alloc_new(const neap_alloc *alloc, size_t size);

// `size` is what it was allocated with. NULL is allowed, and does nothing.
void neap_alloc_free(const neap_alloc *alloc, void *ptr, size_t size);

// An array of `count` elements of `each` bytes instead of `old_count`; the new
// part is not zeroed. NULL: no memory (or too large), the old array stands.
void *neap_alloc_array(const neap_alloc *alloc, void *array, size_t old_count,
                       size_t count, size_t each);

#endif
