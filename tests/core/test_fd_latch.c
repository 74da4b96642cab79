// SPDX-License-Identifier: MIT
// Fd: what each attempt teaches the latch, on real sockets.
//
// The latch says "may be ready". The fake poller reports what the test says,
// so that a latch is up or down for a reason that stands in the test.
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bindings/sys.h"
#include "tests/core/fake.h"

enum { LARGE = 1 << 20 }; // more than a socket's buffer takes at once

typedef struct pair {
    neap_fd fd; // our end
    int peer;   // the other
} pair;

static void open_pair(pair *p, stage *on, neap_fd_kind kind) {
    int ends[2];
    assert_int_equal(neap_sys_socketpair(ends), 0);
    assert_int_equal(neap_fd_open(&p->fd, &on->loop, ends[0], kind), 0);
    p->peer = ends[1];
}

static void close_pair(pair *p) {
    bool settled;
    int number = neap_fd_close(&p->fd, &settled);
    assert_int_equal(neap_sys_close(number), 0);
    if (p->peer >= 0) neap_sys_close(p->peer);
}

static void peer_sends(const pair *p, const char *text) {
    ssize_t size = (ssize_t)strlen(text);
    assert_int_equal(neap_sys_send(p->peer, text, (size_t)size), size);
}

static void peer_closes(pair *p) {
    neap_sys_close(p->peer);
    p->peer = -1;
}

static void expect_recv(pair *p, size_t size, const char *text) {
    char bytes[64];
    assert_int_equal(neap_fd_recv(&p->fd, bytes, size), strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

// ---- at first

static void a_fresh_fd_may_send_but_has_nothing_to_read(void **state) {
    pair p;
    open_pair(&p, *state, NEAP_FD_STREAM);
    assert_false(p.fd.latch[NEAP_IN]);
    assert_true(p.fd.latch[NEAP_OUT]);
    close_pair(&p);
}

static void of_a_borrowed_one_nothing_is_known(void **state) {
    pair p;
    open_pair(&p, *state, NEAP_FD_BORROWED);
    assert_false(p.fd.latch[NEAP_IN] || p.fd.latch[NEAP_OUT]);
    close_pair(&p);
}

// ---- receiving

static void what_would_block_lowers_the_latch(void **state) {
    pair p; // N34: readiness without data
    char byte;
    open_pair(&p, *state, NEAP_FD_STREAM);
    neap_fd_event(&p.fd, NEAP_EVENT_IN);
    assert_true(p.fd.latch[NEAP_IN]);
    assert_int_equal(neap_fd_recv(&p.fd, &byte, 1), -EAGAIN);
    assert_false(p.fd.latch[NEAP_IN]);
    assert_true(p.fd.latch[NEAP_OUT]); // the other direction is its own
    close_pair(&p);
}

static void a_full_transfer_keeps_the_latch(void **state) {
    pair p;
    open_pair(&p, *state, NEAP_FD_STREAM);
    peer_sends(&p, "abcdef");
    neap_fd_event(&p.fd, NEAP_EVENT_IN);
    expect_recv(&p, 3, "abc");
    assert_true(p.fd.latch[NEAP_IN]);
    expect_recv(&p, 3, "def"); // all of it, but who knows
    assert_true(p.fd.latch[NEAP_IN]);
    close_pair(&p);
}

static void a_short_transfer_of_a_stream_lowers_it(void **state) {
    pair p;
    open_pair(&p, *state, NEAP_FD_STREAM);
    peer_sends(&p, "a");
    neap_fd_event(&p.fd, NEAP_EVENT_IN);
    expect_recv(&p, 10, "a");
    assert_false(p.fd.latch[NEAP_IN]);
    close_pair(&p);
}

static void a_short_datagram_does_not(void **state) {
    pair p;
    open_pair(&p, *state, NEAP_FD_PACKET);
    peer_sends(&p, "abc");
    neap_fd_event(&p.fd, NEAP_EVENT_IN);
    expect_recv(&p, 10, "abc");
    assert_true(p.fd.latch[NEAP_IN]);
    close_pair(&p);
}

static ssize_t take_packet(neap_fd *fd, struct msghdr *message) {
    ssize_t n = neap_sys_recvmsg(fd->number, message);
    return neap_fd_learn(fd, NEAP_IN, n, 0);
}

static ssize_t give_packet(neap_fd *fd, const struct msghdr *message) {
    ssize_t n = neap_sys_sendmsg(fd->number, message);
    return neap_fd_learn(fd, NEAP_OUT, n, 0);
}

static void datagrams_keep_it_until_none_is_left(void **state) {
    pair p; // N30, N34
    char room[8];
    struct iovec bytes = {room, sizeof room};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    int ends[2];
    stage *on = *state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    neap_fd_open(&p.fd, &on->loop, ends[0], NEAP_FD_PACKET);
    p.peer = ends[1];
    assert_int_equal(send(p.peer, "", 0, 0), 0);
    peer_sends(&p, "abc");
    neap_fd_event(&p.fd, NEAP_EVENT_IN); // one edge for both
    assert_int_equal(take_packet(&p.fd, &message), 0);
    assert_true(p.fd.latch[NEAP_IN]);
    assert_int_equal(take_packet(&p.fd, &message), 3);
    assert_true(p.fd.latch[NEAP_IN]);
    assert_int_equal(take_packet(&p.fd, &message), -EAGAIN);
    assert_false(p.fd.latch[NEAP_IN]);
    close_pair(&p);
}

static void what_is_full_for_datagrams_lowers_it(void **state) {
    pair p; // N12
    char room[8] = "x";
    struct iovec bytes = {room, 1};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    int ends[2], rc;
    stage *on = *state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    neap_fd_open(&p.fd, &on->loop, ends[0], NEAP_FD_PACKET);
    p.peer = ends[1];
    do {
        assert_true(p.fd.latch[NEAP_OUT]);
        rc = (int)give_packet(&p.fd, &message);
    } while (rc == 1);
    assert_int_equal(rc, -EAGAIN);
    assert_false(p.fd.latch[NEAP_OUT]);
    close_pair(&p);
}

// Data and end of stream shared an edge: there will be no other.
static void after_a_hang_up_a_short_transfer_keeps_the_latch(void **state) {
    pair p; // N9
    char byte;
    open_pair(&p, *state, NEAP_FD_STREAM);
    peer_sends(&p, "abc");
    peer_closes(&p);
    neap_fd_event(&p.fd, NEAP_EVENT_IN | NEAP_EVENT_HUP);
    expect_recv(&p, 10, "abc");
    for (int i = 0; i < 3; i++) { // the end, for ever
        assert_true(p.fd.latch[NEAP_IN]);
        assert_int_equal(neap_fd_recv(&p.fd, &byte, 1), 0);
    }
    close_pair(&p);
}

static void the_end_of_a_stream_keeps_the_latch(void **state) {
    pair p; // N9
    char byte;
    open_pair(&p, *state, NEAP_FD_STREAM);
    peer_closes(&p);
    neap_fd_event(&p.fd, NEAP_EVENT_IN);
    assert_int_equal(neap_fd_recv(&p.fd, &byte, 1), 0);
    assert_true(p.fd.latch[NEAP_IN]);
    close_pair(&p);
}

static void an_error_keeps_the_latch(void **state) {
    int ends[2]; // whoever waits next shall find the error too
    char byte;
    stage *on = *state;
    neap_fd fd;
    assert_int_equal(neap_sys_pipe(ends), 0); // recv: not a socket
    neap_fd_open(&fd, &on->loop, ends[0], NEAP_FD_STREAM);
    neap_fd_event(&fd, NEAP_EVENT_IN);
    assert_int_equal(neap_fd_recv(&fd, &byte, 1), -ENOTSOCK);
    assert_true(fd.latch[NEAP_IN]);
    bool settled;
    neap_sys_close(neap_fd_close(&fd, &settled));
    neap_sys_close(ends[1]);
}

// ---- sending

static void a_full_buffer_lowers_the_latch_once(void **state) {
    pair p; // N12
    static char bytes[LARGE];
    open_pair(&p, *state, NEAP_FD_STREAM);
    ssize_t n = neap_fd_send(&p.fd, bytes, LARGE);
    assert_true(n > 0 && n < LARGE);
    assert_false(p.fd.latch[NEAP_OUT]);
    assert_int_equal(neap_fd_send(&p.fd, bytes, 1), -EAGAIN);
    assert_false(p.fd.latch[NEAP_OUT]);
    close_pair(&p);
}

static void what_went_out_whole_keeps_the_latch(void **state) {
    pair p;
    open_pair(&p, *state, NEAP_FD_STREAM);
    assert_int_equal(neap_fd_send(&p.fd, "abc", 3), 3);
    assert_true(p.fd.latch[NEAP_OUT]);
    close_pair(&p);
}

static void a_lost_peer_is_a_value_and_no_signal(void **state) {
    pair p; // N11
    signal(SIGPIPE, SIG_DFL);
    open_pair(&p, *state, NEAP_FD_STREAM);
    peer_closes(&p);
    assert_int_equal(neap_fd_send(&p.fd, "abc", 3), -EPIPE);
    assert_true(p.fd.latch[NEAP_OUT]);
    close_pair(&p);
}

// ---- accepting

typedef struct listener {
    neap_fd fd;
    struct sockaddr_un address; // an abstract one: no file
    socklen_t size;
} listener;

static void open_listener(listener *l, stage *on) {
    int number = neap_sys_socket(AF_UNIX, SOCK_STREAM);
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    assert_true(number >= 0);
    l->size = sizeof l->address;
    neap_sys_bind(number, (struct sockaddr *)&any, sizeof any.sun_family);
    assert_int_equal(neap_sys_getname(number, false, &l->address, &l->size), 0);
    assert_int_equal(neap_sys_listen(number, 10), 0);
    assert_int_equal(neap_fd_open(&l->fd, &on->loop, number, NEAP_FD_PACKET),
                     0);
}

static void close_listener(listener *l) {
    bool settled;
    neap_sys_close(neap_fd_close(&l->fd, &settled));
}

static int dial(const listener *l) {
    int number = neap_sys_socket(AF_UNIX, SOCK_STREAM);
    const struct sockaddr *to = (const struct sockaddr *)&l->address;
    assert_int_equal(neap_sys_connect(number, to, l->size), 0);
    return number;
}

static int take(listener *l) {
    struct sockaddr_un who;
    unsigned size = sizeof who;
    return neap_fd_accept(&l->fd, &who, &size);
}

static void accepting_keeps_the_latch_until_nobody_is_left(void **state) {
    listener l; // N19, N21
    int ends[4];
    open_listener(&l, *state);
    for (int i = 0; i < 2; i++) ends[i] = dial(&l);
    neap_fd_event(&l.fd, NEAP_EVENT_IN); // one edge for both
    for (int i = 2; i < 4; i++) {
        ends[i] = take(&l);
        assert_true(ends[i] >= 0);
        assert_true(l.fd.latch[NEAP_IN]);
    }
    assert_int_equal(take(&l), -EAGAIN);
    assert_false(l.fd.latch[NEAP_IN]);
    for (int i = 0; i < 4; i++) neap_sys_close(ends[i]);
    close_listener(&l);
}

static void each_acceptor_wakes_the_next(void **state) {
    stage *on = *state; // N1
    listener l;
    int clients[2], taken[2];
    open_listener(&l, on);
    probe *a = stage_probe(on, 'a', NULL), *b = stage_probe(on, 'b', NULL);
    neap_fd_wait(&l.fd, NEAP_IN, &a->task);
    neap_fd_wait(&l.fd, NEAP_IN, &b->task);
    for (int i = 0; i < 2; i++) clients[i] = dial(&l);
    neap_fd_event(&l.fd, NEAP_EVENT_IN);
    assert_int_equal(b->task.state, NEAP_TASK_WAITING);
    taken[0] = take(&l); // as a does, once it runs
    neap_fd_pass(&l.fd, NEAP_IN);
    assert_int_equal(b->task.state, NEAP_TASK_READY);
    taken[1] = take(&l);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(neap_sys_close(taken[i]), 0);
        neap_sys_close(clients[i]);
    }
    close_listener(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FAKES(a_fresh_fd_may_send_but_has_nothing_to_read),
        ON_FAKES(of_a_borrowed_one_nothing_is_known),
        ON_FAKES(what_would_block_lowers_the_latch),
        ON_FAKES(a_full_transfer_keeps_the_latch),
        ON_FAKES(a_short_transfer_of_a_stream_lowers_it),
        ON_FAKES(a_short_datagram_does_not),
        ON_FAKES(datagrams_keep_it_until_none_is_left),
        ON_FAKES(what_is_full_for_datagrams_lowers_it),
        ON_FAKES(after_a_hang_up_a_short_transfer_keeps_the_latch),
        ON_FAKES(the_end_of_a_stream_keeps_the_latch),
        ON_FAKES(an_error_keeps_the_latch),
        ON_FAKES(a_full_buffer_lowers_the_latch_once),
        ON_FAKES(what_went_out_whole_keeps_the_latch),
        ON_FAKES(a_lost_peer_is_a_value_and_no_signal),
        ON_FAKES(accepting_keeps_the_latch_until_nobody_is_left),
        ON_FAKES(each_acceptor_wakes_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
