// SPDX-License-Identifier: MIT
// Runtime: what runtime.c, close.c, host.c and module.c share.
#ifndef NEAP_BINDINGS_RUNTIME_H
#define NEAP_BINDINGS_RUNTIME_H

#include "bindings/task.h"

enum {                             // more kinds
    NEAPL_HOST = NEAPL_READER + 1, // tells a host of a task's end
    NEAPL_OVERDUE,                 // names who does not end
    NEAPL_ATTEMPT,                 // a descriptor on its way: connect.c
    NEAPL_CFUTURE,                 // tells C of a Future's end; never ready
    NEAPL_STANDS, // hears of the end of a stand-in: remote.c; never ready
    NEAPL_CALLED  // the same of the task that it stands for
};

// The resume hook's part for NEAPL_HOST; and for future.c: its Task ended.
void neapL_host_slice(neap_runtime *rt, neap_task *waiter);
void neapL_host_wake(neap_task *waiter);

// Runs the function and arguments on top of the state's stack, popped, as the
// main task of a group of its own, to the end of all: 0, or -1 and neap_error.
int neapL_run_main(neap_runtime *rt, int nargs);

// Tells the hosts that are ready to be told, without the loop.
void neapL_host_tell(neap_runtime *rt);

// For future.c: the Future in whose line it stood has ended. (cfuture.c)
void neapL_cfuture_notify(neap_task *core);

// The same for the two sides of a call that another thread makes. (remote.c)
void neapL_stand_in_notify(neap_task *core);
void neapL_called_notify(neap_task *core);

// Cancels those that are pending; makes the host's handles lead nowhere.
void neapL_cfutures_cancel(neap_runtime *rt);
void neapL_cfutures_term(neap_runtime *rt);

// neap_close began, or is over.
static inline bool neapL_refuses_posts(const neap_runtime *rt) {
    return !rt->root || rt->loop.inbox->closed; // which this thread changes
}

// The resume hook's part for NEAPL_ATTEMPT.
void neapL_attempt_slice(neap_task *attempt);

// The resume hook's part for NEAPL_OVERDUE; and nobody is named by it any more.
void neapL_overdue_slice(neap_runtime *rt);
void neapL_overdue_stop(neap_runtime *rt);

// The resume hook, and that of debug mode, which also takes the time. What is
// left over is reported, in debug mode. (debug.c)
void neapL_slice(neap_task *task);
void neapL_debug_slice(neap_task *task);
void neapL_debug_leaks(neap_runtime *rt);

// The warm states of neap.offload are closed; those at work, when they are
// done. NULL: there are none.
typedef struct neapL_workers neapL_workers;
void neapL_workers_close(neapL_workers *workers);

// Cancels the threads of a runtime in which nothing runs any more, and waits
// for their end; for at most the grace. (remote.c)
void neapL_calls_close(neap_runtime *rt);

// Frees what the loop holds; tasks have been ended. Sockets are closed.
void neapL_runtime_term(neap_runtime *rt);

// Cancels every task, runs the loop for at most the grace, ends the rest, and
// takes callbacks and readers out. The state still exists.
void neapL_wind_up(neap_runtime *rt);

// Turns the loop until the tasks of a group, which were cancelled, have ended,
// but for at most the grace; what is left then is named and ended.
void neapL_run_out(neapL_group *group);

// Sets neap_error from the error object on top of L, popped, and a traceback.
void neapL_set_error(lua_State *L, neap_runtime *rt, const char *traceback);

// The same, in words of our own.
void neapL_set_words(neap_runtime *rt, const char *words);

// The warn function of states that neap_open makes: as the one of
// luaL_newstate.
void neapL_open_warn(lua_State *L);

#endif
