// SPDX-License-Identifier: MIT
// Timers in the loop: never early, in order, together where they come thick.
#include <errno.h>

#include "tests/core/fake.h"

enum { MANY = 100000, CROWD = 200 };

static const int64_t ms = NEAP_MILLISECOND_NS;

// Turns until nothing is left to happen.
static void run_dry(stage *on) {
    int rc;
    do rc = neap_loop_turn(&on->loop, -1);
    while (rc >= 0);
    assert_int_equal(rc, -EDEADLK);
}

static void arm(probe *one, int64_t delay_ns) {
    one->deadline_ns = fake.now_ns + delay_ns;
    neap_task_wait(&one->task, NULL);
    neap_task_arm(&one->task, one->deadline_ns);
}

static probe *sleeper(stage *on, char letter, int64_t delay_ns) {
    probe *one = stage_probe(on, letter, NULL);
    arm(one, delay_ns);
    return one;
}

// ---- never early

static void not_early(probe *self) {
    assert_true(fake.now_ns >= self->deadline_ns);
    assert_int_equal(self->task.wake, NEAP_WAKE_TIMEOUT);
    if (self->left-- > 0) arm(self, rand() % (5 * ms));
}

// The poller wakes too soon every time, as one that counts milliseconds might.
static void no_timer_is_early_however_the_poller_wakes(void **state) {
    stage *on = *state; // S13
    srand(5);
    fake.early_ns = 700;
    for (int i = 0; i < 10; i++) {
        probe *one = sleeper(on, 'a', rand() % ms);
        one->step = not_early;
        one->left = 100;
    }
    run_dry(on);
    assert_int_equal(on->ran, 1000 + 10);
    assert_true(fake.calls[FAKE_WAIT] < 3 * 1010); // and nobody spun
}

static void the_least_delays_are_not_early(void **state) {
    stage *on = *state; // S13
    for (int i = 0; i < 3; i++) sleeper(on, (char)('a' + i), 1 + i);
    int64_t start_ns = fake.now_ns;
    for (int i = 0; i < 3; i++) {
        on->probes[i].step = not_early;
        on->probes[i].left = 0;
    }
    assert_int_equal(neap_loop_turn(&on->loop, 0), 0);
    run_dry(on);
    assert_string_equal(stage_trace(on), "abc");
    assert_true(fake.now_ns - start_ns < ms);
}

static void compute_then_sleep(probe *self) {
    fake.now_ns += NEAP_SECOND_NS; // a second of work
    self->step = not_early;
    arm(self, 10 * ms);
    assert_true(neap_loop_time(self->task.loop) == fake.now_ns);
}

// A new deadline counts from the clock, not from when the turn began.
static void a_sleep_after_long_work_is_not_early(void **state) {
    stage *on = *state; // S13
    int64_t start_ns = fake.now_ns;
    stage_start(on, 'a', compute_then_sleep);
    run_dry(on);
    assert_true(fake.now_ns - start_ns == NEAP_SECOND_NS + 10 * ms);
}

// ---- order

static void equal_deadlines_run_in_the_order_of_arming(void **state) {
    stage *on = *state; // S5
    static const char letters[] = "hgfedcba";
    for (int i = 0; letters[i]; i++) sleeper(on, letters[i], ms);
    run_dry(on);
    assert_string_equal(stage_trace(on), letters);
}

static void negative_delays_run_at_once_in_their_order(void **state) {
    stage *on = *state; // S9
    sleeper(on, 'c', 0);
    sleeper(on, 'b', -1);
    sleeper(on, 'a', -NEAP_SECOND_NS);
    int64_t start_ns = fake.now_ns;
    assert_int_equal(neap_loop_turn(&on->loop, -1), 3);
    assert_string_equal(stage_trace(on), "abc");
    assert_true(fake.now_ns == start_ns);
}

static void the_least_deadline_there_is_runs_at_once(void **state) {
    stage *on = *state; // S9
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait(&a->task, NULL);
    neap_task_arm(&a->task, INT64_MIN);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
}

static void a_huge_deadline_neither_wakes_nor_spins(void **state) {
    stage *on = *state; // S12
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait(&a->task, NULL);
    neap_task_arm(&a->task, NEAP_NEVER_NS - 1);
    assert_int_equal(neap_loop_turn(&on->loop, ms), 0);
    assert_int_equal(fake.asked_ns, ms);
    assert_true(neap_loop_due(&on->loop) > 1000000 * NEAP_SECOND_NS);
}

static void a_timer_armed_with_nothing_runs_in_the_next_turn(void **state) {
    stage *on = *state; // S6
    probe *a = stage_start(on, 'a', step_sleep);
    a->left = 3;
    for (int i = 0; i < 4; i++)
        assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_string_equal(stage_trace(on), "aaaa");
}

// ---- cancelled, armed anew

static void end_other(probe *self) { neap_task_term(&self->other->task); }

static void a_timer_cancelled_by_one_of_its_turn_never_fires(void **state) {
    stage *on = *state; // S7
    probe *a = sleeper(on, 'a', ms);
    a->step = end_other;
    a->other = sleeper(on, 'b', ms);
    sleeper(on, 'c', ms);
    run_dry(on);
    assert_string_equal(stage_trace(on), "ac");
}

static void arm_again(probe *self) {
    if (self->left-- > 0) arm(self, self->delay_ns);
}

static void a_timer_can_be_armed_anew_when_it_fires(void **state) {
    stage *on = *state; // S8
    probe *a = sleeper(on, 'a', ms);
    a->step = arm_again;
    a->delay_ns = 2 * ms;
    a->left = 2;
    int64_t start_ns = fake.now_ns;
    run_dry(on);
    assert_string_equal(stage_trace(on), "aaa");
    assert_true(fake.now_ns - start_ns == 5 * ms);
}

static void work(probe *self) {
    fake.now_ns += self->delay_ns;
    neap_task_ready(&self->task, NEAP_WAKE_READY);
    self->step = NULL;
}

static void what_expires_while_others_compute_waits_its_turn(void **state) {
    stage *on = *state; // S15
    sleeper(on, 't', ms);
    stage_start(on, 'w', work)->delay_ns = NEAP_SECOND_NS;
    assert_int_equal(neap_loop_turn(&on->loop, -1), 2);
    assert_string_equal(stage_trace(on), "ww");
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_string_equal(stage_trace(on), "t");
}

// ---- how often timers alone wake the loop

static void a_lone_timer_is_exact(void **state) {
    stage *on = *state;
    sleeper(on, 'a', 1234567);
    int64_t start_ns = fake.now_ns;
    run_dry(on);
    assert_true(fake.now_ns - start_ns == 1234567);
    sleeper(on, 'b', 7654321); // well beyond the slack
    start_ns = fake.now_ns;
    run_dry(on);
    assert_true(fake.now_ns - start_ns == 7654321);
}

// 200 timers, 10 us apart: one turn for each slack, not for each timer.
static void timers_that_come_thick_expire_together(void **state) {
    stage *on = *state;
    static probe crowd[CROWD];
    for (int i = 0; i < CROWD; i++) {
        probe_init(&crowd[i], on, 'a', not_early);
        arm(&crowd[i], ms + INT64_C(10000) * i);
    }
    run_dry(on);
    assert_int_equal(on->ran, CROWD);
    assert_int_equal(fake.calls[FAKE_WAIT], 1 + 2 * ms / NEAP_SLACK_NS);
}

static void no_timer_is_later_than_the_slack(void **state) {
    stage *on = *state;
    sleeper(on, 'a', ms);
    sleeper(on, 'b', ms + 1);
    int64_t start_ns = fake.now_ns;
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_true(fake.now_ns - start_ns == ms + NEAP_SLACK_NS);
}

static void the_slack_can_be_nothing(void **state) {
    stage *on = *state;
    on->loop.slack_ns = 0;
    sleeper(on, 'a', ms);
    sleeper(on, 'b', ms + 1);
    int64_t start_ns = fake.now_ns;
    run_dry(on);
    assert_true(fake.now_ns - start_ns == ms + 1);
    assert_int_equal(fake.calls[FAKE_WAIT], 2);
}

// It is awake anyway: what is due then needs no slack.
static void a_loop_awake_for_other_reasons_expires_what_is_due(void **state) {
    stage *on = *state;
    sleeper(on, 'a', ms);
    sleeper(on, 'b', ms + 1);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    stage_start(on, 'x', NULL);
    fake.now_ns += 1;
    assert_int_equal(neap_loop_turn(&on->loop, -1), 2);
    assert_string_equal(stage_trace(on), "axb");
}

// ---- many

static void many_armed_and_cancelled_cost_no_memory(void **state) {
    stage *on = *state; // S16
    probe *crowd = calloc(MANY, sizeof *crowd);
    assert_non_null(crowd);
    size_t bytes = on->memory.bytes;
    for (int i = 0; i < MANY; i++) {
        probe_init(&crowd[i], on, '\0', NULL);
        arm(&crowd[i], NEAP_SECOND_NS + i % 1000);
    }
    for (int i = 0; i < MANY; i++) {
        neap_task_wake(&crowd[i].task, NEAP_WAKE_CANCEL);
        neap_task_term(&crowd[i].task);
    }
    assert_int_equal(on->loop.heap.count, 0);
    assert_true(on->memory.bytes < bytes + (size_t)64 * 1024);
    assert_int_equal(neap_loop_turn(&on->loop, -1), -EDEADLK);
    free(crowd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FAKES(no_timer_is_early_however_the_poller_wakes),
        ON_FAKES(the_least_delays_are_not_early),
        ON_FAKES(a_sleep_after_long_work_is_not_early),
        ON_FAKES(equal_deadlines_run_in_the_order_of_arming),
        ON_FAKES(negative_delays_run_at_once_in_their_order),
        ON_FAKES(the_least_deadline_there_is_runs_at_once),
        ON_FAKES(a_huge_deadline_neither_wakes_nor_spins),
        ON_FAKES(a_timer_armed_with_nothing_runs_in_the_next_turn),
        ON_FAKES(a_timer_cancelled_by_one_of_its_turn_never_fires),
        ON_FAKES(a_timer_can_be_armed_anew_when_it_fires),
        ON_FAKES(what_expires_while_others_compute_waits_its_turn),
        ON_FAKES(a_lone_timer_is_exact),
        ON_FAKES(timers_that_come_thick_expire_together),
        ON_FAKES(no_timer_is_later_than_the_slack),
        ON_FAKES(the_slack_can_be_nothing),
        ON_FAKES(a_loop_awake_for_other_reasons_expires_what_is_due),
        ON_FAKES(many_armed_and_cancelled_cost_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
