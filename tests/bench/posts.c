// SPDX-License-Identifier: MIT
// Posts: how fast four threads reach one runtime, which calls what they post.
//
// Prints posts a second of wall time, from the first thread's start to the last
// call; one that is lost or out of a thread's order ends it with an error.
//
//     posts direct | poster
#define _POSIX_C_SOURCE 200809L
#include <neap.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 4, POSTS = 100000 };

static neap_runtime *rt;
static neap_poster *poster; // NULL: they post to the runtime directly

typedef struct sender {
    pthread_t thread;
    size_t next; // the number that the next post must bring
} sender;

static sender senders[THREADS];
static size_t called;

static void stop(const char *why) {
    fprintf(stderr, "posts: %s\n", why);
    exit(1);
}

// The argument carries both, who and which.
static void receive(void *arg) {
    size_t value = (size_t)arg;
    sender *from = &senders[value % THREADS];
    if (from->next++ != value / THREADS) stop("out of order");
    called++;
}

static void *send(void *arg) {
    size_t who = (size_t)((sender *)arg - senders);
    for (size_t i = 0; i < POSTS; i++) {
        void *value = (void *)(i * THREADS + who);
        int rc = poster ? neap_poster_post(poster, receive, value)
                        : neap_post(rt, receive, value);
        if (rc < 0) stop(strerror(-rc));
    }
    return NULL;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    rt = neap_open(NULL);
    if (argc != 2 || !rt) stop("direct or poster?");
    if (strcmp(argv[1], "poster") == 0) poster = neap_poster_new(rt);
    neap_hold(rt, 1);
    double since = seconds();
    for (int i = 0; i < THREADS; i++)
        pthread_create(&senders[i].thread, NULL, send, &senders[i]);
    while (called < THREADS * POSTS)
        if (neap_turn(rt, -1) != 1) stop("nothing to wait for");
    printf("%.0f\n", THREADS * POSTS / (seconds() - since));
    for (int i = 0; i < THREADS; i++) pthread_join(senders[i].thread, NULL);
    neap_poster_release(poster);
    neap_close(rt);
    return 0;
}
