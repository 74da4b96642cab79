// SPDX-License-Identifier: MIT
// Poller: the contract with the kernel's readiness interface.
//
// One file per backend, chosen by the build: poller_epoll.c (edge-triggered,
// registered once for each fd) and poller_poll.c (portable; looks at the lines
// of every fd at each wait). A backend reports by neap_fd_event and does
// nothing else; tests/core/contract_poller.c says what both must do.
#ifndef NEAP_CORE_POLLER_H
#define NEAP_CORE_POLLER_H

#include <stdint.h>

#include "core/alloc.h"
#include "core/fd.h"

typedef struct neap_poller neap_poller;

// 0 or -errno (-EMFILE, -ENOMEM); `*poller` is then set.
int neap_poller_open(neap_poller **poller, const neap_alloc *alloc);
void neap_poller_close(neap_poller *poller);

// Watches an fd of ours in both directions; what is ready already is reported
// by the next wait. A borrowed one is only made known. 0 or -errno.
int neap_poller_add(neap_poller *poller, neap_fd *fd);

// A borrowed fd: report once what its lines wait for now. 0 or -errno.
int neap_poller_arm(neap_poller *poller, neap_fd *fd);

// 0: it will not be reported again; else it may be, once or more.
int neap_poller_remove(neap_poller *poller, neap_fd *fd);

// Sleeps for at most `timeout_ns` (negative: without end; less only if
// something came) and reports. 0, also on EINTR and without memory, or -errno.
int neap_poller_wait(neap_poller *poller, int64_t timeout_ns);

// Ends a wait, or the next one, early. From any thread or signal handler.
void neap_poller_wake(neap_poller *poller);

// A descriptor that is readable when a wait would report something, or the
// alarm is due; -1 where the backend has none. -errno: it could not be made.
int neap_poller_fd(neap_poller *poller);

// Makes that descriptor readable in `delay_ns` (0: now, negative: never).
void neap_poller_alarm(neap_poller *poller, int64_t delay_ns);

#endif
