// SPDX-License-Identifier: MIT
// Ring: a table of 2^n slots, gone round (see ring.h).
//
// Assumption: a table made with room for n keys keeps 1..n in its array, so
// that writing to them moves and allocates nothing.
#include "bindings/ring.h"

#include <assert.h>
#include <lauxlib.h>

enum {
    SLOTS_FIRST = 8,    // slots of the first table
    SLOTS_KEPT = 1024,  // a table up to this size stays when it is empty: 16 KB
    SLOTS_MAX = 1 << 30 // lua_createtable takes an int
};

// The key of the value `offset` places behind the oldest.
static lua_Integer key_of(const neapL_ring *ring, size_t offset) {
    assert(ring->size > 0);
    return (lua_Integer)((ring->first + offset) & (ring->size - 1)) + 1;
}

// A table of twice the size, with the oldest value in its first slot.
static void grow(lua_State *L, int owner, neapL_ring *ring) {
    if (ring->size >= SLOTS_MAX) luaL_error(L, "too many items");
    size_t old = ring->size, size = old ? 2 * old : SLOTS_FIRST;
    lua_createtable(L, (int)size, 0);
    if (ring->size != old) { // a finalizer put or took
        lua_pop(L, 1);
        return;
    }
    lua_getiuservalue(L, owner, 1);
    for (size_t i = 0; i < ring->count; i++) {
        lua_rawgeti(L, -1, key_of(ring, i));
        lua_rawseti(L, -3, (lua_Integer)i + 1);
    }
    lua_pop(L, 1);
    lua_setiuservalue(L, owner, 1);
    ring->first = 0;
    ring->size = size;
}

void neapL_ring_push(lua_State *L, int owner, neapL_ring *ring, int value) {
    assert(owner > 0 && value > 0 && ring->count <= ring->size);
    while (ring->count == ring->size) grow(L, owner, ring);
    lua_getiuservalue(L, owner, 1);
    lua_pushvalue(L, value);
    lua_rawseti(L, -2, key_of(ring, ring->count++));
}

// Takes the value at a key, on top of the table.
static void take(lua_State *L, int owner, neapL_ring *ring, lua_Integer key) {
    lua_getiuservalue(L, owner, 1);
    lua_rawgeti(L, -1, key);
    lua_pushnil(L);
    lua_rawseti(L, -3, key);
    if (--ring->count == 0 && ring->size > SLOTS_KEPT)
        neapL_ring_clear(L, owner, ring);
}

void neapL_ring_pop(lua_State *L, int owner, neapL_ring *ring) {
    assert(owner > 0 && ring->count > 0);
    lua_Integer key = key_of(ring, 0);
    ring->first = (size_t)key & (ring->size - 1);
    take(L, owner, ring, key);
}

void neapL_ring_pop_newest(lua_State *L, int owner, neapL_ring *ring) {
    assert(owner > 0 && ring->count > 0);
    take(L, owner, ring, key_of(ring, ring->count - 1));
}

void neapL_ring_clear(lua_State *L, int owner, neapL_ring *ring) {
    assert(owner > 0);
    lua_pushnil(L);
    lua_setiuservalue(L, owner, 1);
    *ring = (neapL_ring){0};
}
