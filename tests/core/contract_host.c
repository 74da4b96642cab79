// SPDX-License-Identifier: MIT
// What both backends owe a host that has a loop of its own.
//
// epoll gives it one descriptor, readable while a turn has work to do and
// silent otherwise; poll gives it none, and the due time must do. The tests of
// the descriptor are skipped there.
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>

#include "tests/core/contract.h"

enum {
    LONG_MS = 10000, // the host is told long before
    ROUNDS = 20
};

static const int64_t ms = NEAP_MILLISECOND_NS;

// The host sleeps on the descriptor: 1 once it is readable, else 0.
static int host_sleep(int host, int timeout_ms) {
    struct pollfd slot = {.fd = host, .events = POLLIN};
    return poll(&slot, 1, timeout_ms);
}

static int host_of(stage *on) {
    int host = neap_loop_fd(&on->loop);
    if (host == -1) skip();
    assert_true(host >= 0);
    return host;
}

static void sleep_until(probe *one, int64_t delay_ns) {
    one->deadline_ns = neap_clock_ns() + delay_ns;
    neap_task_wait(&one->task, NULL);
    neap_task_arm(&one->task, one->deadline_ns);
}

// ---- the descriptor

static void an_idle_loop_is_silent(void **state) {
    stage *on = *state; // I6
    int host = host_of(on);
    assert_int_equal(host_sleep(host, 2), 0);
    assert_int_equal(neap_loop_fd(&on->loop), host); // it is always the same
}

static void an_event_is_heard_until_a_turn_takes_it(void **state) {
    stage *on = *state; // I6
    pair p;
    int host = host_of(on);
    open_pair(&p, on, NEAP_FD_STREAM);
    waiter(on, &p.fd, NEAP_IN);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 0); // its first OUT
    assert_int_equal(host_sleep(host, 0), 0);
    peer_sends(&p, "abc");
    assert_int_equal(host_sleep(host, LONG_MS), 1);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_int_equal(host_sleep(host, 0), 0);
    close_pair(&p);
}

static void a_deadline_is_heard_when_it_is_due_and_not_before(void **state) {
    stage *on = *state; // I6
    int host = host_of(on);
    for (int i = 0; i < 3; i++) {
        probe *a = stage_probe(on, 'a', NULL);
        sleep_until(a, i * ms); // between turns
        assert_int_equal(host_sleep(host, LONG_MS), 1);
        assert_true(neap_clock_ns() >= a->deadline_ns);
        assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
        assert_int_equal(host_sleep(host, 0), 0);
    }
}

static void work_made_between_turns_is_heard(void **state) {
    stage *on = *state; // I6
    int host = host_of(on);
    stage_start(on, 'a', NULL);
    assert_int_equal(host_sleep(host, LONG_MS), 1);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_int_equal(host_sleep(host, 0), 0);
}

static void end_wait(void *arg) { neap_task_wake(arg, NEAP_WAKE_READY); }

static void *post_once(void *arg) {
    neap_task *task = arg;
    neap_inbox_post(task->loop->inbox, end_wait, task);
    return NULL;
}

static void a_post_of_another_thread_is_heard(void **state) {
    stage *on = *state; // I6, P1
    pthread_t thread;
    int host = host_of(on);
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait_outside(&a->task, NULL);
    assert_int_equal(pthread_create(&thread, NULL, post_once, &a->task), 0);
    assert_int_equal(host_sleep(host, LONG_MS), 1);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_int_equal(host_sleep(host, 0), 0);
    pthread_join(thread, NULL);
}

// More than one turn's work: the descriptor stays readable between them.
static void work_that_is_left_is_heard_too(void **state) {
    stage *on = *state; // I6
    int host = host_of(on), turns = 0;
    stage_start(on, '\0', step_yield)->left = 3 * NEAP_BATCH_MAX;
    for (; on->probes[0].left >= 0; turns++) {
        assert_int_equal(host_sleep(host, LONG_MS), 1);
        assert_true(neap_loop_turn(&on->loop, 0) > 0);
    }
    assert_int_equal(turns, 4);
}

static void a_cancelled_deadline_is_not_heard_after_a_turn(void **state) {
    stage *on = *state; // I6
    int host = host_of(on);
    probe *a = stage_probe(on, 'a', NULL);
    sleep_until(a, 2 * ms);
    neap_task_wake(&a->task, NEAP_WAKE_CANCEL);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_int_equal(host_sleep(host, 4), 0);
}

// ---- a whole program, driven from outside

// Reads what its peer sent, answers, and waits again.
static void answer(probe *self) {
    pair *p = self->arg;
    char byte;
    if (neap_fd_recv(&p->fd, &byte, 1) == 1)
        assert_int_equal(neap_fd_send(&p->fd, &byte, 1), 1);
    wait_in(self, &p->fd, NEAP_IN);
}

// How the host sleeps where there is no descriptor: it asks how long.
static int turn_by_due_time(stage *on) {
    return neap_loop_turn(&on->loop, neap_loop_due(&on->loop));
}

static int turn_by_descriptor(stage *on, int host) {
    assert_int_equal(host_sleep(host, LONG_MS), 1);
    return neap_loop_turn(&on->loop, 0);
}

// A ticker and an echo, each round begun by the other end of the pair.
static void a_host_can_drive_a_program(void **state) {
    stage *on = *state; // I6
    pair p;
    int host = neap_loop_fd(&on->loop);
    char byte;
    open_pair(&p, on, NEAP_FD_STREAM);
    stage_start(on, '\0', answer)->arg = &p;
    probe *ticker = stage_start(on, 't', step_sleep);
    ticker->delay_ns = ms;
    ticker->left = ROUNDS;
    peer_sends(&p, "x");
    while (ticker->left >= 0) {
        int rc = host < 0 ? turn_by_due_time(on) : turn_by_descriptor(on, host);
        assert_true(rc >= 0);
        if (neap_sys_recv(p.peer, &byte, 1) == 1) peer_sends(&p, "x");
    }
    assert_int_equal(on->ran, ROUNDS + 1);
    close_pair(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_STAGE(an_idle_loop_is_silent),
        ON_STAGE(an_event_is_heard_until_a_turn_takes_it),
        ON_STAGE(a_deadline_is_heard_when_it_is_due_and_not_before),
        ON_STAGE(work_made_between_turns_is_heard),
        ON_STAGE(a_post_of_another_thread_is_heard),
        ON_STAGE(work_that_is_left_is_heard_too),
        ON_STAGE(a_cancelled_deadline_is_not_heard_after_a_turn),
        ON_STAGE(a_host_can_drive_a_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
