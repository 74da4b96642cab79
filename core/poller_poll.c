// SPDX-License-Identifier: MIT
// Poller over poll(2): portable, and as many steps a wait as there are fds.
//
// It keeps the fds it was given in an array and asks, at each wait, for what
// their lines wait for: poll reports levels, so what nobody waits for is left
// to be reported when somebody does. A pipe stands for the wake-up. There is
// no descriptor that a host could sleep on: it uses the due time instead.
//
// Invariant: fds[i] and slots[i + 1] speak of the same descriptor; slots[0] is
// the wake-up's.
#define _POSIX_C_SOURCE 200809L
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/poller.h"
#include "core/sys.h"

enum {
    FDS_MIN = 16, // room of the first arrays
    PAUSE_MS = 10 // 100 looks a second cost little, and delay little
};

struct neap_poller {
    const neap_alloc *alloc;
    neap_fd **fds;        // what is watched, in no order
    struct pollfd *slots; // poll's array, filled anew at each wait
    size_t count, size;   // of fds; slots has one more
    int wakeup[2];        // reading and writing end of a pipe
};

int neap_poller_open(neap_poller **result, const neap_alloc *alloc) {
    neap_poller *poller = neap_alloc_new(alloc, sizeof *poller);
    if (!poller) return -ENOMEM;
    poller->alloc = alloc;
    poller->slots = neap_alloc_new(alloc, sizeof *poller->slots);
    int rc = poller->slots ? neap_sys_pipe(poller->wakeup) : -ENOMEM;
    if (rc == 0) return *result = poller, 0;
    neap_alloc_free(alloc, poller->slots, sizeof *poller->slots);
    neap_alloc_free(alloc, poller, sizeof *poller);
    return rc;
}

void neap_poller_close(neap_poller *poller) {
    assert(poller->count == 0);
    const neap_alloc *alloc = poller->alloc;
    close(poller->wakeup[0]);
    close(poller->wakeup[1]);
    neap_alloc_free(alloc, poller->fds, poller->size * sizeof *poller->fds);
    neap_alloc_free(alloc, poller->slots,
                    (poller->size + 1) * sizeof *poller->slots);
    neap_alloc_free(alloc, poller, sizeof *poller);
}

// The slots need not be kept: every wait fills them.
static int grow(neap_poller *poller) {
    const neap_alloc *alloc = poller->alloc;
    size_t old = poller->size, size = old ? old * 2 : FDS_MIN;
    struct pollfd *slots =
        neap_alloc_array(alloc, NULL, 0, size + 1, sizeof *slots);
    if (!slots) return -ENOMEM;
    neap_fd **fds =
        neap_alloc_array(alloc, poller->fds, old, size, sizeof *fds);
    if (!fds) {
        neap_alloc_free(alloc, slots, (size + 1) * sizeof *slots);
        return -ENOMEM;
    }
    neap_alloc_free(alloc, poller->slots, (old + 1) * sizeof *slots);
    poller->slots = slots;
    poller->fds = fds;
    poller->size = size;
    return 0;
}

// What epoll refuses is refused here too: it is "ready" at all times.
static int refuse(int number) {
    struct stat about;
    if (fstat(number, &about) < 0) return -errno;
    return S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) ? -EPERM : 0;
}

int neap_poller_add(neap_poller *poller, neap_fd *fd) {
    int rc = refuse(fd->number);
    if (rc < 0) return rc;
    if (poller->count == poller->size && grow(poller) < 0) return -ENOMEM;
    poller->fds[poller->count++] = fd;
    return 0;
}

int neap_poller_arm(neap_poller *poller, neap_fd *fd) {
    assert(poller->count > 0);
    (void)poller;
    return refuse(fd->number) == -EBADF ? -EBADF : 0; // lines say the rest
}

int neap_poller_remove(neap_poller *poller, neap_fd *fd) {
    for (size_t i = 0; i < poller->count; i++) {
        if (poller->fds[i] != fd) continue;
        poller->fds[i] = poller->fds[--poller->count];
        return 0;
    }
    assert(false);
    return -ENOENT;
}

// A negative number makes poll pass over a slot.
static struct pollfd asked(const neap_fd *fd) {
    int events = (neap_list_empty(&fd->line[NEAP_IN]) ? 0 : POLLIN) |
                 (neap_list_empty(&fd->line[NEAP_OUT]) ? 0 : POLLOUT);
    assert(fd->loop);
    return (struct pollfd){.fd = events ? fd->number : -1,
                           .events = (short)events};
}

// The kernel's table of many takes memory. Where there is none, a pause that
// the wake-up ends: the next turn asks again.
static int ask(struct pollfd *slots, size_t count, int timeout) {
    int rc = poll(slots, (nfds_t)count, timeout);
    if (rc >= 0 || (errno != ENOMEM && errno != EAGAIN)) return rc;
    bool shorter = timeout >= 0 && timeout < PAUSE_MS;
    return poll(slots, 1, shorter ? timeout : PAUSE_MS);
}

static void dispatch(neap_fd *fd, const struct pollfd *slot) {
    unsigned events = 0;
    assert(slot->revents);
    if (slot->revents & POLLIN) events |= NEAP_EVENT_IN;
    if (slot->revents & POLLOUT) events |= NEAP_EVENT_OUT;
    if (slot->revents & (POLLHUP | POLLERR | POLLNVAL))
        events |= NEAP_EVENT_HUP;
    neap_fd_event(fd, events);
}

static void empty_pipe(int fd) {
    char bytes[64];
    while (read(fd, bytes, sizeof bytes) > 0) continue;
    assert(errno == EAGAIN || errno == EINTR);
}

int neap_poller_wait(neap_poller *poller, int64_t timeout_ns) {
    size_t count = poller->count;
    poller->slots[0] =
        (struct pollfd){.fd = poller->wakeup[0], .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        poller->slots[i + 1] = asked(poller->fds[i]);
    int rc = ask(poller->slots, count + 1, neap_clock_ms(timeout_ns));
    if (rc < 0) return errno == EINTR ? 0 : -errno;
    if (poller->slots[0].revents) empty_pipe(poller->wakeup[0]);
    for (size_t i = 0; i < count; i++)
        if (poller->slots[i + 1].revents)
            dispatch(poller->fds[i], &poller->slots[i + 1]);
    return 0;
}

// A full pipe (EAGAIN) has been written to already.
void neap_poller_wake(neap_poller *poller) {
    int saved = errno;
    ssize_t n = write(poller->wakeup[1], "", 1);
    (void)n;
    errno = saved;
}

int neap_poller_fd(neap_poller *poller) {
    (void)poller;
    return -1;
}

void neap_poller_alarm(neap_poller *poller, int64_t delay_ns) {
    (void)poller, (void)delay_ns;
}
