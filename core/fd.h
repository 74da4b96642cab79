// SPDX-License-Identifier: MIT
// Fd: a descriptor, with one line and one latch for each direction.
//
// The latch says "may be ready": an event sets it; an attempt that would block
// clears it, and on a stream so does a transfer shorter than asked, as long as
// no hang-up was reported (data and end can share one edge). With the latch up
// an operation tries at once; with it down it waits without asking the kernel.
// So a warm connection costs one recv and one send a round trip.
//
// There is one neap_fd for each descriptor number and loop, found by a table.
// Our own are registered once, edge-triggered, for both directions. Borrowed
// ones (someone else's numbers) are registered one-shot at each wait: a dup of
// them may outlive us.
//
// Invariant: a closed fd has number -1, empty lines, and is not in the table.
#ifndef NEAP_CORE_FD_H
#define NEAP_CORE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/list.h"

struct neap_loop;
struct neap_task;

typedef enum neap_dir { NEAP_IN, NEAP_OUT } neap_dir;

typedef enum neap_fd_kind {
    NEAP_FD_PACKET,  // ours: listeners and datagrams
    NEAP_FD_STREAM,  // ours: a short transfer means "empty" or "full"
    NEAP_FD_BORROWED // somebody else's number
} neap_fd_kind;

enum { // events, as pollers report them; may be or'ed
    NEAP_EVENT_IN = 1,
    NEAP_EVENT_OUT = 2,
    NEAP_EVENT_HUP = 4 // either end is gone, or an error is pending
};

typedef struct neap_fd {
    neap_list line[2];      // who waits, by neap_dir
    struct neap_loop *loop; // whose poller watches it
    int number;             // the descriptor; -1: closed
    uint8_t kind;           // neap_fd_kind
    bool latch[2];          // "may be ready", by neap_dir
    bool hung;              // a hang-up or error was reported
    bool polled;            // the poller may still report it
} neap_fd;

// Registers a descriptor; 0 or -errno (-EPERM: a regular file). Whoever stood
// at a stale entry of the same number is woken as closed upon.
int neap_fd_open(neap_fd *fd, struct neap_loop *loop, int number,
                 neap_fd_kind kind);

// Deregisters and wakes all who wait, as closed upon. Returns the number, for
// the caller to close; -1 where it is not ours any more. False in `*settled`:
// the poller might still report this fd once (a dup of it lives elsewhere), so
// its memory must stay until the loop ends.
int neap_fd_close(neap_fd *fd, bool *settled);

// The entry of a number in the loop's table, or NULL.
neap_fd *neap_fd_find(const struct neap_loop *loop, int number);

// Waits until the fd may be ready; 0, or -errno where it cannot be watched.
int neap_fd_wait(neap_fd *fd, neap_dir dir, struct neap_task *task);

// For the poller: something happened. Marks and wakes; runs nobody.
void neap_fd_event(neap_fd *fd, unsigned events);

// After an operation: while the latch is up, the next in line may try.
void neap_fd_pass(neap_fd *fd, neap_dir dir);

// One attempt each, keeping the latch. Bytes, 0 (end of stream), or -errno
// (-EAGAIN: would block).
ssize_t neap_fd_recv(neap_fd *fd, void *bytes, size_t size);
ssize_t neap_fd_send(neap_fd *fd, const void *bytes, size_t size);

// What an attempt of another kind that moved `n` of `size` bytes, or gave
// -errno, tells about the next one; returns n. (A datagram moves as a whole.)
ssize_t neap_fd_learn(neap_fd *fd, neap_dir dir, ssize_t n, size_t size);

// A new descriptor, or -errno; its peer's address goes to `address`.
int neap_fd_accept(neap_fd *fd, void *address, unsigned *size);

#endif
