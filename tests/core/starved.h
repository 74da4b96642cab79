// SPDX-License-Identifier: MIT
// Starved: a process whose malloc finds no more memory, for a while.
//
// For the two places of core/ that call malloc itself. What the C library has
// in store it still gives, so callers go on until it is refused; where nothing
// is refused (sanitizers and valgrind bring their own malloc) they skip.
#ifndef NEAP_TESTS_STARVED_H
#define NEAP_TESTS_STARVED_H

#include <stdbool.h>
#include <sys/resource.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

// False where it cannot be done.
static inline bool starve(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return false;
#else
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) != 0) return false;
    limit.rlim_cur = 1; // 0 means "no limit" to Linux, for valgrind's sake
    return setrlimit(RLIMIT_DATA, &limit) == 0;
#endif
}

static inline void feed(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_DATA, &limit);
}

#endif
