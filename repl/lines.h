// SPDX-License-Identifier: MIT
// Lines: what the REPL reads, edited on a terminal and plain elsewhere.
#ifndef NEAP_REPL_LINES_H
#define NEAP_REPL_LINES_H

#include "repl/command.h"

typedef enum lines_end {
    LINES_READ,        // *line is a new string without newline, to be freed
    LINES_OVER,        // the input is at its end
    LINES_INTERRUPTED, // SIGINT or SIGTERM came
} lines_end;

// Once, before the first line. true: lines are edited.
bool lines_open(command *c);

lines_end lines_read(command *c, const char *prompt, char **line);

#endif
