// SPDX-License-Identifier: MIT
//
// neap_hold: C code that will bring work later holds the runtime, else a task
// that waits for it would be a deadlock. Here a C function starts a thread, and
// the thread's answer, a post, completes a Future that Lua waits for.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <pthread.h>
#include <stdbool.h>

#include "check.h"

typedef struct job { // a sum, computed in a thread of its own
    neap_runtime *rt;
    pthread_t thread;
    lua_Integer to, sum;
    int future; // a reference to the Future that gets it
} job;

// On the runtime's thread: the answer is there.
static void finish(void *arg) {
    job *done = arg;
    lua_State *L = neap_state(done->rt);
    CHECK(pthread_join(done->thread, NULL) == 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, done->future);
    luaL_unref(L, LUA_REGISTRYINDEX, done->future);
    lua_getfield(L, -1, "set_result");
    lua_insert(L, -2);
    lua_pushinteger(L, done->sum);
    CHECK(lua_pcall(L, 2, 0, 0) == LUA_OK);
    neap_hold(done->rt, -1);
    free(done);
}

static void *compute(void *arg) {
    job *work = arg;
    for (lua_Integer i = 1; i <= work->to; i++) work->sum += i;
    CHECK(neap_post(work->rt, finish, work) == 0);
    return NULL;
}

// start(n, future)
static int start(lua_State *L) {
    job *work = calloc(1, sizeof *work);
    CHECK(work);
    work->rt = lua_touserdata(L, lua_upvalueindex(1));
    work->to = luaL_checkinteger(L, 1);
    lua_settop(L, 2);
    work->future = luaL_ref(L, LUA_REGISTRYINDEX);
    neap_hold(work->rt, 1);
    CHECK(pthread_create(&work->thread, NULL, compute, work) == 0);
    return 0;
}

static void wait_for_threads(neap_runtime *rt) {
    CHECK(neap_dostring(rt,
                        "local neap = require 'neap'\n"
                        "local function sum(n)\n"
                        "  local future = neap.Future()\n"
                        "  start(n, future)\n"
                        "  return future:await()\n"
                        "end\n"
                        "local one, two = neap.gather(\n"
                        "  function() return sum(10) end,\n"
                        "  function() return sum(100000) end)\n"
                        "assert(one == 55 and two == 5000050000)",
                        "=sums") == 0);
}

// Nobody holds: what nobody will bring is a deadlock, in words.
static void get_stuck(neap_runtime *rt) {
    static const char code[] = "local neap = require 'neap'\n"
                               "neap.Future():await()";
    CHECK(neap_dostring(rt, code, "=stuck") == -1);
    CHECK_WORDS(neap_error(rt), "deadlock: nothing can wake these tasks\n"
                                "\t<Task #");
    CHECK_WORDS(neap_error(rt), "pending, awaiting, stuck:2>: <Future pending");
}

// The hold ends while a task still waits: then it is one.
static void release(void *rt) { neap_hold(rt, -1); }

static void *release_later(void *rt) {
    CHECK(neap_post(rt, release, rt) == 0);
    return NULL;
}

static void let_go(neap_runtime *rt) {
    pthread_t thread;
    neap_hold(rt, 1);
    CHECK(pthread_create(&thread, NULL, release_later, rt) == 0);
    CHECK(neap_dostring(rt, "require 'neap'.Future():await()", "=go") == -1);
    CHECK_WORDS(neap_error(rt), "deadlock");
    CHECK(pthread_join(thread, NULL) == 0);
}

// A runtime that is held goes on without any task, until it is let go.
static void *post_twice(void *rt) {
    return release_later(rt), release_later(rt);
}

static void go_on(neap_runtime *rt) {
    pthread_t thread;
    neap_hold(rt, 1);
    neap_hold(rt, 1);
    CHECK(neap_turn(rt, 0) == 1 && neap_due_ns(rt) == -1);
    CHECK(pthread_create(&thread, NULL, post_twice, rt) == 0);
    CHECK(neap_run(rt) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(neap_turn(rt, 0) == 0);
}

int main(void) {
    neap_runtime *rt = neap_open(NULL);
    CHECK(rt);
    lua_State *L = neap_state(rt);
    lua_pushlightuserdata(L, rt);
    lua_pushcclosure(L, start, 1);
    lua_setglobal(L, "start");
    wait_for_threads(rt);
    get_stuck(rt);
    let_go(rt);
    go_on(rt);
    neap_hold(rt, 1);
    neap_close(rt); // does not wait for anybody
    return 0;
}
