// SPDX-License-Identifier: MIT
// Packed: how values stand in the bytes of a parcel.
//
// First the values themselves, each a tag and what belongs to it; what can be
// shared or hold itself is an *object* there, by number. Then the objects'
// records, in the order of their numbers: a head, and as many bytes as that
// says. A table's are values again: those of a sequence, then keys and values.
// So nothing is nested in the bytes, and neither pack.c nor unpack.c recurs,
// however deep the tables go.
//
// What a record holds of other threads' (a code, a Channel's inside) is in a
// chain, for who frees the parcel without reading it.
//
// Bytes never come from outside of the process: they are not checked.
#ifndef NEAP_BINDINGS_PACKED_H
#define NEAP_BINDINGS_PACKED_H

#include "bindings/parcel.h"

typedef enum neapL_tag { // what follows it
    NEAPL_TAG_NIL,       // nothing
    NEAPL_TAG_FALSE,     // nothing
    NEAPL_TAG_TRUE,      // nothing
    NEAPL_TAG_INTEGER,   // a lua_Integer
    NEAPL_TAG_FLOAT,     // a lua_Number
    NEAPL_TAG_SHORT,     // a byte, the length; a string
    NEAPL_TAG_STRING,    // a size_t, the length; a string
    NEAPL_TAG_OBJECT     // a size_t, the number
} neapL_tag;

enum {
    NEAPL_SHORT_MAX = 255,  // bytes of a string
    NEAPL_INLINE_MAX = 1024 // of one that is no object in other values
};

typedef enum neapL_record_kind { // what follows the record
    NEAPL_RECORD_STRING,         // bytes
    NEAPL_RECORD_TABLE,          // values
    NEAPL_RECORD_ERROR,          // a const neapL_class *, and values
    NEAPL_RECORD_FUNCTION,       // a neapL_held: its neapL_code
    NEAPL_RECORD_SHARED          // a neapL_held
} neapL_record_kind;

typedef struct neapL_record {
    neapL_record_kind kind;
    size_t array; // values of a table's sequence; a few may be nil
    size_t pairs; // its other entries
    size_t size;  // bytes that follow
} neapL_record;

typedef struct neapL_held {
    void *object;
    const neapL_sharing *sharing; // NULL: it is a neapL_code
    size_t previous;              // where in the bytes; 0: none
} neapL_held;

typedef struct neapL_packed {
    size_t values;         // that crossed
    size_t objects;        // records
    size_t records;        // where the first one is
    size_t held;           // where the last neapL_held is; 0: none
    size_t size;           // bytes
    unsigned char bytes[]; // unaligned
} neapL_packed;

// Packs the `count` values on top of L, and pops them. (pack.c)
neapL_packed *neapL_packed_new(lua_State *L, int count, const char *what);

// Pushes them. (unpack.c)
void neapL_packed_push(lua_State *L, const neapL_packed *packed, bool call);

// Gives up what is held, and frees it; NULL is allowed.
void neapL_packed_free(neapL_packed *packed);

// How the userdata at `index` is shared; NULL: it is not.
const neapL_sharing *neapL_sharing_of(lua_State *L, int index);

// Raises in words what among the `count` values from `first` on cannot cross,
// and the way to it. Called where something cannot. (refusal.c) [-0, +0, v]
int neapL_refuse(lua_State *L, int first, int count, const char *what);

#endif
