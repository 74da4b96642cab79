// SPDX-License-Identifier: MIT
//
// neap_future: a Future of Lua's that C code completes, from the outside, from
// a C function, from a post. Lua sees a neap.Future like any other: it awaits,
// gathers and cancels it, or forgets it. The first end counts, and C is told
// when it was not the one.

#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <pthread.h>

#include "check.h"

static neap_runtime *rt;
static lua_State *L; // neap_state's

static void do_lua(const char *code) {
    if (neap_dostring(rt, code, "=code") == 0) return;
    fprintf(stderr, "%s\n", neap_error(rt));
    exit(1);
}

// A Future under the global name `future`.
static neap_future *make(void) {
    int top = lua_gettop(L);
    neap_future *future = neap_future_new(rt);
    CHECK(future && lua_gettop(L) == top + 1);
    lua_setglobal(L, "future");
    return future;
}

// What awaits it before it has ended, and what does so afterwards.
static void start_waiting(void) {
    CHECK(luaL_dostring(L, "neap = neap or require 'neap'\n"
                           "early = neap.spawn(function()\n"
                           "  return table.pack(pcall(future.await, future))\n"
                           "end)") == LUA_OK);
    CHECK(neap_turn(rt, 0) == 1);
}

static void resolve_with_values(void) {
    neap_future *future = make();
    start_waiting();
    lua_pushinteger(L, 1);
    lua_pushnil(L);
    lua_pushliteral(L, "three");
    lua_pushnil(L);
    CHECK(neap_future_resolve(future, 4) == 0 && lua_gettop(L) == 0);
    do_lua("local got = early:await()\n"
           "assert(got.n == 5 and got[1] and got[2] == 1)\n"
           "assert(got[4] == 'three')\n"
           "assert(select('#', future:await()) == 4)");
    neap_future_release(future);
}

static void resolve_with_none_and_one(void) {
    neap_future *future = make();
    start_waiting();
    CHECK(neap_future_resolve(future, 0) == 0);
    do_lua("assert(early:await().n == 1 and future:state() == 'finished')");
    neap_future_release(future);
    future = make();
    start_waiting();
    lua_pushliteral(L, "below"); // what is beneath the values stays
    lua_pushboolean(L, 0);
    CHECK(neap_future_resolve(future, 1) == 0 && lua_gettop(L) == 1);
    lua_pop(L, 1);
    do_lua("assert(early:await()[2] == false)");
    neap_future_release(future);
}

static void reject_with_an_object(void) {
    neap_future *future = make();
    start_waiting();
    CHECK(luaL_dostring(L, "problem = {} return problem") == LUA_OK);
    CHECK(neap_future_reject(future) == 0 && lua_gettop(L) == 0);
    do_lua("local got = early:await()\n"
           "assert(got.n == 2 and not got[1] and got[2] == problem)\n"
           "assert(future:error() == problem and future:state() == 'failed')");
    neap_future_release(future);
}

// One end counts: what comes then is popped and otherwise ignored.
static void end_twice(void) {
    neap_future *future = make();
    lua_pushinteger(L, 1);
    CHECK(neap_future_resolve(future, 1) == 0);
    lua_pushinteger(L, 2);
    lua_pushinteger(L, 3);
    CHECK(neap_future_resolve(future, 2) == -EALREADY && lua_gettop(L) == 0);
    lua_pushinteger(L, 4);
    CHECK(neap_future_reject(future) == -EALREADY && lua_gettop(L) == 0);
    neap_future_release(future);
    do_lua("assert(future:await() == 1)");
}

static void count(void *arg) { ++*(int *)arg; }

static void be_ended_by(const char *code) {
    int cancelled = 0;
    neap_future *future = make();
    neap_future_on_cancel(future, count, &cancelled);
    start_waiting();
    do_lua(code);
    CHECK(cancelled == 1);
    lua_pushinteger(L, 1);
    CHECK(neap_future_resolve(future, 1) == -ECANCELED && lua_gettop(L) == 0);
    lua_pushinteger(L, 1);
    CHECK(neap_future_reject(future) == -ECANCELED && lua_gettop(L) == 0);
    neap_future_release(future);
    CHECK(cancelled == 1);
}

// Who is told may give the handle back; then nobody else is told.
static void give_back(void *arg) { neap_future_release(arg); }

static void be_ended_by_lua(void) {
    be_ended_by("assert(future:cancel('enough') and not future:cancel())\n"
                "local got = early:await()\n"
                "assert(neap.is_cancelled(got[2]))\n"
                "assert(got[2].reason == 'enough')\n"
                "assert(future:cancelled() and got[2].task == future)");
    be_ended_by("future:set_result(7) assert(early:await()[2] == 7)");
    be_ended_by("future:set_error 'no' assert(early:await()[2] == 'no')");
    neap_future *future = make();
    neap_future_on_cancel(future, give_back, future);
    do_lua("future:cancel()");
}

// Given back before it has ended: who waits is told.
static void drop(void) {
    int cancelled = 0;
    neap_future *future = make();
    neap_future_on_cancel(future, count, &cancelled);
    start_waiting();
    neap_future_release(future);
    do_lua("assert(early:await()[2] == 'dropped by the host')");
    CHECK(cancelled == 0); // the host knows
    neap_future_release(NULL);
}

// Nobody in Lua has it any more: it is there until it has ended.
static void be_forgotten(void) {
    neap_future *future = neap_future_new(rt);
    CHECK(future);
    CHECK(lua_touserdata(L, -1));
    lua_pop(L, 1);
    do_lua("future, early = nil collectgarbage() collectgarbage()");
    lua_pushinteger(L, 1);
    CHECK(neap_future_resolve(future, 1) == 0);
    do_lua("collectgarbage() collectgarbage()");
    lua_pushinteger(L, 1);
    CHECK(neap_future_resolve(future, 1) == -EALREADY);
    neap_future_release(future);
}

// ---- from where

static void resolve(void *arg) {
    lua_pushliteral(L, "posted");
    CHECK(neap_future_resolve(arg, 1) == 0);
    neap_future_release(arg);
}

static void *post(void *arg) {
    CHECK(neap_post(rt, resolve, arg) == 0);
    return NULL;
}

static pthread_t thread;

// start() -> a Future, which a thread completes: called in any coroutine.
static int start(lua_State *co) {
    neap_future *future = neap_future_new(rt);
    CHECK(future);
    CHECK(pthread_create(&thread, NULL, post, future) == 0);
    lua_xmove(L, co, 1);
    return 1;
}

static int join(lua_State *co) {
    (void)co;
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}

// finish(value): completes the global `pending`.
static neap_future *pending;

static int finish(lua_State *co) {
    lua_xmove(co, L, 1);
    CHECK(neap_future_resolve(pending, 1) == 0);
    neap_future_release(pending);
    return 0;
}

// A thread gives it back, which does without a post and its memory.
static void *give_up(void *arg) {
    neap_future_release(arg);
    return NULL;
}

static void drop_elsewhere(void) {
    neap_future *future = make();
    start_waiting();
    CHECK(pthread_create(&thread, NULL, give_up, future) == 0);
    do_lua("assert(early:await()[2] == 'dropped by the host')");
    CHECK(pthread_join(thread, NULL) == 0);
}

// No deadlock while it is pending, although nobody holds the runtime.
static void wait_for_a_thread(void) {
    lua_register(L, "start", start);
    lua_register(L, "join", join);
    do_lua("assert(start():await() == 'posted') join()\n"
           "local future = coroutine.wrap(start)()\n"
           "local called\n"
           "future:on_done(function(f) called = f end)\n"
           "assert(neap.gather(future) == 'posted') join()\n"
           "neap.sleep(0) assert(called == future)");
    CHECK(neap_dostring(rt, "neap.Future():await()", "=stuck") == -1);
    CHECK_WORDS(neap_error(rt), "deadlock");
}

static void finish_in_a_task(void) {
    lua_register(L, "finish", finish);
    pending = make();
    do_lua("local first = neap.spawn(function() return future:await() end)\n"
           "neap.sleep(0) finish 'here' assert(first:await() == 'here')");
    pending = make();
    do_lua("coroutine.wrap(finish) 'deep' assert(future:await() == 'deep')");
}

// A pending one is no reason to run on.
static void run_out(void) {
    neap_future *future = make();
    CHECK(neap_run(rt) == 0 && neap_turn(rt, 0) == 0);
    neap_future_release(future);
}

int main(void) {
    rt = neap_open(NULL);
    CHECK(rt);
    L = neap_state(rt);
    resolve_with_values();
    resolve_with_none_and_one();
    reject_with_an_object();
    end_twice();
    be_ended_by_lua();
    drop();
    be_forgotten();
    drop_elsewhere();
    wait_for_a_thread();
    finish_in_a_task();
    run_out();
    CHECK(lua_gettop(L) == 0);
    neap_close(rt);
    return 0;
}
