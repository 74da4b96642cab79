// SPDX-License-Identifier: MIT
// Sys: the system calls that can fail, each under a thin name.
//
// A seam: the fault tests link a table of failures in between, so that every
// errno of every call can be had at will. All return a result or -errno, retry
// on EINTR where the call has done nothing, and never raise SIGPIPE.
#ifndef NEAP_CORE_SYS_H
#define NEAP_CORE_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct msghdr;
struct sockaddr;

// ---- transfers: bytes, 0 at the end of a stream, or -errno; never block
ssize_t neap_sys_recv(int fd, void *bytes, size_t size);
ssize_t neap_sys_send(int fd, const void *bytes, size_t size);
ssize_t neap_sys_recvmsg(int fd, struct msghdr *message);
ssize_t neap_sys_sendmsg(int fd, const struct msghdr *message);

// ---- sockets: all new descriptors are close-on-exec and do not block
int neap_sys_socket(int family, int type);
int neap_sys_socketpair(int pair[2]);
int neap_sys_accept(int fd, void *address, unsigned *size);
int neap_sys_bind(int fd, const struct sockaddr *address, unsigned size);
int neap_sys_listen(int fd, int backlog);
int neap_sys_connect(int fd, const struct sockaddr *address, unsigned size);
int neap_sys_shutdown(int fd, int how);
int neap_sys_getname(int fd, bool peer, void *address, unsigned *size);
int neap_sys_getopt(int fd, int level, int option, int *value);
int neap_sys_setopt(int fd, int level, int option, int value);
int neap_sys_close(int fd);

// ---- descriptors of any kind
int neap_sys_ready(int fd, bool writing); // 1: ready at this moment, or 0
int neap_sys_pipe(int pair[2]);

// ---- a thread that nobody joins and no signal reaches; 0 or -errno
int neap_sys_thread(void *(*run)(void *), void *arg);

#endif
