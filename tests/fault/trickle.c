// SPDX-License-Identifier: MIT
// Trickle: streams that move one byte, then nothing, then one byte (fault.h).
//
// The kernel reports an edge once. Where we swallow one, by an EAGAIN that the
// kernel did not give or by leaving bytes that it would have taken, the
// registration is made anew (EPOLL_CTL_MOD), which reports what is ready. The
// poll backend reports levels and needs none of it.
//
// Large transfers would take minutes: after SLOW_MAX bytes of a descriptor in
// one direction a transfer moves CHUNK bytes, and still every other gives
// EAGAIN.
#include "tests/fault/fault.h"

enum {
    FDS_MAX = 65536,
    SLOW_MAX = 4096,
    CHUNK = 3001 // no multiple of anything
};

typedef struct lane {
    unsigned moved; // bytes, one by one
    bool dry;       // the next transfer gives EAGAIN
} lane;

static struct {
    int queue;    // 0: it is not registered
    unsigned how; // the events
    void *who;
    lane lanes[2]; // [writing]
} fds[FDS_MAX];

static bool is_known(int fd) { return 0 <= fd && fd < FDS_MAX; }

void fault_watch(int queue, int fd, const struct epoll_event *event) {
    if (!is_known(fd)) return;
    fds[fd].queue = queue;
    fds[fd].how = event->events;
    fds[fd].who = event->data.ptr;
}

void fault_forget(int fd) {
    if (!is_known(fd)) return;
    fds[fd].queue = 0;
    fds[fd].lanes[false] = fds[fd].lanes[true] = (lane){0, false};
}

void fault_rearm(int fd) {
    int saved = errno;
    if (!is_known(fd) || fds[fd].queue == 0) return;
    struct epoll_event event = {.events = fds[fd].how, .data.ptr = fds[fd].who};
    if (event.events & EPOLLET)
        (void)epoll_ctl(fds[fd].queue, EPOLL_CTL_MOD, fd, &event);
    errno = saved;
}

// Datagrams and files stay whole.
static bool is_stream(int fd) {
    int saved = errno, type = 0;
    socklen_t size = sizeof type;
    struct stat about;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
        return type == SOCK_STREAM;
    errno = saved;
    return fstat(fd, &about) == 0 && S_ISFIFO(about.st_mode);
}

size_t fault_room(int fd, bool writing, size_t size) {
    if (!fault_one_byte || !is_known(fd) || !is_stream(fd)) return size;
    lane *at = &fds[fd].lanes[writing];
    size_t room = at->moved < SLOW_MAX ? 1 : CHUNK;
    if (at->dry) {
        at->dry = false;
        errno = EAGAIN;
        fault_rearm(fd);
        return 0;
    }
    return size < room ? size : room;
}

ssize_t fault_moved(int fd, bool writing, ssize_t n) {
    if (!fault_one_byte || !is_known(fd) || n <= 0) return n;
    fds[fd].lanes[writing].dry = is_stream(fd);
    fds[fd].lanes[writing].moved++;
    fault_rearm(fd);
    return n;
}
