// SPDX-License-Identifier: MIT
// Sys: results and -errno, no signal, nothing that blocks or is inherited.
//
// The calls that sys.c must repeat after a signal are defined here in place of
// the C library's, so that each can be interrupted as often as a test wants.
#define _DEFAULT_SOURCE // not _GNU_SOURCE: it gives connect another type
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "bindings/sys.h"

// ---- interrupted calls

static int signals_left; // how many of the next calls are interrupted

static bool interrupted(void) {
    if (signals_left == 0) return false;
    signals_left--;
    errno = EINTR;
    return true;
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
ssize_t recv(int fd, void *bytes, size_t size, int flags) {
    if (interrupted()) return -1;
    return syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
    if (interrupted()) return -1;
    return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    if (interrupted()) return -1;
    return syscall(SYS_recvmsg, fd, message, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    if (interrupted()) return -1;
    return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t read(int fd, void *bytes, size_t size) {
    if (interrupted()) return -1;
    return syscall(SYS_read, fd, bytes, size);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    if (interrupted()) return -1;
    return syscall(SYS_write, fd, bytes, size);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) {
    if (interrupted()) return -1;
    return (int)syscall(SYS_accept4, fd, address, size, flags);
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
    if (interrupted()) return -1;
    return (int)syscall(SYS_connect, fd, address, size);
}

int poll(struct pollfd *fds, nfds_t count, int timeout) {
    struct timespec time = {.tv_nsec = timeout * 1000000L};
    if (interrupted()) return -1;
    return (int)syscall(SYS_ppoll, fds, count, &time, NULL, 0);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)

// ---- helpers

static void open_pair(int pair[2]) {
    assert_int_equal(neap_sys_socketpair(pair), 0);
}

static void close_pair(const int pair[2]) {
    assert_int_equal(neap_sys_close(pair[0]), 0);
    assert_int_equal(neap_sys_close(pair[1]), 0);
}

static void expect_private(int fd) {
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

// A loopback address with a port of the system's choice.
static struct sockaddr_in loopback(void) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

// Binds to it, and fills in the port.
static int bound(struct sockaddr_in *address) {
    unsigned size = sizeof *address;
    int fd = neap_sys_socket(AF_INET, SOCK_STREAM);
    *address = loopback();
    assert_int_equal(neap_sys_bind(fd, (struct sockaddr *)address, size), 0);
    assert_int_equal(neap_sys_getname(fd, false, address, &size), 0);
    assert_int_not_equal(address->sin_port, 0);
    return fd;
}

static int dial(const struct sockaddr_in *address) {
    int fd = neap_sys_socket(AF_INET, SOCK_STREAM);
    int rc =
        neap_sys_connect(fd, (const struct sockaddr *)address, sizeof *address);
    assert_true(rc == 0 || rc == -EINPROGRESS);
    return fd;
}

// ---- transfers

static void bytes_go_through(void **state) {
    (void)state;
    int pair[2];
    char bytes[8];
    open_pair(pair);
    assert_int_equal(neap_sys_send(pair[0], "abc", 3), 3);
    assert_int_equal(neap_sys_recv(pair[1], bytes, sizeof bytes), 3);
    assert_memory_equal(bytes, "abc", 3);
    close_pair(pair);
}

// Its flag is shared with whoever else has it open, so it is not touched.
static void an_adopted_descriptor_that_blocks_does_not_block_us(void **state) {
    (void)state;
    int pair[2];
    char byte;
    static char many[1 << 20];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(neap_sys_recv(pair[0], &byte, 1), -EAGAIN);
    while (neap_sys_send(pair[0], many, sizeof many) > 0) continue;
    assert_int_equal(neap_sys_send(pair[0], many, 1), -EAGAIN);
    close_pair(pair);
}

static void the_end_of_a_stream_is_nothing(void **state) {
    (void)state; // N9, N10
    int pair[2];
    char byte;
    open_pair(pair);
    assert_int_equal(neap_sys_shutdown(pair[0], SHUT_WR), 0);
    errno = EINTR; // of some call before
    assert_int_equal(neap_sys_recv(pair[1], &byte, 1), 0);
    assert_int_equal(neap_sys_send(pair[1], "x", 1), 1); // the other half
    assert_int_equal(neap_sys_recv(pair[0], &byte, 1), 1);
    close_pair(pair);
}

static void a_broken_pipe_is_a_value(void **state) {
    (void)state; // N11
    int pair[2];
    signal(SIGPIPE, SIG_DFL);
    open_pair(pair);
    neap_sys_shutdown(pair[0], SHUT_WR);
    assert_int_equal(neap_sys_send(pair[0], "x", 1), -EPIPE);
    close_pair(pair);
}

static void signals_do_not_end_a_transfer(void **state) {
    (void)state; // I2
    int pair[2];
    char byte;
    open_pair(pair);
    signals_left = 3;
    assert_int_equal(neap_sys_send(pair[0], "x", 1), 1);
    signals_left = 3;
    assert_int_equal(neap_sys_recv(pair[1], &byte, 1), 1);
    signals_left = 3;
    assert_int_equal(neap_sys_ready(pair[0], true), 1);
    assert_int_equal(signals_left, 0);
    close_pair(pair);
}

static void what_is_no_socket_is_read_and_written(void **state) {
    (void)state;
    int pair[2];
    char byte;
    assert_int_equal(neap_sys_pipe(pair), 0);
    signals_left = 3; // I2
    assert_int_equal(neap_sys_write(pair[1], "x", 1), 1);
    signals_left = 3;
    assert_int_equal(neap_sys_read(pair[0], &byte, 1), 1);
    assert_int_equal(signals_left, 0);
    assert_int_equal(neap_sys_read(pair[0], &byte, 1), -EAGAIN);
    assert_int_equal(neap_sys_write(pair[0], "x", 1), -EBADF);
    close_pair(pair);
}

static void what_is_no_descriptor_is_an_error(void **state) {
    (void)state; // N8
    char byte;
    int value;
    assert_int_equal(neap_sys_recv(-1, &byte, 1), -EBADF);
    assert_int_equal(neap_sys_send(-1, "x", 1), -EBADF);
    assert_int_equal(neap_sys_listen(-1, 1), -EBADF);
    assert_int_equal(neap_sys_read(-1, &byte, 1), -EBADF);
    assert_int_equal(neap_sys_write(-1, "x", 1), -EBADF);
    assert_int_equal(neap_sys_ready(INT32_MAX, false), -EBADF);
    assert_int_equal(neap_sys_shutdown(-1, SHUT_RD), -EBADF);
    assert_int_equal(neap_sys_blocks(-1), -EBADF);
    assert_int_equal(neap_sys_close(INT32_MAX), -EBADF);
    assert_int_equal(neap_sys_getopt(-1, SOL_SOCKET, SO_ERROR, &value), -EBADF);
    assert_int_equal(neap_sys_setopt(-1, SOL_SOCKET, SO_KEEPALIVE, 1), -EBADF);
}

// ---- datagrams

static struct msghdr message_of(struct iovec *bytes) {
    return (struct msghdr){.msg_iov = bytes, .msg_iovlen = 1};
}

static void datagrams_go_through_whole_or_say_so(void **state) {
    (void)state; // N28, N30, I2
    int pair[2];
    char text[] = "abc", room[2];
    struct iovec from = {text, 3}, into = {room, 2};
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    struct msghdr out = message_of(&from), in = message_of(&into);
    assert_int_equal(neap_sys_recvmsg(pair[1], &in), -EAGAIN);
    signals_left = 3;
    assert_int_equal(neap_sys_sendmsg(pair[0], &out), 3);
    from.iov_len = 0;
    assert_int_equal(neap_sys_sendmsg(pair[0], &out), 0);
    signals_left = 3;
    assert_int_equal(neap_sys_recvmsg(pair[1], &in), 2);
    assert_true(in.msg_flags & MSG_TRUNC);
    assert_memory_equal(room, "ab", 2);
    assert_int_equal(neap_sys_recvmsg(pair[1], &in), 0);
    assert_false(in.msg_flags & MSG_TRUNC);
    assert_int_equal(signals_left, 0);
    close_pair(pair);
}

static void a_datagram_without_a_taker_is_an_error(void **state) {
    (void)state; // N8, N11
    int pair[2];
    char text[] = "abc";
    struct iovec bytes = {text, 3};
    struct msghdr message = message_of(&bytes);
    assert_int_equal(neap_sys_sendmsg(-1, &message), -EBADF);
    assert_int_equal(neap_sys_recvmsg(-1, &message), -EBADF);
    signal(SIGPIPE, SIG_DFL);
    open_pair(pair);
    neap_sys_shutdown(pair[0], SHUT_WR);
    assert_int_equal(neap_sys_sendmsg(pair[0], &message), -EPIPE);
    close_pair(pair);
}

// ---- new descriptors

static void new_descriptors_neither_block_nor_are_inherited(void **state) {
    (void)state;
    int pair[2], fd = neap_sys_socket(AF_INET, SOCK_STREAM);
    expect_private(fd);
    neap_sys_close(fd);
    open_pair(pair);
    expect_private(pair[0]);
    expect_private(pair[1]);
    close_pair(pair);
    assert_int_equal(neap_sys_pipe(pair), 0);
    expect_private(pair[0]);
    expect_private(pair[1]);
    close_pair(pair);
}

// poll refuses to look at more descriptors than there may be.
static void without_room_for_descriptors_there_are_none(void **state) {
    (void)state; // N20
    struct rlimit limit, none;
    int pair[2], rc[3];
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    rc[0] = neap_sys_socket(AF_INET, SOCK_STREAM);
    rc[1] = neap_sys_socketpair(pair);
    rc[2] = neap_sys_pipe(pair);
    int ready = neap_sys_ready(0, false);
    setrlimit(RLIMIT_NOFILE, &limit);
    if (ready >= 0) skip(); // under valgrind a limit does not reach the kernel
    assert_int_equal(ready, -EINVAL);
    for (int i = 0; i < 3; i++) assert_int_equal(rc[i], -EMFILE);
}

static void whether_a_read_may_block_can_be_asked(void **state) {
    (void)state;
    int pair[2];
    open_pair(pair);
    assert_int_equal(neap_sys_blocks(pair[0]), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, 0), 0);
    assert_int_equal(neap_sys_blocks(pair[0]), 1);
    close_pair(pair);
    assert_int_equal(pipe(pair), 0); // whose reading end has no flag at all
    assert_int_equal(neap_sys_blocks(pair[0]), 1);
    close_pair(pair);
}

static void readiness_can_be_asked_without_waiting(void **state) {
    (void)state;
    int pair[2];
    open_pair(pair);
    assert_int_equal(neap_sys_ready(pair[0], false), 0);
    assert_int_equal(neap_sys_ready(pair[0], true), 1);
    neap_sys_send(pair[1], "x", 1);
    assert_int_equal(neap_sys_ready(pair[0], false), 1);
    close_pair(pair);
}

// ---- connections

static void a_connection_is_accepted_with_its_address(void **state) {
    (void)state;
    struct sockaddr_in here, there, who;
    unsigned size = sizeof who;
    int listener = bound(&here);
    assert_int_equal(neap_sys_listen(listener, 5), 0);
    assert_int_equal(neap_sys_accept(listener, &who, &size), -EAGAIN); // N21
    int client = dial(&here);
    signals_left = 2; // I2
    int server = neap_sys_accept(listener, &who, &size);
    expect_private(server);
    size = sizeof there;
    assert_int_equal(neap_sys_getname(client, false, &there, &size), 0);
    assert_int_equal(who.sin_port, there.sin_port);
    size = sizeof there;
    assert_int_equal(neap_sys_getname(client, true, &there, &size), 0);
    assert_int_equal(here.sin_port, there.sin_port);
    neap_sys_close(server);
    neap_sys_close(client);
    neap_sys_close(listener);
}

static void a_refused_connection_says_so(void **state) {
    (void)state; // N22
    struct sockaddr_in here;
    int error = 0, free_port = bound(&here);
    neap_sys_close(free_port); // nobody listens there
    int client = neap_sys_socket(AF_INET, SOCK_STREAM);
    int rc = neap_sys_connect(client, (struct sockaddr *)&here, sizeof here);
    if (rc == -EINPROGRESS) {
        assert_int_equal(neap_sys_ready(client, true), 1); // loopback: at once
        neap_sys_getopt(client, SOL_SOCKET, SO_ERROR, &error);
        rc = -error;
    }
    assert_int_equal(rc, -ECONNREFUSED);
    neap_sys_close(client);
}

static void an_interrupted_connection_goes_on(void **state) {
    (void)state; // N22
    struct sockaddr_in here;
    int listener = bound(&here);
    int client = neap_sys_socket(AF_INET, SOCK_STREAM);
    signals_left = 1;
    int rc = neap_sys_connect(client, (struct sockaddr *)&here, sizeof here);
    assert_int_equal(rc, -EINPROGRESS);
    neap_sys_close(client);
    neap_sys_close(listener);
}

static void an_address_in_use_is_refused(void **state) {
    (void)state; // N25
    struct sockaddr_in here;
    int first = bound(&here);
    assert_int_equal(neap_sys_listen(first, 1), 0);
    int second = neap_sys_socket(AF_INET, SOCK_STREAM);
    int rc = neap_sys_bind(second, (struct sockaddr *)&here, sizeof here);
    assert_int_equal(rc, -EADDRINUSE);
    neap_sys_close(second);
    neap_sys_close(first);
}

static void who_is_not_connected_has_no_peer(void **state) {
    (void)state; // N32
    struct sockaddr_in who;
    unsigned size = sizeof who;
    int fd = neap_sys_socket(AF_INET, SOCK_STREAM);
    assert_int_equal(neap_sys_getname(fd, true, &who, &size), -ENOTCONN);
    assert_int_equal(neap_sys_shutdown(fd, SHUT_RDWR), -ENOTCONN);
    neap_sys_close(fd);
}

static void options_are_set_and_got(void **state) {
    (void)state;
    int value = 0, fd = neap_sys_socket(AF_INET, SOCK_STREAM);
    assert_int_equal(neap_sys_setopt(fd, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
    assert_int_equal(neap_sys_getopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value), 0);
    assert_int_equal(value, 1);
    neap_sys_close(fd);
}

static void a_file_is_looked_at_and_removed_once(void **state) {
    (void)state; // N31
    char path[] = "/tmp/neap-test-XXXXXX";
    struct stat about;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    neap_sys_close(fd);
    assert_int_equal(neap_sys_lstat(path, &about), 0);
    assert_true(S_ISREG(about.st_mode));
    assert_int_equal(neap_sys_unlink(path), 0);
    assert_int_equal(neap_sys_unlink(path), -ENOENT);
    assert_int_equal(neap_sys_lstat(path, &about), -ENOENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_through),
        cmocka_unit_test(an_adopted_descriptor_that_blocks_does_not_block_us),
        cmocka_unit_test(the_end_of_a_stream_is_nothing),
        cmocka_unit_test(a_broken_pipe_is_a_value),
        cmocka_unit_test(signals_do_not_end_a_transfer),
        cmocka_unit_test(what_is_no_socket_is_read_and_written),
        cmocka_unit_test(what_is_no_descriptor_is_an_error),
        cmocka_unit_test(datagrams_go_through_whole_or_say_so),
        cmocka_unit_test(a_datagram_without_a_taker_is_an_error),
        cmocka_unit_test(new_descriptors_neither_block_nor_are_inherited),
        cmocka_unit_test(without_room_for_descriptors_there_are_none),
        cmocka_unit_test(whether_a_read_may_block_can_be_asked),
        cmocka_unit_test(readiness_can_be_asked_without_waiting),
        cmocka_unit_test(a_connection_is_accepted_with_its_address),
        cmocka_unit_test(a_refused_connection_says_so),
        cmocka_unit_test(an_interrupted_connection_goes_on),
        cmocka_unit_test(an_address_in_use_is_refused),
        cmocka_unit_test(who_is_not_connected_has_no_peer),
        cmocka_unit_test(options_are_set_and_got),
        cmocka_unit_test(a_file_is_looked_at_and_removed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
