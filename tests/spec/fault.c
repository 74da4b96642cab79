// SPDX-License-Identifier: MIT
// Fault: socket calls that fail, and threads that do not start, preloaded into
// a command by tests/spec/net_faults_spec.lua and others.
//
//     FAULT="accept4 103 2 0"  the first two calls of accept4 give errno 103
//     FAULT="connect 106 1 1"  the second call of connect gives EISCONN
//     FAULT="connect 4 1 0"    a connect that EINTR breaks goes on
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static char name[32]; // of the call that fails
static int number;    // its errno
static int left;      // how often yet
static int skipped;   // calls that go well before it

__attribute__((constructor)) static void read_fault(void) {
    const char *fault = getenv("FAULT");
    if (!fault ||
        sscanf(fault, "%31s %d %d %d", name, &number, &left, &skipped) != 4)
        left = 0;
}

static int fails(const char *call) {
    if (left == 0 || strcmp(call, name) != 0) return 0;
    if (skipped > 0) return skipped--, 0;
    left--;
    errno = number;
    return 1;
}

// The C library's parameters have names that no program may use.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)

#define REAL(call) ((__typeof__(&call))dlsym(RTLD_NEXT, #call))

int pthread_create(pthread_t *thread, const pthread_attr_t *how,
                   void *(*run)(void *), void *arg) {
    if (fails("pthread_create")) return number;
    return REAL(pthread_create)(thread, how, run, arg);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) {
    if (fails("accept4")) return -1;
    return REAL(accept4)(fd, address, size, flags);
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
    int fail = fails("connect");
    if (fail && number != EINTR) return -1;
    int rc = REAL(connect)(fd, address, size);
    if (fail) errno = EINTR;
    return fail ? -1 : rc;
}

int socket(int family, int type, int protocol) {
    if (fails("socket")) return -1;
    return REAL(socket)(family, type, protocol);
}

int bind(int fd, const struct sockaddr *address, socklen_t size) {
    if (fails("bind")) return -1;
    return REAL(bind)(fd, address, size);
}

int listen(int fd, int backlog) {
    if (fails("listen")) return -1;
    return REAL(listen)(fd, backlog);
}

ssize_t recv(int fd, void *bytes, size_t size, int flags) {
    if (fails("recv")) return -1;
    return REAL(recv)(fd, bytes, size, flags);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
    if (fails("send")) return -1;
    return REAL(send)(fd, bytes, size, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    if (fails("recvmsg")) return -1;
    return REAL(recvmsg)(fd, message, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    if (fails("sendmsg")) return -1;
    return REAL(sendmsg)(fd, message, flags);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)
