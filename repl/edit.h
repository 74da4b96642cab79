// SPDX-License-Identifier: MIT
// Edit: lines edited on a terminal.
#ifndef NEAP_REPL_EDIT_H
#define NEAP_REPL_EDIT_H

#include "repl/lines.h"

// Takes the terminal; it is put right again when the process ends.
void edit_open(command *c);

// As lines_read.
lines_end edit_read(command *c, const char *prompt, char **line);

#endif
