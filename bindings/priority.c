// SPDX-License-Identifier: MIT
// Priority: the sifting of a heap in a Lua table (see priority.h).
//
// The entry that moves waits on the stack until its place is found, so that
// each step copies one entry and not two. The heap's table stands beneath it.
//
// Assumption: a table made with room for n keys keeps 1..n in its array, so
// that writing to them allocates nothing.
#include "bindings/priority.h"

#include <assert.h>
#include <lauxlib.h>

enum {
    FIELDS = 3,         // slots of an entry: priority, stamp, value
    ENTRIES_FIRST = 8,  // room of the first table
    ENTRIES_KEPT = 512, // a table up to this size stays when it is empty
    ENTRIES_MAX = 1 << 28
};

typedef struct hole { // on the stack: the table, and the entry that moves
    int table;
    int entry; // its priority, stamp and value
    size_t at; // where it would go, from 1
} hole;

static lua_Integer key_of(size_t at) { return (lua_Integer)at * FIELDS - 2; }

// Pushes the entry at a place of the table; writes what is on top there.
static void push_entry(lua_State *L, int table, size_t at) {
    for (int i = 0; i < FIELDS; i++) lua_rawgeti(L, table, key_of(at) + i);
}

static void set_entry(lua_State *L, int table, size_t at) {
    for (int i = FIELDS - 1; i >= 0; i--) lua_rawseti(L, table, key_of(at) + i);
}

// The entry at stack index a goes before that at index b.
static bool goes_before(lua_State *L, int a, int b) {
    int kind_a = lua_type(L, a), kind_b = lua_type(L, b);
    if (kind_a != kind_b) return kind_a == LUA_TNUMBER;
    if (lua_compare(L, a, b, LUA_OPLT)) return true;
    if (lua_compare(L, b, a, LUA_OPLT)) return false;
    return lua_tointeger(L, a + 1) < lua_tointeger(L, b + 1);
}

// The entry at a place goes before the one that moves.
static bool is_less(lua_State *L, const hole *gap, size_t at) {
    int top = lua_gettop(L);
    push_entry(L, gap->table, at);
    bool less = goes_before(L, top + 1, gap->entry);
    lua_settop(L, top);
    return less;
}

// The hole goes to a place whose entry fills the one before.
static void move_hole(lua_State *L, hole *gap, size_t to) {
    push_entry(L, gap->table, to);
    set_entry(L, gap->table, gap->at);
    gap->at = to;
}

// The entry on top goes to the hole or, as far as it is less, above it.
static void sift_up(lua_State *L, hole *gap) {
    while (gap->at > 1) {
        size_t parent = gap->at / 2;
        if (is_less(L, gap, parent)) break;
        move_hole(L, gap, parent);
    }
    set_entry(L, gap->table, gap->at);
}

// The lesser of the children of the hole, or 0.
static size_t lesser_child(lua_State *L, const hole *gap, size_t count) {
    size_t child = 2 * gap->at;
    if (child >= count) return child == count ? child : 0;
    int top = lua_gettop(L);
    push_entry(L, gap->table, child);
    push_entry(L, gap->table, child + 1);
    if (goes_before(L, top + 1 + FIELDS, top + 1)) child++;
    lua_settop(L, top);
    return child;
}

// The entry on top goes to the hole or, as far as others are less, beneath it.
static void sift_down(lua_State *L, hole *gap, size_t count) {
    size_t child;
    while ((child = lesser_child(L, gap, count)) && is_less(L, gap, child))
        move_hole(L, gap, child);
    set_entry(L, gap->table, gap->at);
}

// A table of twice the size.
static void grow(lua_State *L, int owner, neapL_priority *heap) {
    size_t size = heap->size ? 2 * heap->size : ENTRIES_FIRST;
    if (size > ENTRIES_MAX) luaL_error(L, "too many items");
    lua_createtable(L, (int)(size * FIELDS), 0);
    int table = lua_gettop(L);
    lua_getiuservalue(L, owner, 1);
    for (size_t at = 1; at <= heap->count; at++) {
        push_entry(L, table + 1, at);
        set_entry(L, table, at);
    }
    lua_pop(L, 1);
    lua_setiuservalue(L, owner, 1);
    heap->size = size;
}

void neapL_priority_push(lua_State *L, int owner, neapL_priority *heap,
                         int value) {
    assert(owner > 0 && value > 0);
    if (heap->count == heap->size) grow(L, owner, heap);
    lua_getiuservalue(L, owner, 1);
    int table = lua_gettop(L);
    hole gap = {.table = table, .entry = table + 1, .at = ++heap->count};
    lua_pushvalue(L, value + 1);
    lua_pushinteger(L, ++heap->stamp);
    lua_pushvalue(L, value);
    sift_up(L, &gap);
}

// Moves the last entry to the top; its old place is left empty.
static void refill(lua_State *L, int table, neapL_priority *heap) {
    hole gap = {.table = table, .entry = lua_gettop(L) + 1, .at = 1};
    push_entry(L, table, heap->count);
    for (int i = 0; i < FIELDS; i++) lua_pushnil(L);
    set_entry(L, table, heap->count--);
    if (heap->count > 0) sift_down(L, &gap, heap->count);
    else lua_pop(L, FIELDS);
}

void neapL_priority_pop(lua_State *L, int owner, neapL_priority *heap) {
    assert(owner > 0 && heap->count > 0);
    lua_getiuservalue(L, owner, 1);
    int table = lua_gettop(L);
    lua_rawgeti(L, table, key_of(1) + 2);
    refill(L, table, heap);
    assert(lua_gettop(L) == table + 1);
    if (heap->count > 0 || heap->size <= ENTRIES_KEPT) return;
    lua_pushnil(L);
    lua_setiuservalue(L, owner, 1);
    heap->size = 0;
}
