// SPDX-License-Identifier: MIT
// Scope: cancelling goes down, stops at shields, wakes who waits. Against a
// model: test_scope_model.c.
#include "tests/core/fake.h"
#include "tests/core/invariant.h"

enum { DEEP = 100000 };

static neap_scope *open_under(neap_scope *scope, neap_scope *parent) {
    neap_scope_open(scope, parent, NULL);
    return scope;
}

// A chain of scopes, each within the one before.
static void open_chain(neap_scope *chain, size_t count) {
    for (size_t i = 0; i < count; i++)
        neap_scope_open(&chain[i], i ? &chain[i - 1] : NULL, NULL);
}

static void close_chain(neap_scope *chain, size_t count) {
    while (count-- > 0) neap_scope_close(&chain[count]);
}

static void expect_cancelled(const neap_scope *chain, const char *pattern) {
    assert_true(scopes_hold(&chain[0]));
    for (size_t i = 0; pattern[i]; i++)
        assert_int_equal(chain[i].cause != NULL, pattern[i] == 'x');
}

// ---- cancelling

static void a_new_scope_is_not_cancelled(void **state) {
    (void)state;
    neap_scope scope;
    neap_scope_open(&scope, NULL, NULL);
    assert_false(scope.cancelled || scope.cause || scope.shield);
    assert_true(scopes_hold(&scope));
    neap_scope_close(&scope);
}

static void a_cancel_reaches_what_is_beneath_only(void **state) {
    (void)state;
    neap_scope chain[4];
    open_chain(chain, 4);
    assert_true(neap_scope_cancel(&chain[1]));
    expect_cancelled(chain, ".xxx");
    close_chain(chain, 4);
}

static void a_second_cancel_changes_nothing(void **state) {
    (void)state; // C5
    neap_scope chain[2];
    open_chain(chain, 2);
    assert_true(neap_scope_cancel(&chain[0]));
    assert_false(neap_scope_cancel(&chain[0]));
    expect_cancelled(chain, "xx");
    close_chain(chain, 2);
}

// It was reached by the outer cancel already, but not cancelled itself.
static void the_inner_scope_can_be_cancelled_after_the_outer(void **state) {
    (void)state; // C10
    neap_scope chain[3];
    open_chain(chain, 3);
    neap_scope_cancel(&chain[0]);
    assert_true(neap_scope_cancel(&chain[1]));
    assert_true(chain[1].cancelled);
    assert_false(chain[2].cancelled);
    expect_cancelled(chain, "xxx");
    close_chain(chain, 3);
}

static void the_outer_scope_can_be_cancelled_after_the_inner(void **state) {
    (void)state; // C10
    neap_scope chain[3];
    open_chain(chain, 3);
    neap_scope_cancel(&chain[1]);
    assert_true(neap_scope_cancel(&chain[0]));
    expect_cancelled(chain, "xxx");
    close_chain(chain, 3);
}

static void a_scope_opened_in_a_cancelled_one_is_cancelled(void **state) {
    (void)state; // C5, C25
    neap_scope chain[2];
    neap_scope_open(&chain[0], NULL, NULL);
    neap_scope_cancel(&chain[0]);
    neap_scope_open(&chain[1], &chain[0], NULL);
    expect_cancelled(chain, "xx");
    assert_false(chain[1].cancelled);
    close_chain(chain, 2);
}

static void siblings_are_left_alone(void **state) {
    (void)state;
    neap_scope root, first, second;
    open_under(&root, NULL);
    open_under(&first, &root);
    open_under(&second, &root);
    neap_scope_cancel(&first);
    assert_non_null(first.cause);
    assert_false(second.cause || root.cause);
    neap_scope_close(&first);
    neap_scope_close(&second);
    neap_scope_close(&root);
}

// ---- shields

static void a_shield_keeps_a_cancel_out(void **state) {
    (void)state; // C11
    neap_scope chain[4];
    open_chain(chain, 4);
    neap_scope_shield(&chain[2], true);
    neap_scope_cancel(&chain[0]);
    expect_cancelled(chain, "xx..");
    close_chain(chain, 4);
}

static void a_shield_that_goes_down_lets_the_cancel_in(void **state) {
    (void)state; // C11
    neap_scope chain[4];
    open_chain(chain, 4);
    neap_scope_shield(&chain[1], true);
    neap_scope_shield(&chain[3], true);
    neap_scope_cancel(&chain[0]);
    neap_scope_shield(&chain[1], false);
    expect_cancelled(chain, "xxx.");
    neap_scope_shield(&chain[3], false);
    expect_cancelled(chain, "xxxx");
    close_chain(chain, 4);
}

static void a_shield_that_goes_up_takes_the_cancel_back(void **state) {
    (void)state; // C11
    neap_scope chain[4];
    open_chain(chain, 4);
    neap_scope_cancel(&chain[0]);
    neap_scope_shield(&chain[1], true);
    expect_cancelled(chain, "x...");
    close_chain(chain, 4);
}

// What was cancelled itself stays so, and what is beneath it too.
static void a_shield_takes_back_only_what_came_from_outside(void **state) {
    (void)state; // C11
    neap_scope chain[5];
    open_chain(chain, 5);
    neap_scope_cancel(&chain[3]);
    neap_scope_cancel(&chain[0]);
    neap_scope_shield(&chain[1], true);
    expect_cancelled(chain, "x..xx");
    close_chain(chain, 5);
}

static void a_shield_does_not_help_against_ones_own_cancel(void **state) {
    (void)state; // C11
    neap_scope chain[2];
    open_chain(chain, 2);
    neap_scope_shield(&chain[0], true);
    neap_scope_cancel(&chain[0]);
    expect_cancelled(chain, "xx");
    neap_scope_shield(&chain[0], false);
    expect_cancelled(chain, "xx");
    neap_scope_shield(&chain[0], true);
    expect_cancelled(chain, "xx");
    close_chain(chain, 2);
}

static void a_shield_without_a_cancel_changes_nothing(void **state) {
    (void)state;
    neap_scope chain[3];
    open_chain(chain, 3);
    neap_scope_shield(&chain[1], true);
    neap_scope_shield(&chain[1], true);
    expect_cancelled(chain, "...");
    neap_scope_shield(&chain[1], false);
    expect_cancelled(chain, "...");
    neap_scope_shield(&chain[0], true); // a root's
    expect_cancelled(chain, "...");
    close_chain(chain, 3);
}

// ---- who waits

static void wait_in(probe *self, neap_scope *scope) {
    self->task.inner = scope;
    neap_task_wait(&self->task, NULL);
}

static void a_cancel_wakes_who_waits_in_the_scope(void **state) {
    probe *a = stage_probe(*state, 'a', NULL); // C2
    neap_task_wait(&a->task, NULL);
    neap_task_arm(&a->task, NEAP_NEVER_NS);
    neap_scope_cancel(&a->scope);
    assert_int_equal(a->task.state, NEAP_TASK_READY);
    assert_int_equal(a->task.wake, NEAP_WAKE_CANCEL);
    assert_int_equal(a->task.loop->heap.count, 0); // its timer has gone
}

static void a_cancel_wakes_each_task_beneath_in_order(void **state) {
    stage *on = *state; // C22
    neap_scope group;
    neap_scope_open(&group, NULL, NULL);
    for (const char *letter = "abcde"; *letter; letter++) {
        probe *one = stage_probe(on, *letter, NULL);
        neap_scope_open(&one->scope, &group, &one->task);
        neap_task_wait(&one->task, NULL);
    }
    neap_scope_cancel(&group);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 5);
    assert_string_equal(stage_trace(on), "abcde");
    for (int i = 0; i < 5; i++) neap_scope_close(&on->probes[i].scope);
    neap_scope_close(&group);
}

static void a_task_woken_already_keeps_its_reason(void **state) {
    probe *a = stage_probe(*state, 'a', NULL); // C17
    neap_task_wait(&a->task, NULL);
    neap_task_wake(&a->task, NEAP_WAKE_READY);
    neap_scope_cancel(&a->scope);
    assert_int_equal(a->task.wake, NEAP_WAKE_READY);
    assert_non_null(a->scope.cause); // it meets the cancel at its next wait
}

static void who_does_not_wait_is_not_woken(void **state) {
    probe *a = stage_probe(*state, 'a', NULL); // C1
    neap_scope_cancel(&a->scope);
    assert_int_equal(a->task.state, NEAP_TASK_IDLE);
    assert_true(neap_list_empty(&a->task.loop->ready));
}

static void behind_a_shield_nobody_wakes_until_it_goes_down(void **state) {
    probe *a = stage_probe(*state, 'a', NULL); // C11
    neap_scope inner;
    neap_scope_open(&inner, &a->scope, &a->task);
    neap_scope_shield(&inner, true);
    wait_in(a, &inner);
    neap_scope_cancel(&a->scope);
    assert_int_equal(a->task.state, NEAP_TASK_WAITING);
    neap_scope_shield(&inner, false);
    assert_int_equal(a->task.state, NEAP_TASK_READY);
    assert_int_equal(a->task.wake, NEAP_WAKE_CANCEL);
    neap_scope_close(&inner);
}

// The task waits within the inner scope: the mark there wakes it, once.
static void only_the_innermost_scope_wakes(void **state) {
    stage *on = *state;
    probe *a = stage_probe(on, 'a', NULL);
    neap_scope inner;
    neap_scope_open(&inner, &a->scope, &a->task);
    wait_in(a, &inner);
    neap_scope_cancel(&a->scope);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_string_equal(stage_trace(on), "a");
    neap_scope_close(&inner);
}

// A wait in a cancelled scope is over when it begins; a further cancel around
// it finds nobody to wake.
static void a_scope_reached_before_wakes_nobody_again(void **state) {
    stage *on = *state; // C5
    probe *a = stage_probe(on, 'a', NULL);
    neap_scope inner;
    neap_scope_open(&inner, &a->scope, &a->task);
    neap_scope_cancel(&inner);
    wait_in(a, &inner);
    assert_int_equal(a->task.state, NEAP_TASK_READY);
    neap_scope_cancel(&a->scope);
    assert_int_equal(neap_loop_turn(&on->loop, 0), 1);
    assert_string_equal(stage_trace(on), "a");
    assert_int_equal(a->task.wake, NEAP_WAKE_CANCEL);
    neap_scope_close(&inner);
}

// ---- the walk

static void the_walk_is_pre_order_and_can_skip(void **state) {
    (void)state;
    neap_scope s[6]; // 0 holds 1 and 4; 1 holds 2 and 3; 4 holds 5
    static const int parent[] = {-1, 0, 1, 1, 0, 4};
    for (int i = 0; i < 6; i++)
        open_under(&s[i], parent[i] < 0 ? NULL : &s[parent[i]]);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(neap_scope_next(s, &s[i], false), &s[i + 1]);
    assert_null(neap_scope_next(s, &s[5], false));
    assert_ptr_equal(neap_scope_next(s, &s[1], true), &s[4]);
    assert_null(neap_scope_next(s, &s[4], true));
    assert_null(neap_scope_next(&s[1], &s[3], false)); // not out of its root
    assert_null(neap_scope_next(s, s, true));
    for (int i = 5; i >= 0; i--) neap_scope_close(&s[i]);
}

static void the_walk_back_meets_kids_before_their_parents(void **state) {
    (void)state;
    neap_scope s[6]; // the same tree
    static const int parent[] = {-1, 0, 1, 1, 0, 4};
    for (int i = 0; i < 6; i++)
        open_under(&s[i], parent[i] < 0 ? NULL : &s[parent[i]]);
    assert_ptr_equal(neap_scope_leaf(s), &s[5]);
    assert_ptr_equal(neap_scope_leaf(&s[1]), &s[3]);
    assert_ptr_equal(neap_scope_leaf(&s[2]), &s[2]);
    for (int i = 5; i > 0; i--)
        assert_ptr_equal(neap_scope_back(&s[i]), &s[i - 1]);
    assert_null(neap_scope_back(s));
    for (int i = 5; i >= 0; i--) neap_scope_close(&s[i]);
}

// Oldest, youngest, the one between, the last: the ring stays whole.
static void kids_can_be_left_in_any_order(void **state) {
    (void)state;
    neap_scope root, s[4];
    static const int leaving[] = {0, 3, 1, 2};
    open_under(&root, NULL);
    for (int i = 0; i < 4; i++) open_under(&s[i], &root);
    for (int i = 0; i < 4; i++) {
        int left = 0;
        neap_scope *at = &root;
        while ((at = neap_scope_next(&root, at, false))) left++;
        assert_int_equal(left, 4 - i);
        neap_scope_close(&s[leaving[i]]);
    }
    assert_null(neap_scope_next(&root, &root, false));
    neap_scope_close(&root);
}

static void the_check_sees_what_is_wrong(void **state) {
    (void)state;
    neap_scope chain[3];
    open_chain(chain, 3);
    chain[2].cause = &chain[2];
    assert_false(scopes_hold(chain));
    chain[2].cause = NULL;
    chain[1].cancelled = true;
    assert_false(scopes_hold(chain));
    chain[1].cancelled = false;
    assert_true(scopes_hold(chain));
    close_chain(chain, 3);
}

// ---- whose cancel it is

static void the_outermost_cancelled_one_is_the_cause(void **state) {
    (void)state; // W7
    neap_scope chain[4];
    open_chain(chain, 4);
    neap_scope_cancel(&chain[2]);
    assert_ptr_equal(chain[3].cause, &chain[2]);
    neap_scope_cancel(&chain[0]);
    assert_ptr_equal(chain[3].cause, &chain[0]);
    neap_scope_shield(&chain[1], true);
    assert_ptr_equal(chain[3].cause, &chain[2]);
    assert_null(chain[1].cause);
    close_chain(chain, 4);
}

// ---- moving

static void what_moves_is_reached_from_its_new_place(void **state) {
    (void)state;
    neap_scope root, left, right, moved[2];
    open_under(&root, NULL);
    open_under(&left, &root);
    open_under(&right, &root);
    open_under(&moved[0], &left);
    open_under(&moved[1], &moved[0]);
    neap_scope_cancel(&left);
    neap_scope_move(&moved[0], &right);
    expect_cancelled(moved, "..");
    neap_scope_move(&moved[0], &left);
    expect_cancelled(moved, "xx");
    assert_true(scopes_hold(&root));
    assert_null(right.kids);
    neap_scope_move(&moved[0], NULL);
    expect_cancelled(moved, "..");
    close_chain(moved, 2);
    neap_scope_close(&right);
    neap_scope_close(&left);
    neap_scope_close(&root);
}

static void moving_wakes_who_waits_where_it_is_cancelled(void **state) {
    stage *on = *state;
    neap_scope root;
    probe *one = stage_probe(on, 'a', NULL);
    neap_scope_open(&root, NULL, NULL);
    neap_scope_cancel(&root);
    neap_task_wait(&one->task, NULL);
    neap_scope_move(&one->scope, &root);
    assert_int_equal(one->task.state, NEAP_TASK_READY);
    assert_int_equal(one->task.wake, NEAP_WAKE_CANCEL);
    neap_scope_close(&one->scope);
    neap_scope_close(&root);
}

// ---- depth

static void a_deep_chain_is_an_ordinary_program(void **state) {
    (void)state; // W22
    neap_scope *chain = malloc(DEEP * sizeof *chain);
    assert_non_null(chain);
    open_chain(chain, DEEP);
    neap_scope_shield(&chain[DEEP / 2], true);
    neap_scope_cancel(&chain[0]);
    assert_true(scopes_hold(&chain[0]));
    assert_non_null(chain[DEEP / 2 - 1].cause);
    assert_null(chain[DEEP / 2].cause);
    neap_scope_shield(&chain[DEEP / 2], false);
    assert_non_null(chain[DEEP - 1].cause);
    neap_scope_shield(&chain[1], true);
    assert_null(chain[DEEP - 1].cause);
    assert_true(scopes_hold(&chain[0]));
    close_chain(chain, DEEP);
    free(chain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_scope_is_not_cancelled),
        cmocka_unit_test(a_cancel_reaches_what_is_beneath_only),
        cmocka_unit_test(a_second_cancel_changes_nothing),
        cmocka_unit_test(the_inner_scope_can_be_cancelled_after_the_outer),
        cmocka_unit_test(the_outer_scope_can_be_cancelled_after_the_inner),
        cmocka_unit_test(a_scope_opened_in_a_cancelled_one_is_cancelled),
        cmocka_unit_test(siblings_are_left_alone),
        cmocka_unit_test(a_shield_keeps_a_cancel_out),
        cmocka_unit_test(a_shield_that_goes_down_lets_the_cancel_in),
        cmocka_unit_test(a_shield_that_goes_up_takes_the_cancel_back),
        cmocka_unit_test(a_shield_takes_back_only_what_came_from_outside),
        cmocka_unit_test(a_shield_does_not_help_against_ones_own_cancel),
        cmocka_unit_test(a_shield_without_a_cancel_changes_nothing),
        ON_FAKES(a_cancel_wakes_who_waits_in_the_scope),
        ON_FAKES(a_cancel_wakes_each_task_beneath_in_order),
        ON_FAKES(a_task_woken_already_keeps_its_reason),
        ON_FAKES(who_does_not_wait_is_not_woken),
        ON_FAKES(behind_a_shield_nobody_wakes_until_it_goes_down),
        ON_FAKES(only_the_innermost_scope_wakes),
        ON_FAKES(a_scope_reached_before_wakes_nobody_again),
        cmocka_unit_test(the_walk_is_pre_order_and_can_skip),
        cmocka_unit_test(the_walk_back_meets_kids_before_their_parents),
        cmocka_unit_test(kids_can_be_left_in_any_order),
        cmocka_unit_test(the_check_sees_what_is_wrong),
        cmocka_unit_test(the_outermost_cancelled_one_is_the_cause),
        cmocka_unit_test(what_moves_is_reached_from_its_new_place),
        ON_FAKES(moving_wakes_who_waits_where_it_is_cancelled),
        cmocka_unit_test(a_deep_chain_is_an_ordinary_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
