// SPDX-License-Identifier: MIT
// Pack: values into bytes (packed.h says how these stand).
//
// An object gets its number where it is met first, and is put on the shelf; its
// record is written when its turn comes. Numbers and strings alone need nothing
// of Lua's. All else is written under a pcall, because a table of what was met
// may find no memory: then the bytes go, and what they hold.
//
// Tables are read raw. One that a finalizer changes meanwhile crosses as it is
// found, or not: `next` says so.
#include "bindings/packed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/code.h"
#include "bindings/shelf.h"

enum {
    ROOM = 128,    // bytes at first
    HOLES_MAX = 8, // nils in a row that a sequence may have: {n = 2, nil, 1}
    WRITTEN_MAX = 1 + sizeof(size_t) // bytes of a tag and a number
};

typedef struct packer {
    lua_State *L;
    neapL_packed *packed;
    size_t room;                              // for so many bytes
    int count;                                // of values to pack
    const char *what;                         // is being done
    neapL_shelf shelf;                        // objects by number
    const void *addresses[NEAPL_SHELF_SLOTS]; // of those in the slots
    bool tells; // it is in an error object: e.task crosses in words
} packer;

// ---- bytes

// Room for so many bytes more. Where there is none, the old ones stand.
static void reserve(packer *p, size_t size) {
    size_t used = p->packed ? p->packed->size : 0, room = p->room * 2;
    if (p->packed && p->room - used >= size) return;
    if (room < used + size) room = used + size;
    neapL_packed *packed = realloc(p->packed, sizeof *packed + room);
    if (!packed) {
        luaL_error(p->L, "not enough memory");
        return; // it does not
    }
    if (!p->packed) *packed = (neapL_packed){.values = (size_t)p->count};
    p->packed = packed;
    p->room = room;
}

static void put(packer *p, const void *bytes, size_t size) {
    assert(p->packed && p->room - p->packed->size >= size);
    memcpy(p->packed->bytes + p->packed->size, bytes, size);
    p->packed->size += size;
}

static void put_tag(packer *p, neapL_tag tag) {
    assert(p->packed && p->room > p->packed->size);
    p->packed->bytes[p->packed->size++] = (unsigned char)tag;
}

static void put_string(packer *p, int index) {
    size_t size;
    const char *bytes = lua_tolstring(p->L, index, &size);
    unsigned char length = (unsigned char)size;
    reserve(p, WRITTEN_MAX + size);
    put_tag(p, size <= NEAPL_SHORT_MAX ? NEAPL_TAG_SHORT : NEAPL_TAG_STRING);
    if (size <= NEAPL_SHORT_MAX) put(p, &length, 1);
    else put(p, &size, sizeof size);
    put(p, bytes, size);
}

static void put_number(packer *p, int index) {
    lua_Integer integer = lua_tointeger(p->L, index);
    lua_Number number = lua_tonumber(p->L, index);
    bool exact = lua_isinteger(p->L, index);
    put_tag(p, exact ? NEAPL_TAG_INTEGER : NEAPL_TAG_FLOAT);
    if (exact) put(p, &integer, sizeof integer);
    else put(p, &number, sizeof number);
}

static void put_boolean(packer *p, int index) {
    put_tag(p, lua_toboolean(p->L, index) ? NEAPL_TAG_TRUE : NEAPL_TAG_FALSE);
}

// A value that is no object.
static void put_plain(packer *p, int index) {
    reserve(p, WRITTEN_MAX);
    switch (lua_type(p->L, index)) {
    case LUA_TNIL: put_tag(p, NEAPL_TAG_NIL); break;
    case LUA_TBOOLEAN: put_boolean(p, index); break;
    case LUA_TNUMBER: put_number(p, index); break;
    case LUA_TSTRING: put_string(p, index); break;
    default: assert(!"no object");
    }
}

// ---- objects

// The value is more than its bytes; strings are where they are long.
static bool is_object(lua_State *L, int index) {
    int type = lua_type(L, index);
    if (type == LUA_TSTRING) return lua_rawlen(L, index) > NEAPL_INLINE_MAX;
    return type > LUA_TSTRING || type == LUA_TLIGHTUSERDATA;
}

// The number of the object at an address; 0: it has none yet.
static size_t find(packer *p, const void *address) {
    size_t count = p->shelf.count, slots = count;
    if (slots > NEAPL_SHELF_SLOTS) slots = NEAPL_SHELF_SLOTS;
    for (size_t i = 0; i < slots; i++)
        if (p->addresses[i] == address) return i + 1;
    if (count <= NEAPL_SHELF_SLOTS) return 0;
    lua_rawgetp(p->L, neapL_shelf_table(&p->shelf), address);
    size_t number = (size_t)lua_tointeger(p->L, -1);
    lua_pop(p->L, 1);
    return number;
}

// Gives the object at `index` the next number. The shelf's table has the others
// by their addresses, too: as long as they stand there they keep them.
static size_t enlist(packer *p, int index, const void *address) {
    lua_pushvalue(p->L, index);
    neapL_shelf_add(&p->shelf);
    size_t number = p->shelf.count;
    if (number <= NEAPL_SHELF_SLOTS) p->addresses[number - 1] = address;
    else {
        lua_pushinteger(p->L, (lua_Integer)number);
        lua_rawsetp(p->L, neapL_shelf_table(&p->shelf), address);
    }
    return number;
}

static void put_reference(packer *p, int index) {
    bool string = lua_type(p->L, index) == LUA_TSTRING;
    const void *address = string ? (const void *)lua_tostring(p->L, index)
                                 : lua_topointer(p->L, index);
    size_t number = find(p, address);
    if (!number) number = enlist(p, index, address);
    reserve(p, WRITTEN_MAX);
    put_tag(p, NEAPL_TAG_OBJECT);
    put(p, &number, sizeof number);
}

// Raises: something cannot cross.
static void refuse(packer *p) { neapL_refuse(p->L, 2, p->count, p->what); }

// The value is a Task, or the like, in an error object: for people to read.
static bool is_told(packer *p, int index) {
    return p->tells && lua_isuserdata(p->L, index) &&
           !neapL_sharing_of(p->L, index);
}

static void put_words(packer *p, int index) {
    luaL_tolstring(p->L, index, NULL);
    put_string(p, -1);
    lua_pop(p->L, 1);
}

static void put_value(packer *p, int index) {
    if (!is_object(p->L, index)) put_plain(p, index);
    else if (is_told(p, index)) put_words(p, index);
    else if (lua_islightuserdata(p->L, index)) refuse(p); // may be any address
    else put_reference(p, index);
}

// ---- records

// What is on top is the next value of the sequence, or a few nils come first.
static bool goes_on(lua_State *L, int key, size_t length) {
    if (!lua_isinteger(L, key)) return false;
    lua_Unsigned place = (lua_Unsigned)lua_tointeger(L, key);
    return place > length && place - length <= HOLES_MAX + 1;
}

static void put_element(packer *p, int key, neapL_record *record) {
    size_t place = (size_t)lua_tointeger(p->L, key);
    reserve(p, HOLES_MAX);
    for (; record->array + 1 < place; record->array++)
        put_tag(p, NEAPL_TAG_NIL);
    put_value(p, key + 1);
    record->array++;
}

// The entries of the table on top: `next` begins with its sequence.
static void put_entries(packer *p, neapL_record *record) {
    int table = lua_gettop(p->L), key = table + 1;
    for (lua_pushnil(p->L); lua_next(p->L, table); lua_settop(p->L, key)) {
        if (!record->pairs && goes_on(p->L, key, record->array))
            put_element(p, key, record);
        else {
            put_value(p, key);
            put_value(p, key + 1);
            record->pairs++;
        }
    }
}

static void put_table(packer *p, neapL_record *record) {
    const neapL_class *class = NULL;
    if (lua_getmetatable(p->L, -1)) {
        lua_pop(p->L, 1);
        class = neapL_class_of(p->L, -1);
        if (!class) refuse(p);
        record->kind = NEAPL_RECORD_ERROR;
        reserve(p, sizeof class);
        put(p, &class, sizeof class);
    }
    p->tells = class != NULL;
    put_entries(p, record);
    p->tells = false;
}

// The chain gets a link, whose object is held already.
static void put_held(packer *p, neapL_held held) {
    held.previous = p->packed->held;
    p->packed->held = p->packed->size;
    put(p, &held, sizeof held);
}

static void put_function(packer *p, neapL_record *record) {
    neapL_code *code = neapL_code_of(p->L, -1);
    if (!code) {
        refuse(p);
        return;
    }
    record->kind = NEAPL_RECORD_FUNCTION;
    reserve(p, sizeof(neapL_held));
    put_held(p, (neapL_held){.object = neapL_code_hold(code)});
}

static void put_shared(packer *p, neapL_record *record) {
    const neapL_sharing *sharing = neapL_sharing_of(p->L, -1);
    if (!sharing) {
        refuse(p);
        return;
    }
    record->kind = NEAPL_RECORD_SHARED;
    reserve(p, sizeof(neapL_held));
    void *object = sharing->hold(p->L, lua_touserdata(p->L, -1));
    put_held(p, (neapL_held){.object = object, .sharing = sharing});
}

static void put_long(packer *p, neapL_record *record) {
    size_t size;
    const char *bytes = lua_tolstring(p->L, -1, &size);
    record->kind = NEAPL_RECORD_STRING;
    reserve(p, size);
    put(p, bytes, size);
}

// The object on top of the stack.
static void put_object(packer *p, neapL_record *record) {
    switch (lua_type(p->L, -1)) {
    case LUA_TSTRING: put_long(p, record); break;
    case LUA_TTABLE: put_table(p, record); break;
    case LUA_TFUNCTION: put_function(p, record); break;
    case LUA_TUSERDATA: put_shared(p, record); break;
    default: refuse(p);
    }
}

// The head is written last, when it is known how much follows.
static void put_record(packer *p, size_t number) {
    neapL_record record = {.kind = NEAPL_RECORD_TABLE};
    reserve(p, sizeof record);
    size_t head = p->packed->size;
    p->packed->size += sizeof record;
    neapL_shelf_push(&p->shelf, number);
    put_object(p, &record);
    lua_pop(p->L, 1);
    record.size = p->packed->size - head - sizeof record;
    memcpy(p->packed->bytes + head, &record, sizeof record);
}

// ---- all of them

static int pack_objects(lua_State *L) {
    packer *p = lua_touserdata(L, 1);
    neapL_shelf_open(&p->shelf, L);
    for (int i = 0; i < p->count; i++) put_value(p, 2 + i);
    p->packed->records = p->packed->size;
    for (size_t i = 1; i <= p->shelf.count; i++) put_record(p, i);
    p->packed->objects = p->shelf.count;
    return 0;
}

// So many bytes hold the `count` values on top of L; 0: there are objects among
// them.
static size_t plain_size(lua_State *L, int count) {
    size_t size = 0;
    for (int i = -count; i < 0; i++) {
        if (lua_type(L, i) > LUA_TSTRING) return 0;
        if (lua_islightuserdata(L, i)) return 0;
        size += WRITTEN_MAX;
        if (lua_type(L, i) == LUA_TSTRING) size += lua_rawlen(L, i);
    }
    return size;
}

neapL_packed *neapL_packed_new(lua_State *L, int count, const char *what) {
    packer p = {.L = L, .count = count, .what = what};
    size_t plain = plain_size(L, count);
    luaL_checkstack(L, 2, NULL);
    reserve(&p, plain ? plain : ROOM);
    if (plain) {
        for (int i = -count; i < 0; i++) put_plain(&p, i);
        lua_pop(L, count);
        return p.packed;
    }
    lua_pushcfunction(L, pack_objects);
    lua_pushlightuserdata(L, &p);
    lua_rotate(L, -count - 2, 2);
    if (lua_pcall(L, count + 1, 0, 0) == LUA_OK) return p.packed;
    neapL_packed_free(p.packed);
    return lua_error(L), NULL;
}
