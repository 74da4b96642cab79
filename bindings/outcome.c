// SPDX-License-Identifier: MIT
// Outcome: results and errors packed and unpacked (see outcome.h).
#define _POSIX_C_SOURCE 200809L
#include "bindings/outcome.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/neapL.h"
#include "bindings/report.h"

void neapL_outcome_finish(lua_State *L, int count, neapL_outcome *outcome) {
    assert(!outcome->known);
    neapL_parcel_pack(L, count, "the result", &outcome->value);
    outcome->known = true;
}

void neapL_outcome_refuse(neapL_outcome *outcome, const char *words) {
    outcome->known = outcome->failed = true;
    outcome->words = words;
}

// Protected: the outcome, the error.
static int pack_error(lua_State *L) {
    neapL_outcome *outcome = lua_touserdata(L, 1);
    neapL_parcel_pack(L, 1, "the error", &outcome->value);
    return 0;
}

// Protected: the outcome, the error, and why that cannot cross.
static int pack_words(lua_State *L) {
    neapL_outcome *outcome = lua_touserdata(L, 1);
    const char *words = neapL_errorstring(L, 2);
    lua_pushfstring(L, "%s (%s)", words, neapL_errorstring(L, 3));
    neapL_parcel_pack(L, 1, "the error", &outcome->value);
    return 0;
}

void neapL_outcome_fail(lua_State *L, const char *traceback,
                        neapL_outcome *outcome) {
    int error = lua_gettop(L);
    assert(!outcome->known);
    outcome->known = outcome->failed = true;
    if (traceback) outcome->traceback = strdup(traceback);
    lua_pushcfunction(L, pack_error);
    lua_pushlightuserdata(L, outcome);
    lua_pushvalue(L, error);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        lua_pushcfunction(L, pack_words);
        lua_insert(L, error);
        lua_pushlightuserdata(L, outcome);
        lua_insert(L, error + 1);
        if (lua_pcall(L, 3, 0, 0) != LUA_OK)
            outcome->words = "not enough memory";
    }
    lua_settop(L, error - 1);
}

int neapL_outcome_push(lua_State *L, const neapL_outcome *outcome) {
    assert(outcome->known);
    if (!outcome->words) return neapL_parcel_unpack(L, &outcome->value);
    lua_pushstring(L, outcome->words);
    return 1;
}

void neapL_outcome_free(neapL_outcome *outcome) {
    neapL_parcel_free(&outcome->value);
    free(outcome->traceback);
    *outcome = (neapL_outcome){.known = false};
}
