// SPDX-License-Identifier: MIT
// Seam: core/sys.c and bindings/sys.c compiled against other system calls.
//
// CMake includes this before the first line of either. The headers come
// first, so that their own declarations keep their names; from there on each
// call goes to tests/fault/calls.c. A call that has no line here shows as an
// undefined symbol of its own name, which tests/fault/sweep.lua refuses.
#ifndef NEAP_FAULT_SEAM_H
#define NEAP_FAULT_SEAM_H

#include "tests/fault/fault.h"

#define accept4 fault_accept4
#define bind fault_bind
#define close fault_close
#define connect fault_connect
#define fcntl fault_fcntl
#define fstat fault_fstat
#define getaddrinfo fault_getaddrinfo
#define getpeername fault_getpeername
#define getsockname fault_getsockname
#define getsockopt fault_getsockopt
#define listen fault_listen
#define lstat fault_lstat
#define pipe2 fault_pipe2
#define poll fault_poll
#define pthread_create fault_pthread_create
#define read fault_read
#define recv fault_recv
#define recvmsg fault_recvmsg
#define send fault_send
#define sendmsg fault_sendmsg
#define setsockopt fault_setsockopt
#define shutdown fault_shutdown
#define socket fault_socket
#define socketpair fault_socketpair
#define unlink fault_unlink
#define write fault_write

#endif
