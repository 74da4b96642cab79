// SPDX-License-Identifier: MIT
// Fault: what the command's variant neap-fault does to the system calls.
//
//     NEAP_FAULT="recv 104 2"  the second recv gives errno 104
//     NEAP_ONE_BYTE=1          each read and write of a stream moves one byte
//     NEAP_STORM=1             1,000 SIGALRM a second, without SA_RESTART
//     NEAP_OFFLINE=1           no name is asked for (a resolver takes 5 s over
//                              an answer that is lost): those in .invalid do
//                              not exist, all others are 127.0.0.1
//     NEAP_FAULT_LOG=path      at its end the process adds a line: the calls
//                              and how many there were of each, "struck=1" if
//                              the fault struck, and "left=" the descriptors
//                              that it has more than at its start
//
// A call that was struck did nothing, except that close has closed, and that a
// connect whose errno means "on its way" is on its way.
#ifndef NEAP_FAULT_H
#define NEAP_FAULT_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- fault.c

// Counts a call by its name; true: it fails, and errno says how.
bool fault_strikes(const char *call);

extern bool fault_one_byte, fault_offline; // the mode is on

// ---- trickle.c

// The descriptor reports again what it is ready for. An edge that was swallowed
// would not come again.
void fault_rearm(int fd);
void fault_watch(int queue, int fd, const struct epoll_event *event);
void fault_forget(int fd);

// How many of `size` bytes a transfer may move; 0: it gives EAGAIN, as every
// other one in one-byte mode does.
size_t fault_room(int fd, bool writing, size_t size);

// After it: n is its result.
ssize_t fault_moved(int fd, bool writing, ssize_t n);

// ---- calls.c: what seam.h puts in place of the calls

int fault_socket(int family, int type, int protocol);
int fault_socketpair(int family, int type, int protocol, int pair[2]);
int fault_accept4(int fd, struct sockaddr *name, socklen_t *size, int flags);
int fault_bind(int fd, const struct sockaddr *name, socklen_t size);
int fault_listen(int fd, int backlog);
int fault_connect(int fd, const struct sockaddr *name, socklen_t size);
int fault_shutdown(int fd, int how);
int fault_getsockname(int fd, struct sockaddr *name, socklen_t *size);
int fault_getpeername(int fd, struct sockaddr *name, socklen_t *size);
int fault_getsockopt(int fd, int level, int option, void *value,
                     socklen_t *size);
int fault_setsockopt(int fd, int level, int option, const void *value,
                     socklen_t size);
int fault_close(int fd);

ssize_t fault_recv(int fd, void *bytes, size_t size, int flags);
ssize_t fault_send(int fd, const void *bytes, size_t size, int flags);
ssize_t fault_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t fault_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t fault_read(int fd, void *bytes, size_t size);
ssize_t fault_write(int fd, const void *bytes, size_t size);

int fault_fcntl(int fd, int command, ...);
int fault_fstat(int fd, struct stat *about);
int fault_lstat(const char *path, struct stat *about);
int fault_getaddrinfo(const char *host, const char *service,
                      const struct addrinfo *hints, struct addrinfo **list);
int fault_pthread_create(pthread_t *thread, const pthread_attr_t *how,
                         void *(*run)(void *), void *arg);
int fault_pipe2(int pair[2], int flags);
int fault_poll(struct pollfd *fds, nfds_t count, int timeout);
int fault_unlink(const char *path);

int fault_poll_wait(struct pollfd *fds, nfds_t count, int timeout);
int fault_epoll_ctl(int queue, int op, int fd, struct epoll_event *event);
int fault_epoll_wait(int queue, struct epoll_event *events, int count,
                     int timeout);
int fault_epoll_pwait2(int queue, struct epoll_event *events, int count,
                       const struct timespec *timeout, const sigset_t *mask);

#endif
