// SPDX-License-Identifier: MIT
//
// Time-outs and groups that live on in the host's state find their runtime
// closed, and another one opened, and say so.

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <neap.h>

#include "check.h"

static const char script[] = "local neap = require 'neap'\n"
                             "host = coroutine.create(function()\n"
                             "    local t <close> = t\n"
                             "    coroutine.yield()\n"
                             "end)\n"
                             "neap.spawn(function()\n"
                             "    t = neap.timeout(5)\n"
                             "    g = neap.group()\n"
                             "    kept = coroutine.create(function()\n"
                             "        local t <close> = neap.timeout(5)\n"
                             "        coroutine.yield()\n"
                             "    end)\n"
                             "    coroutine.resume(kept)\n"
                             "    coroutine.resume(host)\n"
                             "    neap.sleep(10)\n"
                             "end)\n";

static const char after[] =
    "assert(tostring(t) == '<Timeout over>', tostring(t))\n"
    "assert(tostring(g) == '<Group over>', tostring(g))\n"
    "assert(not pcall(t.reschedule, t, 1))\n"
    "assert(not pcall(g.spawn, g, print))\n"
    "assert(g:cancel() == false)\n"
    "pcall(g.wait, g)\n"
    "coroutine.close(host)\n"
    "assert(coroutine.close(kept))\n";

static void run(lua_State *L, const char *code) {
    if (luaL_dostring(L, code)) fprintf(stderr, "%s\n", lua_tostring(L, -1));
    CHECK(lua_gettop(L) == 0);
}

int main(void) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    neap_runtime *rt = neap_attach(L, NULL);
    run(L, script);
    neap_turn(rt, 0);
    neap_close(rt);
    run(L, after);
    rt = neap_attach(L, NULL);
    run(L, "local a = require 'neap'.timeout");
    run(L, after);
    lua_close(L);
    return 0;
}
