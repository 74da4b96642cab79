// SPDX-License-Identifier: MIT
//
// A Future that a worker thread completes: sum(n) gives it at once, and
// computes in a thread of its own while tasks of Lua's wait for it, or do other
// things.

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct job {
    neap_runtime *rt;    // for the runtime's thread alone
    neap_poster *poster; // how the worker reaches it
    neap_future *future; // what Lua waits for
    lua_Integer to, sum;
} job;

static void drop(job *it) {
    neap_future_release(it->future);
    neap_poster_release(it->poster);
    free(it);
}

// On the runtime's thread, in its turn.
static void finish(void *arg) {
    job *it = arg;
    lua_pushinteger(neap_state(it->rt), it->sum);
    neap_future_resolve(it->future, 1); // had Lua cancelled it: -ECANCELED
    drop(it);
}

// On the worker's.
static void *compute(void *arg) {
    job *it = arg;
    int rc;
    for (lua_Integer i = 1; i <= it->to; i++) it->sum += i;
    while ((rc = neap_poster_post(it->poster, finish, it)) == -ENOMEM)
        sched_yield();
    if (rc < 0) drop(it); // the runtime closes, which cancels the Future
    return NULL;
}

static int start(job *it) {
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, compute, it);
    return rc == 0 ? pthread_detach(thread) : rc;
}

// sum(n) -> a Future
static int sum(lua_State *L) {
    lua_Integer to = luaL_checkinteger(L, 1);
    job *it = calloc(1, sizeof *it);
    if (!it) return luaL_error(L, "sum: no memory");
    it->rt = lua_touserdata(L, lua_upvalueindex(1));
    it->to = to;
    it->poster = neap_poster_new(it->rt);
    it->future = neap_future_new(it->rt); // pushed onto neap_state's stack
    if (it->future) lua_xmove(neap_state(it->rt), L, 1);
    if (it->poster && it->future && start(it) == 0) return 1;
    drop(it);
    return luaL_error(L, "sum: no memory, or no thread");
}

static const char script[] =
    "local neap = require 'neap'\n"
    "local one, two = neap.gather(sum(10), sum(100000))\n"
    "assert(one == 55 and two == 5000050000)\n"
    "print(one, two)\n";

int main(void) {
    neap_runtime *rt = neap_open(NULL);
    if (!rt) return fprintf(stderr, "worker: no memory\n"), 1;
    lua_State *L = neap_state(rt);
    lua_pushlightuserdata(L, rt);
    lua_pushcclosure(L, sum, 1);
    lua_setglobal(L, "sum");
    int rc = neap_dostring(rt, script, "=worker");
    if (rc < 0) fprintf(stderr, "worker: %s\n", neap_error(rt));
    neap_close(rt);
    return rc < 0;
}
