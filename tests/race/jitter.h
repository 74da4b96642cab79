// SPDX-License-Identifier: MIT
// Jitter: a seeded pause before and after each lock and each atomic.
//
// The compiler is told to include this before the first line of every source
// (preset `tsan`), so that product code knows nothing of it. With
// NEAP_JITTER set to a number a thread now and then yields the processor or
// sleeps there; what it does the n-th time depends on that number, on the order
// in which the threads came here first, and on nothing else.
//
// All is weak or static: whatever is linked of these sources has it once.
// Whoever uses an operation that has no line here is told by `make threads`.
#ifndef NEAP_RACE_JITTER_H
#define NEAP_RACE_JITTER_H

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

// Sources choose their extensions themselves; here all are on.
#pragma GCC diagnostic ignored "-Wpedantic"
#undef _GNU_SOURCE
#undef _DEFAULT_SOURCE
#undef _POSIX_C_SOURCE

extern _Thread_local uint64_t jitter_state; // 0: not asked yet
extern _Thread_local int jitter_on;
extern int jitter_threads; // that came here

__attribute__((weak)) _Thread_local uint64_t jitter_state;
__attribute__((weak)) _Thread_local int jitter_on;
__attribute__((weak)) int jitter_threads;

// splitmix64: a step, and a number of it.
static inline uint64_t jitter_next(void) {
    uint64_t z = (jitter_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline void jitter_begin(void) {
    const char *seed = getenv("NEAP_JITTER");
    int thread = __atomic_add_fetch(&jitter_threads, 1, __ATOMIC_RELAXED);
    jitter_on = seed && *seed;
    jitter_state = jitter_on ? strtoull(seed, NULL, 10) : 0;
    jitter_state = jitter_state * 1000003 + (uint64_t)thread;
}

// Of 64 pauses ten yield, and one sleeps for up to 100 us; of 4096 one sleeps
// for up to 2 ms, in which another thread can do all that it has to.
static inline void jitter_pause(void) {
    int saved = errno;
    if (!jitter_state) jitter_begin();
    if (!jitter_on) return;
    uint64_t number = jitter_next();
    unsigned choice = number % 4096;
    long most = choice == 0 ? 2000000 : choice % 64 == 1 ? 100000 : 0;
    struct timespec nap = {.tv_nsec = most ? (long)(number >> 16) % most : 0};
    if (most) nanosleep(&nap, NULL);
    else if (choice % 64 < 12) sched_yield();
    errno = saved;
}

// ---- what has a value, and what has none

#define JITTER(operation)                     \
    ({                                        \
        jitter_pause();                       \
        __auto_type jitter_value = operation; \
        jitter_pause();                       \
        jitter_value;                         \
    })
#define JITTER_VOID(operation) (jitter_pause(), operation, jitter_pause())

#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_fetch_add
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub
#undef atomic_fetch_sub_explicit

#define atomic_load(p) JITTER(__atomic_load_n(p, __ATOMIC_SEQ_CST))
#define atomic_load_explicit(p, order) JITTER(__atomic_load_n(p, order))
#define atomic_store(p, v) JITTER_VOID(__atomic_store_n(p, v, __ATOMIC_SEQ_CST))
#define atomic_store_explicit(p, v, order) \
    JITTER_VOID(__atomic_store_n(p, v, order))
#define atomic_exchange(p, v) \
    JITTER(__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))
#define atomic_exchange_explicit(p, v, order) \
    JITTER(__atomic_exchange_n(p, v, order))
#define atomic_fetch_add(p, v) \
    JITTER(__atomic_fetch_add(p, v, __ATOMIC_SEQ_CST))
#define atomic_fetch_add_explicit(p, v, order) \
    JITTER(__atomic_fetch_add(p, v, order))
#define atomic_fetch_sub(p, v) \
    JITTER(__atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST))
#define atomic_fetch_sub_explicit(p, v, order) \
    JITTER(__atomic_fetch_sub(p, v, order))

#define pthread_mutex_lock(m) JITTER(pthread_mutex_lock(m))
#define pthread_mutex_trylock(m) JITTER(pthread_mutex_trylock(m))
#define pthread_mutex_unlock(m) JITTER(pthread_mutex_unlock(m))
#define pthread_cond_wait(c, m) JITTER(pthread_cond_wait(c, m))
#define pthread_cond_timedwait(c, m, t) JITTER(pthread_cond_timedwait(c, m, t))
#define pthread_cond_signal(c) JITTER(pthread_cond_signal(c))
#define pthread_cond_broadcast(c) JITTER(pthread_cond_broadcast(c))

#endif
