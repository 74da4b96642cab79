// SPDX-License-Identifier: MIT
//
// neap_future at the end: of the runtime, of memory, of a thread that finds the
// runtime gone. Whatever is pending is cancelled, C is told, and each handle is
// given back without harm, by whichever thread.

#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <neap.h>
#include <pthread.h>
#include <stdbool.h>

#include "check.h"

// ---- an allocator that counts, and refuses the n-th request from now on

static size_t bytes;
static long left = -1; // -1: none is refused

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
    (void)ud;
    if (!ptr) osize = 0;
    if (nsize > osize && left >= 0 && left-- == 0) return left = 0, NULL;
    bytes += nsize - osize;
    if (nsize > 0) return realloc(ptr, nsize);
    free(ptr);
    return NULL;
}

static neap_runtime *open(void) {
    neap_config config = NEAP_CONFIG_INIT;
    config.allocator = allocate;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    CHECK(luaL_dostring(neap_state(rt), "neap = require 'neap'") == LUA_OK);
    return rt;
}

static neap_future *make(neap_runtime *rt) {
    neap_future *future = neap_future_new(rt);
    CHECK(future);
    lua_setglobal(neap_state(rt), "future");
    return future;
}

static void do_lua(neap_runtime *rt, const char *code) {
    lua_State *L = neap_state(rt);
    if (luaL_dostring(L, code) == LUA_OK) return;
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    exit(1);
}

// ---- neap_close while they are pending

typedef struct promise {
    neap_runtime *rt;
    neap_future *future;
    int told;
} promise;

static void be_told(void *arg) {
    promise *it = arg;
    it->told++;
    lua_pushinteger(neap_state(it->rt), 1);
    CHECK(neap_future_resolve(it->future, 1) == -ECANCELED);
    CHECK(!neap_future_new(it->rt)); // it closes
}

static char words[200]; // what Lua was told

static int note(lua_State *L) {
    snprintf(words, sizeof words, "%s", luaL_tolstring(L, 1, NULL));
    return 0;
}

// Also who waits under a shield goes on: nothing could complete it any more.
static void close_while_pending(neap_runtime *rt, void end(neap_runtime *)) {
    promise it = {rt, make(rt), 0};
    lua_register(neap_state(rt), "note", note);
    neap_future_on_cancel(it.future, be_told, &it);
    do_lua(rt, "local neap = require 'neap'\n"
               "neap.spawn(neap.shield, function()\n"
               "  note(select(2, pcall(future.await, future))) end)\n"
               "neap.spawn(future.await, future)\n"
               "future:on_done(function() end)");
    CHECK(neap_turn(rt, 0) == 1);
    end(rt);
    CHECK(it.told == 1);
    CHECK_WORDS(words, "cancelled: the runtime is closing");
    CHECK(neap_future_resolve(it.future, 0) == -ECANCELED);
    CHECK(neap_future_resolve(it.future, 5) == -ECANCELED); // nothing is popped
    CHECK(neap_future_reject(it.future) == -ECANCELED);
    neap_future_release(it.future);
}

static void close_both_kinds(void) {
    close_while_pending(open(), neap_close);
    CHECK(bytes == 0);
    lua_State *L = luaL_newstate();
    CHECK(L);
    luaL_openlibs(L);
    neap_runtime *rt = neap_attach(L, NULL);
    CHECK(rt);
    close_while_pending(rt, neap_close);
    CHECK(!neap_future_new(rt) && lua_gettop(L) == 0);
    close_while_pending(neap_attach(L, NULL), neap_close);
    lua_close(L);
}

static void close_state(neap_runtime *rt) { lua_close(neap_state(rt)); }

static void close_the_state(void) {
    lua_State *L = luaL_newstate();
    CHECK(L);
    luaL_openlibs(L);
    close_while_pending(neap_attach(L, NULL), close_state);
}

// on_cancel may give any of them back.
static neap_future *several[9];

static void give_all_back(void *arg) {
    (void)arg;
    for (int i = 0; i < 9; i++) {
        neap_future_release(several[i]);
        several[i] = NULL;
    }
}

static void give_back_in_the_middle(void) {
    neap_runtime *rt = open();
    for (int i = 0; i < 9; i++) several[i] = make(rt);
    neap_future_on_cancel(several[4], give_all_back, NULL);
    neap_close(rt);
    CHECK(!several[0] && bytes == 0);
}

// In what runs last, the finalizers, they can be ended no more.
static neap_future *unended;

static int end_it(lua_State *L) {
    (void)L;
    CHECK(neap_future_resolve(unended, 0) == -ECANCELED);
    return 0;
}

static void finalize(void) {
    neap_runtime *rt = open();
    unended = make(rt);
    lua_register(neap_state(rt), "end_it", end_it);
    do_lua(rt, "local it = future\n"
               "keep = setmetatable({}, {__gc = function()\n"
               "  end_it() assert(it:cancelled()) tostring(it) end})");
    neap_close(rt);
    neap_future_release(unended);
    CHECK(bytes == 0);
}

// ---- a thread that finds the runtime gone

typedef struct job {
    neap_poster *poster;
    neap_future *future;
    pthread_mutex_t *gate; // it works until this is open
} job;

static void never(void *arg) {
    (void)arg;
    CHECK(!"called");
}

static void *work(void *arg) {
    job *it = arg;
    pthread_mutex_lock(it->gate);
    pthread_mutex_unlock(it->gate);
    CHECK(neap_poster_post(it->poster, never, it) == -ECANCELED);
    neap_future_release(it->future);
    neap_poster_release(it->poster);
    return NULL;
}

static void open_gate(void *gate) { pthread_mutex_unlock(gate); }

// The thread is let go as soon as neap_close has begun, and runs beside it.
static void outlive(void) {
    pthread_mutex_t gate;
    pthread_t thread;
    neap_runtime *rt = open();
    CHECK(pthread_mutex_init(&gate, NULL) == 0);
    CHECK(pthread_mutex_lock(&gate) == 0);
    job it = {neap_poster_new(rt), make(rt), &gate};
    neap_future *last = make(rt);
    neap_future_on_cancel(last, open_gate, &gate);
    CHECK(it.poster && !pthread_create(&thread, NULL, work, &it));
    neap_close(rt);
    CHECK(pthread_join(thread, NULL) == 0);
    neap_future_release(last);
    CHECK(pthread_mutex_destroy(&gate) == 0);
    CHECK(bytes == 0);
}

// ---- no memory

// The n-th request and all that follow are refused while it is ended. If it is
// not, it has failed of that, or does so when it is given back.
static bool end_without_memory(long n) {
    neap_runtime *rt = open();
    lua_State *L = neap_state(rt);
    neap_future *future = make(rt);
    do_lua(rt, "waiting = neap.spawn(pcall, future.await, future)");
    CHECK(neap_turn(rt, 0) == 1);
    CHECK(lua_checkstack(L, 40));
    for (int i = 0; i < 40; i++) lua_pushinteger(L, i);
    left = n;
    int rc = neap_future_resolve(future, 40);
    bool enough = left > 0;
    left = -1;
    CHECK(lua_gettop(L) == 0 && (rc == 0 || rc == -ENOMEM));
    neap_future_release(future);
    CHECK(neap_run(rt) == 0);
    do_lua(rt, rc == 0 ? "assert(select('#', waiting:result()) == 41)"
                       : "local ok, e = waiting:result()\n"
                         "assert(not ok and (e == 'not enough memory' or\n"
                         "                   e == 'dropped by the host'))");
    neap_close(rt);
    CHECK(bytes == 0);
    return enough;
}

static bool make_without_memory(long n) {
    neap_runtime *rt = open();
    left = n;
    neap_future *future = neap_future_new(rt);
    left = -1;
    CHECK(lua_gettop(neap_state(rt)) == (future != NULL));
    neap_future_release(future);
    neap_close(rt);
    CHECK(bytes == 0);
    return future != NULL;
}

static bool close_without_memory(long n) {
    neap_runtime *rt = open();
    promise it = {rt, make(rt), 0};
    neap_future_on_cancel(it.future, be_told, &it);
    do_lua(rt, "neap.spawn(neap.shield, future.await, future)");
    CHECK(neap_turn(rt, 0) == 1);
    left = n;
    neap_close(rt);
    bool enough = left > 0;
    left = -1;
    CHECK(it.told == 1 && bytes == 0);
    CHECK(neap_future_resolve(it.future, 0) == -ECANCELED);
    neap_future_release(it.future);
    return enough;
}

static void fail(bool at_nth(long)) {
    long n = 0;
    while (!at_nth(n)) n++;
    CHECK(n > 0);
}

int main(void) {
    close_both_kinds();
    close_the_state();
    give_back_in_the_middle();
    finalize();
    outlive();
    fail(end_without_memory);
    fail(make_without_memory);
    fail(close_without_memory);
    return 0;
}
