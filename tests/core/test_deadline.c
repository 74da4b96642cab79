// SPDX-License-Identifier: MIT
// Deadlines: scopes that the expire step cancels.
#include <errno.h>

#include "core/deadline.h"
#include "tests/core/fake.h"

static const int64_t ms = NEAP_MILLISECOND_NS;

// A deadline around all that `one` waits for, after `delay_ns`.
static void limit(neap_deadline *deadline, probe *one, int64_t delay_ns) {
    neap_scope *parent = one->task.inner;
    int64_t at_ns = fake.now_ns + delay_ns;
    int rc = neap_deadline_open(deadline, parent, &one->task, at_ns);
    assert_int_equal(rc, 0);
    one->task.inner = &deadline->scope;
}

static void unlimit(neap_deadline *deadline, probe *one) {
    one->task.inner = deadline->scope.parent;
    neap_deadline_close(deadline);
}

static void turn(stage *on) { assert_true(neap_loop_turn(&on->loop, -1) >= 0); }

static void sleep_in(probe *one, int64_t delay_ns) {
    neap_task_wait(&one->task, NULL);
    neap_task_arm(&one->task, fake.now_ns + delay_ns);
}

static void it_ends_a_wait_when_its_time_has_come(void **state) {
    stage *on = *state;
    neap_deadline deadline;
    probe *one = stage_probe(on, 'a', NULL);
    limit(&deadline, one, 3 * ms);
    neap_task_wait(&one->task, &on->line);
    int64_t start_ns = fake.now_ns;
    turn(on);
    assert_true(fake.now_ns >= start_ns + 3 * ms);
    assert_int_equal(one->task.wake, NEAP_WAKE_CANCEL);
    assert_true(deadline.struck && deadline.scope.cancelled);
    assert_ptr_equal(one->task.inner->cause, &deadline.scope);
    unlimit(&deadline, one);
}

static void left_before_it_strikes_nobody(void **state) {
    stage *on = *state; // C2
    neap_deadline deadline;
    probe *one = stage_probe(on, 'a', NULL);
    limit(&deadline, one, 3 * ms);
    unlimit(&deadline, one);
    sleep_in(one, 10 * ms);
    turn(on);
    assert_int_equal(one->task.wake, NEAP_WAKE_TIMEOUT);
    assert_int_equal(on->loop.heap.count, 0);
}

static void a_deadline_made_first_goes_before_an_equal_wait(void **state) {
    stage *on = *state; // S5
    neap_deadline deadline;
    probe *one = stage_probe(on, 'a', NULL);
    limit(&deadline, one, 3 * ms);
    sleep_in(one, 3 * ms);
    turn(on);
    assert_int_equal(one->task.wake, NEAP_WAKE_CANCEL);
    assert_int_equal(on->loop.heap.count, 0);
    unlimit(&deadline, one);
}

static void a_wait_whose_time_came_first_keeps_its_reason(void **state) {
    stage *on = *state; // W3
    neap_deadline deadline;
    probe *one = stage_probe(on, 'a', NULL);
    limit(&deadline, one, 3 * ms);
    sleep_in(one, 2 * ms);
    fake.now_ns += 5 * ms;
    turn(on);
    assert_int_equal(one->task.wake, NEAP_WAKE_TIMEOUT);
    assert_true(deadline.struck);
    unlimit(&deadline, one);
}

static void it_can_be_moved_until_it_strikes(void **state) {
    stage *on = *state; // W9
    neap_deadline deadline;
    probe *one = stage_probe(on, 'a', NULL);
    int64_t start_ns = fake.now_ns;
    limit(&deadline, one, 3 * ms);
    neap_task_wait(&one->task, NULL);
    assert_true(neap_deadline_move(&deadline, start_ns + 20 * ms));
    turn(on);
    assert_true(fake.now_ns >= start_ns + 20 * ms);
    assert_false(neap_deadline_move(&deadline, start_ns + 40 * ms));
    unlimit(&deadline, one);
}

static void moved_to_never_it_is_no_deadline(void **state) {
    stage *on = *state;
    neap_deadline deadline;
    probe *one = stage_probe(on, 'a', NULL);
    limit(&deadline, one, 3 * ms);
    assert_true(neap_deadline_move(&deadline, NEAP_NEVER_NS));
    neap_task_wait(&one->task, NULL);
    assert_int_equal(neap_loop_turn(&on->loop, -1), -EDEADLK);
    neap_task_forgo(&one->task);
    unlimit(&deadline, one);
    limit(&deadline, one, NEAP_NEVER_NS - fake.now_ns);
    assert_int_equal(on->loop.heap.count, 0);
    unlimit(&deadline, one);
}

static void a_deadline_of_an_outer_scope_is_the_cause(void **state) {
    stage *on = *state; // W7
    neap_deadline outer, inner;
    probe *one = stage_probe(on, 'a', NULL);
    limit(&outer, one, 3 * ms);
    limit(&inner, one, 3 * ms);
    neap_task_wait(&one->task, NULL);
    turn(on);
    assert_true(outer.struck && inner.struck);
    assert_ptr_equal(one->task.inner->cause, &outer.scope);
    unlimit(&inner, one);
    unlimit(&outer, one);
}

static void without_memory_it_is_not_open(void **state) {
    stage *on = *state;
    neap_deadline deadline;
    probe *one = stage_probe(on, 'a', NULL);
    neap_timer timers[64] = {{0}};
    int count = 0;
    on->memory.left = 0;
    while (neap_heap_reserve(&on->loop.heap, &timers[count]) == 0) count++;
    int rc = neap_deadline_open(&deadline, one->task.inner, &one->task, 0);
    assert_int_equal(rc, -ENOMEM);
    assert_null(one->scope.kids);
    while (count-- > 0) neap_heap_release(&on->loop.heap, &timers[count]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FAKES(it_ends_a_wait_when_its_time_has_come),
        ON_FAKES(left_before_it_strikes_nobody),
        ON_FAKES(a_deadline_made_first_goes_before_an_equal_wait),
        ON_FAKES(a_wait_whose_time_came_first_keeps_its_reason),
        ON_FAKES(it_can_be_moved_until_it_strikes),
        ON_FAKES(moved_to_never_it_is_no_deadline),
        ON_FAKES(a_deadline_of_an_outer_scope_is_the_cause),
        ON_FAKES(without_memory_it_is_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
