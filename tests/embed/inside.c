// SPDX-License-Identifier: MIT
//
// What a host may do where the runtime has called it: in a C function of Lua's
// (of a task, a coroutine, a callback, a finalizer), in done, in a post, where
// a Future of its is cancelled, and in its report and output functions. To
// spawn, post, hold, and to ask; not to turn, run or close (see close.c).

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>

#include "check.h"

static neap_runtime *rt;
static int visits, spawned, posted, told;

static void count_post(void *arg) { ++*(int *)arg; }

static void count_done(neap_runtime *same, int status, int count, void *ud) {
    CHECK(same == rt && status == 0 && count == 1);
    CHECK(lua_tointeger(neap_state(rt), -1) == 42);
    ++*(int *)ud;
}

// Values for neap_spawn go onto neap_state's stack, whoever calls us.
static void visit(void) {
    lua_State *L = neap_state(rt);
    int top = lua_gettop(L);
    visits++;
    CHECK(lua_checkstack(L, 2));
    lua_getglobal(L, "work");
    lua_pushinteger(L, 42);
    CHECK(neap_spawn(rt, 1, count_done, &told) == 0);
    CHECK(lua_gettop(L) == top);
    spawned++;
    CHECK(neap_post(rt, count_post, &posted) == 0);
    neap_hold(rt, 1);
    neap_hold(rt, -1);
    CHECK(neap_due_ns(rt) == 0); // there is something to do now
    neap_poll_fd(rt);
    CHECK(neap_unseen(rt) >= 0 && neap_error(rt));
}

static int visit_lua(lua_State *L) {
    visit();
    return lua_gettop(L);
}

static void visit_done(neap_runtime *same, int status, int count, void *ud) {
    (void)same, (void)status, (void)count, (void)ud;
    visit();
}

static void visit_post(void *arg) { (void)arg, visit(); }

static void visit_cancel(void *arg) { (void)arg, visit(); }

static void visit_report(void *ud, const neap_report *report) {
    (void)ud, (void)report, visit();
}

static void visit_output(void *ud, const char *bytes, size_t size) {
    (void)ud;
    if (size > 1 && *bytes == 'v') visit();
}

static const char script[] =
    "local neap = require 'neap'\n"
    "neap.spawn(visit)\n"
    "neap.call_soon(visit)\n"
    "neap.call_later(0.001, visit)\n"
    "neap.spawn(neap.yield):on_done(visit)\n"
    "coroutine.wrap(visit)()\n"
    "coroutine.wrap(function()\n"
    "  neap.sleep(0.001) coroutine.wrap(visit)() end)()\n"
    "table.sort({1, 2}, function() visit() return false end)\n"
    "assert(visit(1, 2) == 1)\n"
    "do local _ <close> = setmetatable({}, {__close = visit}) end\n"
    "pcall(neap.spawn(visit).await)\n"
    "setmetatable({}, {__gc = visit}) collectgarbage()\n"
    "print 'visit'\n"
    "future:cancel()\n"
    "neap.spawn(error, 'to be reported')\n";

int main(void) {
    neap_config config = NEAP_CONFIG_INIT;
    config.report = visit_report;
    config.output = visit_output;
    rt = neap_open(&config);
    CHECK(rt);
    lua_State *L = neap_state(rt);
    lua_register(L, "visit", visit_lua);
    CHECK(luaL_dostring(L, "function work(x)\n"
                           "  require 'neap'.sleep(0.001) return x end") == 0);
    CHECK(neap_post(rt, visit_post, NULL) == 0);
    neap_future *future = neap_future_new(rt);
    CHECK(future);
    lua_setglobal(L, "future");
    neap_future_on_cancel(future, visit_cancel, NULL);
    CHECK(luaL_loadstring(L, script) == LUA_OK);
    CHECK(neap_spawn(rt, 0, visit_done, NULL) == 0);
    CHECK(neap_run(rt) == 0);
    neap_future_release(future);
    CHECK(visits >= 16 && spawned == visits);
    CHECK(told == spawned && posted == spawned);
    CHECK(lua_gettop(L) == 0);
    neap_close(rt);
    return 0;
}
