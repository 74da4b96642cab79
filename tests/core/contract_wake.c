// SPDX-License-Identifier: MIT
// What both backends must do about time, wake-ups and signals.
//
// A test that waits without end is woken by what it tests; if that fails, it
// hangs, and ctest's time limit is the verdict.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "tests/core/contract.h"

enum {
    WAKES = 100000, // more than a pipe holds
    STORM_ROUNDS = 300
};

static const int64_t ms = NEAP_MILLISECOND_NS, us = NEAP_MILLISECOND_NS / 1000;

// ---- time

static void no_wait_is_shorter_than_asked(void **state) {
    stage *on = *state; // S13
    const int64_t timeouts[] = {1,  999, us,     10 * us, 500 * us,
                                ms, 0,   ms + 1, 2 * ms,  3 * ms - 1};
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        int64_t start_ns = neap_clock_ns();
        assert_int_equal(poll_for(on, timeouts[i]), 0);
        assert_true(neap_clock_ns() - start_ns >= timeouts[i]);
    }
}

// ---- wake-ups

static void a_wake_ends_the_next_wait(void **state) {
    stage *on = *state; // P1
    neap_poller_wake(on->loop.poller);
    assert_int_equal(poll_for(on, -1), 0);
    expect_silence(on); // that one alone
}

static void a_wake_ends_even_the_longest_wait(void **state) {
    stage *on = *state; // S12
    const int64_t timeouts[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2,
                                1000000000 * NEAP_SECOND_NS, INT64_MIN};
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        neap_poller_wake(on->loop.poller);
        assert_int_equal(poll_for(on, timeouts[i]), 0);
    }
}

static void many_wakes_are_as_good_as_one(void **state) {
    stage *on = *state; // P1, P3: what carries the wakes is full
    errno = EDOM;
    for (int i = 0; i < WAKES; i++) neap_poller_wake(on->loop.poller);
    assert_int_equal(errno, EDOM);
    assert_int_equal(poll_for(on, -1), 0);
    expect_silence(on);
    neap_poller_wake(on->loop.poller); // it works as before
    assert_int_equal(poll_for(on, -1), 0);
}

static void *wake_once(void *poller) {
    neap_poller_wake(poller);
    return NULL;
}

static void a_wake_of_another_thread_ends_the_wait(void **state) {
    stage *on = *state;             // P1
    for (int i = 0; i < 100; i++) { // before the wait begins, or after
        pthread_t thread;
        int rc = pthread_create(&thread, NULL, wake_once, on->loop.poller);
        assert_int_equal(rc, 0);
        assert_int_equal(poll_for(on, -1), 0);
        pthread_join(thread, NULL);
    }
    expect_silence(on);
}

static void end_wait(void *arg) { neap_task_wake(arg, NEAP_WAKE_READY); }

static void *post_once(void *arg) {
    neap_task *task = arg;
    neap_inbox_post(task->loop->inbox, end_wait, task);
    return NULL;
}

static void a_post_reaches_a_loop_that_sleeps(void **state) {
    stage *on = *state; // P1
    pthread_t thread;
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait_outside(&a->task, NULL);
    assert_int_equal(pthread_create(&thread, NULL, post_once, &a->task), 0);
    while (on->ran == 0) assert_true(neap_loop_turn(&on->loop, -1) >= 0);
    assert_string_equal(stage_trace(on), "a");
    pthread_join(thread, NULL);
}

static void count(void *arg) { ++*(int *)arg; }

// What carries the wakes is full: the post itself cannot be told to the kernel.
static void a_post_is_heard_among_many_wakes(void **state) {
    stage *on = *state; // P3
    int heard = 0;
    neap_loop_hold(&on->loop, 1);
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < WAKES; i++) neap_poller_wake(on->loop.poller);
        assert_int_equal(neap_inbox_post(on->loop.inbox, count, &heard), 0);
        assert_int_equal(neap_loop_turn(&on->loop, -1), 0);
        assert_int_equal(heard, round);
    }
    neap_inbox_post(on->loop.inbox, count, &heard);
    assert_int_equal(poll_for(on, -1), 0); // it wakes as before
    neap_inbox_drain(on->loop.inbox);
    assert_int_equal(heard, 3);
    neap_loop_hold(&on->loop, -1);
}

// ---- signals

static neap_poller *woken_by_signal;

static void on_signal(int number) {
    (void)number;
    neap_poller_wake(woken_by_signal);
}

static void handle(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler}; // no SA_RESTART
    sigaction(number, &action, NULL);
}

static void a_wake_of_a_signal_handler_ends_the_next_wait(void **state) {
    stage *on = *state; // I1
    woken_by_signal = on->loop.poller;
    handle(SIGUSR1, on_signal);
    raise(SIGUSR1); // the handler has run before the wait begins
    assert_int_equal(poll_for(on, -1), 0);
    expect_silence(on);
    handle(SIGUSR1, SIG_DFL);
}

static void *signal_main(void *thread) {
    pthread_kill(*(pthread_t *)thread, SIGUSR1);
    return NULL;
}

static void a_signal_during_a_wait_is_no_error(void **state) {
    stage *on = *state; // I1, I2
    pthread_t self = pthread_self(), thread;
    woken_by_signal = on->loop.poller;
    handle(SIGUSR1, on_signal);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(pthread_create(&thread, NULL, signal_main, &self), 0);
        assert_int_equal(poll_for(on, -1), 0);
        pthread_join(thread, NULL);
        look(on); // a wake that came with the signal is used up
    }
    handle(SIGUSR1, SIG_DFL);
}

static volatile sig_atomic_t strokes;

static void count_stroke(int number) {
    (void)number;
    strokes++;
}

static void storm(bool on) {
    int every_us = on ? 1000 : 0;
    struct itimerval timer = {.it_value.tv_usec = every_us,
                              .it_interval.tv_usec = every_us};
    handle(SIGALRM, on ? count_stroke : SIG_IGN);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void sleep_on_time(probe *self) {
    assert_true(neap_clock_ns() >= self->deadline_ns);
    step_sleep(self);
}

// Sends to whom it reads from, and back: two ends of one pair.
static void echo(probe *self) {
    neap_fd *fd = self->arg;
    char byte;
    ssize_t n = neap_fd_recv(fd, &byte, 1);
    if (n == 1 && self->left-- > 0)
        assert_int_equal(neap_fd_send(fd, &byte, 1), 1);
    if (self->left > 0) wait_in(self, fd, NEAP_IN);
}

// Timers and an echo go on, on time and without a byte lost, while a thousand
// signals a second interrupt whatever waits.
static void a_storm_of_signals_changes_nothing(void **state) {
    stage *on = *state; // I2
    pair p;
    neap_fd other;
    open_pair(&p, on, NEAP_FD_STREAM);
    watch(&other, on, p.peer, NEAP_FD_STREAM);
    strokes = 0;
    storm(true);
    probe *sleeper = stage_start(on, '\0', sleep_on_time);
    sleeper->delay_ns = ms / 2;
    sleeper->left = STORM_ROUNDS;
    for (int i = 0; i < 2; i++) {
        probe *one = stage_start(on, '\0', echo);
        one->arg = i ? &p.fd : &other;
        one->left = STORM_ROUNDS;
    }
    assert_int_equal(neap_fd_send(&p.fd, "x", 1), 1);
    while (sleeper->left >= 0) assert_true(neap_loop_turn(&on->loop, -1) >= 0);
    storm(false);
    assert_true(strokes > 10);
    assert_true(on->probes[1].left <= 0 || on->probes[2].left <= 0);
    close_fd(&other);
    close_fd(&p.fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_STAGE(no_wait_is_shorter_than_asked),
        ON_STAGE(a_wake_ends_the_next_wait),
        ON_STAGE(a_wake_ends_even_the_longest_wait),
        ON_STAGE(many_wakes_are_as_good_as_one),
        ON_STAGE(a_wake_of_another_thread_ends_the_wait),
        ON_STAGE(a_post_reaches_a_loop_that_sleeps),
        ON_STAGE(a_post_is_heard_among_many_wakes),
        ON_STAGE(a_wake_of_a_signal_handler_ends_the_next_wait),
        ON_STAGE(a_signal_during_a_wait_is_no_error),
        ON_STAGE(a_storm_of_signals_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
