// SPDX-License-Identifier: MIT
// Signals: SIGINT is caught while Lua code runs or may run, and at no other
// time.
//
// While a task runs, the first SIGINT interrupts it through neap_interrupt and
// the second one has its default effect: a script that does not listen can
// always be ended. At the prompt a SIGINT is noted and the prompt takes it up;
// outside of signals_select only the note is made, inside it is waited for with
// an unblocked mask, so that none is lost in between.
//
// Handlers restart system calls (SA_RESTART), else io.read would fail. They
// use nothing but the flags below and what POSIX allows in a handler.
#define _GNU_SOURCE
#include "repl/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t noted;    // a SIGINT came and was not taken
static volatile sig_atomic_t changed;  // the window, or we were stopped
static neap_runtime *volatile target;  // whom it interrupts
static void (*volatile restore)(void); // puts the terminal right
static struct sigaction before;        // SIGINT's disposition
static int depth;                      // how often it is caught

static void set_handler(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_flags = SA_RESTART};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

// The signal is blocked while its handler runs: it strikes on return.
static void on_end(int number) {
    int saved = errno;
    if (restore) restore();
    set_handler(number, SIG_DFL);
    raise(number);
    errno = saved;
}

static void on_interrupt(int number) {
    if (noted) {
        on_end(number);
        return;
    }
    noted = 1;
    if (target) neap_interrupt(target);
}

static void on_change(int number) {
    (void)number;
    changed = 1;
}

bool signals_take(void) {
    bool was = noted;
    noted = 0;
    return was;
}

void signals_catch(neap_runtime *rt) {
    if (depth++ == 0) {
        noted = 0;
        sigaction(SIGINT, NULL, &before);
        set_handler(SIGINT, on_interrupt);
    }
    target = rt;
    if (rt && noted) neap_interrupt(rt);
}

bool signals_release(void) {
    target = NULL;
    if (--depth == 0) sigaction(SIGINT, &before, NULL);
    return signals_take();
}

void signals_aim(neap_runtime *rt) { target = rt; }

int signals_select(int count, fd_set *fds, const struct timespec *limit) {
    sigset_t ours, open;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGWINCH);
    sigaddset(&ours, SIGCONT);
    sigprocmask(SIG_BLOCK, &ours, &open);
    int rc = -1;
    errno = EINTR;
    if (!noted && !changed) rc = pselect(count, fds, NULL, NULL, limit, &open);
    changed = 0;
    int error = errno;
    sigprocmask(SIG_SETMASK, &open, NULL);
    errno = error;
    return rc;
}

// What is ignored, as under nohup, stays so.
static void catch_end(int number) {
    struct sigaction action;
    sigaction(number, NULL, &action);
    if (action.sa_handler != SIG_IGN) set_handler(number, on_end);
}

void signals_terminal(void (*put_right)(void)) {
    restore = put_right;
    catch_end(SIGTERM);
    catch_end(SIGHUP);
    catch_end(SIGQUIT);
    set_handler(SIGWINCH, on_change);
    set_handler(SIGCONT, on_change);
}
