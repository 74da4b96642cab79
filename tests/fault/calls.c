// SPDX-License-Identifier: MIT
// Calls: each system call, struck, trickled, or as it is (fault.h).
#include "tests/fault/fault.h"

#include <stdarg.h>
#include <string.h>

#define STRUCK(call) fault_strikes(#call)

// ---- sockets

int fault_socket(int family, int type, int protocol) {
    return STRUCK(socket) ? -1 : socket(family, type, protocol);
}

int fault_socketpair(int family, int type, int protocol, int pair[2]) {
    return STRUCK(socketpair) ? -1 : socketpair(family, type, protocol, pair);
}

// The failure of a transfer may have swallowed an edge.
static int fail_ready(int fd) {
    fault_rearm(fd);
    return -1;
}

int fault_accept4(int fd, struct sockaddr *name, socklen_t *size, int flags) {
    if (STRUCK(accept4)) return fail_ready(fd);
    return accept4(fd, name, size, flags);
}

int fault_bind(int fd, const struct sockaddr *name, socklen_t size) {
    return STRUCK(bind) ? -1 : bind(fd, name, size);
}

int fault_listen(int fd, int backlog) {
    return STRUCK(listen) ? -1 : listen(fd, backlog);
}

int fault_connect(int fd, const struct sockaddr *name, socklen_t size) {
    if (!STRUCK(connect)) return connect(fd, name, size);
    int said = errno;
    bool goes_on = said == EINTR || said == EINPROGRESS || said == EALREADY ||
                   said == EISCONN;
    if (goes_on) (void)connect(fd, name, size);
    errno = said;
    return fail_ready(fd);
}

int fault_shutdown(int fd, int how) {
    return STRUCK(shutdown) ? -1 : shutdown(fd, how);
}

int fault_getsockname(int fd, struct sockaddr *name, socklen_t *size) {
    return STRUCK(getsockname) ? -1 : getsockname(fd, name, size);
}

int fault_getpeername(int fd, struct sockaddr *name, socklen_t *size) {
    return STRUCK(getpeername) ? -1 : getpeername(fd, name, size);
}

int fault_getsockopt(int fd, int level, int option, void *value,
                     socklen_t *size) {
    return STRUCK(getsockopt) ? -1 : getsockopt(fd, level, option, value, size);
}

int fault_setsockopt(int fd, int level, int option, const void *value,
                     socklen_t size) {
    return STRUCK(setsockopt) ? -1 : setsockopt(fd, level, option, value, size);
}

int fault_close(int fd) {
    bool struck = STRUCK(close);
    int said = errno;
    fault_forget(fd);
    int rc = close(fd);
    if (struck) errno = said;
    return struck ? -1 : rc;
}

// ---- transfers

ssize_t fault_recv(int fd, void *bytes, size_t size, int flags) {
    if (STRUCK(recv)) return fail_ready(fd);
    size_t room = fault_room(fd, false, size);
    return room ? fault_moved(fd, false, recv(fd, bytes, room, flags)) : -1;
}

ssize_t fault_send(int fd, const void *bytes, size_t size, int flags) {
    if (STRUCK(send)) return fail_ready(fd);
    size_t room = size ? fault_room(fd, true, size) : 0;
    if (size && !room) return -1;
    return fault_moved(fd, true, send(fd, bytes, room, flags));
}

ssize_t fault_recvmsg(int fd, struct msghdr *message, int flags) {
    if (STRUCK(recvmsg)) return fail_ready(fd);
    return recvmsg(fd, message, flags);
}

ssize_t fault_sendmsg(int fd, const struct msghdr *message, int flags) {
    if (STRUCK(sendmsg)) return fail_ready(fd);
    return sendmsg(fd, message, flags);
}

ssize_t fault_read(int fd, void *bytes, size_t size) {
    if (STRUCK(read)) return fail_ready(fd);
    size_t room = fault_room(fd, false, size);
    return room ? fault_moved(fd, false, read(fd, bytes, room)) : -1;
}

ssize_t fault_write(int fd, const void *bytes, size_t size) {
    if (STRUCK(write)) return fail_ready(fd);
    size_t room = fault_room(fd, true, size);
    return room ? fault_moved(fd, true, write(fd, bytes, room)) : -1;
}

// ---- descriptors of any kind, paths, threads, names

int fault_fcntl(int fd, int command, ...) {
    va_list rest;
    int value = 0;
    va_start(rest, command);
    if (command != F_GETFL && command != F_GETFD) value = va_arg(rest, int);
    va_end(rest);
    return STRUCK(fcntl) ? -1 : fcntl(fd, command, value);
}

int fault_fstat(int fd, struct stat *about) {
    return STRUCK(fstat) ? -1 : fstat(fd, about);
}

int fault_lstat(const char *path, struct stat *about) {
    return STRUCK(lstat) ? -1 : lstat(path, about);
}

// These two return what is wrong; names have numbers of their own.
int fault_getaddrinfo(const char *host, const char *service,
                      const struct addrinfo *hints, struct addrinfo **list) {
    struct addrinfo asked = *hints;
    if (fault_offline) asked.ai_flags |= AI_NUMERICHOST;
    if (fault_offline && !strstr(host, ".invalid")) host = "127.0.0.1";
    if (!STRUCK(getaddrinfo)) return getaddrinfo(host, service, &asked, list);
    int said = errno;
    errno = EIO; // behind EAI_SYSTEM
    return said;
}

int fault_pthread_create(pthread_t *thread, const pthread_attr_t *how,
                         void *(*run)(void *), void *arg) {
    if (STRUCK(pthread_create)) return errno;
    return pthread_create(thread, how, run, arg);
}

int fault_pipe2(int pair[2], int flags) {
    return STRUCK(pipe2) ? -1 : pipe2(pair, flags);
}

int fault_poll(struct pollfd *polled, nfds_t count, int timeout) {
    return STRUCK(poll) ? -1 : poll(polled, count, timeout);
}

int fault_unlink(const char *path) {
    return STRUCK(unlink) ? -1 : unlink(path);
}

// ---- the poller: a registration may fail, what undoes it may not

int fault_epoll_ctl(int queue, int op, int fd, struct epoll_event *event) {
    if (op == EPOLL_CTL_ADD && STRUCK(epoll_ctl)) return -1;
    int rc = epoll_ctl(queue, op, fd, event);
    if (rc == 0 && op != EPOLL_CTL_DEL) fault_watch(queue, fd, event);
    if (op == EPOLL_CTL_DEL) fault_forget(fd);
    return rc;
}

int fault_epoll_wait(int queue, struct epoll_event *events, int count,
                     int timeout) {
    return STRUCK(epoll_wait) ? -1 : epoll_wait(queue, events, count, timeout);
}

int fault_epoll_pwait2(int queue, struct epoll_event *events, int count,
                       const struct timespec *timeout, const sigset_t *mask) {
    if (STRUCK(epoll_pwait2)) return -1;
    return epoll_pwait2(queue, events, count, timeout, mask);
}

int fault_poll_wait(struct pollfd *polled, nfds_t count, int timeout) {
    return STRUCK(poll_wait) ? -1 : poll(polled, count, timeout);
}
