// SPDX-License-Identifier: MIT
// Clock: nanoseconds that never go back, whatever happens to the wall clock.
//
// A seam: unit tests link a clock of their own instead of clock.c.
#ifndef NEAP_CORE_CLOCK_H
#define NEAP_CORE_CLOCK_H

#include <stdint.h>

#define NEAP_SECOND_NS INT64_C(1000000000)
#define NEAP_MILLISECOND_NS INT64_C(1000000)

// A deadline that never comes.
#define NEAP_NEVER_NS INT64_MAX

int64_t neap_clock_ns(void);

// A time-out as poll takes it: whole milliseconds, rounded up; -1: for ever.
static inline int neap_clock_poll_ms(int64_t timeout_ns) {
    if (timeout_ns < 0) return -1;
    int64_t ms = timeout_ns / NEAP_MILLISECOND_NS;
    if (ms >= 1000000000) return 1000000000;
    return (int)ms + (timeout_ns % NEAP_MILLISECOND_NS > 0);
}

#endif
