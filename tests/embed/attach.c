// SPDX-License-Identifier: MIT
//
// neap_attach: a runtime in a state that is the host's own. It is made once,
// before or after the other libraries, from the main thread or a coroutine;
// `require "neap"` finds it; neap.run works from Lua as neap_run does from C;
// and its end is neap_close or lua_close, whichever comes first.

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <neap.h>

#include "check.h"

static lua_State *new_state(void) {
    lua_State *L = luaL_newstate();
    CHECK(L);
    luaL_openlibs(L);
    return L;
}

static void do_lua(lua_State *L, const char *code) {
    if (luaL_dostring(L, code) == LUA_OK) return;
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    exit(1);
}

static void attach_twice(void) {
    lua_State *L = new_state();
    neap_runtime *rt = neap_attach(L, NULL);
    CHECK(rt && neap_state(rt) == L && lua_gettop(L) == 0);
    CHECK(neap_attach(L, NULL) == rt);
    do_lua(L, "neap = require 'neap'\n"
              "assert(neap == package.loaded.neap)\n"
              "package.loaded.neap = nil\n"
              "assert(require 'neap' == neap)\n"
              "collectgarbage() collectgarbage()\n"
              "local function main(x) neap.sleep(0.001) return x end\n"
              "assert(neap.run(main, 42) == 42)");
    CHECK(neap_attach(L, NULL) == rt);
    CHECK(neap_dostring(rt, "neap.sleep(0.001)", "=string") == 0);
    CHECK(lua_gettop(L) == 0);
    neap_close(rt);
    lua_close(L);
}

// The libraries may come later, but their coroutines are then Lua's own: a wait
// in one is refused.
static void attach_first(void) {
    lua_State *L = luaL_newstate();
    neap_runtime *rt = neap_attach(L, NULL);
    CHECK(rt);
    luaL_openlibs(L);
    CHECK(neap_dostring(rt,
                        "local neap = require 'neap'\n"
                        "neap.sleep(0.001)\n"
                        "local ok, e = pcall(coroutine.wrap(neap.sleep), 1)\n"
                        "assert(not ok and e:find 'cannot wait here')",
                        "=first") == 0);
    lua_close(L); // closes the runtime
}

// The host has stored `coroutine` and `require` away, or wants Lua's own.
static void leave_coroutines(void) {
    lua_State *L = new_state();
    neap_config config = NEAP_CONFIG_INIT;
    config.flags = NEAP_STOCK_COROUTINES;
    do_lua(L, "wrap, yield, load_module = coroutine.wrap, coroutine.yield,\n"
              "  require");
    neap_runtime *rt = neap_attach(L, &config);
    CHECK(rt);
    do_lua(L, "assert(wrap == coroutine.wrap and yield == coroutine.yield\n"
              "  and load_module == require)");
    CHECK(neap_dostring(rt, "require 'neap'.sleep(0)", "=stock") == 0);
    neap_close(rt);
    lua_close(L);
}

// Generators wait, and what was a coroutine before goes on being one.
static void take_coroutines(void) {
    lua_State *L = new_state();
    do_lua(L, "old = coroutine.wrap(function()\n"
              "  for i = 1, 3 do coroutine.yield(i) end end)\n"
              "assert(old() == 1)");
    neap_runtime *rt = neap_attach(L, NULL);
    CHECK(rt);
    do_lua(L, "assert(old() == 2)");
    CHECK(neap_dostring(rt,
                        "local neap = require 'neap'\n"
                        "local new = coroutine.wrap(function()\n"
                        "  for i = 1, 3 do\n"
                        "    neap.sleep(0.001); coroutine.yield(i) end end)\n"
                        "assert(new() == 1 and new() == 2 and new() == 3)\n"
                        "assert(old() == 3)",
                        "=new") == 0);
    neap_close(rt);
    lua_close(L);
}

// The state is always the main thread's, whoever attaches.
static int attach_here(lua_State *L) {
    neap_config config = NEAP_CONFIG_INIT;
    neap_runtime *rt = neap_attach(L, &config);
    CHECK(rt && neap_state(rt) != L);
    lua_pushlightuserdata(L, rt);
    return 1;
}

static void attach_in_a_coroutine(void) {
    lua_State *L = new_state();
    lua_register(L, "attach", attach_here);
    do_lua(L, "runtime = coroutine.wrap(attach)()");
    lua_getglobal(L, "runtime");
    neap_runtime *rt = lua_touserdata(L, -1);
    CHECK(neap_state(rt) == L && neap_attach(L, NULL) == rt);
    do_lua(L, "collectgarbage()\n"
              "coroutine.wrap(function()\n"
              "  local neap = require 'neap'\n"
              "  neap.run(neap.sleep, 0.001) -- turns the loop here\n"
              "end)()");
    lua_close(L);
}

// print and reports of an attached runtime are the host's, if it wants them.
static void note(void *ud, const char *bytes, size_t size) {
    strncat(ud, bytes, size);
}

static void note_report(void *ud, const neap_report *report) {
    strcat(ud, report->message);
}

static void take_words(void) {
    lua_State *L = new_state();
    char printed[64] = "", reported[256] = "";
    neap_config config = NEAP_CONFIG_INIT;
    config.output = note;
    config.output_ud = printed;
    config.report = note_report;
    config.report_ud = reported;
    neap_runtime *rt = neap_attach(L, &config);
    do_lua(L, "print('one', 2, nil)\n"
              "require 'neap'.spawn(error, 'an error', 0)");
    CHECK(neap_run(rt) == 0);
    CHECK(strcmp(printed, "one\t2\tnil\n") == 0);
    CHECK(strcmp(reported, "an error") == 0);
    lua_close(L);
}

int main(void) {
    attach_twice();
    attach_first();
    leave_coroutines();
    take_coroutines();
    attach_in_a_coroutine();
    take_words();
    return 0;
}
