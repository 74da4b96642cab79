// SPDX-License-Identifier: MIT
// Complete: Tab at the prompt.
#ifndef NEAP_REPL_COMPLETE_H
#define NEAP_REPL_COMPLETE_H

#include "repl/command.h"

void complete_open(command *c);

#endif
