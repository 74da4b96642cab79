// SPDX-License-Identifier: MIT
// Ring: Lua values in the order in which they came.
//
// They stand in a Lua table that is gone round and round: no allocation while
// it has room, and Lua's collector sees them. The table is the first user value
// of the userdata that holds the ring. nil is a value like the others; a slot
// that holds none is nil, too, so that nothing taken is kept alive.
//
// The table doubles when it is full. What a burst made large is given up when
// the last value is taken, not before: taking never allocates.
//
// Invariant: size is 0 (no table) or a power of two, first < size, and
// count <= size.
#ifndef NEAP_BINDINGS_RING_H
#define NEAP_BINDINGS_RING_H

#include <lua.h>
#include <stddef.h>

typedef struct neapL_ring {
    size_t first; // slot of the oldest value, from 0
    size_t count; // values
    size_t size;  // slots
} neapL_ring;

// Puts a copy of the value at index `value` behind the others; `owner` is the
// userdata's index. Where that raises, the ring is as it was. Its table stays
// on the stack: to take it away costs as much as to write to it, and a C
// function need not. [-0, +1, m]
void neapL_ring_push(lua_State *L, int owner, neapL_ring *ring, int value);

// Takes the oldest out of a ring that is not empty, on top of its table.
// [-0, +2, -]
void neapL_ring_pop(lua_State *L, int owner, neapL_ring *ring);

// The same with the newest. [-0, +2, -]
void neapL_ring_pop_newest(lua_State *L, int owner, neapL_ring *ring);

// Drops all values, and the table. [-0, +0, -]
void neapL_ring_clear(lua_State *L, int owner, neapL_ring *ring);

#endif
