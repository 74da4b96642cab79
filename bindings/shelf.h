// SPDX-License-Identifier: MIT
// Shelf: Lua values by number, 1, 2, 3: those that a parcel's parts refer to.
//
// The first few stand on the Lua stack, so that small parcels need no memory of
// Lua's; the others in a table above them, which may be as large as it gets.
#ifndef NEAP_BINDINGS_SHELF_H
#define NEAP_BINDINGS_SHELF_H

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>

enum { NEAPL_SHELF_SLOTS = 16 }; // on the stack

typedef struct neapL_shelf {
    lua_State *L;
    int base;     // below the first slot
    size_t count; // values on it
} neapL_shelf;

// Lays one out on top of the stack.
void neapL_shelf_open(neapL_shelf *shelf, lua_State *L);

// The value on top of the stack gets the next number. [-1, +0, m]
void neapL_shelf_add(neapL_shelf *shelf);

// Pushes the value of a number. [-0, +1]
void neapL_shelf_push(const neapL_shelf *shelf, size_t number);

// Where the table stands; nil before the slots are full.
static inline int neapL_shelf_table(const neapL_shelf *shelf) {
    return shelf->base + NEAPL_SHELF_SLOTS + 1;
}

#endif
