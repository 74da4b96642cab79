// SPDX-License-Identifier: MIT
// Poller: the part of seam.h for core/poller_*.c, which waits and registers.
//
// Its wake-ups stay as they are: no write to an eventfd or a pipe of one's own
// fails, and a wake-up that is lost is lost for good.
#ifndef NEAP_FAULT_POLLER_H
#define NEAP_FAULT_POLLER_H

#include "tests/fault/fault.h"

#define epoll_ctl fault_epoll_ctl
#define epoll_pwait2 fault_epoll_pwait2
#define epoll_wait fault_epoll_wait
#define fstat fault_fstat
#define poll fault_poll_wait

#endif
