// SPDX-License-Identifier: MIT
// Signals: what SIGINT does, by what the command is doing.
#ifndef NEAP_REPL_SIGNALS_H
#define NEAP_REPL_SIGNALS_H

#include <stdbool.h>
#include <sys/select.h>
#include <time.h>

#include "bindings/neap.h"

// From now on SIGINT interrupts what `rt` runs (NULL: it is only noted); a
// second one that comes before the first was taken ends the process. Nests:
// what was noted outside interrupts inside.
void signals_catch(neap_runtime *rt);

// Ends that. true: a SIGINT came meanwhile; it is taken by this.
bool signals_release(void);

// While it is caught: who is interrupted from now on.
void signals_aim(neap_runtime *rt);

// Takes a SIGINT that was noted.
bool signals_take(void);

// As pselect(2) for reading, but a SIGINT that was noted before also ends it.
int signals_select(int count, fd_set *fds, const struct timespec *limit);

// A signal that ends the process first has the terminal put right by this
// function; SIGWINCH and SIGCONT end signals_select, too. To be called once.
void signals_terminal(void (*put_right)(void));

#endif
