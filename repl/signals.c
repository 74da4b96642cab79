// SPDX-License-Identifier: MIT
// Signals: SIGINT and SIGTERM are caught while Lua code runs or may run, and at
// no other time; SIGQUIT while there is a runtime.
//
// While a task runs, the first of them interrupts it through neap_interrupt and
// the second one has its default effect: a script that does not listen can
// always be ended. At the prompt one is noted and the prompt takes it up;
// outside of signals_select only the note is made, inside it is waited for with
// an unblocked mask, so that none is lost in between.
//
// The handler of SIGINT restarts system calls (SA_RESTART), as lua's does, else
// io.read would fail. That of SIGTERM does not: who waits for input is to end.
// Handlers use nothing but the flags below and what POSIX allows in one.
//
// SIGQUIT has the tree of tasks reported, and everything goes on. Who gets no
// answer, because no line of Lua comes to its end, ends the process with a
// second one; not where it is ignored, as in what a shell runs in the
// background: there it shows the tree all the same.
#define _GNU_SOURCE
#include "repl/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

// What is caught. A signal of another effect has another handler.
static const struct {
    int number;
    int flags;          // of its sigaction
    const char *reason; // of the cancel
} caught[] = {{SIGINT, SA_RESTART, "interrupted"}, {SIGTERM, 0, "terminated"}};

enum { CAUGHT = sizeof caught / sizeof *caught };

static volatile sig_atomic_t noted;     // which one came and was not taken
static volatile sig_atomic_t changed;   // the prompt is to look up
static neap_runtime *volatile target;   // whom it interrupts
static neap_runtime *volatile shown;    // whose tree SIGQUIT shows
static bool spared;                     // it was ignored: it ends nothing
static void (*volatile restore)(void);  // puts the terminal right
static struct sigaction before[CAUGHT]; // their dispositions
static int depth;                       // how often they are caught
static bool lasting;                    // a SIGTERM stays noted

// None of what is caught comes while a handler runs.
static void set_handler(int number, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_flags = flags};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < CAUGHT; i++)
        sigaddset(&action.sa_mask, caught[i].number);
    sigaddset(&action.sa_mask, SIGQUIT);
    sigaction(number, &action, NULL);
}

// The signal is blocked while its handler runs: it strikes on return.
static void on_end(int number) {
    int saved = errno;
    if (restore) restore();
    set_handler(number, SIG_DFL, 0);
    raise(number);
    errno = saved;
}

// What the signal that was noted means to the target.
static void strike(void) {
    for (int i = 0; i < CAUGHT; i++)
        if (caught[i].number == noted)
            neap_interrupt_with(target, caught[i].reason);
}

static void on_interrupt(int number) {
    if (noted) {
        on_end(number);
        return;
    }
    int saved = errno;
    noted = number;
    if (target) strike();
    errno = saved;
}

// The prompt looks up: it has a turn to make.
static void on_quit(int number) {
    int saved = errno;
    changed = 1;
    bool asked = shown && neap_dump(shown) == 0;
    if (!asked && !spared) on_end(number);
    errno = saved;
}

static void on_change(int number) {
    (void)number;
    changed = 1;
}

bool signals_over(void) { return noted == SIGTERM; }

int signals_take(void) {
    int was = noted;
    if (was != SIGTERM || !lasting) noted = 0;
    return was;
}

// What is ignored, as under nohup, stays so; but for SIGINT, as lua has it.
static bool is_ignored(int number) {
    struct sigaction action;
    sigaction(number, NULL, &action);
    return number != SIGINT && action.sa_handler == SIG_IGN;
}

void signals_catch(neap_runtime *rt) {
    if (depth++ == 0) {
        noted = 0;
        for (int i = 0; i < CAUGHT; i++) {
            int number = caught[i].number;
            sigaction(number, NULL, &before[i]);
            if (!is_ignored(number))
                set_handler(number, on_interrupt, caught[i].flags);
        }
    }
    target = rt;
    if (rt && noted) strike();
}

int signals_release(void) {
    target = NULL;
    if (--depth == 0)
        for (int i = 0; i < CAUGHT; i++)
            sigaction(caught[i].number, &before[i], NULL);
    return signals_take();
}

void signals_last(bool on) { lasting = on; }

void signals_aim(neap_runtime *rt) { target = rt; }

void signals_show(neap_runtime *rt) {
    shown = rt;
    if (!rt) return;
    spared = is_ignored(SIGQUIT);
    set_handler(SIGQUIT, on_quit, SA_RESTART);
}

int signals_select(int count, fd_set *fds, const struct timespec *limit) {
    sigset_t ours, open;
    sigemptyset(&ours);
    for (int i = 0; i < CAUGHT; i++) sigaddset(&ours, caught[i].number);
    sigaddset(&ours, SIGQUIT);
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

static void catch_end(int number) {
    if (!is_ignored(number)) set_handler(number, on_end, SA_RESTART);
}

void signals_terminal(void (*put_right)(void)) {
    restore = put_right;
    catch_end(SIGTERM);
    catch_end(SIGHUP);
    set_handler(SIGWINCH, on_change, SA_RESTART);
    set_handler(SIGCONT, on_change, SA_RESTART);
}
