// SPDX-License-Identifier: MIT
//
// I1. neap_interrupt: from a signal handler it stops what runs, a busy loop as
// well as a task that sleeps; from another thread it is heard at the next turn.
// The main task is cancelled, its clean-up runs, and the others are left alone.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "check.h"

static neap_runtime *rt;

static void on_signal(int number) {
    (void)number;
    neap_interrupt(rt);
}

// interrupt(): a signal strikes here and now.
static int interrupt(lua_State *L) {
    (void)L;
    return raise(SIGUSR1), 0;
}

// Each is interrupted once, and says in `cleaned` that its clean-up ran.
#define CLEAN_UP                                                     \
    "local neap = require 'neap'\n"                                  \
    "cleaned = false\n"                                              \
    "local _ <close> = setmetatable({}, {__close = function(_, e)\n" \
    "  cleaned = neap.is_cancelled(e) and e.reason end})\n"

static const char *const busy[] = {
    CLEAN_UP "interrupt() while true do end",
    CLEAN_UP "interrupt() repeat until false",
    CLEAN_UP "interrupt() goto here ::here:: goto here",
    CLEAN_UP "local function f() return f() end\n"
             "interrupt() f()",
    CLEAN_UP "coroutine.wrap(function()\n"
             "  interrupt() while true do end end)()",
    CLEAN_UP "interrupt() while true do neap.yield() end",
    CLEAN_UP "interrupt() pcall(function() while true do end end)\n"
             "neap.sleep(1000)", // raised once there, and again at the wait
    CLEAN_UP "local wrapped = coroutine.wrap(function()\n"
             "  while true do coroutine.yield() end end)\n"
             "interrupt() while true do wrapped() end",
    CLEAN_UP "local t = setmetatable({}, {__index = function(t, k)\n"
             "  interrupt() while true do end end})\n"
             "return t.x",
    CLEAN_UP "table.sort({2, 1}, function()\n"
             "  interrupt() while true do end end)",
    CLEAN_UP "neap.call_soon(function()\n" // which fails of it, too
             "  interrupt() while true do end end)\n"
             "neap.sleep(1000)",
};

static void expect_interrupted(int rc) {
    CHECK(rc == -1);
    CHECK(strcmp(neap_error(rt), "cancelled: interrupted") == 0);
    lua_getglobal(neap_state(rt), "cleaned");
    CHECK_WORDS(lua_tostring(neap_state(rt), -1), "interrupted");
    lua_pop(neap_state(rt), 1);
}

static void stop_what_is_busy(void) {
    for (size_t i = 0; i < sizeof busy / sizeof *busy; i++)
        expect_interrupted(neap_dostring(rt, busy[i], "=busy"));
}

// The signal comes from outside, while the loop sleeps or Lua computes.
static void *shoot(void *arg) {
    pthread_t *target = arg;
    struct timespec delay = {0, 10000000};
    nanosleep(&delay, NULL);
    pthread_kill(*target, SIGUSR1);
    return NULL;
}

static void be_shot(const char *code) {
    pthread_t self = pthread_self(), thread;
    CHECK(pthread_create(&thread, NULL, shoot, &self) == 0);
    expect_interrupted(neap_dostring(rt, code, "=shot"));
    CHECK(pthread_join(thread, NULL) == 0);
}

// The reason is the host's, wherever it is heard.
static void on_end(int number) {
    (void)number;
    neap_interrupt_with(rt, "terminated");
}

static int end(lua_State *L) {
    (void)L;
    return raise(SIGUSR2), 0;
}

static void *call_with(void *arg) {
    neap_interrupt_with(arg, "called off");
    return NULL;
}

static void give_a_reason(void) {
    lua_State *L = neap_state(rt);
    pthread_t thread;
    lua_register(L, "terminate", end);
    CHECK(neap_dostring(rt, CLEAN_UP "terminate() while true do end", "=x") ==
          -1);
    CHECK(strcmp(neap_error(rt), "cancelled: terminated") == 0);
    CHECK(luaL_dostring(L, "assert(cleaned == 'terminated')") == LUA_OK);
    CHECK(luaL_loadstring(L, CLEAN_UP "neap.sleep(1000)") == LUA_OK);
    CHECK(neap_spawn(rt, 0, NULL, NULL) == 0 && neap_turn(rt, 0) == 1);
    CHECK(pthread_create(&thread, NULL, call_with, rt) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(neap_run(rt) == 0);
    CHECK(luaL_dostring(L, "assert(cleaned == 'called off')") == LUA_OK);
    CHECK(luaL_dostring(L, "require 'neap'.spawn(function()\n"
                           "  terminate() while true do end end)") == LUA_OK);
    CHECK(neap_run(rt) == -1); // there is no main task
    CHECK(strcmp(neap_error(rt), "terminated") == 0);
}

// From a thread: no signal, only the call.
static void *call(void *arg) {
    struct timespec delay = {0, 10000000};
    nanosleep(&delay, NULL);
    neap_interrupt(arg);
    return NULL;
}

// The ticker is ready all the time; it is not main, so it goes on.
static void be_called(void) {
    pthread_t thread;
    lua_State *L = neap_state(rt);
    CHECK(luaL_dostring(L, "ticks = 0\n"
                           "ticker = require 'neap'.spawn(function()\n"
                           "  while true do require 'neap'.yield()\n"
                           "    ticks = ticks + 1 end end)") == LUA_OK);
    CHECK(pthread_create(&thread, NULL, call, rt) == 0);
    expect_interrupted(
        neap_dostring(rt, CLEAN_UP "neap.sleep(1000)", "=called"));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(luaL_dostring(L, "assert(ticks > 0 and not ticker:done())\n"
                           "ticker:cancel()") == LUA_OK);
    CHECK(neap_run(rt) == 0);
}

// Between two turns: the next one takes it up before any task runs.
static void hear_it_later(void) {
    lua_State *L = neap_state(rt);
    CHECK(luaL_dostring(L, "local neap = require 'neap'\n"
                           "other = neap.spawn(function()\n"
                           "  for i = 1, 1000 do i = i + 1 end\n"
                           "  neap.yield() return 'unharmed' end)") == LUA_OK);
    CHECK(luaL_loadstring(L, CLEAN_UP "neap.sleep(1000)") == LUA_OK);
    CHECK(neap_spawn(rt, 0, NULL, NULL) == 0);
    CHECK(neap_turn(rt, 0) == 1);
    raise(SIGUSR1);
    CHECK(neap_run(rt) == 0);
    CHECK(luaL_dostring(L, "assert(cleaned == 'interrupted')\n"
                           "assert(other:result() == 'unharmed')") == LUA_OK);
}

// Main has ended, others run on: then they are what is interrupted, and the run
// says so.
static const char rest[] = "local neap = require 'neap'\n"
                           "stopped = 0\n"
                           "for _ = 1, 3 do neap.spawn(function()\n"
                           "  pcall(neap.sleep, 1000)\n"
                           "  stopped = stopped + 1 end) end\n";

static void stop_the_rest(void) {
    lua_State *L = neap_state(rt);
    CHECK(luaL_dostring(L, rest) == LUA_OK && neap_turn(rt, 0) == 1);
    raise(SIGUSR1);
    CHECK(neap_run(rt) == -1);
    CHECK(strcmp(neap_error(rt), "interrupted") == 0);
    CHECK(luaL_dostring(L, "assert(stopped == 3)") == LUA_OK);
    CHECK(neap_run(rt) == 0); // that was that
    lua_pushstring(L, rest);
    lua_setglobal(L, "rest");
    CHECK(neap_dostring(rt,
                        "load(rest)()\n"
                        "require 'neap'.call_later(0.001, interrupt)",
                        "=rest") == -1);
    CHECK(strcmp(neap_error(rt), "interrupted") == 0);
    CHECK(luaL_dostring(L, "assert(stopped == 3)") == LUA_OK);
    CHECK(neap_run(rt) == 0);
}

// Raised once for each signal: clean-up may compute and, shielded, wait.
static void strike_once(void) {
    CHECK(neap_dostring(rt,
                        "local neap = require 'neap'\n"
                        "local _ <close> = setmetatable({}, {\n"
                        "  __close = function()\n"
                        "    local sum = 0\n"
                        "    for i = 1, 100000 do sum = sum + i end\n"
                        "    computed = sum end})\n"
                        "interrupt() while true do end",
                        "=once") == -1);
    CHECK(luaL_dostring(neap_state(rt), "assert(computed == 5000050000)") ==
          LUA_OK);
    // and no hook is left anywhere
    CHECK(neap_dostring(rt, "assert(not debug.gethook())", "=hook") == 0);
}

// A hook of the script's own is put back.
static void keep_the_hook(void) {
    CHECK(neap_dostring(rt,
                        "local hook = function() end\n"
                        "debug.sethook(hook, 'l')\n"
                        "local ok, e = pcall(function()\n"
                        "  interrupt() while true do end end)\n"
                        "assert(not ok and e.reason == 'interrupted')\n"
                        "assert(debug.gethook() == hook)",
                        "=hook") == 0);
}

int main(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    action.sa_handler = on_end;
    CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
    rt = neap_open(NULL);
    CHECK(rt);
    lua_register(neap_state(rt), "interrupt", interrupt);
    stop_what_is_busy();
    be_shot(CLEAN_UP "neap.sleep(1000)");
    be_shot(CLEAN_UP "while true do end");
    be_shot(CLEAN_UP "neap.spawn(function() while true do end end)\n"
                     "neap.sleep(1000)");
    be_called();
    give_a_reason();
    hear_it_later();
    stop_the_rest();
    strike_once();
    keep_the_hook();
    neap_close(rt);
    return 0;
}
