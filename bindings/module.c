// SPDX-License-Identifier: MIT
// Module: the table `neap`, and how `require "neap"` finds it.
//
// It stands in package.loaded and package.preload, so that in a state that has
// a runtime it is found whatever is on the path, also after somebody emptied
// package.loaded. Modules of the stdlib have a searcher of their own, the last:
// a file on package.path goes before the text in the library.
#include <string.h>

#include "bindings/runtime.h"
#include "bindings/stdlib.h"

static const char module_key = 'm'; // registry: the table `neap`

static int open_neap(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key);
    return 1;
}

static const neapL_module *find_module(const char *name) {
    const neapL_module *module = neapL_modules;
    while (module->name && strcmp(module->name, name) != 0) module++;
    return module->name ? module : NULL;
}

// A searcher as package.searchers has them.
static int search_stdlib(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const neapL_module *module = find_module(name);
    if (!module) return 0; // and nothing to say: the message stays Lua's
    const char *chunk = lua_pushfstring(L, "=[%s]", name);
    if (luaL_loadbufferx(L, module->source, module->length, chunk, "t"))
        return lua_error(L);
    lua_pushstring(L, chunk);
    return 2;
}

static void add_searcher(lua_State *L) {
    if (lua_getglobal(L, "package") == LUA_TTABLE &&
        lua_getfield(L, -1, "searchers") == LUA_TTABLE) {
        lua_pushcfunction(L, search_stdlib);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

// The module on top goes where require looks.
static void publish(lua_State *L) {
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &module_key);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "neap");
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open_neap);
    lua_setfield(L, -2, "neap");
    lua_pop(L, 2);
}

void neapL_openmodule(lua_State *L, neap_runtime *rt) {
    lua_newtable(L);
    neapL_open_cancel(L);
    neapL_open_deadlock(L);
    neapL_open_task(L, rt);
    neapL_open_context(L, rt);
    neapL_open_future(L, rt);
    neapL_open_tree(L, rt);
    neapL_open_callback(L, rt);
    neapL_open_run(L, rt);
    neapL_open_time(L, rt);
    neapL_open_timeout(L, rt);
    neapL_open_group(L, rt);
    neapL_open_chain(L, rt);
    neapL_open_orphan(L, rt);
    neapL_open_gathering(L, rt);
    neapL_open_gather(L, rt);
    neapL_open_map(L, rt);
    neapL_open_wait(L, rt);
    neapL_open_queue(L, rt);
    neapL_open_channel(L, rt);
    neapL_open_event(L, rt);
    neapL_open_lock(L, rt);
    neapL_open_semaphore(L, rt);
    neapL_open_condition(L, rt);
    neapL_open_barrier(L, rt);
    neapL_open_socket(L, rt);
    neapL_open_listen(L, rt);
    neapL_open_ready(L, rt);
    neapL_open_stdio(L, rt);
    neapL_open_names(L, rt);
    neapL_open_serve(L, rt);
    neapL_open_loop(L, rt);
    neapL_open_remote(L, rt);
    neapL_open_thread(L, rt);
    neapL_open_offload(L, rt);
    lua_pushliteral(L, "neap " NEAP_VERSION);
    lua_setfield(L, -2, "_VERSION");
    publish(L);
    add_searcher(L);
    lua_pop(L, 1);
}

// `require "neap"` from a stock lua.
NEAP_API int luaopen_neap(lua_State *L);
int luaopen_neap(lua_State *L) {
    neap_config config = NEAP_CONFIG_INIT;
    config.report = neap_report_print;
    if (!neap_attach(L, &config))
        return luaL_error(L, "neap: not enough memory or descriptors");
    return open_neap(L);
}
