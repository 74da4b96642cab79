// SPDX-License-Identifier: MIT
//
// A C function that waits for a descriptor of the host's: as Lua code would, by
// neap.wait_readable, which it calls with a continuation. Any function of the
// module can be waited for so.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <unistd.h>

#include "check.h"

// read_some(fd) -> bytes, "" at the end | nil, message, code
static int read_k(lua_State *L, int status, lua_KContext fd) {
    char bytes[512];
    (void)status;
    if (!lua_toboolean(L, -3)) return 3; // neap.wait_readable's
    ssize_t n = read((int)fd, bytes, sizeof bytes);
    lua_pushlstring(L, bytes, n > 0 ? (size_t)n : 0);
    return 1;
}

static int read_some(lua_State *L) {
    lua_KContext fd = (lua_KContext)luaL_checkinteger(L, 1);
    lua_getfield(L, lua_upvalueindex(1), "wait_readable"); // of the module
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 3, fd, read_k); // where it waits it goes on in read_k
    return read_k(L, LUA_OK, fd);
}

static const char script[] =
    "local neap = require 'neap'\n"
    "assert(read_some(source) == 'there')\n" // at once
    "local ticks = 0\n"
    "local ticker = neap.spawn(function()\n"
    "  for i in neap.every(0.001) do\n"
    "    ticks = i\n"
    "    if i == 3 then more() end\n"
    "  end end)\n"
    "assert(read_some(source) == 'more' and ticks >= 3)\n"
    "ticker:cancel()\n"
    "local in_time, value = neap.move_on_after(0.005, read_some, source)\n"
    "assert(in_time == false)\n"
    "neap.call_later(0.001, more)\n"
    "assert(coroutine.wrap(read_some)(source) == 'more')\n"
    "local both = {neap.gather(function() return #read_some(source) end,\n"
    "  function() neap.sleep(0.001) stop() return 'stopped' end)}\n"
    "assert(both[1] == 0 and both[2] == 'stopped')\n"
    "local value, message, code = read_some(9999)\n"
    "assert(value == nil and message and code)\n";

static int pair[2];

static int more(lua_State *L) {
    CHECK(write(pair[1], "more", 4) == 4);
    return lua_gettop(L);
}

static int stop(lua_State *L) {
    CHECK(close(pair[1]) == 0);
    return lua_gettop(L);
}

int main(void) {
    neap_runtime *rt = neap_open(NULL);
    CHECK(rt && pipe(pair) == 0 && write(pair[1], "there", 5) == 5);
    lua_State *L = neap_state(rt);
    CHECK(luaL_dostring(L, "return require 'neap'") == LUA_OK);
    lua_pushcclosure(L, read_some, 1);
    lua_setglobal(L, "read_some");
    lua_pushinteger(L, pair[0]);
    lua_setglobal(L, "source");
    lua_register(L, "more", more);
    lua_register(L, "stop", stop);
    int rc = neap_dostring(rt, script, "=descriptor");
    if (rc < 0) fprintf(stderr, "%s\n", neap_error(rt));
    neap_close(rt);
    CHECK(close(pair[0]) == 0 && rc == 0);
    return 0;
}
