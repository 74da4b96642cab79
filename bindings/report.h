// SPDX-License-Identifier: MIT
// Report: errors that nobody waits for, and what is kept of each error where it
// is raised.
#ifndef NEAP_BINDINGS_REPORT_H
#define NEAP_BINDINGS_REPORT_H

#include "bindings/neapL.h"

// Reports the tasks that failed in this turn and that nobody waited for.
void neapL_report_failed(neap_runtime *rt);

// Completes a report and hands it to the host.
void neapL_report(neap_runtime *rt, const neap_report *report);

// Reports an error whose object is on top of L, with a traceback or NULL.
void neapL_report_error(lua_State *L, neap_runtime *rt, const char *traceback,
                        const char *spawned_at);

// Reports a block that the Task at `index` of L, which ends, has never left.
void neapL_report_open(lua_State *L, int index, const neapL_block *block);

// Reports a task that has not ended, with where it stands and was spawned.
void neapL_report_standing(lua_State *L, neapL_task *task, const char *kind,
                           const char *message);

// Reports all tasks and their stacks, where there is memory for the words.
void neapL_report_tree(lua_State *L, neap_runtime *rt);

// Reports what concerns no single task ("deadlock").
void neapL_report_words(neap_runtime *rt, const char *kind,
                        const char *message);

// A string for the error object at `arg`, whatever it is; never raises but for
// memory. [-0, +1, m]
const char *neapL_errorstring(lua_State *L, int arg);

// The words of a report about the Task at `index`, which is no error of its,
// are on top of L, and popped. [-1, +0, m]
void neapL_report_about(lua_State *L, int index, const char *kind);

// ---- where it was raised (traceback.c)

// The message handlers of tasks, and of what guards call.
int neapL_traceback(lua_State *L);
int neapL_guard_traceback(lua_State *L);

// Raises the error on top, which came from another thread with a traceback of
// its own (NULL: none): it is told with that of who meets it here.
int neapL_raise_from(lua_State *L, const char *traceback);

// What they keep beside the Task at `index` was handled.
void neapL_forget_traceback(lua_State *L, int index);

// The same of the running task, and of what a guard has caught.
void neapL_forget_guarded(lua_State *L);

#endif
