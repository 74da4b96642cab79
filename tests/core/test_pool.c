// SPDX-License-Identifier: MIT
// Pool: bounded, first come first served, names never starved, and nobody's
// memory touched after he has gone; with real threads.
//
// Jobs that are to last wait at a gate, which the test opens. A test that waits
// for threads yields its processor until what it waits for is so.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "core/pool.h"
#include "tests/core/fake.h"

enum { JOBS_MAX = 1000 };

typedef struct errand {
    neap_job job;
    int number; // in the order of submission
    bool gated; // lasts until the gate is open
} errand;

static neap_list line;             // where tasks wait for all of them
static atomic_bool open_gate;      // errands that are gated may end
static atomic_int begun;           // errands whose work was called
static atomic_int running;         // of them, those that have not ended
static atomic_int most;            // as many as ever ran at once
static atomic_int freed;           // errands whose memory went
static atomic_int order[JOBS_MAX]; // their numbers, as they began
static atomic_int signals_open;    // threads that could be hit by a signal
static int threads_left;           // of them that can be started; -1: all
static int threads_made;           // that were started

// Linked in place of the seam's (tests/CMakeLists.txt).
// NOLINTBEGIN(bugprone-reserved-identifier)
int __real_neap_sys_thread(void *(*run)(void *), void *arg);
int __wrap_neap_sys_thread(void *(*run)(void *), void *arg);

int __wrap_neap_sys_thread(void *(*run)(void *), void *arg) {
    if (threads_left == 0) return -EAGAIN;
    if (threads_left > 0) threads_left--;
    threads_made++;
    return __real_neap_sys_thread(run, arg);
}
// NOLINTEND(bugprone-reserved-identifier)

static int setup(void **state) {
    neap_list_init(&line);
    open_gate = false;
    begun = running = most = freed = signals_open = 0;
    threads_left = -1;
    threads_made = 0;
    return fake_setup(state);
}

#define ON_POOL(test) \
    cmocka_unit_test_setup_teardown(test, setup, stage_teardown)

static void work(neap_job *job) {
    errand *self = NEAP_OWNER(job, errand, job);
    int now = ++running, before = most;
    while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
        continue;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (!sigismember(&blocked, SIGTERM)) signals_open++;
    order[begun++] = self->number;
    while (self->gated && !open_gate) sched_yield();
    running--;
}

static void free_errand(neap_job *job) {
    free(NEAP_OWNER(job, errand, job));
    freed++;
}

static errand *new_errand(bool blocks, bool gated) {
    static int number;
    errand *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->job.line = &line;
    self->job.work = work;
    self->job.free = free_errand;
    self->job.blocks = blocks;
    self->number = number++;
    self->gated = gated;
    return self;
}

static errand *submit(stage *on, bool blocks, bool gated) {
    errand *self = new_errand(blocks, gated);
    assert_int_equal(neap_pool_submit(&on->loop, &self->job), 0);
    return self;
}

static void await(atomic_int *what, int count) {
    while (*what < count) sched_yield();
}

// Collects until the errand is done.
static void finish(stage *on, const errand *self) {
    while (self->job.line) {
        neap_inbox_drain(on->loop.inbox);
        sched_yield();
    }
}

static void step_wait(probe *self) {
    if (self->left-- > 0) neap_task_wait_outside(&self->task, &line);
}

static void who_waits_is_woken_when_it_is_done(void **state) {
    stage *on = *state;
    probe *waits = stage_start(on, 'a', step_wait);
    waits->left = 1;
    errand *self = submit(on, false, true);
    assert_true(neap_loop_turn(&on->loop, 0) > 0);
    assert_string_equal(stage_trace(on), "a");
    assert_int_equal(on->loop.outside, 1); // no deadlock
    open_gate = true;
    await(&fake.wakes, 1);
    assert_true(neap_inbox_due(on->loop.inbox));
    assert_int_equal(neap_loop_due(&on->loop), 0);
    neap_loop_turn(&on->loop, 0);
    assert_string_equal(stage_trace(on), "a");
    assert_int_equal(waits->task.wake, NEAP_WAKE_READY);
    assert_null(self->job.line);
    assert_int_equal(freed, 0); // it is ours until we leave it
    neap_job_leave(&self->job);
    assert_int_equal(freed, 1);
}

static void threads_are_bounded_and_blocked_for_signals(void **state) {
    errand *errands[JOBS_MAX]; // P11
    for (int i = 0; i < JOBS_MAX; i++) errands[i] = submit(*state, false, true);
    await(&running, NEAP_POOL_SIZE);
    open_gate = true;
    for (int i = 0; i < JOBS_MAX; i++) finish(*state, errands[i]);
    assert_int_equal(begun, JOBS_MAX);
    assert_int_equal(most, NEAP_POOL_SIZE);
    assert_int_equal(signals_open, 0);
    for (int i = 0; i < JOBS_MAX; i++) neap_job_leave(&errands[i]->job);
    assert_int_equal(freed, JOBS_MAX);
}

static void what_blocks_leaves_a_thread_for_names(void **state) {
    errand *blocking[8], *name; // P11
    for (int i = 0; i < 8; i++) blocking[i] = submit(*state, true, true);
    await(&running, NEAP_POOL_SIZE - 1);
    name = submit(*state, false, false);
    finish(*state, name);
    assert_int_equal(begun, NEAP_POOL_SIZE);
    assert_int_equal(running, NEAP_POOL_SIZE - 1);
    open_gate = true;
    for (int i = 0; i < 8; i++) finish(*state, blocking[i]);
    assert_int_equal(most, NEAP_POOL_SIZE);
    for (int i = 0; i < 8; i++) neap_job_leave(&blocking[i]->job);
    neap_job_leave(&name->job);
}

// One thread, so that their order is to be seen.
static void first_come_first_served(void **state) {
    errand *errands[16]; // P11
    threads_left = 1;
    for (int i = 0; i < 16; i++) errands[i] = submit(*state, i % 2, true);
    open_gate = true;
    for (int i = 0; i < 16; i++) finish(*state, errands[i]);
    for (int i = 1; i < 16; i++)
        if (i != 8) assert_true(order[i] > order[i - 1]); // names go first
    for (int i = 0; i < 16; i++) neap_job_leave(&errands[i]->job);
}

static void a_thread_that_is_idle_takes_the_next_job(void **state) {
    stage *on = *state;
    for (int i = 0; i < 100; i++) {
        errand *self = submit(on, i % 2, false);
        finish(on, self);
        neap_job_leave(&self->job);
    }
    assert_int_equal(begun, 100);
    assert_int_equal(threads_made, 1);
}

static void no_thread_is_an_error_and_wedges_nothing(void **state) {
    stage *on = *state; // P8
    errand *self = new_errand(false, false);
    threads_left = 0;
    assert_int_equal(neap_pool_submit(&on->loop, &self->job), -EAGAIN);
    threads_left = -1;
    assert_int_equal(neap_pool_submit(&on->loop, &self->job), 0);
    finish(on, self);
    neap_job_leave(&self->job);
}

static void without_another_thread_the_first_does_it_all(void **state) {
    stage *on = *state; // P8
    threads_left = 1;
    errand *first = submit(on, false, true), *second = submit(on, true, false);
    await(&running, 1);
    open_gate = true;
    finish(on, second);
    assert_int_equal(most, 1);
    neap_job_leave(&first->job);
    neap_job_leave(&second->job);
}

static void a_job_that_is_left_runs_on_and_is_freed(void **state) {
    stage *on = *state; // P6, D3
    errand *self = submit(on, false, true);
    await(&running, 1);
    neap_job_leave(&self->job);
    assert_int_equal(freed, 0);
    open_gate = true;
    while (freed == 0) neap_inbox_drain(on->loop.inbox);
}

static void a_job_that_is_left_early_never_begins(void **state) {
    stage *on = *state; // D3
    threads_left = 1;
    errand *self = submit(on, false, true), *left = submit(on, false, false);
    await(&running, 1);
    neap_job_leave(&left->job);
    open_gate = true;
    finish(on, self);
    while (freed == 0) neap_inbox_drain(on->loop.inbox);
    assert_int_equal(begun, 1);
    neap_job_leave(&self->job);
}

static void who_claims_a_job_first_has_it(void **state) {
    stage *on = *state; // C14
    threads_left = 1;
    errand *self = submit(on, false, true), *queued = submit(on, false, false);
    await(&running, 1);
    assert_false(neap_job_claim(&self->job));
    assert_true(neap_job_claim(&queued->job));
    assert_false(neap_job_claim(&queued->job));
    open_gate = true;
    finish(on, self);
    finish(on, queued); // its bell rings all the same
    assert_int_equal(begun, 1);
    neap_job_leave(&self->job);
    neap_job_leave(&queued->job);
}

static void the_end_drops_what_waits_and_abandons_what_runs(void **state) {
    stage on; // P6
    (void)state;
    stage_open(&on);
    errand *running_one = submit(&on, true, true);
    await(&running, 1);
    threads_left = 0;
    errand *waiting = submit(&on, true, false);
    stage_close(&on); // does not wait for it
    assert_int_equal(running, 1);
    neap_job_leave(&running_one->job);
    neap_job_leave(&waiting->job);
    assert_int_equal(freed, 0);
    open_gate = true;
    await(&freed, 2); // by the last thread, which has no loop
    assert_int_equal(begun, 1);
}

static int setup_alone(void **state) {
    setup(state);
    return stage_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_POOL(who_waits_is_woken_when_it_is_done),
        ON_POOL(threads_are_bounded_and_blocked_for_signals),
        ON_POOL(what_blocks_leaves_a_thread_for_names),
        ON_POOL(first_come_first_served),
        ON_POOL(a_thread_that_is_idle_takes_the_next_job),
        ON_POOL(no_thread_is_an_error_and_wedges_nothing),
        ON_POOL(without_another_thread_the_first_does_it_all),
        ON_POOL(a_job_that_is_left_runs_on_and_is_freed),
        ON_POOL(a_job_that_is_left_early_never_begins),
        ON_POOL(who_claims_a_job_first_has_it),
        cmocka_unit_test_setup(the_end_drops_what_waits_and_abandons_what_runs,
                               setup_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
