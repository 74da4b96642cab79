// SPDX-License-Identifier: MIT
//
// I6: neap_poll_fd is readable exactly while neap_turn has something to do: a
// task is ready, an event came, a deadline is due, somebody posted or
// interrupted. A host that sleeps on it misses nothing and never spins.
// neap_due_ns says the same of what neap knows without asking the kernel.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "check.h"

static const int64_t ms = 1000000;
static bool has_fd; // this backend has a descriptor

static bool is_readable(neap_runtime *rt, int timeout_ms) {
    struct pollfd one = {.fd = neap_poll_fd(rt), .events = POLLIN};
    return poll(&one, 1, timeout_ms) == 1;
}

static void do_lua(neap_runtime *rt, const char *code) {
    CHECK(luaL_dostring(neap_state(rt), code) == LUA_OK);
}

// Whoever owes the descriptor an event is checked for `due_ns`, too.
static void expect_work(neap_runtime *rt) {
    if (has_fd) CHECK(is_readable(rt, 0));
}

static void expect_none(neap_runtime *rt) {
    if (has_fd) CHECK(!is_readable(rt, 0));
}

static void tasks_are_ready(neap_runtime *rt) {
    expect_none(rt);
    CHECK(neap_due_ns(rt) == -1);
    do_lua(rt, "neap.spawn(function() for _ = 1, 3 do neap.yield() end end)");
    expect_work(rt);
    CHECK(neap_due_ns(rt) == 0);
    CHECK(neap_turn(rt, 0) == 0); // all passes in one turn
    expect_none(rt);
    CHECK(neap_due_ns(rt) == -1);
}

// More than a turn's share is left: the descriptor says so.
static void turns_are_bounded(neap_runtime *rt) {
    do_lua(rt, "busy = neap.spawn(function()\n"
               "  while true do neap.yield() end end)");
    for (int turns = 0; turns < 5; turns++) {
        expect_work(rt);
        CHECK(neap_due_ns(rt) == 0 && neap_turn(rt, 0) == 1);
    }
    do_lua(rt, "busy:cancel()");
    while (neap_turn(rt, 0) == 1) continue;
    expect_none(rt);
}

static void deadlines_are_due(neap_runtime *rt) {
    do_lua(rt, "late = neap.spawn(neap.sleep, 1000)");
    CHECK(neap_turn(rt, 0) == 1);
    expect_none(rt);
    int64_t due_ns = neap_due_ns(rt);
    CHECK(due_ns > 999000 * ms && due_ns <= 1000000 * ms);
    do_lua(rt, "late:cancel() soon = neap.spawn(neap.sleep, 0.01)");
    expect_work(rt);
    CHECK(neap_turn(rt, 0) == 1);
    if (has_fd) CHECK(is_readable(rt, -1)); // it will be
    while (neap_due_ns(rt) > 0) continue;
    expect_work(rt);
    CHECK(neap_turn(rt, 0) == 0);
    expect_none(rt);
}

// A deadline that comes before the one the host sleeps for is heard of; one
// that is taken back wakes nobody.
static void deadlines_change(neap_runtime *rt) {
    do_lua(rt, "late = neap.spawn(neap.sleep, 1000)");
    CHECK(neap_turn(rt, 0) == 1);
    expect_none(rt);
    do_lua(rt, "soon = neap.call_later(0.005, function() late:cancel() end)\n"
               "neap.call_later(0.001, function() end):cancel()");
    if (has_fd) CHECK(is_readable(rt, -1));
    CHECK(neap_due_ns(rt) <= 5 * ms);
    while (neap_turn(rt, -1) == 1) continue;
    expect_none(rt);
    CHECK(neap_due_ns(rt) == -1);
}

static void events_come(neap_runtime *rt) {
    do_lua(rt, "a, b = neap.socketpair()\n"
               "neap.spawn(function() heard = a:recv() end)");
    while (neap_due_ns(rt) == 0) neap_turn(rt, 0);
    CHECK(neap_turn(rt, 0) == 1); // the kernel has told all that it knew
    expect_none(rt);
    lua_State *L = neap_state(rt);
    CHECK(luaL_dostring(L, "return b:fd()") == LUA_OK);
    CHECK(write((int)lua_tointeger(L, -1), "x", 1) == 1); // from outside
    lua_pop(L, 1);
    expect_work(rt);
    CHECK(neap_turn(rt, -1) == 0);
    do_lua(rt, "assert(heard == 'x'); a:close(); b:close()");
    neap_turn(rt, 0);
    expect_none(rt);
}

static void count(void *arg) { ++*(int *)arg; }

static int posts;

static void *post(void *rt) {
    for (int i = 0; i < 100; i++) CHECK(neap_post(rt, count, &posts) == 0);
    return NULL;
}

static void others_post(neap_runtime *rt) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, post, rt) == 0);
    if (has_fd) CHECK(is_readable(rt, -1));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(neap_due_ns(rt) == 0);
    CHECK(neap_turn(rt, 0) == 0 && posts == 100);
    expect_none(rt);
}

static neap_runtime *interrupted;

static void on_signal(int number) {
    (void)number;
    neap_interrupt(interrupted);
}

// While the host computes: its next turn takes it up.
static void signals_come(neap_runtime *rt) {
    lua_State *L = neap_state(rt);
    interrupted = rt;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    CHECK(luaL_loadstring(L, "neap.sleep(1000)") == LUA_OK);
    CHECK(neap_spawn(rt, 0, NULL, NULL) == 0 && neap_turn(rt, 0) == 1);
    expect_none(rt);
    raise(SIGUSR1);
    expect_work(rt);
    while (neap_turn(rt, 0) == 1) expect_work(rt);
    expect_none(rt);
}

// A deadlock is no event, and what to do about it takes turns.
static void tasks_are_stuck(neap_runtime *rt) {
    do_lua(rt, "neap.spawn(function() neap.Queue():get() end)");
    CHECK(neap_turn(rt, 0) == 1);
    expect_none(rt);
    CHECK(neap_due_ns(rt) == -1);
    CHECK(neap_turn(rt, 0) == 1); // found out, and cancelled
    expect_work(rt);
    CHECK(neap_turn(rt, 0) == 0);
}

int main(void) {
    neap_runtime *rt = neap_open(NULL);
    CHECK(rt);
    do_lua(rt, "neap = require 'neap'");
    has_fd = neap_poll_fd(rt) >= 0;
    CHECK(neap_poll_fd(rt) == neap_poll_fd(rt));
    tasks_are_ready(rt);
    turns_are_bounded(rt);
    deadlines_are_due(rt);
    deadlines_change(rt);
    events_come(rt);
    others_post(rt);
    signals_come(rt);
    tasks_are_stuck(rt);
    CHECK(lua_gettop(neap_state(rt)) == 0);
    neap_close(rt);
    return 0;
}
