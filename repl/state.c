// SPDX-License-Identifier: MIT
// State: opens the runtime and gives its Lua state what `lua` gives to a
// script, and the module `neap` as a global, so that it is at hand in -e and at
// the prompt.
//
// -E: neap_open has read LUA_PATH and LUA_CPATH by then. So a second state,
// opened in Lua's own way with the environment off, tells the paths that
// `package` is to have.
#define _POSIX_C_SOURCE 200809L
#include "repl/state.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/report.h"

// arg[0] is the script, what stands before it has negative indices; without a
// script arg[0] is the command.
static void set_arg(lua_State *L, const options *o) {
    int zero = o->script < o->argc ? o->script : 0;
    lua_createtable(L, o->argc - zero, zero + 1);
    for (int i = 0; i < o->argc; i++) {
        lua_pushstring(L, o->argv[i]);
        lua_rawseti(L, -2, i - zero);
    }
    lua_setglobal(L, "arg");
}

static void set_neap(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "neap");
    lua_setglobal(L, "neap");
    lua_pop(L, 1);
}

static void ignore_environment(lua_State *L) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
}

// Sets package[field] to what it is in the state `from`.
static void copy_path(lua_State *L, lua_State *from, const char *field) {
    lua_getfield(from, -1, field);
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_pushstring(L, lua_tostring(from, -1));
    lua_setfield(L, -2, field);
    lua_pop(L, 1);
    lua_pop(from, 1);
}

static void reset_paths(lua_State *L) {
    lua_State *plain = luaL_newstate();
    if (!plain) luaL_error(L, "not enough memory");
    ignore_environment(plain);
    luaL_requiref(plain, LUA_LOADLIBNAME, luaopen_package, 0);
    copy_path(L, plain, "path");
    copy_path(L, plain, "cpath");
    lua_close(plain);
}

static int furnish(lua_State *L) {
    const options *o = lua_touserdata(L, 1);
    if (o->no_environment) {
        ignore_environment(L);
        reset_paths(L);
    }
    set_arg(L, o);
    set_neap(L);
    return 0;
}

// Opens the runtime while no standard descriptor is free: where one was closed,
// the runtime's own would take its number, and io.read would read that.
static neap_runtime *open_above(const neap_config *config) {
    int fds[STDERR_FILENO + 2], count = 0, fd;
    do fd = fds[count++] = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    neap_runtime *rt = neap_open(config);
    while (count > 0)
        if (fds[--count] >= 0) close(fds[count]);
    return rt;
}

static bool wants_debugging(const options *o) {
    const char *debug = o->no_environment ? NULL : getenv("NEAP_DEBUG");
    return debug && strcmp(debug, "1") == 0;
}

bool state_open(command *c, const options *o) {
    neap_config config = NEAP_CONFIG_INIT;
    if (wants_debugging(o)) config.flags |= NEAP_DEBUG_MODE;
    if (o->virtual_clock) config.flags |= NEAP_VIRTUAL_CLOCK;
    if (options_prompt(o)) config.flags |= NEAP_HOST_STDIN;
    config.seed = o->seed;
    config.report = report_task;
    config.report_ud = c;
    c->rt = open_above(&config);
    if (!c->rt) return false;
    lua_State *L = neap_state(c->rt);
    lua_pushcfunction(L, furnish);
    lua_pushlightuserdata(L, (void *)o);
    return lua_pcall(L, 1, 0, 0) == LUA_OK;
}
