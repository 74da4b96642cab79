// SPDX-License-Identifier: MIT
// Sys: the part of the seam that core has no need of.
//
// As core/sys.h has it: a result or -errno, and again after EINTR.
#ifndef NEAP_BINDINGS_SYS_H
#define NEAP_BINDINGS_SYS_H

#include <stdbool.h>

#include "core/sys.h"

struct addrinfo;
struct msghdr;
struct sockaddr;
struct stat;

// ---- sockets: all new descriptors are close-on-exec and do not block
int neap_sys_socket(int family, int type);
int neap_sys_socketpair(int pair[2]);
int neap_sys_bind(int fd, const struct sockaddr *address, unsigned size);
int neap_sys_listen(int fd, int backlog);
int neap_sys_connect(int fd, const struct sockaddr *address, unsigned size);
int neap_sys_shutdown(int fd, int how);
int neap_sys_getname(int fd, bool peer, void *address, unsigned *size);
int neap_sys_getopt(int fd, int level, int option, int *value);
int neap_sys_setopt(int fd, int level, int option, int value);
int neap_sys_close(int fd);

// ---- datagrams: bytes, or -errno; never block
ssize_t neap_sys_recvmsg(int fd, struct msghdr *message);
ssize_t neap_sys_sendmsg(int fd, const struct msghdr *message);

// ---- descriptors of any kind
int neap_sys_ready(int fd, bool writing); // 1: ready at this moment, or 0

// ---- those that neap did not open
int neap_sys_blocks(int fd); // 1: a read of it may block, or 0
ssize_t neap_sys_read(int fd, void *bytes, size_t size); // may block
ssize_t neap_sys_write(int fd, const void *bytes, size_t size);

// ---- files and paths
int neap_sys_fstat(int fd, struct stat *about);
int neap_sys_lstat(const char *path, struct stat *about);
int neap_sys_unlink(const char *path);

// ---- getaddrinfo: blocks; 0, or EAI_... (EAI_SYSTEM: errno says more)
int neap_sys_resolve(const char *host, const char *service,
                     struct addrinfo **list);

#endif
