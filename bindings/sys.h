// SPDX-License-Identifier: MIT
// Sys: the part of the seam that core has no need of: what is no socket.
//
// As core/sys.h has it: a result or -errno, and again after EINTR.
#ifndef NEAP_BINDINGS_SYS_H
#define NEAP_BINDINGS_SYS_H

#include "core/sys.h"

struct addrinfo;
struct stat;

// ---- descriptors that neap did not open
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
