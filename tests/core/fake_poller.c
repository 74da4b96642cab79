// SPDX-License-Identifier: MIT
// Fake poller: writes down, reports what it was told, sleeps in no time.
//
// A wait without end that nothing would end is the test's mistake: it fails
// with -ETIME instead of hanging.
#include "tests/core/fake.h"

#include <errno.h>

#include "core/poller.h"

struct neap_poller {
    const neap_alloc *alloc;
    int watched; // fds that were added and not removed
};

fake_state fake;

void fake_reset(void) {
    fake = (fake_state){.now_ns = FAKE_START_S * NEAP_SECOND_NS,
                        .asked_ns = INT64_MIN,
                        .alarm_ns = INT64_MIN,
                        .host_fd = -1};
}

int fake_setup(void **state) {
    fake_reset();
    return stage_setup(state);
}

void fake_report(neap_fd *fd, unsigned events) {
    assert_true(fake.event_count < FAKE_EVENTS_MAX);
    fake.events[fake.event_count++] = (fake_event){fd, events};
}

// Counts a call; 0, or what it was told to fail with.
static int outcome(fake_call call) {
    int rc = fake.fail[call];
    fake.calls[call]++;
    fake.fail[call] = 0;
    return rc;
}

int neap_poller_open(neap_poller **poller, const neap_alloc *alloc) {
    int rc = outcome(FAKE_OPEN);
    if (rc < 0) return rc;
    *poller = neap_alloc_new(alloc, sizeof **poller);
    if (!*poller) return -ENOMEM;
    (*poller)->alloc = alloc;
    return 0;
}

void neap_poller_close(neap_poller *poller) {
    neap_alloc_free(poller->alloc, poller, sizeof *poller);
}

int neap_poller_add(neap_poller *poller, neap_fd *fd) {
    assert_true(fd->number >= 0);
    int rc = outcome(FAKE_ADD);
    if (rc == 0) poller->watched++;
    return rc;
}

int neap_poller_arm(neap_poller *poller, neap_fd *fd) {
    assert_true(poller->watched > 0);
    assert_int_equal(fd->kind, NEAP_FD_BORROWED);
    return outcome(FAKE_ARM);
}

int neap_poller_remove(neap_poller *poller, neap_fd *fd) {
    assert_true(fd->number >= 0);
    assert_true(poller->watched > 0);
    int rc = outcome(FAKE_REMOVE);
    if (rc == 0) poller->watched--;
    return rc;
}

static void report(void) {
    int count = fake.event_count;
    fake.event_count = 0;
    for (int i = 0; i < count; i++)
        neap_fd_event(fake.events[i].fd, fake.events[i].events);
}

static int sleep_for(int64_t timeout_ns) {
    if (timeout_ns < 0) return -ETIME;
    int64_t early_ns = fake.early_ns < timeout_ns ? fake.early_ns : 0;
    fake.now_ns += timeout_ns - early_ns;
    return 0;
}

int neap_poller_wait(neap_poller *poller, int64_t timeout_ns) {
    assert_non_null(poller);
    int rc = outcome(FAKE_WAIT);
    void (*during)(void *) = fake.during;
    fake.asked_ns = timeout_ns;
    fake.during = NULL;
    if (rc < 0) return rc;
    if (during) during(fake.arg);
    else if (fake.event_count == 0) return sleep_for(timeout_ns);
    report();
    return 0;
}

void neap_poller_wake(neap_poller *poller) {
    assert_non_null(poller);
    atomic_fetch_add(&fake.wakes, 1);
}

int neap_poller_fd(neap_poller *poller) {
    assert_non_null(poller);
    int rc = outcome(FAKE_FD);
    return rc < 0 ? rc : fake.host_fd;
}

void neap_poller_alarm(neap_poller *poller, int64_t delay_ns) {
    assert_non_null(poller);
    (void)outcome(FAKE_ALARM);
    fake.alarm_ns = delay_ns;
}
