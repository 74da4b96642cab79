// SPDX-License-Identifier: MIT
// Shelf: slots of the Lua stack, and a table for more (see shelf.h).
#include "bindings/shelf.h"

#include <assert.h>

enum { WORK = 16 }; // of the stack, for who uses the shelf

void neapL_shelf_open(neapL_shelf *shelf, lua_State *L) {
    luaL_checkstack(L, NEAPL_SHELF_SLOTS + WORK, NULL);
    *shelf = (neapL_shelf){.L = L, .base = lua_gettop(L)};
    lua_settop(L, neapL_shelf_table(shelf));
}

void neapL_shelf_add(neapL_shelf *shelf) {
    size_t number = ++shelf->count;
    if (number <= NEAPL_SHELF_SLOTS) {
        lua_replace(shelf->L, shelf->base + (int)number);
        return;
    }
    if (number == NEAPL_SHELF_SLOTS + 1) {
        lua_newtable(shelf->L);
        lua_replace(shelf->L, neapL_shelf_table(shelf));
    }
    lua_rawseti(shelf->L, neapL_shelf_table(shelf),
                (lua_Integer)(number - NEAPL_SHELF_SLOTS));
}

void neapL_shelf_push(const neapL_shelf *shelf, size_t number) {
    assert(number > 0 && number <= shelf->count);
    if (number <= NEAPL_SHELF_SLOTS)
        lua_pushvalue(shelf->L, shelf->base + (int)number);
    else
        lua_rawgeti(shelf->L, neapL_shelf_table(shelf),
                    (lua_Integer)(number - NEAPL_SHELF_SLOTS));
}
