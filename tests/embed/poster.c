// SPDX-License-Identifier: MIT
//
// neap_poster: threads that may outlive the runtime. What they post while it is
// there is called, in order (P2); once neap_close began they are refused for
// ever, also when the runtime is gone (P4).

#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <neap.h>
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"

enum { THREADS = 4, POSTS = 20000 };

typedef struct sender {
    neap_poster *poster; // its own hold
    pthread_t thread;
    int next; // the number that the next post must bring
    int taken, refused;
} sender;

static sender senders[THREADS];

// The argument carries both, who and which.
static void receive(void *arg) {
    size_t value = (size_t)arg;
    sender *from = &senders[value % THREADS];
    CHECK(from->next == (int)(value / THREADS));
    from->next++;
}

static int send_one(sender *from, int number) {
    size_t who = (size_t)(from - senders), which = (size_t)number;
    return neap_poster_post(from->poster, receive,
                            (void *)(which * THREADS + who));
}

static void *send(void *arg) {
    sender *from = arg;
    for (int i = 0; i < POSTS; i++) CHECK(send_one(from, i) == 0);
    neap_poster_release(from->poster);
    return NULL;
}

// Until it is refused, and on: it is refused for ever.
static void *send_for_ever(void *arg) {
    sender *from = arg;
    int rc;
    while ((rc = send_one(from, from->taken)) == 0) from->taken++;
    for (; from->refused < 1000; from->refused++) {
        CHECK(rc == -ECANCELED);
        rc = send_one(from, from->taken);
    }
    neap_poster_release(from->poster);
    return NULL;
}

static void start(neap_runtime *rt, void *body(void *)) {
    neap_poster *poster = neap_poster_new(rt);
    CHECK(poster);
    for (int i = 0; i < THREADS; i++) {
        neap_poster_retain(poster);
        senders[i] = (sender){.poster = poster};
        CHECK(!pthread_create(&senders[i].thread, NULL, body, &senders[i]));
    }
    neap_poster_release(poster); // each thread has a hold of its own
}

static void join(void) {
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(senders[i].thread, NULL) == 0);
}

static int received(void) {
    int sum = 0;
    for (int i = 0; i < THREADS; i++) sum += senders[i].next;
    return sum;
}

static void lose_none(void) {
    neap_runtime *rt = neap_open(NULL);
    CHECK(rt);
    neap_hold(rt, 1);
    start(rt, send);
    while (received() < THREADS * POSTS) CHECK(neap_turn(rt, -1) == 1);
    neap_close(rt);
    join();
}

// The runtime goes while they post. What was taken was called.
static void outlive(void) {
    neap_runtime *rt = neap_open(NULL);
    CHECK(rt);
    neap_hold(rt, 1);
    start(rt, send_for_ever);
    while (received() < 1000) CHECK(neap_turn(rt, -1) == 1);
    neap_close(rt);
    join();
    for (int i = 0; i < THREADS; i++)
        CHECK(senders[i].taken == senders[i].next && senders[i].refused);
}

static void never(void *arg) {
    (void)arg;
    CHECK(!"called");
}

static void count(void *arg) { ++*(int *)arg; }

// In clean-up: neap_close has begun.
static int refuse(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
    neap_poster *poster = lua_touserdata(L, lua_upvalueindex(2));
    CHECK(neap_poster_post(poster, never, NULL) == -ECANCELED);
    CHECK(!neap_poster_new(rt));
    return 0;
}

// A task is there, which refuses when it is told to end.
static neap_poster *wait_for_the_end(neap_runtime *rt, int *counted) {
    lua_State *L = neap_state(rt);
    neap_poster *poster = neap_poster_new(rt);
    CHECK(poster && neap_poster_post(poster, count, counted) == 0);
    lua_pushlightuserdata(L, rt);
    lua_pushlightuserdata(L, poster);
    lua_pushcclosure(L, refuse, 2);
    lua_setglobal(L, "refuse");
    CHECK(luaL_dostring(L, "local neap = require 'neap'\n"
                           "neap.spawn(function()\n"
                           "  local _ <close> = setmetatable({}, {\n"
                           "    __close = function() refuse() end})\n"
                           "  neap.sleep(1000)\n"
                           "end)") == LUA_OK);
    CHECK(neap_turn(rt, 0) == 1 && *counted == 1);
    CHECK(neap_poster_post(poster, count, counted) == 0); // is owed its call
    return poster;
}

static void be_refused(void) {
    neap_runtime *rt = neap_open(NULL);
    CHECK(rt);
    int counted = 0;
    neap_poster *poster = wait_for_the_end(rt, &counted);
    neap_close(rt);
    CHECK(counted == 2);
    CHECK(neap_poster_post(poster, never, NULL) == -ECANCELED);
    neap_poster_release(poster);
}

// Of a host's state; lua_close ends that runtime as well.
static void be_refused_by_a_state(void) {
    lua_State *L = luaL_newstate();
    CHECK(L);
    luaL_openlibs(L);
    neap_runtime *rt = neap_attach(L, NULL);
    CHECK(rt);
    int counted = 0;
    neap_poster *poster = wait_for_the_end(rt, &counted);
    neap_poster *same = neap_poster_new(rt);
    lua_close(L);
    CHECK(counted == 2);
    CHECK(neap_poster_post(poster, never, NULL) == -ECANCELED);
    neap_poster_release(poster);
    CHECK(neap_poster_post(same, never, NULL) == -ECANCELED);
    neap_poster_release(same);
}

// The runtime may be the last that holds it; a closed one makes none.
static void hold_none(void) {
    lua_State *L = luaL_newstate();
    CHECK(L);
    neap_runtime *rt = neap_attach(L, NULL);
    CHECK(rt);
    neap_poster_release(neap_poster_new(rt));
    neap_close(rt);
    CHECK(!neap_poster_new(rt));
    lua_close(L);
}

int main(void) {
    lose_none();
    outlive();
    be_refused();
    be_refused_by_a_state();
    hold_none();
    return 0;
}
