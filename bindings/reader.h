// SPDX-License-Identifier: MIT
// Reader: what the loop's face needs of reader.c.
#ifndef NEAP_BINDINGS_READER_H
#define NEAP_BINDINGS_READER_H

#include "bindings/callback.h"

// add_reader, remove_reader, add_writer, remove_writer: methods of Loop.
extern const luaL_Reg neapL_reader_methods[];

// Raises where the first argument of a method is no Loop. (loopface.c)
void neapL_checkloop(lua_State *L);

// Makes the table of readers; removes them all, and what they borrowed.
void neapL_readers_init(lua_State *L, neap_runtime *rt); // [-0, +0, m]
void neapL_readers_term(lua_State *L, neap_runtime *rt);

#endif
