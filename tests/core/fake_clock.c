// SPDX-License-Identifier: MIT
// Fake clock: says what it was set to (see fake.h).
#include "tests/core/fake.h"

int64_t neap_clock_ns(void) { return fake.now_ns; }
