// SPDX-License-Identifier: MIT
// Loop: running until stopped, jumping out of a slice, hosts that sleep on the
// poller's descriptor.
#include <errno.h>
#include <pthread.h>

#include "tests/core/fake.h"

enum { HOST_FD = 0 }; // what the fake poller answers: the least there is

static const int64_t ms = NEAP_MILLISECOND_NS;

static int run(stage *on) { return neap_loop_run(&on->loop); }

static void stop(probe *self) { neap_loop_stop(self->task.loop); }

static void stop_loop(void *arg) { neap_loop_stop(arg); }

static void yield_for_ever(probe *self) {
    neap_task_ready(&self->task, NEAP_WAKE_READY);
}

// ---- running and stopping

static void a_run_ends_when_a_task_stops_it(void **state) {
    stage *on = *state; // S21
    stage_start(on, 'a', NULL);
    stage_start(on, 'b', stop);
    assert_int_equal(run(on), 0);
    assert_string_equal(stage_trace(on), "ab");
}

// The pass is run to its end; what it made ready waits for the next run.
static void a_stop_lets_the_pass_end_and_keeps_the_rest(void **state) {
    stage *on = *state; // S21
    stage_start(on, 'a', yield_for_ever);
    stage_start(on, 'b', stop);
    stage_start(on, 'c', NULL);
    assert_int_equal(run(on), 0);
    assert_string_equal(stage_trace(on), "abc");
    on->probes[0].step = stop;
    assert_int_equal(run(on), 0);
    assert_string_equal(stage_trace(on), "a");
}

static void a_stop_before_the_run_lets_one_pass_run(void **state) {
    stage *on = *state; // S21
    stage_start(on, 'a', yield_for_ever);
    neap_loop_stop(&on->loop);
    assert_int_equal(run(on), 0);
    assert_string_equal(stage_trace(on), "a");
}

static void a_stopped_run_does_not_sleep(void **state) {
    stage *on = *state; // S21
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait(&a->task, NULL);
    neap_task_arm(&a->task, fake.now_ns + NEAP_SECOND_NS);
    int64_t before_ns = fake.now_ns;
    neap_loop_stop(&on->loop);
    assert_int_equal(run(on), 0);
    assert_true(fake.now_ns == before_ns);
    assert_string_equal(stage_trace(on), "");
}

static void a_stop_of_an_idle_loop_is_no_deadlock(void **state) {
    stage *on = *state; // S21
    neap_loop_stop(&on->loop);
    assert_int_equal(run(on), 0);
    assert_int_equal(run(on), -EDEADLK); // the stop is used up
}

static void stopping_twice_stops_once(void **state) {
    stage *on = *state; // S21
    stage_start(on, 'a', stop);
    stage_start(on, 'b', stop);
    assert_int_equal(run(on), 0);
    stage_start(on, 'c', NULL);
    stage_start(on, 'd', stop);
    assert_int_equal(run(on), 0);
    assert_string_equal(stage_trace(on), "abcd");
}

static void a_post_can_stop_a_run(void **state) {
    stage *on = *state; // S21, P1
    stage_start(on, 'a', yield_for_ever);
    neap_inbox_post(on->loop.inbox, stop_loop, &on->loop);
    assert_int_equal(run(on), 0);
    assert_string_equal(stage_trace(on), "a");
}

static void a_run_ends_with_the_error_of_its_turn(void **state) {
    stage *on = *state;
    neap_loop_hold(&on->loop, 1);
    fake.fail[FAKE_WAIT] = -EBADF;
    assert_int_equal(run(on), -EBADF);
    neap_loop_hold(&on->loop, -1);
}

static void a_run_goes_on_until_nothing_can_happen(void **state) {
    stage *on = *state; // S19
    probe *a = stage_start(on, 'a', step_sleep);
    a->delay_ns = NEAP_SECOND_NS;
    a->left = 3;
    assert_int_equal(run(on), -EDEADLK);
    assert_string_equal(stage_trace(on), "aaaa");
}

static void a_turn_that_runs_nobody_does_not_end_a_run(void **state) {
    stage *on = *state; // S13, I2
    probe *a = stage_start(on, 'a', step_sleep);
    a->delay_ns = NEAP_SECOND_NS;
    a->left = 1;
    fake.early_ns = 10; // as when a signal interrupts the wait
    assert_int_equal(run(on), -EDEADLK);
    assert_string_equal(stage_trace(on), "aa");
}

// ---- jumping out of a slice

static jmp_buf out;

static void jump_out(probe *self) {
    (void)self;
    longjmp(out, 1);
}

// A turn that a slice jumps out of; the task that was running.
static neap_task *turn_and_jump(stage *on) {
    if (setjmp(out) == 0) {
        neap_loop_turn(&on->loop, 0);
        fail_msg("the slice did not jump");
    }
    return neap_loop_abandon(&on->loop);
}

static void a_jump_names_the_task_and_keeps_the_pass(void **state) {
    stage *on = *state;
    stage_start(on, 'a', NULL);
    probe *b = stage_start(on, 'b', jump_out);
    stage_start(on, 'c', NULL);
    assert_ptr_equal(turn_and_jump(on), &b->task);
    assert_null(on->loop.current);
    neap_task_term(&b->task);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_string_equal(stage_trace(on), "abc");
}

static void jump_from_post(void *arg) {
    (void)arg;
    longjmp(out, 1);
}

static void a_jump_out_of_a_post_names_nobody(void **state) {
    stage *on = *state;
    stage_start(on, 'a', NULL);
    neap_inbox_post(on->loop.inbox, jump_from_post, NULL);
    assert_null(turn_and_jump(on));
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
}

// ---- hosts that sleep on the poller's descriptor

static int open_hosted(void **state) {
    fake_setup(state);
    stage *on = *state;
    fake.host_fd = HOST_FD;
    assert_int_equal(neap_loop_fd(&on->loop), HOST_FD);
    assert_true(on->loop.alarmed);
    return 0;
}

static void hosted_sleeper(probe *one, int64_t delay_ns) {
    neap_task_wait(&one->task, NULL);
    neap_task_arm(&one->task, fake.now_ns + delay_ns);
}

static void an_idle_loop_sets_no_alarm(void **state) {
    (void)state; // I6
    assert_int_equal(fake.alarm_ns, -1);
}

static void a_loop_that_is_asked_late_knows_its_work(void **state) {
    stage *on = *state; // I6
    fake.host_fd = HOST_FD;
    stage_start(on, 'a', NULL);
    assert_int_equal(neap_loop_fd(&on->loop), HOST_FD);
    assert_int_equal(fake.alarm_ns, 0);
}

static void without_a_descriptor_there_is_no_alarm(void **state) {
    stage *on = *state; // I6
    assert_int_equal(neap_loop_fd(&on->loop), -1);
    fake.fail[FAKE_FD] = -EMFILE;
    assert_int_equal(neap_loop_fd(&on->loop), -EMFILE);
    stage_start(on, 'a', NULL);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_int_equal(fake.calls[FAKE_ALARM], 0);
}

static void work_made_between_turns_is_told_at_once(void **state) {
    stage *on = *state; // I6
    stage_start(on, 'a', NULL);
    assert_int_equal(fake.alarm_ns, 0);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_int_equal(fake.alarm_ns, -1);
}

static void a_deadline_made_between_turns_is_told_too(void **state) {
    stage *on = *state; // I6
    hosted_sleeper(stage_probe(on, 'a', NULL), 1000);
    assert_int_equal(fake.alarm_ns, 1000);
    hosted_sleeper(stage_probe(on, 'b', NULL), 500);
    assert_int_equal(fake.alarm_ns, 500);
}

// The alarm in between stood for the earlier one: the later must be set anew.
static void a_deadline_outlives_an_earlier_alarm(void **state) {
    stage *on = *state; // I6
    hosted_sleeper(stage_probe(on, 'z', NULL), 5 * ms);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 0);
    assert_int_equal(fake.alarm_ns, 5 * ms);
    stage_start(on, 'a', NULL); // between turns: at once
    assert_int_equal(fake.alarm_ns, 0);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_int_equal(fake.alarm_ns, 5 * ms);
    hosted_sleeper(stage_probe(on, 'b', NULL), ms);
    assert_int_equal(fake.alarm_ns, ms);
    fake.now_ns += ms;
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_int_equal(fake.alarm_ns, 4 * ms);
}

static void what_a_turn_leaves_is_told_at_its_end_only(void **state) {
    stage *on = *state; // I6
    probe *a = stage_start(on, 'a', step_sleep);
    a->delay_ns = 12345;
    a->left = 1;
    stage_start(on, 'b', step_yield)->left = 10;
    int before = fake.calls[FAKE_ALARM];
    assert_int_equal(neap_loop_turn(&on->loop, 0), 12);
    assert_int_equal(fake.calls[FAKE_ALARM], before + 1);
    assert_int_equal(fake.alarm_ns, 12345);
}

static void tasks_left_ready_are_told(void **state) {
    stage *on = *state; // I6
    stage_start(on, 'a', yield_for_ever);
    assert_int_equal(neap_loop_turn(&on->loop, 0), NEAP_BATCH_MAX);
    assert_int_equal(fake.alarm_ns, 0);
}

// Else its own descriptors stay readable, and the host spins.
static void a_hosted_loop_always_looks_outside(void **state) {
    stage *on = *state; // I6
    stage_start(on, 'a', NULL);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_int_equal(fake.calls[FAKE_WAIT], 1);
    assert_int_equal(fake.asked_ns, 0);
}

static void a_turn_that_fails_sets_the_alarm_still(void **state) {
    stage *on = *state;
    stage_start(on, 'a', NULL);
    fake.alarm_ns = INT64_MIN;
    fake.fail[FAKE_WAIT] = -EBADF;
    assert_int_equal(neap_loop_turn(&on->loop, 0), -EBADF);
    assert_int_equal(fake.alarm_ns, 0);
}

static void after_a_jump_the_rest_of_the_pass_is_told(void **state) {
    stage *on = *state; // I6
    stage_start(on, 'a', jump_out);
    stage_start(on, 'b', NULL);
    fake.alarm_ns = INT64_MIN;
    assert_non_null(turn_and_jump(on));
    assert_int_equal(fake.alarm_ns, 0);
}

// ---- no memory for an inbox; the only way for a loop to fail half-made

static bool no_inbox;

// Linked in place of the core's (tests/CMakeLists.txt).
// NOLINTBEGIN(bugprone-reserved-identifier)
neap_inbox *__real_neap_inbox_open(neap_poller *poller);
neap_inbox *__wrap_neap_inbox_open(neap_poller *poller);

neap_inbox *__wrap_neap_inbox_open(neap_poller *poller) {
    return no_inbox ? NULL : __real_neap_inbox_open(poller);
}
// NOLINTEND(bugprone-reserved-identifier)

static void a_loop_without_an_inbox_does_not_begin(void **state) {
    (void)state;
    counted memory;
    neap_loop loop;
    counted_init(&memory);
    fake_reset();
    no_inbox = true;
    int rc = neap_loop_init(&loop, &memory.alloc, probe_resume);
    no_inbox = false;
    assert_int_equal(rc, -ENOMEM);
    counted_term(&memory);
}

#define ON_HOST(test) \
    cmocka_unit_test_setup_teardown(test, open_hosted, stage_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FAKES(a_run_ends_when_a_task_stops_it),
        ON_FAKES(a_stop_lets_the_pass_end_and_keeps_the_rest),
        ON_FAKES(a_stop_before_the_run_lets_one_pass_run),
        ON_FAKES(a_stopped_run_does_not_sleep),
        ON_FAKES(a_stop_of_an_idle_loop_is_no_deadlock),
        ON_FAKES(stopping_twice_stops_once),
        ON_FAKES(a_post_can_stop_a_run),
        ON_FAKES(a_run_ends_with_the_error_of_its_turn),
        ON_FAKES(a_run_goes_on_until_nothing_can_happen),
        ON_FAKES(a_turn_that_runs_nobody_does_not_end_a_run),
        ON_FAKES(a_jump_names_the_task_and_keeps_the_pass),
        ON_FAKES(a_jump_out_of_a_post_names_nobody),
        ON_HOST(an_idle_loop_sets_no_alarm),
        ON_FAKES(a_loop_that_is_asked_late_knows_its_work),
        ON_FAKES(without_a_descriptor_there_is_no_alarm),
        ON_HOST(work_made_between_turns_is_told_at_once),
        ON_HOST(a_deadline_made_between_turns_is_told_too),
        ON_HOST(a_deadline_outlives_an_earlier_alarm),
        ON_HOST(what_a_turn_leaves_is_told_at_its_end_only),
        ON_HOST(tasks_left_ready_are_told),
        ON_HOST(a_hosted_loop_always_looks_outside),
        ON_HOST(a_turn_that_fails_sets_the_alarm_still),
        ON_HOST(after_a_jump_the_rest_of_the_pass_is_told),
        cmocka_unit_test(a_loop_without_an_inbox_does_not_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
