// SPDX-License-Identifier: MIT
// Options: what the command line asks for.
#ifndef NEAP_REPL_OPTIONS_H
#define NEAP_REPL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct options {
    int argc;
    char **argv;
    int script;          // where the script stands in argv; argc: nowhere
    const char *wrong;   // the option that makes no sense; NULL: all do
    bool interactive;    // -i
    bool copyright;      // -v, and -i
    bool code;           // -e
    bool no_environment; // -E
    bool help;           // --help
    bool version;        // --version
    bool virtual_clock;  // --clock=virtual
    bool json;           // --report=json
    uint64_t seed;       // --seed=N
} options;

void options_parse(options *o, int argc, char **argv);

// There is nothing to run: no script, no code.
bool options_idle(const options *o);

// It will ask for lines: it was told to, or is idle on a terminal.
bool options_prompt(const options *o);

// What is wrong, to stderr: one line.
void options_complain(const options *o, const char *name);

// To stdout.
void options_help(const char *name);

// One of the options that run, in their order, before the script.
typedef struct options_step {
    char letter; // 'e', 'l' or 'W'
    char *value; // of e and l
} options_step;

// The next one from argv[*index] on, which moves on; false: no more.
bool options_next(const options *o, int *index, options_step *step);

#endif
