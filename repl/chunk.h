// SPDX-License-Identifier: MIT
// Chunk: a function to be run, from a file, a string or a module's name.
#ifndef NEAP_REPL_CHUNK_H
#define NEAP_REPL_CHUNK_H

#include <lua.h>

// All of these push a function and its arguments, and return how many those
// are; or push a message and return -1. They never raise.

// `path` NULL: stdin.
int chunk_file(lua_State *L, const char *path);

// The same, with what the global `arg` holds as arguments.
int chunk_script(lua_State *L, const char *path);

// `name` as Lua has it: "=(command line)".
int chunk_string(lua_State *L, const char *code, const char *name);

// `require` of a module.
int chunk_require(lua_State *L, const char *module);

#endif
