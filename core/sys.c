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

int neap_sys_accept(int fd, void *address, unsigned *size) {
    int rc;
    assert(address && size);
    RETRY(rc, accept4(fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return outcome(rc);
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
