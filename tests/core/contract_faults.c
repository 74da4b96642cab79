// SPDX-License-Identifier: MIT
// What both backends must do when the system, or the allocator, refuses.
//
// The calls that cannot be made to fail from outside are defined here in place
// of the C library's: two of epoll's, which over poll nobody calls, and poll.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/core/contract.h"

enum {
    NUMBERS_MAX = 256, // no test opens a higher one but the crowd
    CROWD = 300,       // more than a backend takes from the kernel at once
    WATCHED = 40,      // more than its first arrays hold
    FEW = 16           // descriptors that poll has room for at all times
};

static int pwait2_error;      // what epoll_pwait2 fails with; 0: it works
static int pwait2_calls;      // how often it was called
static int control_left = -1; // calls of epoll_ctl that work; negative: all
static int poll_error;        // what poll fails with for many; 0: it works
static int poll_calls;        // how often it did

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
int epoll_pwait2(int queue, struct epoll_event *events, int max,
                 const struct timespec *timeout, const sigset_t *mask) {
    pwait2_calls++;
    if (pwait2_error) return errno = pwait2_error, -1;
    return (int)syscall(SYS_epoll_pwait2, queue, events, max, timeout, mask, 8);
}

int epoll_ctl(int queue, int op, int fd, struct epoll_event *event) {
    if (control_left == 0) return errno = ENOSPC, -1;
    if (control_left > 0) control_left--;
    return (int)syscall(SYS_epoll_ctl, queue, op, fd, event);
}

// The table of a few stands on the kernel's stack, and takes no memory.
int poll(struct pollfd *slots, nfds_t count, int timeout_ms) {
    struct timespec timeout = {.tv_sec = timeout_ms / 1000,
                               .tv_nsec = timeout_ms % 1000 * 1000000L};
    bool refused = poll_error && count > FEW;
    poll_calls += refused;
    if (refused) return errno = poll_error, -1;
    return (int)syscall(SYS_ppoll, slots, count,
                        timeout_ms < 0 ? NULL : &timeout, NULL, 8);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)

static int setup(void **state) {
    pwait2_error = pwait2_calls = poll_error = poll_calls = 0;
    control_left = -1;
    return stage_setup(state);
}

// ---- descriptors

static struct rlimit allow(rlim_t count) {
    struct rlimit before, now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

// Where the next descriptor will go.
static int lowest_free(void) {
    int fd = dup(STDERR_FILENO);
    assert_true(fd >= 0);
    neap_sys_close(fd);
    return fd;
}

// How many are open: it rises if one is leaked.
static int count_open(void) {
    int count = 0;
    for (int fd = 0; fd < NUMBERS_MAX; fd++)
        if (fcntl(fd, F_GETFD) >= 0) count++;
    return count;
}

// Opens a poller, has all its descriptors made, and ends it. Standard input
// may be closed before, or between, so that a descriptor of ours is number 0.
static void use_poller(bool before, bool between) {
    counted memory;
    neap_poller *poller = NULL;
    counted_init(&memory);
    if (before) neap_sys_close(STDIN_FILENO);
    errno = EDOM;
    assert_int_equal(neap_poller_open(&poller, &memory.alloc), 0);
    if (between) neap_sys_close(STDIN_FILENO);
    int host = neap_poller_fd(poller);
    assert_true(host >= -1);
    assert_int_equal(neap_poller_fd(poller), host);
    neap_poller_wake(poller);
    assert_int_equal(neap_poller_wait(poller, -1), 0);
    neap_poller_close(poller);
    counted_term(&memory);
}

static void an_ended_poller_leaves_no_descriptor(void **state) {
    (void)state; // N33, I11
    int copy = dup(STDIN_FILENO), open = count_open();
    use_poller(false, false);
    assert_int_equal(count_open(), open);
    use_poller(true, false);
    assert_int_equal(dup(copy), STDIN_FILENO); // it was free
    use_poller(false, true);
    assert_int_equal(dup(copy), STDIN_FILENO);
    assert_int_equal(count_open(), open);
    neap_sys_close(copy);
}

// With room for no descriptor, for one, for two: each time nothing is left.
static void without_descriptors_no_poller_opens(void **state) {
    (void)state; // N20
    counted memory;
    neap_poller *poller = NULL;
    counted_init(&memory);
    int lowest = lowest_free(), open = count_open(), rc = -EMFILE;
    for (int room = 0; rc < 0; room++) {
        struct rlimit before = allow((rlim_t)lowest + (rlim_t)room);
        rc = neap_poller_open(&poller, &memory.alloc);
        setrlimit(RLIMIT_NOFILE, &before);
        assert_int_equal(rc, room < 2 ? -EMFILE : 0);
        if (rc < 0) counted_term(&memory);
        if (rc < 0) assert_int_equal(count_open(), open);
    }
    neap_poller_close(poller);
    assert_int_equal(count_open(), open);
    counted_term(&memory);
}

static void
without_a_descriptor_a_host_gets_none_and_may_ask_again(void **state) {
    stage *on = *state; // I6, N20
    struct rlimit before = allow((rlim_t)lowest_free());
    int rc = neap_loop_fd(&on->loop);
    setrlimit(RLIMIT_NOFILE, &before);
    if (rc == -1) skip(); // this backend has none at the best of times
    assert_int_equal(rc, -EMFILE);
    assert_false(on->loop.alarmed);
    assert_true(neap_loop_fd(&on->loop) >= 0);
}

static void what_the_kernel_cannot_watch_is_not_kept(void **state) {
    stage *on = *state; // I6
    int open = count_open();
    control_left = 0;
    int rc = neap_loop_fd(&on->loop);
    control_left = -1;
    if (rc == -1) skip();
    assert_int_equal(rc, -ENOSPC);
    assert_int_equal(count_open(), open);
    int host = neap_loop_fd(&on->loop); // now it can
    stage_start(on, 'a', NULL);
    struct pollfd slot = {.fd = host, .events = POLLIN};
    assert_int_equal(poll(&slot, 1, 10000), 1); // the alarm is heard
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
}

static void a_poller_that_cannot_watch_its_own_does_not_open(void **state) {
    (void)state;
    counted memory;
    neap_poller *poller = NULL;
    counted_init(&memory);
    int open = count_open();
    control_left = 0;
    int rc = neap_poller_open(&poller, &memory.alloc);
    control_left = -1;
    if (rc == 0) neap_poller_close(poller); // over poll: nothing to refuse
    else assert_int_equal(rc, -ENOSPC);
    assert_int_equal(count_open(), open);
    counted_term(&memory);
}

// ---- memory

static void without_memory_no_poller_opens(void **state) {
    (void)state;
    counted memory;
    neap_poller *poller = NULL;
    counted_init(&memory);
    int open = count_open(), rc = -ENOMEM;
    for (long n = 0; rc < 0; n++) {
        counted_refuse_after(&memory, n);
        rc = neap_poller_open(&poller, &memory.alloc);
        if (rc == 0) break;
        assert_int_equal(rc, -ENOMEM);
        assert_int_equal(count_open(), open);
        counted_term(&memory);
    }
    neap_poller_close(poller);
    counted_term(&memory);
}

// With room for no allocation, for one, for two, until it works.
static void watch_stubbornly(neap_fd *fd, stage *on, int number) {
    int rc = -ENOMEM;
    for (long n = 0; rc < 0; n++) {
        if (n % 2) counted_refuse_after(&on->memory, n / 2);
        else counted_refuse_one(&on->memory, n / 2);
        rc = neap_fd_open(fd, &on->loop, number, NEAP_FD_STREAM);
        assert_true(rc == 0 || rc == -ENOMEM);
    }
    counted_refuse_none(&on->memory);
}

static void without_memory_what_is_watched_stays_so(void **state) {
    stage *on = *state;
    static pair pairs[WATCHED];
    for (int i = 0; i < WATCHED; i++) {
        int ends[2];
        assert_int_equal(neap_sys_socketpair(ends), 0);
        pairs[i].peer = ends[1];
        watch_stubbornly(&pairs[i].fd, on, ends[0]);
    }
    for (int i = 0; i < WATCHED; i++) peer_sends(&pairs[i], "abc");
    for (int i = 0; i < WATCHED; i++) expect_recv(on, &pairs[i], "abc");
    for (int i = 0; i < WATCHED; i++) close_pair(&pairs[i]);
}

// ---- crowds

static void more_events_than_one_look_takes_are_not_lost(void **state) {
    stage *on = *state; // N19
    static pair crowd[CROWD];
    static probe readers[CROWD];
    struct rlimit before = allow((rlim_t)3 * CROWD);
    for (int i = 0; i < CROWD; i++) {
        open_pair(&crowd[i], on, NEAP_FD_STREAM);
        probe_init(&readers[i], on, '\0', NULL);
        wait_in(&readers[i], &crowd[i].fd, NEAP_IN);
    }
    look(on);
    for (int i = 0; i < CROWD; i++) peer_sends(&crowd[i], "x");
    for (int i = 0; i < CROWD; i++) {
        expect_woken(on, &readers[i], NEAP_WAKE_READY);
        close_pair(&crowd[i]);
    }
    setrlimit(RLIMIT_NOFILE, &before);
}

// ---- waits that fail

static void a_wait_that_fails_says_why(void **state) {
    (void)state;
    counted memory;
    neap_poller *poller = NULL;
    counted_init(&memory);
    assert_int_equal(neap_poller_open(&poller, &memory.alloc), 0);
    int host = neap_poller_fd(poller);
    if (host >= 0) neap_sys_close(host); // behind its back
    struct rlimit before = allow(0);     // poll counts against it
    int rc = neap_poller_wait(poller, 0), ready = neap_sys_ready(0, false);
    setrlimit(RLIMIT_NOFILE, &before);
    neap_poller_close(poller);
    counted_term(&memory);
    if (host < 0 && ready >= 0) skip(); // valgrind keeps limits from the kernel
    assert_int_equal(rc, host >= 0 ? -EBADF : -EINVAL);
}

// Without memory poll cannot look at many: nothing is lost, the wake-up is
// heard, and between two looks is a pause.
static void check_scarce(stage *on, int error) {
    static pair pairs[WATCHED];
    static probe readers[WATCHED];
    for (int i = 0; i < WATCHED; i++) {
        open_pair(&pairs[i], on, NEAP_FD_STREAM);
        probe_init(&readers[i], on, '\0', NULL);
        wait_in(&readers[i], &pairs[i].fd, NEAP_IN);
    }
    look(on);
    poll_error = error;
    peer_sends(&pairs[WATCHED - 1], "x");
    neap_poller_wake(on->loop.poller);
    assert_int_equal(poll_for(on, -1), 0); // at once, or ctest's time is up
    expect_silence(on);
    int64_t start_ns = neap_clock_ns();
    if (poll_calls > 0) { // over epoll it has been reported
        assert_int_equal(poll_for(on, -1), 0);
        assert_true(neap_clock_ns() - start_ns >= SILENCE_NS);
    }
    poll_error = 0;
    expect_woken(on, &readers[WATCHED - 1], NEAP_WAKE_READY);
    for (int i = 0; i < WATCHED; i++) {
        close_pair(&pairs[i]);
        neap_task_term(&readers[i].task);
    }
}

static void without_memory_a_wait_pauses_and_asks_again(void **state) {
    check_scarce(*state, ENOMEM); // N35
}

static void as_it_does_where_that_is_called_eagain(void **state) {
    check_scarce(*state, EAGAIN); // N35
}

// ---- kernels and sandboxes without epoll_pwait2

static void expect_not_early(stage *on, int64_t timeout_ns) {
    int64_t start_ns = neap_clock_ns();
    assert_int_equal(poll_for(on, timeout_ns), 0);
    assert_true(neap_clock_ns() - start_ns >= timeout_ns);
}

static void check_coarse(stage *on, int error) {
    pwait2_error = error;
    expect_not_early(on, 1);
    expect_not_early(on, 1500000);
    expect_not_early(on, 2000000);
    assert_true(pwait2_calls <= 1); // who refused is not asked again
    for (int i = 0; i < 2; i++) {
        neap_poller_wake(on->loop.poller); // in milliseconds it is too long
        assert_int_equal(poll_for(on, i ? INT64_MAX : -1), 0);
    }
}

static void an_old_kernel_waits_no_shorter(void **state) {
    check_coarse(*state, ENOSYS); // S13
}

static void a_sandbox_waits_no_shorter(void **state) {
    check_coarse(*state, EPERM); // S13
}

static void an_old_errno_is_not_taken_for_a_refusal(void **state) {
    stage *on = *state;
    struct epoll_event event;
    struct timespec none = {.tv_sec = 0};
    (void)epoll_pwait2(-1, &event, 1, &none, NULL);
    if (errno == ENOSYS) skip(); // it is refused here: an old kernel, valgrind
    pwait2_calls = 0;
    for (int i = 0; i < 2; i++) {
        errno = EPERM;
        assert_int_equal(poll_for(on, 1), 0);
    }
    assert_true(pwait2_calls == 2 || pwait2_calls == 0); // 0: over poll
}

#define ON_TRIAL(test) \
    cmocka_unit_test_setup_teardown(test, setup, stage_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ended_poller_leaves_no_descriptor),
        cmocka_unit_test(without_descriptors_no_poller_opens),
        ON_TRIAL(without_a_descriptor_a_host_gets_none_and_may_ask_again),
        ON_TRIAL(what_the_kernel_cannot_watch_is_not_kept),
        cmocka_unit_test(a_poller_that_cannot_watch_its_own_does_not_open),
        cmocka_unit_test(without_memory_no_poller_opens),
        ON_TRIAL(without_memory_what_is_watched_stays_so),
        ON_TRIAL(more_events_than_one_look_takes_are_not_lost),
        cmocka_unit_test(a_wait_that_fails_says_why),
        ON_TRIAL(without_memory_a_wait_pauses_and_asks_again),
        ON_TRIAL(as_it_does_where_that_is_called_eagain),
        ON_TRIAL(an_old_kernel_waits_no_shorter),
        ON_TRIAL(a_sandbox_waits_no_shorter),
        ON_TRIAL(an_old_errno_is_not_taken_for_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
