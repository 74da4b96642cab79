// SPDX-License-Identifier: MIT
// Buffer: bytes that were taken from the kernel and not yet asked for.
//
// It is one block of memory, header and room together, that comes with the
// first bytes and goes with the last: an idle connection has none. What has
// gone is the runtime's spare, which the next reader takes, so a stream that is
// read as fast as it comes allocates nothing. Who waits with few bytes in hand
// keeps them in a block of their size, not in 64 KiB.
//
// The holder has a pointer to it, which is NULL where there is nothing. Blocks
// stand in a list of the runtime's: they end with it, whoever holds them.
//
// Invariant: first <= last <= size; first + searched <= last.
#ifndef NEAP_BINDINGS_BUFFER_H
#define NEAP_BINDINGS_BUFFER_H

#include "bindings/neapL.h"

typedef struct neapL_buffer {
    neap_link link;              // in rt->buffers; alone: it is the spare
    neap_runtime *rt;            // whose memory it is
    struct neapL_buffer **owner; // the holder's pointer to it
    size_t size;                 // of the room
    size_t first, last;          // where the unread bytes begin and end
    size_t searched;             // of them, where no delimiter begins
    char bytes[];                // the room
} neapL_buffer;

static inline size_t neapL_unread(const neapL_buffer *buffer) {
    return buffer ? buffer->last - buffer->first : 0;
}

// Room behind the unread bytes, at least 16 KiB; false: no memory, and all is
// as it was. `*owner` may be NULL, and may change.
bool neapL_buffer_grow(neap_runtime *rt, neapL_buffer **owner);

// For who is going to wait: keeps no more memory than the bytes need.
void neapL_buffer_settle(neapL_buffer **owner);

// Pushes the first `size` unread bytes but for the last `strip`, and takes them
// all from the buffer. [-0, +1, m]
void neapL_buffer_take(lua_State *L, neapL_buffer **owner, size_t size,
                       size_t strip);

// Gives it up, with what is in it; NULL: nothing.
void neapL_buffer_drop(neapL_buffer **owner);

// The runtime ends: drops all, or frees the spare.
void neapL_buffers_drop(neap_runtime *rt);
void neapL_buffers_term(neap_runtime *rt);

#endif
