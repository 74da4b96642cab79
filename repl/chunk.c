// SPDX-License-Identifier: MIT
// Chunk: what is to be run is first pushed, with its arguments.
//
// Each kind is a C function called under lua_pcall: what it returns is the
// function and its arguments, and whatever may be raised on the way (no memory,
// a metamethod of the global table) is a message like a syntax error is. The
// function itself runs elsewhere, as a task.
#include "repl/chunk.h"

#include <lauxlib.h>
#include <string.h>

typedef struct source {
    const char *text; // code, path or module
    const char *name; // of code
} source;

static int load_file(lua_State *L) {
    const source *from = lua_touserdata(L, 1);
    if (luaL_loadfile(L, from->text) != LUA_OK) return lua_error(L);
    return 1;
}

static int load_string(lua_State *L) {
    const source *from = lua_touserdata(L, 1);
    size_t size = strlen(from->text);
    if (luaL_loadbuffer(L, from->text, size, from->name) != LUA_OK)
        return lua_error(L);
    return 1;
}

static int load_require(lua_State *L) {
    const source *from = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushstring(L, from->text);
    return 2;
}

// Returns the function, then arg[1], arg[2] ... as they are by now: code before
// the script may have changed them.
static int load_script(lua_State *L) {
    load_file(L);
    if (lua_getglobal(L, "arg") != LUA_TTABLE)
        return luaL_error(L, "'arg' is not a table");
    int arg = lua_gettop(L);
    int count = (int)luaL_len(L, arg);
    luaL_checkstack(L, count + 1, "too many arguments to script");
    lua_pushvalue(L, arg - 1);
    for (int i = 1; i <= count; i++) lua_rawgeti(L, arg, i);
    return count + 1;
}

static int push(lua_State *L, lua_CFunction load, source *from) {
    int base = lua_gettop(L);
    lua_pushcfunction(L, load);
    lua_pushlightuserdata(L, from);
    if (lua_pcall(L, 1, LUA_MULTRET, 0) != LUA_OK) return -1;
    return lua_gettop(L) - base - 1;
}

int chunk_file(lua_State *L, const char *path) {
    return push(L, load_file, &(source){path, NULL});
}

int chunk_script(lua_State *L, const char *path) {
    return push(L, load_script, &(source){path, NULL});
}

int chunk_string(lua_State *L, const char *code, const char *name) {
    return push(L, load_string, &(source){code, name});
}

int chunk_require(lua_State *L, const char *module) {
    return push(L, load_require, &(source){module, NULL});
}
