// SPDX-License-Identifier: MIT
//
// Two runtimes in one thread (Y18). They share nothing: the host turns them by
// turns, each with its own globals, clock and failures; and a task of one may
// call a C function that runs the other.

#include <lauxlib.h>
#include <lua.h>
#include <neap.h>

#include "check.h"

static int number(neap_runtime *rt, const char *name) {
    lua_State *L = neap_state(rt);
    lua_getglobal(L, name);
    int value = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

// Each counts to ten in steps of a millisecond, at the same time.
static void turn_by_turns(neap_runtime *one, neap_runtime *two) {
    static const char code[] = "local neap = require 'neap'\n"
                               "count = 0\n"
                               "neap.spawn(function()\n"
                               "  for i in neap.every(0.001) do\n"
                               "    count = i\n"
                               "    if i == 10 then return end\n"
                               "  end\n"
                               "end)\n";
    int apart = 0, left = 3; // a bit for each that is not through
    CHECK(luaL_dostring(neap_state(one), code) == LUA_OK);
    CHECK(luaL_dostring(neap_state(two), code) == LUA_OK);
    while (left) {
        left = (neap_turn(one, 0) == 1) | (neap_turn(two, 0) == 1) << 1;
        if (abs(number(one, "count") - number(two, "count")) > apart) apart++;
    }
    CHECK(number(one, "count") == 10 && number(two, "count") == 10);
    CHECK(apart < 10); // not one after the other
}

static void fail_apart(neap_runtime *one, neap_runtime *two) {
    CHECK(neap_dostring(one, "error 'mine'", "=one") == -1);
    CHECK(neap_dostring(two, "count = 20", "=two") == 0);
    CHECK_WORDS(neap_error(one), "one:1: mine");
    CHECK(strcmp(neap_error(two), "") == 0);
    CHECK(number(one, "count") == 10 && number(two, "count") == 20);
}

// A value of one is nothing to the other but a number or a string.
static int ask(lua_State *L) {
    neap_runtime *two = lua_touserdata(L, lua_upvalueindex(1));
    CHECK(neap_dostring(two, luaL_checkstring(L, 1), "=asked") == 0);
    lua_pushinteger(L, number(two, "count"));
    return 1;
}

static void run_one_inside_the_other(neap_runtime *one, neap_runtime *two) {
    lua_State *L = neap_state(one);
    lua_pushlightuserdata(L, two);
    lua_pushcclosure(L, ask, 1);
    lua_setglobal(L, "ask");
    CHECK(neap_dostring(one,
                        "local neap = require 'neap'\n"
                        "local ticks = 0\n"
                        "neap.spawn({daemon = true}, function()\n"
                        "  for i in neap.every(0.001) do ticks = i end end)\n"
                        "neap.sleep(0.002)\n"
                        "local before = ticks\n"
                        "count = ask [[local neap = require 'neap'\n"
                        "  neap.sleep(0.01)\n"
                        "  count = count + 1]]\n"
                        "assert(ticks == before) -- this loop stood still\n"
                        "neap.sleep(0.002)\n"
                        "assert(ticks > before)\n"
                        "assert(neap.current())",
                        "=asking") == 0);
    CHECK(number(one, "count") == 21);
}

int main(void) {
    neap_runtime *one = neap_open(NULL), *two = neap_open(NULL);
    CHECK(one && two && one != two && neap_state(one) != neap_state(two));
    turn_by_turns(one, two);
    fail_apart(one, two);
    run_one_inside_the_other(one, two);
    neap_close(one);
    CHECK(neap_dostring(two, "require 'neap'.sleep(0.001)", "=two") == 0);
    neap_close(two);
    return 0;
}
