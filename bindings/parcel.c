// SPDX-License-Identifier: MIT
// Parcel: what takes no memory, and who shares (see parcel.h).
//
// A type that is shared says so in its metatable, under an address that no
// script can make a key of.
#include "bindings/packed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/code.h"

// The value on top of L, where it needs no bytes.
static bool pack_small(lua_State *L, neapL_parcel *parcel) {
    switch (lua_type(L, -1)) {
    case LUA_TNIL: parcel->kind = NEAPL_NIL; return true;
    case LUA_TBOOLEAN:
        parcel->kind = lua_toboolean(L, -1) ? NEAPL_TRUE : NEAPL_FALSE;
        return true;
    case LUA_TNUMBER:
        parcel->kind = lua_isinteger(L, -1) ? NEAPL_INTEGER : NEAPL_FLOAT;
        if (parcel->kind == NEAPL_INTEGER)
            parcel->as.integer = lua_tointeger(L, -1);
        else parcel->as.number = lua_tonumber(L, -1);
        return true;
    default: return false;
    }
}

void neapL_parcel_pack(lua_State *L, int count, const char *what,
                       neapL_parcel *parcel) {
    *parcel = (neapL_parcel){.kind = NEAPL_NOTHING};
    if (count == 0) return;
    if (count == 1 && pack_small(L, parcel)) {
        lua_pop(L, 1);
        return;
    }
    parcel->as.packed = neapL_packed_new(L, count, what);
    parcel->kind = NEAPL_PACKED;
}

static int unpack(lua_State *L, const neapL_parcel *parcel, bool call) {
    switch (parcel->kind) {
    case NEAPL_NOTHING: return 0;
    case NEAPL_NIL: return lua_pushnil(L), 1;
    case NEAPL_FALSE: return lua_pushboolean(L, 0), 1;
    case NEAPL_TRUE: return lua_pushboolean(L, 1), 1;
    case NEAPL_INTEGER: return lua_pushinteger(L, parcel->as.integer), 1;
    case NEAPL_FLOAT: return lua_pushnumber(L, parcel->as.number), 1;
    case NEAPL_PACKED: break;
    }
    neapL_packed_push(L, parcel->as.packed, call);
    return (int)parcel->as.packed->values;
}

int neapL_parcel_unpack(lua_State *L, const neapL_parcel *parcel) {
    return unpack(L, parcel, false);
}

int neapL_parcel_unpack_call(lua_State *L, const neapL_parcel *parcel) {
    return unpack(L, parcel, true);
}

void neapL_parcel_free(neapL_parcel *parcel) {
    if (parcel->kind == NEAPL_PACKED) neapL_packed_free(parcel->as.packed);
    *parcel = (neapL_parcel){.kind = NEAPL_NOTHING};
}

void neapL_packed_free(neapL_packed *packed) {
    neapL_held held;
    for (size_t at = packed ? packed->held : 0; at; at = held.previous) {
        memcpy(&held, packed->bytes + at, sizeof held);
        if (held.sharing) held.sharing->release(held.object);
        else neapL_code_release(held.object);
    }
    free(packed);
}

// ---- what is shared

static const char sharing_key = 's'; // of metatables: a neapL_sharing

void neapL_share(lua_State *L, const neapL_sharing *sharing) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, sharing->type);
    assert(lua_istable(L, -1)); // neapL_newtype comes first
    lua_pushlightuserdata(L, (void *)sharing);
    lua_rawsetp(L, -2, &sharing_key);
    lua_pop(L, 1);
}

const neapL_sharing *neapL_sharing_of(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) return NULL;
    lua_rawgetp(L, -1, &sharing_key);
    const neapL_sharing *sharing = lua_touserdata(L, -1);
    lua_pop(L, 2);
    bool shared = sharing && neapL_test(L, index, sharing->type);
    return shared ? sharing : NULL; // debug.setmetatable puts it anywhere
}
