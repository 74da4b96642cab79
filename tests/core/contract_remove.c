// SPDX-License-Identifier: MIT
// What both backends must do when an fd goes: by us, or behind our back.
//
// They may differ in what they can know. epoll watches files: one that was
// closed behind our back is gone from it, unless a dup of it lives; then it may
// report once more, to an fd that listens no longer. poll watches numbers. Both
// must never spin, never reach the wrong fd, and end in order.
#define _GNU_SOURCE
#include <unistd.h>

#include "tests/core/contract.h"

// Whether this backend is the one over epoll: the other has no descriptor.
static bool is_epoll(stage *on) {
    bool has_one = neap_loop_fd(&on->loop) >= 0;
    on->loop.alarmed = false;
    return has_one;
}

// ---- removed by us

static void a_removed_fd_is_not_reported(void **state) {
    stage *on = *state;
    pair p;
    bool settled = false;
    open_pair(&p, on, NEAP_FD_STREAM);
    peer_sends(&p, "abc");
    int number = neap_fd_close(&p.fd, &settled); // before it is looked at
    assert_true(number >= 0 && settled);
    expect_silence(on);
    assert_false(p.fd.latch[NEAP_IN]);
    neap_sys_close(number);
    close_peer(&p);
}

static void closing_wakes_who_waits(void **state) {
    stage *on = *state; // N3
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    probe *reader = waiter(on, &p.fd, NEAP_IN);
    close_pair(&p);
    expect_woken(on, reader, NEAP_WAKE_CLOSED);
}

static void the_others_are_watched_still(void **state) {
    stage *on = *state;
    pair pairs[3];
    probe *readers[3];
    for (int i = 0; i < 3; i++) {
        open_pair(&pairs[i], on, NEAP_FD_STREAM);
        readers[i] = waiter(on, &pairs[i].fd, NEAP_IN);
    }
    close_pair(&pairs[1]);
    for (int i = 0; i < 3; i += 2) {
        peer_sends(&pairs[i], "abc");
        expect_woken(on, readers[i], NEAP_WAKE_READY);
        close_pair(&pairs[i]);
    }
}

static void a_number_used_anew_hears_nothing_of_the_old(void **state) {
    stage *on = *state; // N5
    pair old, new;
    open_pair(&old, on, NEAP_FD_STREAM);
    int number = old.fd.number;
    peer_sends(&old, "abc");
    close_fd(&old.fd);
    open_pair(&new, on, NEAP_FD_STREAM);
    assert_int_equal(new.fd.number, number);
    probe *reader = waiter(on, &new.fd, NEAP_IN);
    close_peer(&old);
    look(on);
    expect_waiting(reader);
    peer_sends(&new, "x");
    expect_woken(on, reader, NEAP_WAKE_READY);
    close_pair(&new);
}

// The events of both lie in one batch: each goes to its own.
static void two_fds_of_one_batch_are_told_apart(void **state) {
    stage *on = *state; // N5
    pair a, b;
    open_pair(&a, on, NEAP_FD_STREAM);
    open_pair(&b, on, NEAP_FD_STREAM);
    probe *reader = waiter(on, &a.fd, NEAP_IN);
    probe *other = waiter(on, &b.fd, NEAP_IN);
    peer_sends(&a, "a");
    close_peer(&b);
    expect_woken(on, reader, NEAP_WAKE_READY);
    expect_woken(on, other, NEAP_WAKE_READY);
    expect_recv(on, &a, "a");
    expect_end(on, &b);
    close_pair(&a);
    close_pair(&b);
}

static void an_fd_can_come_and_go_many_times(void **state) {
    stage *on = *state; // N33
    size_t blocks = 0, bytes = 0;
    for (int i = 0; i < 1000; i++) {
        pair p;
        open_pair(&p, on, i % 2 ? NEAP_FD_STREAM : NEAP_FD_BORROWED);
        peer_sends(&p, "x");
        look(on);
        close_pair(&p);
        if (i == 0) blocks = on->memory.blocks, bytes = on->memory.bytes;
    }
    assert_int_equal(on->memory.blocks, blocks);
    assert_int_equal(on->memory.bytes, bytes);
}

// ---- closed behind our back

static void a_lost_number_ends_its_wait_when_it_is_closed(void **state) {
    stage *on = *state; // N6
    pair p;
    bool settled;
    open_pair(&p, on, NEAP_FD_STREAM);
    look(on);
    probe *reader = waiter(on, &p.fd, NEAP_IN);
    neap_sys_close(p.fd.number);
    look(on); // poll may tell the reader now
    expect_silence(on);
    neap_fd_close(&p.fd, &settled);
    assert_int_not_equal(reader->task.state, NEAP_TASK_WAITING);
    close_peer(&p);
}

static void a_lost_number_is_not_closed_for_its_new_owner(void **state) {
    stage *on = *state; // N6
    pair p;
    bool settled;
    open_pair(&p, on, NEAP_FD_STREAM);
    int number = p.fd.number, ends[2];
    neap_sys_close(number);
    assert_int_equal(neap_sys_pipe(ends), 0);
    assert_int_equal(ends[0], number); // somebody else's now
    if (is_epoll(on)) {
        assert_int_equal(neap_fd_close(&p.fd, &settled), -1);
        assert_false(settled);
    } else neap_fd_close(&p.fd, &settled); // poll knows numbers only
    neap_sys_close(ends[0]);
    neap_sys_close(ends[1]);
    close_peer(&p);
}

static void a_dup_that_lives_on_does_not_spin(void **state) {
    stage *on = *state; // N7
    pair p;
    bool settled;
    open_pair(&p, on, NEAP_FD_STREAM);
    int copy = dup(p.fd.number);
    neap_sys_close(p.fd.number);
    neap_fd_close(&p.fd, &settled);
    assert_int_equal(settled, !is_epoll(on));
    for (int i = 0; i < 3; i++) {
        peer_sends(&p, "abc"); // the dup is readable: nobody may be told
        look(on);
        assert_false(p.fd.latch[NEAP_IN]);
    }
    expect_silence(on);
    close_peer(&p);
    look(on);
    expect_silence(on);
    neap_sys_close(copy);
}

static void a_dup_of_one_that_we_closed_is_silent(void **state) {
    stage *on = *state; // N7
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    int copy = dup(p.fd.number);
    close_fd(&p.fd);
    peer_sends(&p, "abc");
    expect_silence(on);
    neap_sys_close(copy);
    close_peer(&p);
}

static void a_borrowed_dup_does_not_spin_either(void **state) {
    stage *on = *state; // N7
    pair p;
    bool settled;
    open_pair(&p, on, NEAP_FD_BORROWED);
    waiter(on, &p.fd, NEAP_IN);
    int copy = dup(p.fd.number);
    neap_sys_close(p.fd.number);
    neap_fd_close(&p.fd, &settled);
    peer_sends(&p, "abc");
    look(on);
    expect_silence(on);
    neap_sys_close(copy);
    close_peer(&p);
}

static void a_lost_number_that_returns_is_a_new_fd(void **state) {
    stage *on = *state; // N5, N6
    pair old, new;
    bool settled;
    open_pair(&old, on, NEAP_FD_STREAM);
    int number = old.fd.number;
    probe *reader = waiter(on, &old.fd, NEAP_IN);
    neap_sys_close(number);
    open_pair(&new, on, NEAP_FD_STREAM);
    assert_int_equal(new.fd.number, number);
    expect_woken(on, reader, NEAP_WAKE_CLOSED);
    probe *other = waiter(on, &new.fd, NEAP_IN);
    close_peer(&old);
    look(on);
    expect_waiting(other);
    peer_sends(&new, "x");
    expect_woken(on, other, NEAP_WAKE_READY);
    assert_int_equal(neap_fd_close(&old.fd, &settled), -1);
    close_pair(&new);
}

// The very file that was lost comes back under its number, by way of a dup:
// to epoll it is still registered, for the fd that is stale.
static void a_lost_file_that_returns_is_a_new_fd(void **state) {
    stage *on = *state; // N5, N7
    pair old;
    neap_fd new;
    bool settled;
    open_pair(&old, on, NEAP_FD_STREAM);
    int number = old.fd.number, copy = dup(number);
    neap_sys_close(number);
    assert_int_equal(dup2(copy, number), number);
    watch(&new, on, number, NEAP_FD_STREAM);
    probe *reader = waiter(on, &new, NEAP_IN);
    peer_sends(&old, "abc");
    expect_woken(on, reader, NEAP_WAKE_READY);
    assert_false(old.fd.latch[NEAP_IN]);
    assert_int_equal(neap_fd_close(&old.fd, &settled), -1);
    assert_true(settled); // it could be removed after all
    neap_sys_close(copy);
    close_fd(&new);
    close_peer(&old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_removed_fd_is_not_reported),
        ON_STAGE(closing_wakes_who_waits),
        ON_STAGE(the_others_are_watched_still),
        ON_STAGE(a_number_used_anew_hears_nothing_of_the_old),
        ON_STAGE(two_fds_of_one_batch_are_told_apart),
        ON_STAGE(an_fd_can_come_and_go_many_times),
        ON_STAGE(a_lost_number_ends_its_wait_when_it_is_closed),
        ON_STAGE(a_lost_number_is_not_closed_for_its_new_owner),
        ON_STAGE(a_dup_that_lives_on_does_not_spin),
        ON_STAGE(a_dup_of_one_that_we_closed_is_silent),
        ON_STAGE(a_borrowed_dup_does_not_spin_either),
        ON_STAGE(a_lost_number_that_returns_is_a_new_fd),
        ON_STAGE(a_lost_file_that_returns_is_a_new_fd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
