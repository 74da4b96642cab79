// SPDX-License-Identifier: MIT
// Priority: Lua values, the least priority first, of equal ones the oldest.
//
// A binary heap in a Lua table, which is the first user value of the userdata
// that holds it: Lua's collector sees the values. An entry is three slots: its
// priority, when it came, and the value, where nil is a value like the others.
//
// Numbers come before strings: there is an order between any two priorities, so
// that nothing can fail once a value has been accepted.
//
// Invariant: no entry goes before its parent; count <= size.
#ifndef NEAP_BINDINGS_PRIORITY_H
#define NEAP_BINDINGS_PRIORITY_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct neapL_priority {
    size_t count;      // entries
    size_t size;       // entries that the table has room for
    lua_Integer stamp; // of the entry that came last
} neapL_priority;

// Puts in a copy of the value at index `value`; its priority, a number but NaN
// or a string, stands behind it. Where that raises, the heap is as it was. The
// table stays on the stack. [-0, +1, m]
void neapL_priority_push(lua_State *L, int owner, neapL_priority *heap,
                         int value);

// Takes the least out of a heap that is not empty, on top of its table.
// [-0, +2, -]
void neapL_priority_pop(lua_State *L, int owner, neapL_priority *heap);

#endif
