// SPDX-License-Identifier: MIT
// Fd: registering, waiting, and attempts that keep the latch (see fd.h).
//
// Both directions are one code, indexed by neap_dir. Assumption: the poller
// calls neap_fd_event only from neap_poller_wait, so no task runs, and no fd is
// closed, between an event and its mark.
#include "core/fd.h"

#include <assert.h>
#include <errno.h>

#include "core/loop.h"
#include "core/sys.h"
#include "core/task.h"

enum { TABLE_MIN = 64 }; // rows of the first table

// ---- the table: number -> fd

neap_fd *neap_fd_find(const neap_loop *loop, int number) {
    assert(number >= 0);
    size_t row = (size_t)number;
    return row < loop->fds.size ? loop->fds.rows[row] : NULL;
}

static int make_room(neap_loop *loop, int number) {
    neap_fd_table *table = &loop->fds;
    size_t size = table->size ? table->size : TABLE_MIN;
    while (size <= (size_t)number) size *= 2;
    if (size == table->size) return 0;
    neap_fd **rows = neap_alloc_array(loop->alloc, table->rows, table->size,
                                      size, sizeof *rows);
    if (!rows) return -ENOMEM;
    for (size_t row = table->size; row < size; row++) rows[row] = NULL;
    *table = (neap_fd_table){rows, size, table->count};
    return 0;
}

static int enter(neap_fd *fd) {
    int rc = make_room(fd->loop, fd->number);
    if (rc < 0) return rc;
    assert(!neap_fd_find(fd->loop, fd->number));
    fd->loop->fds.rows[fd->number] = fd;
    fd->loop->fds.count++;
    return 0;
}

// Out of the poller, if the number is still ours.
static void forget(neap_fd *fd) {
    assert(fd->polled);
    if (neap_poller_remove(fd->loop->poller, fd) == 0) fd->polled = false;
    fd->number = -1;
}

// Out of table and poller, and everybody woken.
static void retire(neap_fd *fd) {
    assert(neap_fd_find(fd->loop, fd->number) == fd);
    fd->loop->fds.rows[fd->number] = NULL;
    fd->loop->fds.count--;
    forget(fd);
    neap_task_wake_all(&fd->line[NEAP_IN], NEAP_WAKE_CLOSED);
    neap_task_wake_all(&fd->line[NEAP_OUT], NEAP_WAKE_CLOSED);
}

// ---- opening and closing

// The poller first: a number that is no descriptor must not make the table as
// large as itself.
int neap_fd_open(neap_fd *fd, neap_loop *loop, int number, neap_fd_kind kind) {
    assert(number >= 0);
    *fd = (neap_fd){.loop = loop, .number = number, .kind = (uint8_t)kind};
    neap_list_init(&fd->line[NEAP_IN]);
    neap_list_init(&fd->line[NEAP_OUT]);
    neap_fd *stale = neap_fd_find(loop, number);
    if (stale) retire(stale); // closed behind our back, its number came again
    int rc = neap_poller_add(loop->poller, fd);
    if (rc < 0) return fd->number = -1, rc;
    fd->polled = true;
    fd->latch[NEAP_OUT] = kind != NEAP_FD_BORROWED; // most can take bytes
    rc = enter(fd);
    if (rc < 0) forget(fd);
    return rc;
}

int neap_fd_close(neap_fd *fd, bool *settled) {
    int number = fd->number;
    if (number >= 0) retire(fd);
    *settled = !fd->polled;
    return fd->polled ? -1 : number;
}

// ---- waiting

int neap_fd_wait(neap_fd *fd, neap_dir dir, neap_task *task) {
    assert(fd->number >= 0);
    neap_task_wait_outside(task, &fd->line[dir]);
    if (fd->kind != NEAP_FD_BORROWED) return 0;
    if (task->state != NEAP_TASK_WAITING) return 0; // cancelled
    int rc = neap_poller_arm(fd->loop->poller, fd);
    if (rc < 0) neap_task_forgo(task);
    return rc;
}

static void report(neap_fd *fd, neap_dir dir) {
    fd->latch[dir] = true;
    if (fd->kind == NEAP_FD_BORROWED)
        neap_task_wake_all(&fd->line[dir], NEAP_WAKE_READY);
    else neap_task_wake_first(&fd->line[dir], NEAP_WAKE_READY);
}

void neap_fd_event(neap_fd *fd, unsigned events) {
    if (fd->number < 0) return; // retired, but the kernel still knew it
    if (events & NEAP_EVENT_HUP) fd->hung = fd->kind != NEAP_FD_BORROWED;
    if (events & (NEAP_EVENT_IN | NEAP_EVENT_HUP)) report(fd, NEAP_IN);
    if (events & (NEAP_EVENT_OUT | NEAP_EVENT_HUP)) report(fd, NEAP_OUT);
    bool waited = !neap_list_empty(&fd->line[NEAP_IN]) ||
                  !neap_list_empty(&fd->line[NEAP_OUT]);
    if (fd->kind == NEAP_FD_BORROWED && waited)
        (void)neap_poller_arm(fd->loop->poller, fd); // the other direction
}

void neap_fd_pass(neap_fd *fd, neap_dir dir) {
    assert(fd->kind != NEAP_FD_BORROWED);
    if (fd->latch[dir])
        (void)neap_task_wake_first(&fd->line[dir], NEAP_WAKE_READY);
}

// ---- attempts

ssize_t neap_fd_learn(neap_fd *fd, neap_dir dir, ssize_t n, size_t size) {
    assert(fd->number >= 0);
    bool is_short = n > 0 && (size_t)n < size && fd->kind == NEAP_FD_STREAM;
    if (n == -EAGAIN || (is_short && !fd->hung)) fd->latch[dir] = false;
    return n;
}

ssize_t neap_fd_recv(neap_fd *fd, void *bytes, size_t size) {
    assert(bytes && size > 0);
    return neap_fd_learn(fd, NEAP_IN, neap_sys_recv(fd->number, bytes, size),
                         size);
}

ssize_t neap_fd_send(neap_fd *fd, const void *bytes, size_t size) {
    assert(bytes && size > 0);
    return neap_fd_learn(fd, NEAP_OUT, neap_sys_send(fd->number, bytes, size),
                         size);
}

int neap_fd_accept(neap_fd *fd, void *address, unsigned *size) {
    assert(fd->kind == NEAP_FD_PACKET);
    int number = neap_sys_accept(fd->number, address, size);
    return (int)neap_fd_learn(fd, NEAP_IN, number, 0);
}
