// SPDX-License-Identifier: MIT
// Loop: the steps of a turn, passes, the batch bound, what it may sleep.
// Stopping and the like: test_loop_run.c. Time: test_timers.c.
#include <errno.h>

#include "tests/core/fake.h"

static int turn(stage *on, int64_t limit_ns) {
    return neap_loop_turn(&on->loop, limit_ns);
}

static void open_fd(neap_fd *fd, stage *on) {
    assert_int_equal(neap_fd_open(fd, &on->loop, 5, NEAP_FD_STREAM), 0);
}

static void close_fd(neap_fd *fd) {
    bool settled;
    assert_int_equal(neap_fd_close(fd, &settled), 5);
}

static probe *sleeper(stage *on, char letter, int64_t delay_ns) {
    probe *one = stage_probe(on, letter, NULL);
    neap_task_wait(&one->task, NULL);
    neap_task_arm(&one->task, fake.now_ns + delay_ns);
    return one;
}

static void wake_other(void *arg) { neap_task_wake(arg, NEAP_WAKE_READY); }

// ---- nothing to do

static void a_loop_with_nothing_to_do_says_so_at_once(void **state) {
    stage *on = *state; // S17, S19
    assert_int_equal(turn(on, -1), -EDEADLK);
    assert_int_equal(turn(on, 0), -EDEADLK);
    assert_int_equal(turn(on, NEAP_SECOND_NS), -EDEADLK);
    assert_int_equal(neap_loop_run(&on->loop), -EDEADLK);
    assert_int_equal(fake.calls[FAKE_WAIT], 0);
}

static void tasks_that_wait_for_each_other_are_a_deadlock(void **state) {
    stage *on = *state; // S19
    neap_task_wait(&stage_probe(on, 'a', NULL)->task, &on->line);
    neap_task_wait(&stage_probe(on, 'b', NULL)->task, NULL);
    assert_int_equal(turn(on, -1), -EDEADLK);
}

static void a_deadlocked_loop_goes_on_once_there_is_work(void **state) {
    stage *on = *state; // S19
    assert_int_equal(turn(on, -1), -EDEADLK);
    stage_start(on, 'a', NULL);
    assert_int_equal(turn(on, -1), 1);
}

static void a_deadline_is_something_to_wait_for(void **state) {
    stage *on = *state; // S19
    sleeper(on, 'a', NEAP_SECOND_NS);
    assert_int_equal(turn(on, 0), 0);
    assert_int_equal(turn(on, -1), 1);
}

static void a_descriptor_is_something_to_wait_for(void **state) {
    stage *on = *state; // S18, S19
    neap_fd fd;
    open_fd(&fd, on);
    neap_fd_wait(&fd, NEAP_IN, &stage_probe(on, 'a', NULL)->task);
    fake_report(&fd, NEAP_EVENT_IN);
    assert_int_equal(turn(on, -1), 1);
    assert_int_equal(fake.asked_ns, -1); // as long as it takes
    close_fd(&fd);
}

static void an_open_descriptor_that_nobody_waits_for_is_not(void **state) {
    stage *on = *state; // S19
    neap_fd fd;
    open_fd(&fd, on);
    assert_int_equal(turn(on, -1), -EDEADLK);
    close_fd(&fd);
}

static void what_a_host_holds_is_something_to_wait_for(void **state) {
    stage *on = *state; // S19
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait(&a->task, NULL);
    neap_loop_hold(&on->loop, 2);
    neap_loop_hold(&on->loop, -1);
    assert_int_equal(on->loop.outside, 1);
    fake.during = wake_other;
    fake.arg = &a->task;
    assert_int_equal(turn(on, -1), 1);
    neap_loop_hold(&on->loop, -1);
    assert_int_equal(turn(on, -1), -EDEADLK);
}

static void a_post_is_work(void **state) {
    stage *on = *state; // S19, P1
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait(&a->task, NULL);
    neap_inbox_post(on->loop.inbox, wake_other, &a->task);
    assert_int_equal(turn(on, -1), 1);
    assert_int_equal(fake.calls[FAKE_WAIT], 0); // no need to look outside
}

// ---- the steps

static void post_during(void *arg) {
    neap_task *task = arg;
    neap_inbox_post(task->loop->inbox, wake_other, task);
    fake.now_ns += NEAP_SECOND_NS;
}

// All three come while the loop looks outside; the turn takes them in order.
static void events_come_before_posts_before_timers(void **state) {
    stage *on = *state;
    neap_fd fd;
    open_fd(&fd, on);
    sleeper(on, 't', NEAP_SECOND_NS / 2);
    probe *posted = stage_probe(on, 'p', NULL);
    neap_task_wait_outside(&posted->task, NULL);
    neap_fd_wait(&fd, NEAP_IN, &stage_probe(on, 'f', NULL)->task);
    fake.during = post_during;
    fake.arg = &posted->task;
    fake_report(&fd, NEAP_EVENT_IN);
    assert_int_equal(turn(on, -1), 3);
    assert_string_equal(stage_trace(on), "fpt");
    close_fd(&fd);
}

static void with_work_at_hand_the_look_outside_is_short(void **state) {
    stage *on = *state; // S3
    neap_fd fd;
    open_fd(&fd, on);
    stage_start(on, 'a', NULL);
    assert_int_equal(turn(on, -1), 1);
    assert_int_equal(fake.calls[FAKE_WAIT], 1);
    assert_int_equal(fake.asked_ns, 0);
    close_fd(&fd);
}

static void without_descriptors_it_does_not_look_at_all(void **state) {
    stage *on = *state;
    stage_start(on, 'a', NULL);
    assert_int_equal(turn(on, -1), 1);
    assert_int_equal(fake.calls[FAKE_WAIT], 0);
}

static void an_error_of_the_poller_ends_the_turn(void **state) {
    stage *on = *state;
    neap_fd fd;
    open_fd(&fd, on);
    stage_start(on, 'a', NULL);
    fake.fail[FAKE_WAIT] = -EBADF;
    assert_int_equal(turn(on, -1), -EBADF);
    assert_string_equal(stage_trace(on), "");
    assert_int_equal(turn(on, -1), 1); // the loop is in order
    close_fd(&fd);
}

// ---- how long it sleeps

static void it_sleeps_until_the_deadline_and_no_longer(void **state) {
    stage *on = *state;
    sleeper(on, 'a', 12345);
    sleeper(on, 'b', 99999);
    assert_int_equal(turn(on, -1), 1);
    assert_int_equal(fake.asked_ns, 12345);
}

static void a_limit_shortens_the_sleep(void **state) {
    stage *on = *state; // I6
    sleeper(on, 'a', 1000);
    assert_int_equal(turn(on, 0), 0);
    assert_int_equal(turn(on, 400), 0);
    assert_int_equal(fake.asked_ns, 400);
    assert_int_equal(turn(on, 600), 1); // just long enough
    assert_int_equal(fake.asked_ns, 600);
}

static void a_limit_beyond_the_deadline_changes_nothing(void **state) {
    stage *on = *state; // I6
    sleeper(on, 'a', 1000);
    assert_int_equal(turn(on, INT64_MAX), 1);
    assert_int_equal(fake.asked_ns, 1000);
}

static void a_limit_bounds_a_wait_without_deadline(void **state) {
    stage *on = *state; // I6
    neap_loop_hold(&on->loop, 1);
    assert_int_equal(turn(on, 700), 0);
    assert_int_equal(fake.asked_ns, 700);
    neap_loop_hold(&on->loop, -1);
}

static void a_limit_does_not_make_a_short_look_longer(void **state) {
    stage *on = *state;
    neap_fd fd;
    open_fd(&fd, on);
    stage_start(on, 'a', NULL);
    assert_int_equal(turn(on, NEAP_SECOND_NS), 1);
    assert_int_equal(fake.asked_ns, 0);
    close_fd(&fd);
}

static void do_nothing(void *arg) { (void)arg; }

static void how_long_until_work_can_be_asked(void **state) {
    stage *on = *state; // I6
    assert_int_equal(neap_loop_due(&on->loop), -1);
    sleeper(on, 'a', 1000);
    assert_int_equal(neap_loop_due(&on->loop), 1000);
    fake.now_ns += 5000;
    assert_int_equal(neap_loop_due(&on->loop), 0);
    neap_inbox_post(on->loop.inbox, do_nothing, NULL);
    assert_int_equal(neap_loop_due(&on->loop), 0);
    assert_int_equal(turn(on, 0), 1);
    assert_int_equal(neap_loop_due(&on->loop), -1);
    stage_start(on, 'b', NULL);
    assert_int_equal(neap_loop_due(&on->loop), 0);
}

// ---- passes

// Spins for ever, a microsecond a slice.
static void spin(probe *self) {
    fake.now_ns += 1000;
    neap_task_ready(&self->task, NEAP_WAKE_READY);
}

static void a_turn_runs_no_more_than_a_batch(void **state) {
    stage *on = *state; // S3
    stage_start(on, 'a', spin);
    for (int i = 0; i < 3; i++) assert_int_equal(turn(on, -1), NEAP_BATCH_MAX);
}

static void a_spinning_task_starves_nobody(void **state) {
    stage *on = *state; // S3
    neap_fd fd;
    open_fd(&fd, on);
    stage_start(on, '\0', spin);
    sleeper(on, 't', 5000);
    neap_fd_wait(&fd, NEAP_IN, &stage_probe(on, 'f', NULL)->task);
    assert_int_equal(turn(on, -1), NEAP_BATCH_MAX);
    assert_string_equal(stage_trace(on), "");
    fake_report(&fd, NEAP_EVENT_IN);
    assert_int_equal(turn(on, -1), NEAP_BATCH_MAX);
    assert_string_equal(stage_trace(on), "ft");
    close_fd(&fd);
}

static void a_spinning_task_lets_posts_in(void **state) {
    stage *on = *state; // P5
    probe *posted = stage_probe(on, 'p', NULL);
    neap_task_wait(&posted->task, NULL);
    stage_start(on, '\0', spin);
    assert_int_equal(turn(on, -1), NEAP_BATCH_MAX);
    neap_inbox_post(on->loop.inbox, wake_other, &posted->task);
    assert_int_equal(turn(on, -1), NEAP_BATCH_MAX);
    assert_string_equal(stage_trace(on), "p");
}

// What becomes ready meanwhile goes behind what is left of the pass.
static void the_rest_of_a_pass_goes_first_in_the_next_turn(void **state) {
    stage *on = *state; // S1
    static probe crowd[NEAP_BATCH_MAX + 2];
    for (int i = 0; i < NEAP_BATCH_MAX + 2; i++) {
        probe_init(&crowd[i], on, '\0', NULL);
        neap_task_ready(&crowd[i].task, NEAP_WAKE_READY);
    }
    crowd[NEAP_BATCH_MAX].letter = 'a';
    crowd[NEAP_BATCH_MAX + 1].letter = 'b';
    assert_int_equal(turn(on, -1), NEAP_BATCH_MAX);
    stage_start(on, 'z', NULL);
    assert_int_equal(turn(on, -1), 3);
    assert_string_equal(stage_trace(on), "abz");
}

static void a_batch_that_ends_with_its_pass_leaves_nothing(void **state) {
    stage *on = *state;
    static probe crowd[NEAP_BATCH_MAX];
    for (int i = 0; i < NEAP_BATCH_MAX; i++) {
        probe_init(&crowd[i], on, '\0', NULL);
        neap_task_ready(&crowd[i].task, NEAP_WAKE_READY);
    }
    assert_int_equal(turn(on, -1), NEAP_BATCH_MAX);
    assert_int_equal(turn(on, -1), -EDEADLK);
}

static void ping_pong_does_not_cost_a_look_each(void **state) {
    stage *on = *state;
    neap_fd fd;
    open_fd(&fd, on);
    stage_start(on, 'a', step_yield)->left = 100;
    stage_start(on, 'b', step_yield)->left = 100;
    assert_int_equal(turn(on, -1), 202);
    assert_int_equal(fake.calls[FAKE_WAIT], 1);
    close_fd(&fd);
}

// ---- the end of a slice

static int ended; // how often the end of a task was seen to

static void count_end(neap_task *task) {
    assert_ptr_equal(task->loop->current, task);
    neap_task_term(task);
    ended++;
}

static void see_to_it(probe *self) {
    neap_task_term(&self->task);
    self->task.loop->current = NULL; // the task may be gone by now
}

static void only_a_task_that_ended_is_seen_to(void **state) {
    stage *on = *state;
    on->loop.end = count_end;
    ended = 0;
    stage_start(on, 'a', NULL); // ends
    stage_start(on, 'b', step_yield)->left = 1;
    stage_start(on, 'c', step_sleep)->left = 1;
    stage_start(on, 'd', see_to_it);
    assert_int_equal(turn(on, -1), 5);
    assert_string_equal(stage_trace(on), "abcdb");
    assert_int_equal(ended, 2); // a and b
    assert_null(on->loop.current);
}

static void without_an_end_hook_the_task_is_left_alone(void **state) {
    stage *on = *state;
    on->loop.end = NULL;
    probe *a = stage_start(on, 'a', NULL);
    assert_int_equal(turn(on, -1), 1);
    assert_int_equal(a->task.state, NEAP_TASK_RUNNING);
    assert_null(on->loop.current);
}

// ---- beginning and end

static void a_loop_that_cannot_begin_leaves_nothing(void **state) {
    (void)state;
    counted memory;
    neap_loop loop;
    counted_init(&memory);
    counted_refuse_after(&memory, 0);
    assert_int_equal(neap_loop_init(&loop, &memory.alloc, probe_resume),
                     -ENOMEM);
    counted_refuse_none(&memory);
    fake.fail[FAKE_OPEN] = -EMFILE;
    assert_int_equal(neap_loop_init(&loop, &memory.alloc, probe_resume),
                     -EMFILE);
    counted_term(&memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FAKES(a_loop_with_nothing_to_do_says_so_at_once),
        ON_FAKES(tasks_that_wait_for_each_other_are_a_deadlock),
        ON_FAKES(a_deadlocked_loop_goes_on_once_there_is_work),
        ON_FAKES(a_deadline_is_something_to_wait_for),
        ON_FAKES(a_descriptor_is_something_to_wait_for),
        ON_FAKES(an_open_descriptor_that_nobody_waits_for_is_not),
        ON_FAKES(what_a_host_holds_is_something_to_wait_for),
        ON_FAKES(a_post_is_work),
        ON_FAKES(events_come_before_posts_before_timers),
        ON_FAKES(with_work_at_hand_the_look_outside_is_short),
        ON_FAKES(without_descriptors_it_does_not_look_at_all),
        ON_FAKES(an_error_of_the_poller_ends_the_turn),
        ON_FAKES(it_sleeps_until_the_deadline_and_no_longer),
        ON_FAKES(a_limit_shortens_the_sleep),
        ON_FAKES(a_limit_beyond_the_deadline_changes_nothing),
        ON_FAKES(a_limit_bounds_a_wait_without_deadline),
        ON_FAKES(a_limit_does_not_make_a_short_look_longer),
        ON_FAKES(how_long_until_work_can_be_asked),
        ON_FAKES(a_turn_runs_no_more_than_a_batch),
        ON_FAKES(a_spinning_task_starves_nobody),
        ON_FAKES(a_spinning_task_lets_posts_in),
        ON_FAKES(the_rest_of_a_pass_goes_first_in_the_next_turn),
        ON_FAKES(a_batch_that_ends_with_its_pass_leaves_nothing),
        ON_FAKES(ping_pong_does_not_cost_a_look_each),
        ON_FAKES(only_a_task_that_ended_is_seen_to),
        ON_FAKES(without_an_end_hook_the_task_is_left_alone),
        ON_FAKES(a_loop_that_cannot_begin_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
