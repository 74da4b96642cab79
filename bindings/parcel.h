// SPDX-License-Identifier: MIT
// Parcel: Lua values on their way from one state to another.
//
// What crosses is copied, exactly or not at all: nil, booleans, integers,
// floats, strings, tables without a metatable (cycles and shared parts stay
// such), functions by their code (code.h), neap's error objects, and Channels,
// which are shared. Anything else is refused, with the way to it.
//
// A parcel is no state's: its memory is malloc's, and it may be packed on one
// thread, unpacked on another and freed on a third, one after the other.
#ifndef NEAP_BINDINGS_PARCEL_H
#define NEAP_BINDINGS_PARCEL_H

#include "bindings/neapL.h"

typedef enum neapL_parcel_kind {
    NEAPL_NOTHING, // no value
    NEAPL_NIL,
    NEAPL_FALSE,
    NEAPL_TRUE,
    NEAPL_INTEGER,
    NEAPL_FLOAT,
    NEAPL_PACKED // any number of values, in bytes
} neapL_parcel_kind;

// One number, boolean or nil stands in it; what is more, behind it. Zeroed, it
// holds no value at all.
typedef struct neapL_parcel {
    neapL_parcel_kind kind;
    union {
        lua_Integer integer;
        lua_Number number;
        struct neapL_packed *packed;
    } as;
} neapL_parcel;

// The `count` values on top of L go into a parcel and are popped. Raises what
// cannot cross, in words: "cannot send ...: .job.callback[2] is a coroutine",
// where `what` is the beginning; or the lack of memory; there is no parcel
// then. [-count, +0, e]
void neapL_parcel_pack(lua_State *L, int count, const char *what,
                       neapL_parcel *parcel);

// Pushes the values and returns how many there are; the parcel stays as it is.
// Raises the lack of memory, and where a module that a function needs cannot
// be required here. [-0, +count, e]
int neapL_parcel_unpack(lua_State *L, const neapL_parcel *parcel);

// The same for who calls the first value, a function, once and before the next
// parcel, and hands it to nobody: a closure that was made for an earlier call
// is used again, its upvalues set anew, and nothing is loaded. [-0, +count, e]
int neapL_parcel_unpack_call(lua_State *L, const neapL_parcel *parcel);

// Frees what is in it, and makes it hold nothing.
void neapL_parcel_free(neapL_parcel *parcel);

// What crosses by reference: a parcel carries the object behind the userdata.
typedef struct neapL_sharing {
    const neapL_type *type; // the userdata's
    // The object behind it, held once more: for the parcel. Raises where there
    // is none any more. [-0, +0, e]
    void *(*hold)(lua_State *L, void *userdata);
    // Gives up what hold took; on any thread, with any Lua state or none.
    void (*release)(void *object);
    // A userdata for the object, which the parcel goes on holding: it takes a
    // hold of its own. Raises where this state cannot have one. [-0, +1, e]
    void (*push)(lua_State *L, void *object);
} neapL_sharing;

// Says so of a type that has been made (neapL_newtype). [-0, +0, m]
void neapL_share(lua_State *L, const neapL_sharing *sharing);

#endif
