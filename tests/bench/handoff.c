// SPDX-License-Identifier: MIT
// Handoff: the least that a job on another thread costs: a condition variable
// there, an eventfd and epoll back. The limit of neap.offload.
//
// Prints the median round trip in nanoseconds of wall time, and the CPU of one.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 20000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static int asked; // there is a job; guarded by the mutex
static int done;  // an eventfd

static void *run(void *unused) {
    const uint64_t one = 1;
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (!asked) pthread_cond_wait(&work, &mutex);
        asked = 0;
        pthread_mutex_unlock(&mutex);
        if (write(done, &one, sizeof one) < 0) abort();
    }
    return NULL;
}

static int64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void round_trip(int poller) {
    struct epoll_event event;
    uint64_t count;
    pthread_mutex_lock(&mutex);
    asked = 1;
    pthread_mutex_unlock(&mutex);
    pthread_cond_signal(&work);
    if (epoll_wait(poller, &event, 1, -1) != 1) abort();
    if (read(done, &count, sizeof count) < 0) abort();
}

static int by_size(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, two = *(const int64_t *)b;
    return one < two ? -1 : one > two;
}

int main(void) {
    static int64_t took[ROUNDS];
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    pthread_t thread;
    int poller = epoll_create1(EPOLL_CLOEXEC);
    done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    epoll_ctl(poller, EPOLL_CTL_ADD, done, &event);
    if (pthread_create(&thread, NULL, run, NULL)) abort();
    for (int i = 0; i < 100; i++) round_trip(poller);
    int64_t cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t from_ns = now_ns(CLOCK_MONOTONIC);
        round_trip(poller);
        took[i] = now_ns(CLOCK_MONOTONIC) - from_ns;
    }
    cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
    qsort(took, ROUNDS, sizeof *took, by_size);
    printf("%lld %lld\n", (long long)took[ROUNDS / 2],
           (long long)(cpu_ns / ROUNDS));
    return 0;
}
