// SPDX-License-Identifier: MIT
//
// neap_turn: one turn of the loop, in a host's own time. What it returns, how
// long it sleeps, and what neap_due_ns says about the next one.

#define _POSIX_C_SOURCE 200809L
#include <lua.h>
#include <neap.h>
#include <time.h>

#include "check.h"

static const int64_t ms = 1000000;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 * ms + now.tv_nsec;
}

// Calls a global function of the host's state, outside of any task.
static void call(neap_runtime *rt, const char *name) {
    lua_State *L = neap_state(rt);
    lua_getglobal(L, name);
    CHECK(lua_pcall(L, 0, 0, 0) == LUA_OK);
}

static int number(neap_runtime *rt, const char *name) {
    lua_State *L = neap_state(rt);
    lua_getglobal(L, name);
    int value = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

static void do_nothing(neap_runtime *rt) {
    CHECK(neap_due_ns(rt) == -1); // never
    CHECK(neap_turn(rt, 0) == 0 && neap_turn(rt, -1) == 0);
    CHECK(neap_run(rt) == 0);
}

static void sleep_in_turns(neap_runtime *rt) {
    int64_t start_ns = now_ns();
    call(rt, "nap");             // 20 ms
    CHECK(neap_due_ns(rt) == 0); // a task is ready
    int left = neap_turn(rt, 0); // it ran, and sleeps now
    int64_t due_ns = neap_due_ns(rt);
    CHECK(due_ns <= 20 * ms && (due_ns > 0 || now_ns() - start_ns > 20 * ms));
    for (int turns = 0; left == 1; turns++) {
        CHECK(number(rt, "woken") == 0);
        left = neap_turn(rt, turns < 5 ? turns * ms : -1);
    }
    CHECK(left == 0 && number(rt, "woken") == 1);
    CHECK(now_ns() - start_ns >= 20 * ms); // never early
    CHECK(neap_due_ns(rt) == -1);
}

// A limit is a limit, and a turn ends as soon as something has run.
static void keep_the_limit(neap_runtime *rt) {
    call(rt, "sleep_forever");
    neap_hold(rt, 1); // else nothing could ever wake it: a deadlock
    CHECK(neap_turn(rt, 0) == 1 && neap_due_ns(rt) == -1);
    int64_t start_ns = now_ns();
    CHECK(neap_turn(rt, 5 * ms) == 1);
    CHECK(now_ns() - start_ns >= 4 * ms); // a signal might have ended it early
    neap_hold(rt, -1);
    call(rt, "wake");
    CHECK(neap_turn(rt, -1) == 0);
}

// Daemons are no reason to go on.
static void leave_daemons(neap_runtime *rt) {
    call(rt, "daemon");
    CHECK(neap_turn(rt, 0) == 0);
    CHECK(number(rt, "daemons") == 1 && number(rt, "cleaned") == 0);
    CHECK(neap_run(rt) == 0); // cancels them
    CHECK(number(rt, "cleaned") == 1);
}

// Callbacks are none either; when they are due is there to be asked.
static void leave_callbacks(neap_runtime *rt) {
    call(rt, "callback");
    CHECK(neap_turn(rt, 0) == 0);
    while (number(rt, "called") == 0) {
        CHECK(neap_due_ns(rt) >= 0);
        CHECK(neap_turn(rt, neap_due_ns(rt)) == 0);
    }
    CHECK(neap_due_ns(rt) == -1);
}

// A turn is bounded: who makes work without end does not hold the host.
static void bound_a_turn(neap_runtime *rt) {
    call(rt, "spin");
    for (int turns = 0; turns < 10; turns++) CHECK(neap_turn(rt, -1) == 1);
    call(rt, "wake");
    CHECK(neap_run(rt) == 0);
}

// What a turn finds to be wrong with a task is the task's: the host goes on.
static void get_stuck(neap_runtime *rt) {
    call(rt, "stick");
    CHECK(neap_turn(rt, -1) == 1); // it waits for what nobody will ever bring
    CHECK(neap_turn(rt, -1) == 1); // and is told so
    CHECK(neap_turn(rt, -1) == 0);
    CHECK(number(rt, "stuck") == 1);
}

int main(void) {
    neap_runtime *rt = neap_open(NULL);
    CHECK(rt);
    do_nothing(rt);
    CHECK(neap_dostring(
              rt,
              "local neap = require 'neap'\n"
              "woken, cleaned, daemons, stuck, called = 0, 0, 0, 0, 0\n"
              "local task\n"
              "function nap() neap.spawn(function()\n"
              "  neap.sleep(0.02); woken = woken + 1 end) end\n"
              "function sleep_forever()\n"
              "  task = neap.spawn(neap.sleep, math.huge) end\n"
              "function wake() task:cancel() end\n"
              "function daemon() neap.spawn({daemon = true}, function()\n"
              "  daemons = daemons + 1\n"
              "  pcall(neap.sleep, math.huge); cleaned = cleaned + 1\n"
              "end) end\n"
              "function callback() neap.call_later(0.005, function()\n"
              "  called = called + 1 end) end\n"
              "function spin() task = neap.spawn(function()\n"
              "  while true do neap.yield() end end) end\n"
              "function stick() neap.spawn(function()\n"
              "  local ok, e = pcall(neap.Queue().get, neap.Queue())\n"
              "  if tostring(e):find 'deadlock' then stuck = 1 end\n"
              "end) end\n",
              "=turn") == 0);
    do_nothing(rt);
    sleep_in_turns(rt);
    keep_the_limit(rt);
    leave_daemons(rt);
    leave_callbacks(rt);
    bound_a_turn(rt);
    get_stuck(rt);
    CHECK(lua_gettop(neap_state(rt)) == 0);
    neap_close(rt);
    return 0;
}
