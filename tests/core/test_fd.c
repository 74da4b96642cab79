// SPDX-License-Identifier: MIT
// Fd: lines, latches, the table. The descriptors are real, the poller is not.
// What attempts teach the latch: test_fd_latch.c.
#include <errno.h>

#include "tests/core/fake.h"

enum { TABLE = 64 }; // rows of the first table, in core/fd.c

// Numbers that only the fake poller ever hears of.
static void open_fd(neap_fd *fd, stage *on, int number) {
    assert_int_equal(neap_fd_open(fd, &on->loop, number, NEAP_FD_STREAM), 0);
}

static void open_borrowed(neap_fd *fd, stage *on, int number) {
    assert_int_equal(neap_fd_open(fd, &on->loop, number, NEAP_FD_BORROWED), 0);
}

static void close_fd(neap_fd *fd) {
    bool settled;
    neap_fd_close(fd, &settled);
    assert_true(settled);
}

static probe *wait_for(stage *on, neap_fd *fd, neap_dir dir) {
    probe *one = stage_probe(on, 'w', NULL);
    assert_int_equal(neap_fd_wait(fd, dir, &one->task), 0);
    assert_int_equal(one->task.state, NEAP_TASK_WAITING);
    return one;
}

static void expect_woken(const probe *one, neap_wake wake) {
    assert_int_equal(one->task.state, NEAP_TASK_READY);
    assert_int_equal(one->task.wake, wake);
}

static void expect_waiting(const probe *one) {
    assert_int_equal(one->task.state, NEAP_TASK_WAITING);
}

// ---- the table

static void an_open_fd_is_found_by_its_number(void **state) {
    stage *on = *state;
    neap_fd fd;
    open_fd(&fd, on, 5);
    assert_ptr_equal(neap_fd_find(&on->loop, 5), &fd);
    assert_null(neap_fd_find(&on->loop, 6));
    assert_null(neap_fd_find(&on->loop, TABLE)); // beyond the table
    close_fd(&fd);
    assert_null(neap_fd_find(&on->loop, 5));
}

static void closing_gives_the_number_back(void **state) {
    stage *on = *state;
    neap_fd fd;
    bool settled = false;
    open_fd(&fd, on, 5);
    assert_int_equal(neap_fd_close(&fd, &settled), 5);
    assert_true(settled);
    assert_int_equal(fd.number, -1);
    assert_int_equal(fake.calls[FAKE_REMOVE], 1);
}

static void closing_twice_does_no_harm(void **state) {
    stage *on = *state; // N4
    neap_fd fd;
    bool settled = false;
    open_fd(&fd, on, 5);
    close_fd(&fd);
    assert_int_equal(neap_fd_close(&fd, &settled), -1);
    assert_true(settled);
    assert_int_equal(fake.calls[FAKE_REMOVE], 1);
}

static void the_table_grows_and_keeps_what_it_held(void **state) {
    stage *on = *state;
    static const int numbers[] = {0, TABLE - 1, TABLE, 1000, 70000};
    neap_fd fds[5];
    for (int i = 0; i < 5; i++) open_fd(&fds[i], on, numbers[i]);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(neap_fd_find(&on->loop, numbers[i]), &fds[i]);
    assert_null(neap_fd_find(&on->loop, 500));
    assert_int_equal(on->loop.fds.count, 5);
    for (int i = 0; i < 5; i++) close_fd(&fds[i]);
}

static void a_table_that_cannot_grow_refuses(void **state) {
    stage *on = *state;
    neap_fd first, second;
    open_fd(&first, on, 1);
    counted_refuse_after(&on->memory, 0);
    int rc = neap_fd_open(&second, &on->loop, 1000, NEAP_FD_STREAM);
    counted_refuse_none(&on->memory);
    assert_int_equal(rc, -ENOMEM);
    assert_int_equal(second.number, -1);
    assert_ptr_equal(neap_fd_find(&on->loop, 1), &first);
    bool settled;
    assert_int_equal(neap_fd_close(&second, &settled), -1);
    assert_true(settled); // the poller was made to forget it
    assert_int_equal(fake.calls[FAKE_REMOVE], fake.calls[FAKE_ADD] - 1);
    close_fd(&first);
}

static void what_the_poller_refuses_is_not_entered(void **state) {
    stage *on = *state; // N8
    neap_fd fd;
    fake.fail[FAKE_ADD] = -EPERM;
    int rc = neap_fd_open(&fd, &on->loop, 5, NEAP_FD_BORROWED);
    assert_int_equal(rc, -EPERM);
    assert_int_equal(fd.number, -1);
    assert_null(neap_fd_find(&on->loop, 5));
    open_fd(&fd, on, 5); // the number itself is as good as before
    close_fd(&fd);
}

// A number that is no descriptor must not cost a table of its size.
static void a_refused_number_costs_no_memory(void **state) {
    stage *on = *state; // N8
    neap_fd fd;
    size_t bytes = on->memory.bytes;
    fake.fail[FAKE_ADD] = -EBADF;
    int rc = neap_fd_open(&fd, &on->loop, 1 << 20, NEAP_FD_BORROWED);
    assert_int_equal(rc, -EBADF);
    assert_int_equal(on->memory.bytes, bytes);
}

// ---- numbers that come again

static void a_stale_fd_is_closed_upon_when_its_number_returns(void **state) {
    stage *on = *state; // N5, N6
    neap_fd old, new;
    open_fd(&old, on, 5);
    probe *reader = wait_for(on, &old, NEAP_IN);
    probe *writer = wait_for(on, &old, NEAP_OUT);
    open_fd(&new, on, 5); // 5 was closed behind our back
    expect_woken(reader, NEAP_WAKE_CLOSED);
    expect_woken(writer, NEAP_WAKE_CLOSED);
    assert_int_equal(old.number, -1);
    assert_ptr_equal(neap_fd_find(&on->loop, 5), &new);
    close_fd(&new);
    assert_int_equal(on->loop.fds.count, 0);
}

static void the_poller_is_asked_to_forget_a_stale_fd(void **state) {
    stage *on = *state; // N5
    neap_fd old, new;
    open_fd(&old, on, 5);
    open_fd(&new, on, 5);
    assert_int_equal(fake.calls[FAKE_REMOVE], 1);
    close_fd(&new);
    close_fd(&old);
}

static void no_event_of_an_old_fd_reaches_the_new(void **state) {
    stage *on = *state; // N5
    neap_fd old, new;
    open_fd(&old, on, 5);
    open_fd(&new, on, 5);
    probe *reader = wait_for(on, &new, NEAP_IN);
    neap_fd_event(&old, NEAP_EVENT_IN | NEAP_EVENT_OUT | NEAP_EVENT_HUP);
    expect_waiting(reader);
    assert_false(new.latch[NEAP_IN] || new.hung);
    assert_false(old.latch[NEAP_IN] || old.hung);
    close_fd(&new);
}

// The number is another's by now: the caller must not close it.
static void a_number_that_is_not_ours_is_not_given_back(void **state) {
    stage *on = *state; // N6, N7
    static const int why[] = {-EBADF, -ENOENT};
    for (int i = 0; i < 2; i++) {
        neap_fd fd;
        bool settled = true;
        open_fd(&fd, on, 5);
        fake.fail[FAKE_REMOVE] = why[i];
        assert_int_equal(neap_fd_close(&fd, &settled), -1);
        assert_false(settled); // a dup may report it yet
        assert_int_equal(neap_fd_close(&fd, &settled), -1);
        assert_false(settled);
    }
}

// ---- waiting

static void an_event_wakes_the_first_of_its_direction(void **state) {
    stage *on = *state; // N1, N2
    neap_fd fd;
    open_fd(&fd, on, 5);
    probe *first = wait_for(on, &fd, NEAP_IN);
    probe *second = wait_for(on, &fd, NEAP_IN);
    probe *writer = wait_for(on, &fd, NEAP_OUT);
    neap_fd_event(&fd, NEAP_EVENT_IN);
    expect_woken(first, NEAP_WAKE_READY);
    expect_waiting(second);
    expect_waiting(writer);
    neap_fd_event(&fd, NEAP_EVENT_OUT);
    expect_woken(writer, NEAP_WAKE_READY);
    expect_waiting(second);
    close_fd(&fd);
}

static void a_hang_up_wakes_both_directions(void **state) {
    stage *on = *state;
    neap_fd fd;
    open_fd(&fd, on, 5);
    probe *reader = wait_for(on, &fd, NEAP_IN);
    probe *writer = wait_for(on, &fd, NEAP_OUT);
    neap_fd_event(&fd, NEAP_EVENT_HUP);
    expect_woken(reader, NEAP_WAKE_READY);
    expect_woken(writer, NEAP_WAKE_READY);
    assert_true(fd.hung && fd.latch[NEAP_IN] && fd.latch[NEAP_OUT]);
    close_fd(&fd);
}

static void closing_wakes_everybody_who_waits(void **state) {
    stage *on = *state; // N3
    neap_fd fd;
    open_fd(&fd, on, 5);
    probe *waiters[4];
    for (int i = 0; i < 4; i++)
        waiters[i] = wait_for(on, &fd, i % 2 ? NEAP_IN : NEAP_OUT);
    close_fd(&fd);
    for (int i = 0; i < 4; i++) expect_woken(waiters[i], NEAP_WAKE_CLOSED);
}

static void a_wait_counts_as_one_for_the_world_outside(void **state) {
    stage *on = *state; // S18, S24
    neap_fd fd;
    open_fd(&fd, on, 5);
    wait_for(on, &fd, NEAP_IN);
    assert_int_equal(on->loop.outside, 1);
    neap_fd_event(&fd, NEAP_EVENT_IN);
    assert_int_equal(on->loop.outside, 0);
    close_fd(&fd);
}

static void a_wait_of_ours_asks_the_poller_nothing(void **state) {
    stage *on = *state;
    neap_fd fd;
    open_fd(&fd, on, 5);
    wait_for(on, &fd, NEAP_IN);
    assert_int_equal(fake.calls[FAKE_ARM], 0);
    close_fd(&fd);
}

static void the_least_number_is_as_good_as_any(void **state) {
    stage *on = *state; // I11
    neap_fd fd;
    open_fd(&fd, on, 0);
    probe *reader = wait_for(on, &fd, NEAP_IN);
    neap_fd_event(&fd, NEAP_EVENT_IN);
    expect_woken(reader, NEAP_WAKE_READY);
    close_fd(&fd);
    assert_null(neap_fd_find(&on->loop, 0));
}

// ---- passing on: one edge may stand for many connections

static void a_latch_that_is_up_wakes_the_next(void **state) {
    stage *on = *state; // C16
    neap_fd fd;
    open_fd(&fd, on, 5);
    probe *first = wait_for(on, &fd, NEAP_IN);
    probe *second = wait_for(on, &fd, NEAP_IN);
    neap_fd_event(&fd, NEAP_EVENT_IN);
    neap_fd_pass(&fd, NEAP_IN);
    expect_woken(first, NEAP_WAKE_READY);
    expect_woken(second, NEAP_WAKE_READY);
    neap_fd_pass(&fd, NEAP_IN); // nobody is left
    close_fd(&fd);
}

static void a_latch_that_is_down_wakes_nobody(void **state) {
    stage *on = *state;
    neap_fd fd;
    open_fd(&fd, on, 5);
    probe *reader = wait_for(on, &fd, NEAP_IN);
    neap_fd_pass(&fd, NEAP_IN);
    expect_waiting(reader);
    close_fd(&fd);
}

// ---- borrowed descriptors

static void a_wait_for_a_borrowed_one_arms_the_poller(void **state) {
    stage *on = *state;
    neap_fd fd;
    open_borrowed(&fd, on, 5);
    wait_for(on, &fd, NEAP_IN);
    assert_int_equal(fake.calls[FAKE_ARM], 1);
    close_fd(&fd);
}

static void
a_borrowed_one_that_cannot_be_armed_is_not_waited_for(void **state) {
    stage *on = *state; // N8
    neap_fd fd;
    open_borrowed(&fd, on, 5);
    probe *one = stage_probe(on, 'w', NULL);
    fake.fail[FAKE_ARM] = -EBADF;
    assert_int_equal(neap_fd_wait(&fd, NEAP_IN, &one->task), -EBADF);
    assert_int_equal(on->loop.outside, 0);
    assert_true(neap_list_empty(&fd.line[NEAP_IN]));
    close_fd(&fd);
}

static void a_cancelled_wait_for_a_borrowed_one_arms_nothing(void **state) {
    stage *on = *state; // C5
    neap_fd fd;
    open_borrowed(&fd, on, 5);
    probe *one = stage_probe(on, 'w', NULL);
    neap_scope_cancel(&one->scope);
    assert_int_equal(neap_fd_wait(&fd, NEAP_IN, &one->task), 0);
    expect_woken(one, NEAP_WAKE_CANCEL);
    assert_int_equal(fake.calls[FAKE_ARM], 0);
    close_fd(&fd);
}

static void
an_event_of_a_borrowed_one_wakes_all_of_its_direction(void **state) {
    stage *on = *state;
    neap_fd fd;
    open_borrowed(&fd, on, 5);
    probe *first = wait_for(on, &fd, NEAP_IN);
    probe *second = wait_for(on, &fd, NEAP_IN);
    neap_fd_event(&fd, NEAP_EVENT_IN);
    expect_woken(first, NEAP_WAKE_READY);
    expect_woken(second, NEAP_WAKE_READY);
    assert_int_equal(fake.calls[FAKE_ARM], 2); // by the waits; not again
    close_fd(&fd);
}

static void the_other_direction_of_a_borrowed_one_stays_armed(void **state) {
    stage *on = *state; // N2
    neap_fd fd;
    open_borrowed(&fd, on, 5);
    probe *reader = wait_for(on, &fd, NEAP_IN);
    probe *writer = wait_for(on, &fd, NEAP_OUT);
    neap_fd_event(&fd, NEAP_EVENT_OUT);
    expect_woken(writer, NEAP_WAKE_READY);
    expect_waiting(reader);
    assert_int_equal(fake.calls[FAKE_ARM], 3); // anew, for the reader
    wait_for(on, &fd, NEAP_OUT);
    neap_fd_event(&fd, NEAP_EVENT_IN);
    expect_woken(reader, NEAP_WAKE_READY);
    assert_int_equal(fake.calls[FAKE_ARM], 5); // and for the writer
    close_fd(&fd);
}

static void a_hang_up_of_a_borrowed_one_is_not_remembered(void **state) {
    stage *on = *state; // somebody else may open it anew
    neap_fd fd;
    open_borrowed(&fd, on, 5);
    probe *reader = wait_for(on, &fd, NEAP_IN);
    neap_fd_event(&fd, NEAP_EVENT_HUP);
    expect_woken(reader, NEAP_WAKE_READY);
    assert_false(fd.hung);
    close_fd(&fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FAKES(an_open_fd_is_found_by_its_number),
        ON_FAKES(closing_gives_the_number_back),
        ON_FAKES(closing_twice_does_no_harm),
        ON_FAKES(the_table_grows_and_keeps_what_it_held),
        ON_FAKES(a_table_that_cannot_grow_refuses),
        ON_FAKES(what_the_poller_refuses_is_not_entered),
        ON_FAKES(a_refused_number_costs_no_memory),
        ON_FAKES(a_stale_fd_is_closed_upon_when_its_number_returns),
        ON_FAKES(the_poller_is_asked_to_forget_a_stale_fd),
        ON_FAKES(no_event_of_an_old_fd_reaches_the_new),
        ON_FAKES(a_number_that_is_not_ours_is_not_given_back),
        ON_FAKES(an_event_wakes_the_first_of_its_direction),
        ON_FAKES(a_hang_up_wakes_both_directions),
        ON_FAKES(closing_wakes_everybody_who_waits),
        ON_FAKES(a_wait_counts_as_one_for_the_world_outside),
        ON_FAKES(a_wait_of_ours_asks_the_poller_nothing),
        ON_FAKES(the_least_number_is_as_good_as_any),
        ON_FAKES(a_latch_that_is_up_wakes_the_next),
        ON_FAKES(a_latch_that_is_down_wakes_nobody),
        ON_FAKES(a_wait_for_a_borrowed_one_arms_the_poller),
        ON_FAKES(a_borrowed_one_that_cannot_be_armed_is_not_waited_for),
        ON_FAKES(a_cancelled_wait_for_a_borrowed_one_arms_nothing),
        ON_FAKES(an_event_of_a_borrowed_one_wakes_all_of_its_direction),
        ON_FAKES(the_other_direction_of_a_borrowed_one_stays_armed),
        ON_FAKES(a_hang_up_of_a_borrowed_one_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
