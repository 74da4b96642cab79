// SPDX-License-Identifier: MIT
// Fake: a clock set by hand and a poller told by hand, in place of the real.
//
// The poller writes down what it is asked for. A wait reports the events that
// the test queued; where there are none it "sleeps": it moves the clock on by
// the time-out and returns at once. So a test of hours takes microseconds, and
// what happens is what the test said.
//
// One of each for a program: a test starts with fake_reset, and no two loops
// are alive at once.
#ifndef NEAP_TESTS_FAKE_H
#define NEAP_TESTS_FAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/core/probe.h"

enum {
    FAKE_EVENTS_MAX = 16,
    FAKE_START_S = 1000 // where the clock starts, in seconds
};

typedef enum fake_call {
    FAKE_OPEN,
    FAKE_ADD,
    FAKE_ARM,
    FAKE_REMOVE,
    FAKE_WAIT,
    FAKE_FD,
    FAKE_ALARM,
    FAKE_CALLS // how many there are
} fake_call;

typedef struct fake_event {
    neap_fd *fd;     // whom it is reported to
    unsigned events; // NEAP_EVENT_...
} fake_event;

typedef struct fake_state {
    int64_t now_ns;        // what the clock says
    int64_t asked_ns;      // how long the last wait might have slept
    int64_t early_ns;      // waits end this much before they should
    int64_t alarm_ns;      // what the alarm was set to last; -1: never
    int calls[FAKE_CALLS]; // how often each was called
    int fail[FAKE_CALLS];  // what each answers next time; 0: it works
    atomic_int wakes;      // how often a wait was to be ended
    int host_fd;           // what neap_poller_fd answers
    fake_event events[FAKE_EVENTS_MAX]; // for the next wait
    int event_count;                    // of them
    void (*during)(void *arg); // called within the next wait, as another
    void *arg;                 // thread might; NULL: nothing happens
} fake_state;

extern fake_state fake;

void fake_reset(void);

// The next wait reports this.
void fake_report(neap_fd *fd, unsigned events);

// For ON_STAGE-like tests that use fakes: resets, then opens a stage.
int fake_setup(void **state);

#define ON_FAKES(test) \
    cmocka_unit_test_setup_teardown(test, fake_setup, stage_teardown)

#endif
