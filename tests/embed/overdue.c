// SPDX-License-Identifier: MIT
//
// Who was told to end and does not, in real time and with a host's own grace:
// it is named once, and waited for all the same. (C20)

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <signal.h>

#include "check.h"

static const int64_t ms = 1000000;

static neap_runtime *rt;
static char leak[512]; // the last report of kind "leak"
static int leaks;

static void report(void *ud, const neap_report *it) {
    (void)ud;
    if (strcmp(it->kind, "leak") != 0) return;
    leaks++;
    snprintf(leak, sizeof leak, "%s %s|%s|%s", it->task ? it->task : "main",
             it->message, it->spawned_at ? it->spawned_at : "-", it->traceback);
}

static void on_signal(int number) {
    (void)number;
    neap_interrupt(rt);
}

static int interrupt(lua_State *L) {
    (void)L;
    return raise(SIGUSR1), 0;
}

// How many were named: what is deaf listens to that alone.
static int named(lua_State *L) {
    lua_pushinteger(L, leaks);
    return 1;
}

static void open(void) {
    neap_config config = NEAP_CONFIG_INIT;
    config.report = report;
    config.grace_ns = 20 * ms;
    rt = neap_open(&config);
    CHECK(rt);
    lua_State *L = neap_state(rt);
    lua_register(L, "interrupt", interrupt);
    lua_register(L, "named", named);
    CHECK(luaL_dostring(L, "neap = require 'neap'\n"
                           "function deaf(count)\n"
                           "  while named() < count do pcall(neap.yield) end\n"
                           "  for _ = 1, 100 do pcall(neap.yield) end\n"
                           "end") == LUA_OK);
    leaks = 0;
}

static void a_signal(void) { // I1
    open();
    CHECK(neap_dostring(rt,
                        "local ok, e = pcall(function()\n"
                        "  interrupt() while true do end end)\n"
                        "assert(e.reason == 'interrupted')\n"
                        "deaf(1)",
                        "=signal") == 0);
    CHECK(leaks == 1);
    CHECK_WORDS(leak, "main did not end within 0.02 s of being cancelled|-|");
    CHECK_WORDS(leak, "in function 'deaf'");
    neap_close(rt);
    CHECK(leaks == 1);
}

// Where main has ended, those that are left; but one may be struck while it
// runs, and ends of that.
static void the_rest(void) {
    open();
    CHECK(neap_dostring(rt,
                        "for i = 1, 3 do\n"
                        "  neap.spawn({name = 'rest' .. i}, deaf, 2) end\n"
                        "neap.call_later(0, interrupt)",
                        "=rest") == -1);
    CHECK(leaks >= 2);
    CHECK_WORDS(leak, "rest");
    CHECK_WORDS(leak, "|rest:2|stack traceback:");
    CHECK(strcmp(neap_error(rt), "interrupted") == 0);
    neap_close(rt);
}

// Inside and outside of tasks; and loop:close().
static const char *const codes[] = {
    "neap.run(function() neap.spawn(deaf, 1) neap.yield() end)",
    "neap.spawn(deaf, 1)\n"
    "neap.run(neap.yield)\n"
    "neap.loop():close()",
};

static void runs(void) {
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        open();
        CHECK(neap_dostring(rt, codes[i], "=inside") == 0);
        CHECK(leaks == 1);
        neap_close(rt);
        open();
        CHECK(luaL_dostring(neap_state(rt), codes[i]) == LUA_OK);
        CHECK(leaks == 1);
        neap_close(rt);
        CHECK(leaks == 1);
    }
}

// One that was named is not named again by neap_close, which ends it.
static void name_once(void) {
    open();
    CHECK(luaL_dostring(neap_state(rt),
                        "neap.spawn(function()\n"
                        "  neap.run(function()\n"
                        "    neap.spawn(deaf, 1000) neap.yield() end)\n"
                        "end)") == LUA_OK);
    while (leaks == 0) CHECK(neap_turn(rt, -1) == 1);
    CHECK_WORDS(leak, "in function 'deaf'");
    neap_close(rt);
    CHECK(leaks == 2); // and the one that waits for it
}

// A close while somebody is due; and nothing is armed when it is over.
static void close_meanwhile(void) {
    open();
    CHECK(luaL_dostring(neap_state(rt),
                        "neap.spawn(function()\n"
                        "  neap.run(function()\n"
                        "    neap.spawn(deaf, 1000) neap.yield() end)\n"
                        "end)") == LUA_OK);
    for (int i = 0; i < 5; i++) CHECK(neap_turn(rt, 0) == 1);
    neap_close(rt);
    CHECK(leaks == 2);
    open();
    CHECK(neap_dostring(rt, codes[0], "=before") == 0);
    CHECK(neap_due_ns(rt) == -1);
    neap_close(rt);
}

int main(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    a_signal();
    the_rest();
    runs();
    name_once();
    close_meanwhile();
    return 0;
}
