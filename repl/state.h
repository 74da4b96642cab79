// SPDX-License-Identifier: MIT
// State: the Lua state as a script finds it.
#ifndef NEAP_REPL_STATE_H
#define NEAP_REPL_STATE_H

#include "repl/command.h"
#include "repl/options.h"

// Opens c->rt. false: there is no memory.
bool state_open(command *c, const options *o);

#endif
