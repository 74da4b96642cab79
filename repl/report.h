// SPDX-License-Identifier: MIT
// Report: errors to stderr, as text or as JSON.
#ifndef NEAP_REPL_REPORT_H
#define NEAP_REPL_REPORT_H

#include "repl/command.h"

// A neap_config.report; `ud` is the command.
void report_task(void *ud, const neap_report *report);

// The error object on top of neap_state's stack in words, without raising.
const char *report_words(command *c);

// The main task's failure, or the command's own: "name: words".
void report_failure(command *c, const char *words);

#endif
