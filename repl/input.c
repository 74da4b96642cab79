// SPDX-License-Identifier: MIT
// Input: the prompt is a host whose loop waits for two things: stdin, and the
// runtime's descriptor.
//
// While it waits, work may still come from what a person types: the runtime is
// held, so that tasks which wait for one another are no deadlock.
//
// Where the backend has no descriptor, due times are asked for, and events are
// looked for every LOOK_NS as long as tasks are left.
//
// select(2) takes regular files, which epoll refuses, and its mask lets a
// signal in at no other time. Its limit on numbers is not met: both are opened
// before any script runs.
#define _POSIX_C_SOURCE 200809L
#include "repl/input.h"

#include <errno.h>
#include <unistd.h>

#include "repl/signals.h"

// A person does not see 20 ms; 50 looks a second cost nothing.
static const int64_t LOOK_NS = 20000000;

static struct timespec to_timespec(int64_t ns) {
    return (struct timespec){.tv_sec = ns / 1000000000,
                             .tv_nsec = ns % 1000000000};
}

// How long to wait for stdin; -1: until something happens.
static int64_t limit_of(const command *c, int fd) {
    if (fd >= 0) return -1;
    int64_t due = neap_due_ns(c->rt);
    return c->busy && (due < 0 || due > LOOK_NS) ? LOOK_NS : due;
}

// What tasks write stands above the half-typed line.
static void turn(command *c) {
    if (c->hide) c->hide();
    signals_aim(c->rt);
    c->busy = neap_turn(c->rt, 0) != 0;
    signals_aim(NULL);
    signals_take(); // it ended what was busy
    if (c->show) c->show();
}

// 1: stdin is ready; 0: not yet; -1: SIGINT, or SIGTERM.
static int wait_once(command *c) {
    int fd = neap_poll_fd(c->rt);
    int64_t limit = limit_of(c, fd);
    struct timespec wait = to_timespec(limit);
    fd_set fds;
    FD_ZERO(&fds);
    FD_SET(STDIN_FILENO, &fds);
    if (fd >= 0) FD_SET(fd, &fds);
    int rc = signals_select((fd > 0 ? fd : STDIN_FILENO) + 1, &fds,
                            limit < 0 ? NULL : &wait);
    if (rc < 0 && errno != EINTR) return 1; // stdin is closed: read will tell
    if (rc < 0 && signals_take()) return -1;
    if (rc < 0) {
        if (c->resume) c->resume();
        return 0;
    }
    if (fd < 0 ? c->busy || neap_due_ns(c->rt) == 0 : FD_ISSET(fd, &fds))
        turn(c);
    if (signals_over()) return -1;
    return FD_ISSET(STDIN_FILENO, &fds) ? 1 : 0;
}

bool input_wait(command *c) {
    int ready = 0;
    neap_hold(c->rt, 1);
    while (ready == 0) ready = wait_once(c);
    neap_hold(c->rt, -1);
    return ready > 0;
}
