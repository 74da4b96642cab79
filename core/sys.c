// SPDX-License-Identifier: MIT
// Sys: errno turned into results, and nothing else (see sys.h).
//
// MSG_DONTWAIT stands in each transfer, so that an adopted descriptor need not
// be made non-blocking: that flag is shared with whoever else has it open.
#define _GNU_SOURCE
#include "core/sys.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

// Repeats a call while signals interrupt it.
#define RETRY(result, call) \
    do result = (call);     \
    while (result < 0 && errno == EINTR)

// EWOULDBLOCK and EAGAIN are one number on the systems that we build for.
static int outcome(int rc) { return rc < 0 ? -errno : rc; }

ssize_t neap_sys_recv(int fd, void *bytes, size_t size) {
    ssize_t n;
    assert(size > 0);
    RETRY(n, recv(fd, bytes, size, MSG_DONTWAIT));
    return n < 0 ? -errno : n;
}

ssize_t neap_sys_send(int fd, const void *bytes, size_t size) {
    ssize_t n;
    assert(size > 0);
    RETRY(n, send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL));
    return n < 0 ? -errno : n;
}

ssize_t neap_sys_recvmsg(int fd, struct msghdr *message) {
    ssize_t n;
    assert(message);
    RETRY(n, recvmsg(fd, message, MSG_DONTWAIT));
    return n < 0 ? -errno : n;
}

ssize_t neap_sys_sendmsg(int fd, const struct msghdr *message) {
    ssize_t n;
    assert(message);
    RETRY(n, sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL));
    return n < 0 ? -errno : n;
}

int neap_sys_socket(int family, int type) {
    return outcome(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int neap_sys_socketpair(int pair[2]) {
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    return outcome(socketpair(AF_UNIX, type, 0, pair));
}

int neap_sys_accept(int fd, void *address, unsigned *size) {
    int rc;
    assert(address && size);
    RETRY(rc, accept4(fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return outcome(rc);
}

int neap_sys_bind(int fd, const struct sockaddr *address, unsigned size) {
    return outcome(bind(fd, address, size));
}

int neap_sys_listen(int fd, int backlog) {
    return outcome(listen(fd, backlog));
}

// Interrupted, the attempt goes on in the background: -EINPROGRESS.
int neap_sys_connect(int fd, const struct sockaddr *address, unsigned size) {
    int rc = outcome(connect(fd, address, size));
    return rc == -EINTR ? -EINPROGRESS : rc;
}

int neap_sys_shutdown(int fd, int how) { return outcome(shutdown(fd, how)); }

int neap_sys_getname(int fd, bool peer, void *address, unsigned *size) {
    assert(address && size);
    return outcome(peer ? getpeername(fd, address, size)
                        : getsockname(fd, address, size));
}

int neap_sys_getopt(int fd, int level, int option, int *value) {
    socklen_t size = sizeof *value;
    assert(value);
    return outcome(getsockopt(fd, level, option, value, &size));
}

int neap_sys_setopt(int fd, int level, int option, int value) {
    return outcome(setsockopt(fd, level, option, &value, sizeof value));
}

// Not repeated: after EINTR Linux has closed it, and the number may be reused.
int neap_sys_close(int fd) {
    assert(fd >= 0);
    return outcome(close(fd));
}

int neap_sys_ready(int fd, bool writing) {
    struct pollfd one = {.fd = fd, .events = writing ? POLLOUT : POLLIN};
    int rc;
    RETRY(rc, poll(&one, 1, 0));
    return rc > 0 && one.revents & POLLNVAL ? -EBADF : outcome(rc);
}

int neap_sys_pipe(int pair[2]) {
    assert(pair);
    return outcome(pipe2(pair, O_NONBLOCK | O_CLOEXEC));
}

int neap_sys_thread(void *(*run)(void *), void *arg) {
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); // a thread inherits it
    int rc = pthread_create(&thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc ? -rc : -pthread_detach(thread);
}
