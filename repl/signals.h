// SPDX-License-Identifier: MIT
// Signals: what SIGINT, SIGTERM and SIGQUIT do, by what the command is doing.
#ifndef NEAP_REPL_SIGNALS_H
#define NEAP_REPL_SIGNALS_H

#include <stdbool.h>
#include <sys/select.h>
#include <time.h>

#include "bindings/neap.h"

// From now on SIGINT and SIGTERM interrupt what `rt` runs (NULL: they are only
// noted); a second one that comes before the first was taken ends the process.
// Nests: what was noted outside interrupts inside.
void signals_catch(neap_runtime *rt);

// Ends that. The signal that came meanwhile, which is taken by this; or 0.
int signals_release(void);

// While they are caught: who is interrupted from now on.
void signals_aim(neap_runtime *rt);

// From now on SIGQUIT has the tasks of `rt` reported; NULL: no more, and the
// next one ends the process.
void signals_show(neap_runtime *rt);

// Takes the signal that was noted; 0: none was.
int signals_take(void);

// From now on a SIGTERM stays noted when it is taken: it ends all that stands
// within; or no more.
void signals_last(bool on);

// A SIGTERM was noted.
bool signals_over(void);

// As pselect(2) for reading, but a signal that was noted before also ends it.
int signals_select(int count, fd_set *fds, const struct timespec *limit);

// A signal that ends the process first has the terminal put right by this
// function; SIGWINCH and SIGCONT end signals_select, too. To be called once.
void signals_terminal(void (*put_right)(void));

#endif
