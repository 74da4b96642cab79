// SPDX-License-Identifier: MIT
// Run: a function as the main task, until it has ended.
#ifndef NEAP_REPL_RUN_H
#define NEAP_REPL_RUN_H

#include "repl/command.h"

// Called when the main task has ended, as a neap_done is: `count` results or,
// with status -1, the error are on top of neap_state's stack. Must not raise.
typedef void (*run_take)(command *c, int status, int count, void *ud);

// Reports an error; that is all that most runs want.
void run_report(command *c, int status, int count, void *ud);

// Runs what a chunk function pushed and returned (`nargs` < 0: a message, which
// is reported) as the main task until it has ended; others run beside it.
// false: it failed, c->status tells how. [-(nargs + 1), +0, -]
bool run_main(command *c, int nargs, run_take take, void *ud);

// Runs until no task is left but daemons. false: they cannot go on, or an
// interrupt came; c->status tells which.
bool run_rest(command *c);

#endif
