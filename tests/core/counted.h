// SPDX-License-Identifier: MIT
// Counted: an allocator that knows what it gave, and refuses when told to.
//
// Its size stands before each block, so that a block given back, or made
// larger, with a wrong size fails the test there and then. A new block is full
// of junk: who forgets to set a field is found out.
#ifndef NEAP_TESTS_COUNTED_H
#define NEAP_TESTS_COUNTED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/alloc.h"

enum { COUNTED_HEAD = 16, COUNTED_JUNK = 0xA5 };

typedef struct counted {
    neap_alloc alloc; // what to hand out; its ud is this structure
    size_t blocks;    // given and not taken back
    size_t bytes;     // in those
    long calls;       // for memory so far, refused ones too
    long left;        // calls that succeed from now on; negative: all
    bool once;        // after those one is refused, not all
} counted;

static inline size_t counted_size(const void *ptr) {
    size_t size;
    memcpy(&size, (const char *)ptr - COUNTED_HEAD, sizeof size);
    return size;
}

static inline void counted_give_back(counted *self, void *ptr, size_t size) {
    if (!ptr) return;
    assert_int_equal(counted_size(ptr), size);
    self->blocks--;
    self->bytes -= size;
    free((char *)ptr - COUNTED_HEAD);
}

static inline void *counted_give(counted *self, size_t size) {
    char *head = malloc(COUNTED_HEAD + size);
    assert_non_null(head);
    memset(head, COUNTED_JUNK, COUNTED_HEAD + size);
    memcpy(head, &size, sizeof size);
    self->blocks++;
    self->bytes += size;
    return head + COUNTED_HEAD;
}

// A neap_alloc_fn. Always moves a block, so that stale pointers show.
static inline void *counted_fn(void *ud, void *ptr, size_t osize,
                               size_t nsize) {
    counted *self = ud;
    if (nsize == 0) return counted_give_back(self, ptr, osize), NULL;
    self->calls++;
    if (self->left == 0) return self->left = self->once ? -1 : 0, NULL;
    if (self->left > 0) self->left--;
    void *block = counted_give(self, nsize);
    if (ptr) memcpy(block, ptr, osize < nsize ? osize : nsize);
    counted_give_back(self, ptr, osize);
    return block;
}

static inline void counted_init(counted *self) {
    *self = (counted){.left = -1};
    self->alloc = (neap_alloc){.fn = counted_fn, .ud = self};
}

// All that was given has been taken back.
static inline void counted_term(const counted *self) {
    assert_int_equal(self->blocks, 0);
    assert_int_equal(self->bytes, 0);
}

// The next `n` calls for memory succeed, those after them do not.
static inline void counted_refuse_after(counted *self, long n) {
    self->left = n;
    self->once = false;
}

// The next `n` calls succeed, the one after them does not, all others do.
static inline void counted_refuse_one(counted *self, long n) {
    self->left = n;
    self->once = true;
}

static inline void counted_refuse_none(counted *self) { self->left = -1; }

#endif
