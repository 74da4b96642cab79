// SPDX-License-Identifier: MIT
// Virtual time: it stands still while tasks run, jumps when nothing is ready,
// and passes as the real clock does while somebody waits for the world.
#include <errno.h>

#include "tests/core/fake.h"

static const int64_t second = NEAP_SECOND_NS;

static int open_virtual(void **state) {
    fake_setup(state);
    stage *on = *state;
    on->loop.is_virtual = true;
    return 0;
}

static int64_t now(const stage *on) { return neap_loop_time(&on->loop); }

static void run_dry(stage *on) {
    assert_int_equal(neap_loop_run(&on->loop), -EDEADLK);
}

static probe *sleeper(stage *on, char letter, int64_t deadline_ns) {
    probe *one = stage_probe(on, letter, NULL);
    neap_task_wait(&one->task, NULL);
    neap_task_arm(&one->task, deadline_ns);
    return one;
}

// ---- nobody waits for the world

static void it_starts_at_nothing_whatever_the_clock_says(void **state) {
    stage *on = *state; // S23
    assert_int_equal(now(on), 0);
}

static void exactly_on_time(probe *self) {
    assert_true(now(stage_of(self)) == self->deadline_ns);
    step_sleep(self);
}

// 0 to 90 seconds, ten at once and each ten times: no slack, no real time.
static void sleeps_are_exact_and_take_no_time(void **state) {
    stage *on = *state; // S23
    int64_t real_ns = fake.now_ns;
    for (int i = 0; i < 10; i++) {
        probe *one = stage_start(on, (char)('0' + i), exactly_on_time);
        one->delay_ns = second * 10 * i;
        one->left = 10;
    }
    run_dry(on);
    assert_int_equal(on->ran, 10 * 11);
    assert_true(now(on) == 900 * second);
    assert_true(fake.now_ns == real_ns);
}

static void sleeps_one_after_the_other_add_up(void **state) {
    stage *on = *state; // S23: 0 + 10 + ... + 90 s
    for (int i = 0; i < 10; i++) {
        probe *one = stage_start(on, 'a', exactly_on_time);
        one->deadline_ns = now(on);
        one->delay_ns = second * 10 * i;
        one->left = 1;
        run_dry(on);
    }
    assert_true(now(on) == 450 * second);
}

static void deadlines_close_together_are_not_joined(void **state) {
    stage *on = *state; // S23
    for (int i = 0; i < 3; i++) {
        sleeper(on, (char)('a' + i), second + i)->step = exactly_on_time;
        on->probes[i].deadline_ns = second + i;
    }
    run_dry(on);
    assert_string_equal(stage_trace(on), "abc");
}

static void compute(probe *self) {
    int64_t before_ns = now(stage_of(self));
    fake.now_ns += 5 * second;
    assert_true(now(stage_of(self)) == before_ns);
    if (self->left-- > 0) neap_task_ready(&self->task, NEAP_WAKE_READY);
}

static void it_stands_still_while_tasks_run(void **state) {
    stage *on = *state; // S23
    sleeper(on, 't', second);
    stage_start(on, 'c', compute)->left = 3;
    assert_int_equal(neap_loop_turn(&on->loop, -1), 4);
    assert_int_equal(now(on), 0);
    run_dry(on);
    assert_true(now(on) == second);
}

static void deadlines_in_the_past_do_not_move_it(void **state) {
    stage *on = *state; // S9
    sleeper(on, 'a', second);
    run_dry(on);
    sleeper(on, 'b', -second);
    sleeper(on, 'c', INT64_MIN);
    run_dry(on);
    assert_string_equal(stage_trace(on), "acb");
    assert_true(now(on) == second);
}

static void the_farthest_deadline_can_be_reached(void **state) {
    stage *on = *state; // S12
    sleeper(on, 'a', NEAP_NEVER_NS - 1);
    run_dry(on);
    sleeper(on, 'b', NEAP_NEVER_NS - 1);
    run_dry(on);
    assert_string_equal(stage_trace(on), "ab");
    assert_true(now(on) == NEAP_NEVER_NS - 1);
}

static void a_jump_knows_no_limit(void **state) {
    stage *on = *state; // I6: a host that never sleeps gets on, too
    sleeper(on, 'a', second);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_true(now(on) == second);
}

// Descriptors that nobody waits for are looked at, in no time.
static void a_jump_looks_outside_without_sleeping(void **state) {
    stage *on = *state; // S23
    neap_fd fd;
    bool settled;
    neap_fd_open(&fd, &on->loop, 5, NEAP_FD_STREAM);
    sleeper(on, 'a', second);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_int_equal(fake.asked_ns, 0);
    assert_true(now(on) == second);
    neap_fd_close(&fd, &settled);
}

static void with_work_at_hand_it_does_not_jump(void **state) {
    stage *on = *state; // S23
    neap_fd fd;
    bool settled;
    neap_fd_open(&fd, &on->loop, 5, NEAP_FD_STREAM);
    sleeper(on, 't', second);
    stage_start(on, 'a', NULL);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_int_equal(now(on), 0);
    neap_fd_close(&fd, &settled);
}

// ---- somebody does

static void pass_time(void *arg) { fake.now_ns += *(int64_t *)arg; }

// A deadline in 10 s; what is waited for comes after 3 real ones.
static void while_the_world_is_awaited_it_passes_for_real(void **state) {
    stage *on = *state; // S24
    neap_fd fd;
    bool settled;
    int64_t passed_ns = 3 * second;
    neap_fd_open(&fd, &on->loop, 5, NEAP_FD_STREAM);
    neap_fd_wait(&fd, NEAP_IN, &stage_probe(on, 'f', NULL)->task);
    sleeper(on, 't', 10 * second);
    fake.during = pass_time;
    fake.arg = &passed_ns;
    fake_report(&fd, NEAP_EVENT_IN);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_true(fake.asked_ns == 10 * second);
    assert_true(now(on) == 3 * second);
    int64_t real_ns = fake.now_ns;
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1); // now it may jump
    assert_string_equal(stage_trace(on), "ft");
    assert_true(now(on) == 10 * second && fake.now_ns == real_ns);
    neap_fd_close(&fd, &settled);
}

static void a_deadline_is_slept_for_while_a_host_holds(void **state) {
    stage *on = *state; // S24
    int64_t real_ns = fake.now_ns;
    neap_loop_hold(&on->loop, 1);
    sleeper(on, 't', 10 * second);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_true(fake.now_ns - real_ns == 10 * second);
    assert_true(now(on) == 10 * second);
    neap_loop_hold(&on->loop, -1);
}

static void without_a_deadline_it_waits_for_the_world_alone(void **state) {
    stage *on = *state; // S24
    neap_fd fd;
    bool settled;
    int64_t passed_ns = second;
    neap_fd_open(&fd, &on->loop, 5, NEAP_FD_STREAM);
    neap_fd_wait(&fd, NEAP_IN, &stage_probe(on, 'f', NULL)->task);
    fake.during = pass_time;
    fake.arg = &passed_ns;
    fake_report(&fd, NEAP_EVENT_IN);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_int_equal(fake.asked_ns, -1);
    assert_true(now(on) == second);
    neap_fd_close(&fd, &settled);
}

static void with_work_at_hand_it_only_looks(void **state) {
    stage *on = *state; // S24
    neap_fd fd;
    bool settled;
    neap_fd_open(&fd, &on->loop, 5, NEAP_FD_STREAM);
    neap_fd_wait(&fd, NEAP_IN, &stage_probe(on, 'f', NULL)->task);
    stage_start(on, 'a', NULL);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_int_equal(fake.asked_ns, 0);
    assert_int_equal(now(on), 0);
    neap_fd_close(&fd, &settled);
}

static void a_poller_that_fails_is_heard(void **state) {
    stage *on = *state;
    neap_loop_hold(&on->loop, 1);
    fake.fail[FAKE_WAIT] = -EBADF;
    assert_int_equal(neap_loop_turn(&on->loop, -1), -EBADF);
    neap_loop_hold(&on->loop, -1);
}

#define ON_VIRTUAL(test) \
    cmocka_unit_test_setup_teardown(test, open_virtual, stage_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_VIRTUAL(it_starts_at_nothing_whatever_the_clock_says),
        ON_VIRTUAL(sleeps_are_exact_and_take_no_time),
        ON_VIRTUAL(sleeps_one_after_the_other_add_up),
        ON_VIRTUAL(deadlines_close_together_are_not_joined),
        ON_VIRTUAL(it_stands_still_while_tasks_run),
        ON_VIRTUAL(deadlines_in_the_past_do_not_move_it),
        ON_VIRTUAL(the_farthest_deadline_can_be_reached),
        ON_VIRTUAL(a_jump_knows_no_limit),
        ON_VIRTUAL(a_jump_looks_outside_without_sleeping),
        ON_VIRTUAL(with_work_at_hand_it_does_not_jump),
        ON_VIRTUAL(while_the_world_is_awaited_it_passes_for_real),
        ON_VIRTUAL(a_deadline_is_slept_for_while_a_host_holds),
        ON_VIRTUAL(without_a_deadline_it_waits_for_the_world_alone),
        ON_VIRTUAL(with_work_at_hand_it_only_looks),
        ON_VIRTUAL(a_poller_that_fails_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
