// SPDX-License-Identifier: MIT
// Alloc: three calls over the one allocation function (see alloc.h).
//
// None of them retries or aborts: no memory is an answer, and the caller says
// in words what could not be made.
#include "core/alloc.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

void *neap_alloc_new(const neap_alloc *alloc, size_t size) {
    assert(size > 0);
    void *ptr = alloc->fn(alloc->ud, NULL, 0, size);
    return ptr ? memset(ptr, 0, size) : NULL;
}

void neap_alloc_free(const neap_alloc *alloc, void *ptr, size_t size) {
    assert(!ptr || size > 0);
    if (ptr) alloc->fn(alloc->ud, ptr, size, 0);
}

void *neap_alloc_array(const neap_alloc *alloc, void *array, size_t old_count,
                       size_t count, size_t each) {
    assert(count > 0 && each > 0);
    if (count > SIZE_MAX / each) return NULL;
    return alloc->fn(alloc->ud, array, old_count * each, count * each);
}
