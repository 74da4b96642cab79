// SPDX-License-Identifier: MIT
// Code: a Lua function without the state that made it.
//
// What string.dump gives, debug information and all, and what to put into each
// upvalue elsewhere: the globals (of whatever is named _ENV), a module (by its
// name in package.loaded), or the function itself. Another upvalue would be
// another variable over there, and not this one: there is no code then.
//
// A code never changes, any thread may hold it, and the last one frees it.
#ifndef NEAP_BINDINGS_CODE_H
#define NEAP_BINDINGS_CODE_H

#include <lua.h>

typedef struct neapL_code neapL_code;

// The code of the Lua function at `index`, or NULL where it has none. It lives
// as long as that function stands there unchanged; who wants it for longer,
// holds it. [-0, +0, m]
neapL_code *neapL_code_of(lua_State *L, int index);

// On any thread.
neapL_code *neapL_code_hold(neapL_code *code);
void neapL_code_release(neapL_code *code);

// Pushes a new function of it. Raises where a module it needs cannot be
// required here. [-0, +1, e]
void neapL_code_push(lua_State *L, const neapL_code *code);

// The same, but one that was pushed before is used again, with its upvalues set
// anew: for who calls it and gives it to nobody. [-0, +1, e]
void neapL_code_push_kept(lua_State *L, const neapL_code *code);

// Which upvalue of the Lua function at `index` is in the way of its code. 0:
// none. [-0, +0, m]
int neapL_code_obstacle(lua_State *L, int index);

#endif
