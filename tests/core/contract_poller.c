// SPDX-License-Identifier: MIT
// What both backends must do: readiness, hang-ups, refusals, borrowed numbers.
// Removal: contract_remove.c. Waking and time: contract_wake.c. Failures:
// contract_faults.c. Hosts: contract_host.c.
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/core/contract.h"

enum { ROUNDS = 100 };

// ---- readiness

static void what_was_there_before_is_reported(void **state) {
    stage *on = *state;
    int ends[2];
    assert_int_equal(neap_sys_socketpair(ends), 0);
    pair p = {.peer = ends[1]};
    peer_sends(&p, "abc");
    watch(&p.fd, on, ends[0], NEAP_FD_STREAM);
    expect_woken(on, waiter(on, &p.fd, NEAP_IN), NEAP_WAKE_READY);
    assert_true(p.fd.latch[NEAP_IN]);
    close_pair(&p);
}

static void data_wakes_a_reader(void **state) {
    stage *on = *state;
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    probe *reader = waiter(on, &p.fd, NEAP_IN);
    look(on);
    expect_waiting(reader);
    peer_sends(&p, "abc");
    expect_woken(on, reader, NEAP_WAKE_READY);
    close_pair(&p);
}

static void room_wakes_a_writer(void **state) {
    stage *on = *state; // N12
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    look(on);
    fill(&p);
    probe *writer = waiter(on, &p.fd, NEAP_OUT);
    expect_silence(on);
    expect_waiting(writer);
    drain_peer(&p);
    expect_woken(on, writer, NEAP_WAKE_READY);
    close_pair(&p);
}

static void a_reader_and_a_writer_are_served_apart(void **state) {
    stage *on = *state; // N2
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    look(on);
    fill(&p);
    probe *reader = waiter(on, &p.fd, NEAP_IN);
    probe *writer = waiter(on, &p.fd, NEAP_OUT);
    peer_sends(&p, "abc");
    expect_woken(on, reader, NEAP_WAKE_READY);
    expect_waiting(writer);
    drain_peer(&p);
    expect_woken(on, writer, NEAP_WAKE_READY);
    close_pair(&p);
}

static void room_does_not_wake_a_reader(void **state) {
    stage *on = *state; // N2
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    look(on);
    fill(&p);
    probe *reader = waiter(on, &p.fd, NEAP_IN);
    probe *writer = waiter(on, &p.fd, NEAP_OUT);
    drain_peer(&p);
    expect_woken(on, writer, NEAP_WAKE_READY);
    expect_waiting(reader);
    close_pair(&p);
}

static void what_nobody_waits_for_does_not_end_waits(void **state) {
    stage *on = *state; // N7, N18
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    peer_sends(&p, "abc");
    look(on);
    expect_silence(on);
    expect_silence(on);
    expect_recv(on, &p, "abc"); // nor is it lost
    close_pair(&p);
}

// Each time the buffer is emptied, the latch falls, and a new edge must come.
static void every_new_edge_is_reported(void **state) {
    stage *on = *state; // N9, N34
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    for (int i = 0; i < ROUNDS; i++) {
        peer_sends(&p, "abc");
        if (i % 2) look(on); // the edge before the wait, or within it
        expect_recv(on, &p, "abc");
        assert_false(p.fd.latch[NEAP_IN]);
    }
    close_pair(&p);
}

static void a_connection_wakes_an_acceptor(void **state) {
    stage *on = *state; // N1
    struct sockaddr_in here = {.sin_family = AF_INET}, who;
    unsigned size = sizeof here;
    neap_fd fd;
    int listener = neap_sys_socket(AF_INET, SOCK_STREAM);
    neap_sys_listen(listener, 5); // on a port of the system's choice
    neap_sys_getname(listener, false, &here, &size);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    watch(&fd, on, listener, NEAP_FD_PACKET);
    probe *acceptor = waiter(on, &fd, NEAP_IN);
    int client = neap_sys_socket(AF_INET, SOCK_STREAM);
    neap_sys_connect(client, (struct sockaddr *)&here, sizeof here);
    expect_woken(on, acceptor, NEAP_WAKE_READY);
    int server = neap_fd_accept(&fd, &who, &size);
    assert_true(server >= 0);
    neap_sys_close(server);
    neap_sys_close(client);
    close_fd(&fd);
}

// A fresh socket reports OUT and HUP: the latch is lowered before the wait.
static int connect_and_wait(stage *on, int port_of) {
    struct sockaddr_in here;
    unsigned size = sizeof here;
    int error = -1;
    neap_fd fd;
    neap_sys_getname(port_of, false, &here, &size);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    watch(&fd, on, neap_sys_socket(AF_INET, SOCK_STREAM), NEAP_FD_STREAM);
    look(on);
    fd.latch[NEAP_OUT] = fd.latch[NEAP_IN] = fd.hung = false;
    int rc = neap_sys_connect(fd.number, (struct sockaddr *)&here, size);
    assert_true(rc == -EINPROGRESS || rc == -ECONNREFUSED);
    if (rc == -EINPROGRESS)
        expect_woken(on, waiter(on, &fd, NEAP_OUT), NEAP_WAKE_READY);
    neap_sys_getopt(fd.number, SOL_SOCKET, SO_ERROR, &error);
    close_fd(&fd);
    return rc == -EINPROGRESS ? error : -rc;
}

static void a_connection_made_or_refused_wakes_who_connects(void **state) {
    stage *on = *state; // N22
    struct sockaddr_in any = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int port = neap_sys_socket(AF_INET, SOCK_STREAM);
    assert_int_equal(neap_sys_bind(port, (struct sockaddr *)&any, sizeof any),
                     0);
    assert_int_equal(connect_and_wait(on, port), ECONNREFUSED);
    assert_int_equal(neap_sys_listen(port, 5), 0);
    assert_int_equal(connect_and_wait(on, port), 0);
    neap_sys_close(port);
}

// ---- hang-ups

static void a_lost_peer_wakes_both_directions(void **state) {
    stage *on = *state; // N9, N11
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    look(on);
    fill(&p);
    probe *reader = waiter(on, &p.fd, NEAP_IN);
    probe *writer = waiter(on, &p.fd, NEAP_OUT);
    close_peer(&p);
    expect_woken(on, reader, NEAP_WAKE_READY);
    expect_woken(on, writer, NEAP_WAKE_READY);
    assert_int_equal(neap_fd_send(&p.fd, "x", 1), -EPIPE);
    close_pair(&p);
}

static void data_comes_before_the_end_and_the_end_for_ever(void **state) {
    stage *on = *state; // N9
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    peer_sends(&p, "abc");
    close_peer(&p); // one edge for both
    expect_recv(on, &p, "abc");
    for (int i = 0; i < 3; i++) expect_end(on, &p);
    close_pair(&p);
}

static void an_end_that_comes_later_is_an_edge_of_its_own(void **state) {
    stage *on = *state; // N9, N10
    pair p;
    open_pair(&p, on, NEAP_FD_STREAM);
    peer_sends(&p, "abc");
    expect_recv(on, &p, "abc");
    neap_sys_shutdown(p.peer, SHUT_WR);
    expect_end(on, &p);
    assert_int_equal(neap_fd_send(&p.fd, "x", 1), 1); // the other half lives
    close_pair(&p);
}

// ---- refusals

static void files_and_folders_are_refused(void **state) {
    stage *on = *state; // N8
    static const neap_fd_kind kinds[] = {NEAP_FD_STREAM, NEAP_FD_BORROWED};
    char path[] = "/tmp/neap-test-XXXXXX";
    int file = mkstemp(path), folder = open("/tmp", O_RDONLY);
    unlink(path);
    for (int i = 0; i < 2; i++) {
        neap_fd fd;
        int rc = neap_fd_open(&fd, &on->loop, file, kinds[i]);
        assert_int_equal(rc, -EPERM);
        rc = neap_fd_open(&fd, &on->loop, folder, kinds[i]);
        assert_int_equal(rc, -EPERM);
    }
    neap_sys_close(file);
    neap_sys_close(folder);
}

static void numbers_that_are_closed_are_refused(void **state) {
    stage *on = *state; // N8
    neap_fd fd;
    int ends[2];
    neap_sys_socketpair(ends);
    neap_sys_close(ends[0]);
    neap_sys_close(ends[1]);
    int rc = neap_fd_open(&fd, &on->loop, ends[0], NEAP_FD_STREAM);
    assert_int_equal(rc, -EBADF);
    rc = neap_fd_open(&fd, &on->loop, INT32_MAX, NEAP_FD_BORROWED);
    assert_int_equal(rc, -EBADF);
}

// ---- borrowed numbers

static void a_borrowed_one_reports_once_for_each_wait(void **state) {
    stage *on = *state;
    pair p;
    open_pair(&p, on, NEAP_FD_BORROWED);
    for (int i = 0; i < 3; i++) {
        probe *reader = waiter(on, &p.fd, NEAP_IN);
        if (i == 0) peer_sends(&p, "abc"); // which nobody reads
        expect_woken(on, reader, NEAP_WAKE_READY);
        expect_silence(on);
    }
    close_pair(&p);
}

static void a_borrowed_one_that_nobody_waits_for_is_silent(void **state) {
    stage *on = *state; // N7
    pair p;
    open_pair(&p, on, NEAP_FD_BORROWED);
    peer_sends(&p, "abc");
    expect_silence(on);
    close_pair(&p);
}

static void the_other_direction_of_a_borrowed_one_goes_on(void **state) {
    stage *on = *state; // N2
    pair p;
    open_pair(&p, on, NEAP_FD_BORROWED);
    fill(&p);
    probe *reader = waiter(on, &p.fd, NEAP_IN);
    probe *writer = waiter(on, &p.fd, NEAP_OUT);
    peer_sends(&p, "abc");
    expect_woken(on, reader, NEAP_WAKE_READY);
    expect_waiting(writer);
    drain_peer(&p);
    expect_woken(on, writer, NEAP_WAKE_READY);
    close_pair(&p);
}

static void a_borrowed_pipe_hangs_up(void **state) {
    stage *on = *state; // I11
    int ends[2];
    neap_fd fd;
    assert_int_equal(neap_sys_pipe(ends), 0);
    watch(&fd, on, ends[0], NEAP_FD_BORROWED);
    probe *reader = waiter(on, &fd, NEAP_IN);
    look(on);
    expect_waiting(reader);
    neap_sys_close(ends[1]);
    expect_woken(on, reader, NEAP_WAKE_READY);
    look(on);
    expect_silence(on); // though it hangs still
    expect_woken(on, waiter(on, &fd, NEAP_IN), NEAP_WAKE_READY);
    close_fd(&fd);
}

static void
a_borrowed_number_that_was_closed_cannot_be_waited_for(void **state) {
    stage *on = *state; // N6, N8
    pair p;
    bool settled;
    open_pair(&p, on, NEAP_FD_BORROWED);
    neap_sys_close(p.fd.number);
    probe *one = stage_probe(on, 'w', NULL);
    assert_int_equal(neap_fd_wait(&p.fd, NEAP_IN, &one->task), -EBADF);
    assert_int_equal(one->task.state, NEAP_TASK_IDLE);
    neap_fd_close(&p.fd, &settled);
    close_peer(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_STAGE(what_was_there_before_is_reported),
        ON_STAGE(data_wakes_a_reader),
        ON_STAGE(room_wakes_a_writer),
        ON_STAGE(a_reader_and_a_writer_are_served_apart),
        ON_STAGE(room_does_not_wake_a_reader),
        ON_STAGE(what_nobody_waits_for_does_not_end_waits),
        ON_STAGE(every_new_edge_is_reported),
        ON_STAGE(a_connection_wakes_an_acceptor),
        ON_STAGE(a_connection_made_or_refused_wakes_who_connects),
        ON_STAGE(a_lost_peer_wakes_both_directions),
        ON_STAGE(data_comes_before_the_end_and_the_end_for_ever),
        ON_STAGE(an_end_that_comes_later_is_an_edge_of_its_own),
        ON_STAGE(files_and_folders_are_refused),
        ON_STAGE(numbers_that_are_closed_are_refused),
        ON_STAGE(a_borrowed_one_reports_once_for_each_wait),
        ON_STAGE(a_borrowed_one_that_nobody_waits_for_is_silent),
        ON_STAGE(the_other_direction_of_a_borrowed_one_goes_on),
        ON_STAGE(a_borrowed_pipe_hangs_up),
        ON_STAGE(a_borrowed_number_that_was_closed_cannot_be_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
