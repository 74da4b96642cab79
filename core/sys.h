// SPDX-License-Identifier: MIT
// Sys: the system calls that can fail, each under a thin name.
//
// Those that the core makes; bindings/sys.h has the rest. A seam: the fault
// tests link a table of failures in between, so that every errno of every call
// can be had at will. All return a result or -errno, retry on EINTR where the
// call has done nothing, and never raise SIGPIPE.
#ifndef NEAP_CORE_SYS_H
#define NEAP_CORE_SYS_H

#include <stddef.h>
#include <sys/types.h>

// ---- transfers: bytes, 0 at the end of a stream, or -errno; never block
ssize_t neap_sys_recv(int fd, void *bytes, size_t size);
ssize_t neap_sys_send(int fd, const void *bytes, size_t size);

// ---- new descriptors, which are close-on-exec and do not block
int neap_sys_accept(int fd, void *address, unsigned *size);
int neap_sys_pipe(int pair[2]);

// ---- a thread that nobody joins and no signal reaches; 0 or -errno
int neap_sys_thread(void *(*run)(void *), void *arg);

#endif
