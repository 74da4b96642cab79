// SPDX-License-Identifier: MIT
// Clock: CLOCK_MONOTONIC, which the kernel answers without a system call.
#define _POSIX_C_SOURCE 200809L
#include "core/clock.h"

#include <assert.h>
#include <time.h>

int64_t neap_clock_ns(void) {
    struct timespec now;
    int rc = clock_gettime(CLOCK_MONOTONIC, &now);
    assert(rc == 0);
    (void)rc;
    return now.tv_sec * NEAP_SECOND_NS + now.tv_nsec;
}
