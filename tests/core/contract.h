// SPDX-License-Identifier: MIT
// Contract: what the tests of the real backends share.
//
// Each contract_*.c is built twice, with poller_epoll.c and with poller_poll.c,
// on real sockets and the real clock. Where "nothing happens" must be shown, a
// short wait must last as long as it was told to: a backend that spins, or
// reports what nobody asked for, returns sooner.
#ifndef NEAP_TESTS_CONTRACT_H
#define NEAP_TESTS_CONTRACT_H

#include <errno.h>
#include <sys/socket.h>

#include "core/poller.h"
#include "bindings/sys.h"
#include "tests/core/probe.h"

#define SILENCE_NS (2 * NEAP_MILLISECOND_NS)

typedef struct pair {
    neap_fd fd; // our end, watched
    int peer;   // the other; -1: closed
} pair;

static inline void watch(neap_fd *fd, stage *on, int number,
                         neap_fd_kind kind) {
    assert_int_equal(neap_fd_open(fd, &on->loop, number, kind), 0);
}

static inline void open_pair(pair *p, stage *on, neap_fd_kind kind) {
    int ends[2];
    assert_int_equal(neap_sys_socketpair(ends), 0);
    watch(&p->fd, on, ends[0], kind);
    p->peer = ends[1];
}

// Deregisters an fd and closes its number.
static inline void close_fd(neap_fd *fd) {
    bool settled;
    int number = neap_fd_close(fd, &settled);
    assert_true(settled);
    assert_int_equal(neap_sys_close(number), 0);
}

static inline void close_peer(pair *p) {
    if (p->peer >= 0) assert_int_equal(neap_sys_close(p->peer), 0);
    p->peer = -1;
}

static inline void close_pair(pair *p) {
    close_fd(&p->fd);
    close_peer(p);
}

static inline void peer_sends(const pair *p, const char *text) {
    size_t size = strlen(text);
    assert_int_equal(neap_sys_send(p->peer, text, size), size);
}

static inline int poll_for(stage *on, int64_t timeout_ns) {
    return neap_poller_wait(on->loop.poller, timeout_ns);
}

// One look outside that finds nothing to sleep for or not.
static inline void look(stage *on) { assert_int_equal(poll_for(on, 0), 0); }

static inline void wait_in(probe *one, neap_fd *fd, neap_dir dir) {
    assert_int_equal(neap_fd_wait(fd, dir, &one->task), 0);
}

// A new probe that waits.
static inline probe *waiter(stage *on, neap_fd *fd, neap_dir dir) {
    probe *one = stage_probe(on, 'w', NULL);
    wait_in(one, fd, dir);
    return one;
}

// Polls until the probe is woken; the test's time limit is ctest's.
static inline void expect_woken(stage *on, probe *one, neap_wake wake) {
    while (one->task.state == NEAP_TASK_WAITING)
        assert_int_equal(poll_for(on, -1), 0);
    assert_int_equal(one->task.state, NEAP_TASK_READY);
    assert_int_equal(one->task.wake, wake);
    neap_task_term(&one->task);
}

static inline void expect_waiting(const probe *one) {
    assert_int_equal(one->task.state, NEAP_TASK_WAITING);
}

// Nothing is reported, and nothing ends a wait before its time.
static inline void expect_silence(stage *on) {
    int64_t start_ns = neap_clock_ns();
    assert_int_equal(poll_for(on, SILENCE_NS), 0);
    assert_true(neap_clock_ns() - start_ns >= SILENCE_NS);
}

// As the operation of a task does it: with the latch up it tries at once, with
// it down it waits first.
static inline ssize_t await_recv(stage *on, neap_fd *fd, char *bytes,
                                 size_t size) {
    probe one;
    probe_init(&one, on, '\0', NULL);
    ssize_t n = -EAGAIN;
    while (n == -EAGAIN) {
        if (!fd->latch[NEAP_IN]) {
            wait_in(&one, fd, NEAP_IN);
            while (one.task.state == NEAP_TASK_WAITING)
                assert_int_equal(poll_for(on, -1), 0);
            neap_list_unlink(&one.task.link); // from the ready deque
            one.task.state = NEAP_TASK_IDLE;
        }
        n = neap_fd_recv(fd, bytes, size);
    }
    neap_task_term(&one.task);
    return n;
}

static inline void expect_recv(stage *on, pair *p, const char *text) {
    char bytes[64];
    size_t size = strlen(text);
    assert_int_equal(await_recv(on, &p->fd, bytes, sizeof bytes), size);
    assert_memory_equal(bytes, text, size);
}

static inline void expect_end(stage *on, pair *p) {
    char byte;
    assert_int_equal(await_recv(on, &p->fd, &byte, 1), 0);
}

// Sends until nothing more goes in.
static inline void fill(pair *p) {
    static char bytes[65536];
    while (neap_fd_send(&p->fd, bytes, sizeof bytes) > 0) continue;
    assert_false(p->fd.latch[NEAP_OUT]);
}

static inline void drain_peer(const pair *p) {
    static char bytes[65536];
    while (neap_sys_recv(p->peer, bytes, sizeof bytes) > 0) continue;
}

#endif
