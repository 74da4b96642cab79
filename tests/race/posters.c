// SPDX-License-Identifier: MIT
//
// neap_poster, neap_post, neap_interrupt and neap_dump from several threads
// while the runtime runs, closes and is gone:
//
//     posters [SEED [ROUNDS]]
//
// What was taken is called, once, in its thread's order, and nothing else is.
// The last line says how much that was.

#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/embed/check.h"

enum { THREADS = 3, POSTS_MAX = 200 };

typedef struct sender {
    neap_poster *poster; // its own hold
    neap_runtime *rt;    // as long as `early` lasts
    pthread_barrier_t *early;
    pthread_t thread;
    unsigned seed;
    int posts;  // as many as it will try
    int taken;  // of them
    int called; // of those
} sender;

typedef struct letter {
    sender *from;
    int number;
} letter;

static int delivered; // in all rounds

static void receive(void *arg) {
    letter *it = arg;
    CHECK(it->from->called == it->number);
    it->from->called++;
    delivered++;
    free(it);
}

// The rest of the functions is called in any order.
static int post(sender *from, int use_runtime) {
    letter *it = malloc(sizeof *it);
    CHECK(it);
    *it = (letter){from, from->taken};
    int rc = use_runtime ? neap_post(from->rt, receive, it)
                         : neap_poster_post(from->poster, receive, it);
    CHECK(rc == 0 || rc == -ECANCELED);
    if (rc == 0) from->taken++;
    else free(it);
    return rc;
}

static void meddle(sender *from) {
    int choice = rand_r(&from->seed) % 16;
    if (choice == 0) neap_interrupt(from->rt);
    if (choice == 1) neap_dump(from->rt);
}

// While the runtime is certain to be there all may be used; then the poster.
static void *send(void *arg) {
    sender *from = arg;
    int early = rand_r(&from->seed) % (from->posts + 1), rc = 0;
    for (int i = 0; i < early; i++) {
        CHECK(post(from, i & 1) == 0);
        meddle(from);
    }
    pthread_barrier_wait(from->early);
    for (int i = early; i < from->posts; i++) {
        int next = post(from, 0);
        CHECK(rc == 0 || next == rc); // refused for ever
        rc = next;
    }
    neap_poster_release(from->poster);
    return NULL;
}

static void start(neap_runtime *rt, sender *senders, pthread_barrier_t *early) {
    neap_poster *poster = neap_poster_new(rt);
    CHECK(poster);
    for (int i = 0; i < THREADS; i++) {
        sender *it = &senders[i];
        neap_poster_retain(poster);
        it->poster = poster;
        it->rt = rt;
        it->early = early;
        it->posts = rand_r(&it->seed) % POSTS_MAX;
        CHECK(pthread_create(&it->thread, NULL, send, it) == 0);
    }
    neap_poster_release(poster);
}

static void ignore(void *ud, const neap_report *report) {
    (void)ud, (void)report;
}

// Busy when it is interrupted, or asleep.
static const char script[] = "local neap = require 'neap'\n"
                             "for i = 1, 4 do neap.spawn(function()\n"
                             "  while true do\n"
                             "    for _ = 1, 100 do local x = {} end\n"
                             "    neap.sleep(i % 2 / 1000)\n"
                             "  end\n"
                             "end) end\n"
                             "collectgarbage()\n";

static void play(unsigned seed) {
    pthread_barrier_t early;
    sender senders[THREADS] = {
        {.seed = seed}, {.seed = seed + 1}, {.seed = seed + 2}};
    neap_config config = {.size = sizeof config, .report = ignore};
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    CHECK(pthread_barrier_init(&early, NULL, THREADS + 1) == 0);
    CHECK(luaL_dostring(neap_state(rt), script) == LUA_OK);
    start(rt, senders, &early);
    int turns = rand_r(&seed) % 20;
    for (int i = 0; i < turns; i++) CHECK(neap_turn(rt, 100000) >= 0);
    pthread_barrier_wait(&early);
    neap_close(rt);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(senders[i].thread, NULL) == 0);
        CHECK(senders[i].called == senders[i].taken);
    }
    CHECK(pthread_barrier_destroy(&early) == 0);
}

int main(int argc, char **argv) {
    unsigned seed = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    int rounds = argc > 2 ? atoi(argv[2]) : 20;
    for (int i = 0; i < rounds; i++) play(seed * 1000 + (unsigned)i * 3);
    printf("seed %u: %d posts\n", seed, delivered);
    return 0;
}
