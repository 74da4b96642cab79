// SPDX-License-Identifier: MIT
// Input: waiting at the prompt, while tasks go on.
#ifndef NEAP_REPL_INPUT_H
#define NEAP_REPL_INPUT_H

#include "repl/command.h"

// Waits until stdin can be read without waiting; tasks run meanwhile. false: a
// SIGINT came, which is taken by that, or a SIGTERM, which is not.
bool input_wait(command *c);

#endif
