// SPDX-License-Identifier: MIT
// Repl: the prompt.
#ifndef NEAP_REPL_REPL_H
#define NEAP_REPL_REPL_H

#include "repl/command.h"

// Reads, runs and prints until the input is at its end, or it cannot go on;
// c->status tells.
void repl_run(command *c);

#endif
