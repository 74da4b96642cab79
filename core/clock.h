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

// A span for who counts in milliseconds: never early; -1: without end.
static inline int neap_clock_ms(int64_t ns) {
    int64_t up = ns / NEAP_MILLISECOND_NS + (ns % NEAP_MILLISECOND_NS > 0);
    return ns < 0 ? -1 : up < 1000000000 ? (int)up : 1000000000;
}

#endif
