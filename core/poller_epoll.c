// SPDX-License-Identifier: MIT
// Poller over epoll: edge-triggered, one registration for each fd.
//
// Both directions are registered when the fd is opened and never changed, so a
// wait costs no system call. Borrowed descriptors are one-shot: they are armed
// for what their lines wait for, and fall silent once they have reported.
//
// The kernel hands back the address of the neap_fd; the poller's own two
// descriptors (wake-up, alarm) are told apart by theirs. Assumption: an fd
// stays in memory until its removal succeeded or the loop has ended.
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/poller.h"

// Events taken from the kernel at once; more wait for the next turn. 256 are a
// page of memory, and one system call in 256 events is less than 1 % of them.
enum { EVENTS_MAX = 256 };

struct neap_poller {
    const neap_alloc *alloc;
    int queue;   // the epoll descriptor
    int wakeup;  // an eventfd: written by other threads and signal handlers
    int alarm;   // a timerfd for hosts that sleep on the queue; -1: none yet
    bool coarse; // the kernel has no epoll_pwait2: milliseconds, rounded up
};

static unsigned flags_of(const neap_fd *fd) {
    if (fd->kind != NEAP_FD_BORROWED)
        return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    bool in = !neap_list_empty(&fd->line[NEAP_IN]);
    bool out = !neap_list_empty(&fd->line[NEAP_OUT]);
    return (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u) | EPOLLONESHOT;
}

// Events come back with who they are for.
static struct epoll_event tagged(unsigned flags, void *who) {
    return (struct epoll_event){.events = flags, .data.ptr = who};
}

static int control(const neap_poller *poller, int op, int number,
                   struct epoll_event event) {
    assert(number >= 0);
    return epoll_ctl(poller->queue, op, number, &event) < 0 ? -errno : 0;
}

// One of the poller's own descriptors, known by its address.
static int watch(neap_poller *poller, int *own) {
    if (*own < 0) return -errno;
    return control(poller, EPOLL_CTL_ADD, *own, tagged(EPOLLIN | EPOLLET, own));
}

int neap_poller_open(neap_poller **result, const neap_alloc *alloc) {
    neap_poller *poller = neap_alloc_new(alloc, sizeof *poller);
    if (!poller) return -ENOMEM;
    *poller = (neap_poller){.alloc = alloc, .wakeup = -1, .alarm = -1};
    poller->queue = epoll_create1(EPOLL_CLOEXEC);
    int rc = poller->queue < 0 ? -errno : 0;
    if (rc == 0) {
        poller->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        rc = watch(poller, &poller->wakeup);
    }
    if (rc < 0) neap_poller_close(poller);
    else *result = poller;
    return rc;
}

static void close_own(int own) {
    assert(own >= -1);
    if (own >= 0) close(own);
}

void neap_poller_close(neap_poller *poller) {
    close_own(poller->alarm);
    close_own(poller->wakeup);
    close_own(poller->queue);
    neap_alloc_free(poller->alloc, poller, sizeof *poller);
}

int neap_poller_add(neap_poller *poller, neap_fd *fd) {
    return control(poller, EPOLL_CTL_ADD, fd->number, tagged(flags_of(fd), fd));
}

int neap_poller_arm(neap_poller *poller, neap_fd *fd) {
    assert(fd->kind == NEAP_FD_BORROWED);
    return control(poller, EPOLL_CTL_MOD, fd->number, tagged(flags_of(fd), fd));
}

// A number that was closed behind our back cannot be removed; the file may be
// open elsewhere, and then it may still report.
int neap_poller_remove(neap_poller *poller, neap_fd *fd) {
    assert(fd->polled);
    return control(poller, EPOLL_CTL_DEL, fd->number, tagged(0, fd));
}

static int wait_coarse(const neap_poller *poller, struct epoll_event *events,
                       int64_t timeout_ns) {
    int timeout = neap_clock_ms(timeout_ns);
    return epoll_wait(poller->queue, events, EVENTS_MAX, timeout);
}

static int wait_fine(const neap_poller *poller, struct epoll_event *events,
                     int64_t timeout_ns) {
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / NEAP_SECOND_NS),
                               .tv_nsec = (long)(timeout_ns % NEAP_SECOND_NS)};
    assert(timeout_ns > 0);
    return epoll_pwait2(poller->queue, events, EVENTS_MAX, &timeout, NULL);
}

// epoll_pwait2 is missing under valgrind, in some sandboxes and old kernels.
static int wait_for(neap_poller *poller, struct epoll_event *events,
                    int64_t timeout_ns) {
    if (timeout_ns <= 0 || poller->coarse)
        return wait_coarse(poller, events, timeout_ns);
    int count = wait_fine(poller, events, timeout_ns);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    poller->coarse = true;
    return wait_coarse(poller, events, timeout_ns);
}

static void dispatch(neap_poller *poller, const struct epoll_event *event) {
    unsigned flags = event->events, events = 0;
    if (event->data.ptr == &poller->wakeup) return; // edge: nothing to read
    if (event->data.ptr == &poller->alarm) return;
    assert(event->data.ptr);
    if (flags & EPOLLIN) events |= NEAP_EVENT_IN;
    if (flags & EPOLLOUT) events |= NEAP_EVENT_OUT;
    if (flags & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) events |= NEAP_EVENT_HUP;
    neap_fd_event(event->data.ptr, events);
}

int neap_poller_wait(neap_poller *poller, int64_t timeout_ns) {
    struct epoll_event events[EVENTS_MAX];
    int count = wait_for(poller, events, timeout_ns);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    assert(count <= EVENTS_MAX);
    for (int i = 0; i < count; i++) dispatch(poller, &events[i]);
    return 0;
}

// Nobody reads the counter: to fill it (EAGAIN) would take 2^64 wakes.
void neap_poller_wake(neap_poller *poller) {
    int saved = errno;
    uint64_t one = 1;
    ssize_t n = write(poller->wakeup, &one, sizeof one);
    (void)n;
    errno = saved;
}

int neap_poller_fd(neap_poller *poller) {
    assert(poller->queue >= 0);
    if (poller->alarm >= 0) return poller->queue;
    poller->alarm = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int rc = watch(poller, &poller->alarm);
    if (rc == 0) return poller->queue;
    close_own(poller->alarm); // not half-made: it may be asked for again
    poller->alarm = -1;
    return rc;
}

// A timerfd set to zero is silent, so "now" is its first nanosecond.
void neap_poller_alarm(neap_poller *poller, int64_t delay_ns) {
    assert(poller->alarm >= 0);
    int64_t ns = delay_ns < 0 ? 0 : delay_ns < 1 ? 1 : delay_ns;
    struct itimerspec due = {
        .it_value = {.tv_sec = (time_t)(ns / NEAP_SECOND_NS),
                     .tv_nsec = (long)(ns % NEAP_SECOND_NS)}};
    timerfd_settime(poller->alarm, 0, &due, NULL);
}
