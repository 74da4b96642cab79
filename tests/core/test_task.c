// SPDX-License-Identifier: MIT
// Task: the moves between ready, running and waiting.
//
// Steps run inside a turn; what a test does between turns stands for another
// task, the poller or a host.
#include <errno.h>

#include "tests/core/fake.h"

static int turn(stage *on) { return neap_loop_turn(&on->loop, 0); }

static void expect_state(const probe *one, neap_task_state state,
                         neap_wake wake) {
    assert_int_equal(one->task.state, state);
    assert_int_equal(one->task.wake, wake);
}

// ---- ready

static void an_idle_task_that_is_readied_runs_once(void **state) {
    stage *on = *state;
    probe *a = stage_start(on, 'a', NULL);
    expect_state(a, NEAP_TASK_READY, NEAP_WAKE_READY);
    assert_int_equal(turn(on), 1);
    assert_string_equal(stage_trace(on), "a");
    assert_int_equal(a->task.state, NEAP_TASK_IDLE);
    assert_null(on->loop.current);
}

static void tasks_run_in_the_order_in_which_they_were_readied(void **state) {
    stage *on = *state; // S1
    for (const char *letter = "abcdef"; *letter; letter++)
        stage_start(on, *letter, NULL);
    assert_int_equal(turn(on), 6);
    assert_string_equal(stage_trace(on), "abcdef");
}

static void yielding_is_a_strict_round_robin(void **state) {
    stage *on = *state; // S2
    for (const char *letter = "abcd"; *letter; letter++)
        stage_start(on, *letter, step_yield)->left = 2;
    assert_int_equal(turn(on), 12);
    assert_string_equal(stage_trace(on), "abcdabcdabcd");
}

static void a_task_finds_why_it_was_readied(void **state) {
    stage *on = *state;
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_ready(&a->task, NEAP_WAKE_CANCEL);
    expect_state(a, NEAP_TASK_READY, NEAP_WAKE_CANCEL);
}

static void a_ready_task_can_be_ended_before_it_runs(void **state) {
    stage *on = *state; // C1, S7
    probe *a = stage_start(on, 'a', NULL);
    stage_start(on, 'b', NULL);
    neap_task_term(&a->task);
    assert_int_equal(turn(on), 1);
    assert_string_equal(stage_trace(on), "b");
}

static void end_the_other(probe *self) { neap_task_term(&self->other->task); }

static void a_task_can_be_ended_by_one_of_the_same_pass(void **state) {
    stage *on = *state;
    probe *a = stage_start(on, 'a', end_the_other);
    a->other = stage_start(on, 'b', NULL);
    stage_start(on, 'c', NULL);
    assert_int_equal(turn(on), 2);
    assert_string_equal(stage_trace(on), "ac");
}

static void end_oneself(probe *self) { neap_task_term(&self->task); }

static void a_task_can_end_itself(void **state) {
    stage *on = *state;
    probe *a = stage_start(on, 'a', end_oneself);
    assert_int_equal(turn(on), 1);
    assert_int_equal(a->task.state, NEAP_TASK_IDLE);
    assert_false(a->task.timer.reserved);
}

static void ready_the_other(probe *self) {
    neap_task_ready(&self->other->task, NEAP_WAKE_READY);
}

static void what_a_task_makes_ready_runs_in_the_next_pass(void **state) {
    stage *on = *state; // S4
    probe *a = stage_start(on, 'a', ready_the_other);
    stage_start(on, 'b', NULL);
    a->other = stage_probe(on, 'c', NULL);
    assert_int_equal(turn(on), 3);
    assert_string_equal(stage_trace(on), "abc");
}

// ---- waiting

static void wait_in_line(probe *self) {
    neap_task_wait(&self->task, self->arg);
}

static void a_line_is_woken_first_come_first_served(void **state) {
    stage *on = *state; // Q5
    neap_list *line = &on->line;
    for (const char *letter = "abc"; *letter; letter++)
        stage_start(on, *letter, wait_in_line)->arg = line;
    assert_int_equal(turn(on), 3);
    assert_ptr_equal(neap_task_first(line), &on->probes[0].task);
    stage_trace(on);
    for (int i = 0; i < 3; i++) on->probes[i].step = NULL;
    assert_true(neap_task_wake_first(line, NEAP_WAKE_READY));
    assert_true(neap_task_wake_first(line, NEAP_WAKE_READY));
    assert_int_equal(turn(on), 2);
    assert_string_equal(stage_trace(on), "ab");
    expect_state(&on->probes[2], NEAP_TASK_WAITING, NEAP_WAKE_READY);
}

static void an_empty_line_wakes_nobody(void **state) {
    stage *on = *state;
    neap_list *line = &on->line;
    assert_false(neap_task_wake_first(line, NEAP_WAKE_READY));
    neap_task_wake_all(line, NEAP_WAKE_CLOSED);
    assert_true(neap_list_empty(line));
}

static void waking_all_keeps_their_order_and_says_why(void **state) {
    stage *on = *state; // Q8
    neap_list *line = &on->line;
    for (const char *letter = "abc"; *letter; letter++)
        neap_task_wait(&stage_probe(on, *letter, NULL)->task, line);
    neap_task_wake_all(line, NEAP_WAKE_CLOSED);
    for (int i = 0; i < 3; i++)
        expect_state(&on->probes[i], NEAP_TASK_READY, NEAP_WAKE_CLOSED);
    assert_int_equal(turn(on), 3);
    assert_string_equal(stage_trace(on), "abc");
}

static void a_cancelled_waiter_leaves_its_line_at_once(void **state) {
    stage *on = *state; // Q1, Q2, Q4
    neap_list *line = &on->line;
    probe *a = stage_probe(on, 'a', NULL), *b = stage_probe(on, 'b', NULL);
    neap_task_wait(&a->task, line);
    neap_task_wait(&b->task, line);
    neap_scope_cancel(&a->scope);
    assert_ptr_equal(neap_task_first(line), &b->task);
    assert_true(neap_task_wake_first(line, NEAP_WAKE_READY));
    expect_state(a, NEAP_TASK_READY, NEAP_WAKE_CANCEL);
    expect_state(b, NEAP_TASK_READY, NEAP_WAKE_READY);
}

static void a_waiter_that_ends_leaves_its_line(void **state) {
    stage *on = *state;
    neap_list *line = &on->line;
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait(&a->task, line);
    neap_task_term(&a->task);
    assert_true(neap_list_empty(line));
}

// ---- deadlines

static void a_wait_ends_at_its_deadline(void **state) {
    stage *on = *state;
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait(&a->task, NULL);
    neap_task_arm(&a->task, fake.now_ns + 10);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_int_equal(a->task.wake, NEAP_WAKE_TIMEOUT);
}

static void a_time_out_takes_the_task_out_of_its_line(void **state) {
    stage *on = *state; // Q16
    neap_list *line = &on->line;
    probe *a = stage_probe(on, 'a', NULL), *b = stage_probe(on, 'b', NULL);
    neap_task_wait(&a->task, line);
    neap_task_arm(&a->task, fake.now_ns + 10);
    neap_task_wait(&b->task, line);
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_ptr_equal(neap_task_first(line), &b->task);
}

static void a_wake_stops_the_timer(void **state) {
    stage *on = *state; // W3
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait(&a->task, NULL);
    neap_task_arm(&a->task, fake.now_ns);
    neap_task_wake(&a->task, NEAP_WAKE_READY);
    fake.now_ns += NEAP_SECOND_NS;
    assert_int_equal(turn(on), 1);
    assert_int_equal(a->task.wake, NEAP_WAKE_READY);
    assert_int_equal(on->loop.heap.count, 0);
}

static void a_deadline_of_a_wait_can_be_moved(void **state) {
    stage *on = *state; // W9
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait(&a->task, NULL);
    neap_task_arm(&a->task, fake.now_ns + 10);
    neap_task_arm(&a->task, fake.now_ns + NEAP_SECOND_NS);
    int64_t before_ns = fake.now_ns;
    assert_int_equal(neap_loop_turn(&on->loop, -1), 1);
    assert_true(fake.now_ns - before_ns == NEAP_SECOND_NS);
}

static void reserving_can_fail_and_then_works(void **state) {
    stage *on = *state;
    neap_task task;
    neap_task_init(&task, &on->loop, 3);
    assert_int_equal(task.kind, 3);
    counted_refuse_after(&on->memory, 0);
    assert_int_equal(neap_task_reserve(&task), -ENOMEM);
    neap_task_term(&task); // nothing was reserved
    counted_refuse_none(&on->memory);
    assert_int_equal(neap_task_reserve(&task), 0);
    neap_task_term(&task);
}

// ---- waiting in a cancelled scope: each wait is over at once

static void swallow_cancel(probe *self) {
    if (self->left-- <= 0) return;
    neap_task_wait(&self->task, &stage_of(self)->line);
    neap_task_arm(&self->task, 0); // a wait that is over needs no deadline
    assert_int_equal(self->task.state, NEAP_TASK_READY);
}

// A loop around pcall burns its own turns: the others run between.
static void every_wait_in_a_cancelled_scope_ends_in_a_pass(void **state) {
    stage *on = *state; // C5, C13
    probe *a = stage_start(on, 'a', swallow_cancel);
    a->left = 3;
    neap_scope_cancel(&a->scope);
    stage_start(on, 'b', step_yield)->left = 3;
    assert_int_equal(turn(on), 8);
    assert_string_equal(stage_trace(on), "abababab");
    assert_int_equal(a->task.wake, NEAP_WAKE_CANCEL);
    assert_int_equal(on->loop.heap.count, 0);
    assert_true(neap_list_empty(&on->line));
}

static void wait_outside_then_end(probe *self) {
    self->step = NULL;
    neap_task_wait_outside(&self->task, &stage_of(self)->line);
    assert_int_equal(self->task.loop->outside, 0);
}

static void nor_is_it_counted_as_one_for_the_world(void **state) {
    stage *on = *state; // C5, S19
    probe *a = stage_start(on, 'a', wait_outside_then_end);
    neap_scope_cancel(&a->scope);
    assert_int_equal(turn(on), 2);
    assert_int_equal(a->task.wake, NEAP_WAKE_CANCEL);
    assert_int_equal(on->loop.outside, 0);
    assert_false(a->task.outside);
}

static void yield_once(probe *self) {
    self->step = NULL;
    neap_task_yield(&self->task);
}

static void a_yield_finds_the_cancel_too(void **state) {
    stage *on = *state; // S2, C5
    probe *a = stage_start(on, 'a', yield_once);
    probe *b = stage_start(on, 'b', yield_once);
    neap_scope_cancel(&b->scope);
    assert_int_equal(turn(on), 4);
    assert_string_equal(stage_trace(on), "abab");
    assert_int_equal(a->task.wake, NEAP_WAKE_READY);
    assert_int_equal(b->task.wake, NEAP_WAKE_CANCEL);
}

// A callback has no scope.
static void who_has_no_scope_cannot_be_cancelled(void **state) {
    stage *on = *state;
    probe *a = stage_start(on, 'a', yield_once);
    neap_scope_cancel(&a->scope);
    a->task.inner = NULL;
    assert_int_equal(turn(on), 2);
    assert_int_equal(a->task.wake, NEAP_WAKE_READY);
}

// ---- waits that only the world can end

static void an_outside_wait_is_counted_until_it_ends(void **state) {
    stage *on = *state; // S19, S24
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait_outside(&a->task, NULL);
    assert_int_equal(on->loop.outside, 1);
    neap_task_wake(&a->task, NEAP_WAKE_READY);
    assert_int_equal(on->loop.outside, 0);
    assert_false(a->task.outside);
}

static void however_it_ends_it_is_counted_once(void **state) {
    stage *on = *state;
    probe *a = stage_probe(on, 'a', NULL), *b = stage_probe(on, 'b', NULL);
    neap_task_wait_outside(&a->task, NULL);
    neap_task_wait_outside(&b->task, NULL);
    neap_scope_cancel(&a->scope);
    assert_int_equal(on->loop.outside, 1);
    neap_task_term(&b->task);
    neap_task_term(&b->task);
    assert_int_equal(on->loop.outside, 0);
}

static void take_back(probe *self) {
    neap_task_wait_outside(&self->task, self->arg);
    neap_task_arm(&self->task, 0);
    neap_task_forgo(&self->task);
    assert_int_equal(self->task.state, NEAP_TASK_RUNNING);
    assert_true(neap_list_empty(self->arg));
    assert_int_equal(self->task.loop->outside, 0);
    assert_int_equal(self->task.loop->heap.count, 0);
}

static void a_wait_can_be_taken_back(void **state) {
    stage *on = *state;
    stage_start(on, 'a', take_back)->arg = &on->line;
    assert_int_equal(turn(on), 1);
}

// A callback (add_reader) waits without ever having run.
static void an_idle_task_that_takes_its_wait_back_is_idle(void **state) {
    stage *on = *state;
    probe *a = stage_probe(on, 'a', NULL);
    neap_task_wait_outside(&a->task, NULL);
    neap_task_forgo(&a->task);
    assert_int_equal(a->task.state, NEAP_TASK_IDLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FAKES(an_idle_task_that_is_readied_runs_once),
        ON_FAKES(tasks_run_in_the_order_in_which_they_were_readied),
        ON_FAKES(yielding_is_a_strict_round_robin),
        ON_FAKES(a_task_finds_why_it_was_readied),
        ON_FAKES(a_ready_task_can_be_ended_before_it_runs),
        ON_FAKES(a_task_can_be_ended_by_one_of_the_same_pass),
        ON_FAKES(a_task_can_end_itself),
        ON_FAKES(what_a_task_makes_ready_runs_in_the_next_pass),
        ON_FAKES(a_line_is_woken_first_come_first_served),
        ON_FAKES(an_empty_line_wakes_nobody),
        ON_FAKES(waking_all_keeps_their_order_and_says_why),
        ON_FAKES(a_cancelled_waiter_leaves_its_line_at_once),
        ON_FAKES(a_waiter_that_ends_leaves_its_line),
        ON_FAKES(a_wait_ends_at_its_deadline),
        ON_FAKES(a_time_out_takes_the_task_out_of_its_line),
        ON_FAKES(a_wake_stops_the_timer),
        ON_FAKES(a_deadline_of_a_wait_can_be_moved),
        ON_FAKES(reserving_can_fail_and_then_works),
        ON_FAKES(every_wait_in_a_cancelled_scope_ends_in_a_pass),
        ON_FAKES(nor_is_it_counted_as_one_for_the_world),
        ON_FAKES(a_yield_finds_the_cancel_too),
        ON_FAKES(who_has_no_scope_cannot_be_cancelled),
        ON_FAKES(an_outside_wait_is_counted_until_it_ends),
        ON_FAKES(however_it_ends_it_is_counted_once),
        ON_FAKES(a_wait_can_be_taken_back),
        ON_FAKES(an_idle_task_that_takes_its_wait_back_is_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
