// SPDX-License-Identifier: MIT
// Command: what all of repl/ shares; there is one in the process.
#ifndef NEAP_REPL_COMMAND_H
#define NEAP_REPL_COMMAND_H

#include <stdbool.h>

#include "bindings/neap.h"

enum { // exit statuses, besides what a script gives to os.exit
    COMMAND_OK = 0,
    COMMAND_FAILED = 1,
    COMMAND_INTERRUPTED = 128 // and the signal's number, as shells have it
};

typedef struct command {
    neap_runtime *rt;
    const char *name; // stands before messages; NULL in the REPL
    bool json;        // reports are objects, one a line
    bool busy;        // tasks may be left in the runtime
    bool holds;       // signals stay caught between one run and the next
    int signal;       // that came while the last main task was run; 0: none
    int status;       // with which the process will end

    // How the prompt makes room for what tasks write. NULL: it need not.
    void (*hide)(void);   // takes the half-typed line off the screen
    void (*show)(void);   // shows it again, below what was written
    void (*resume)(void); // the same after the window changed, or a stop
} command;

#endif
