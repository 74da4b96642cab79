// SPDX-License-Identifier: MIT
// Unpack: bytes into values (packed.h says how they stand).
//
// First all objects are made, tables with the room they will need; then these
// are filled; then the values are pushed that are not in one. Each object
// stands on the shelf under its number, so that who refers to it finds it.
#include "bindings/packed.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "bindings/code.h"
#include "bindings/shelf.h"

typedef struct unpacker {
    lua_State *L;
    const neapL_packed *packed;
    size_t at;         // the next byte
    bool call;         // see neapL_parcel_unpack_call
    neapL_shelf shelf; // the objects
} unpacker;

static void get(unpacker *u, void *to, size_t size) {
    assert(u->packed->size - u->at >= size);
    memcpy(to, u->packed->bytes + u->at, size);
    u->at += size;
}

// Pushes so many bytes as a string.
static void push_string(unpacker *u, size_t size) {
    const char *bytes = (const char *)u->packed->bytes + u->at;
    assert(u->packed->size - u->at >= size);
    u->at += size;
    lua_pushlstring(u->L, bytes, size);
}

static size_t get_size(unpacker *u) {
    size_t size;
    get(u, &size, sizeof size);
    return size;
}

static void push_integer(unpacker *u) {
    lua_Integer integer;
    get(u, &integer, sizeof integer);
    lua_pushinteger(u->L, integer);
}

static void push_float(unpacker *u) {
    lua_Number number;
    get(u, &number, sizeof number);
    lua_pushnumber(u->L, number);
}

static void push_value(unpacker *u) {
    switch ((neapL_tag)u->packed->bytes[u->at++]) {
    case NEAPL_TAG_NIL: lua_pushnil(u->L); break;
    case NEAPL_TAG_FALSE: lua_pushboolean(u->L, 0); break;
    case NEAPL_TAG_TRUE: lua_pushboolean(u->L, 1); break;
    case NEAPL_TAG_INTEGER: push_integer(u); break;
    case NEAPL_TAG_FLOAT: push_float(u); break;
    case NEAPL_TAG_SHORT: push_string(u, u->packed->bytes[u->at++]); break;
    case NEAPL_TAG_STRING: push_string(u, get_size(u)); break;
    case NEAPL_TAG_OBJECT: neapL_shelf_push(&u->shelf, get_size(u)); break;
    }
}

// ---- objects

static int limited(size_t size) { return size < INT_MAX ? (int)size : INT_MAX; }

static void push_function(unpacker *u) {
    neapL_held held;
    get(u, &held, sizeof held);
    bool first = u->shelf.count == 0;
    if (u->call && first) neapL_code_push_kept(u->L, held.object);
    else neapL_code_push(u->L, held.object);
}

static void push_shared(unpacker *u) {
    neapL_held held;
    get(u, &held, sizeof held);
    held.sharing->push(u->L, held.object);
}

// Pushes the object of a record, a table without what is in it.
static void push_object(unpacker *u, const neapL_record *record) {
    switch (record->kind) {
    case NEAPL_RECORD_STRING: push_string(u, record->size); break;
    case NEAPL_RECORD_TABLE:
    case NEAPL_RECORD_ERROR:
        lua_createtable(u->L, limited(record->array), limited(record->pairs));
        break;
    case NEAPL_RECORD_FUNCTION: push_function(u); break;
    case NEAPL_RECORD_SHARED: push_shared(u); break;
    }
}

static void make_objects(unpacker *u) {
    neapL_record record;
    u->at = u->packed->records;
    for (size_t i = 0; i < u->packed->objects; i++) {
        get(u, &record, sizeof record);
        size_t next = u->at + record.size;
        push_object(u, &record);
        neapL_shelf_add(&u->shelf);
        u->at = next;
    }
}

// The table on top gets its entries.
static void fill_table(unpacker *u, const neapL_record *record) {
    for (size_t i = 1; i <= record->array; i++) {
        push_value(u);
        lua_rawseti(u->L, -2, (lua_Integer)i);
    }
    for (size_t i = 0; i < record->pairs; i++) {
        push_value(u);
        push_value(u);
        lua_rawset(u->L, -3);
    }
}

static void fill_error(unpacker *u, const neapL_record *record) {
    const neapL_class *class;
    get(u, &class, sizeof class);
    fill_table(u, record);
    neapL_setclass(u->L, class);
}

static void fill_objects(unpacker *u) {
    neapL_record record;
    u->at = u->packed->records;
    for (size_t i = 1; i <= u->packed->objects; i++) {
        get(u, &record, sizeof record);
        size_t next = u->at + record.size;
        neapL_shelf_push(&u->shelf, i);
        if (record.kind == NEAPL_RECORD_TABLE) fill_table(u, &record);
        if (record.kind == NEAPL_RECORD_ERROR) fill_error(u, &record);
        lua_pop(u->L, 1);
        u->at = next;
    }
}

void neapL_packed_push(lua_State *L, const neapL_packed *packed, bool call) {
    unpacker u = {.L = L, .packed = packed, .call = call};
    int base = lua_gettop(L), count = (int)packed->values;
    if (packed->objects > 0) {
        neapL_shelf_open(&u.shelf, L);
        make_objects(&u);
        fill_objects(&u);
    }
    luaL_checkstack(L, count + 1, NULL);
    u.at = 0;
    for (int i = 0; i < count; i++) push_value(&u);
    if (packed->objects == 0) return;
    int above = lua_gettop(L) - count; // the shelf, which goes
    for (int i = 1; i <= count; i++) lua_copy(L, above + i, base + i);
    lua_settop(L, base + count);
}
