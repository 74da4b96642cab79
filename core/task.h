// SPDX-License-Identifier: MIT
// Task: what the loop runs, and the one way to wait.
//
// A waiting task stands in at most one line and has at most one timer. Being
// woken, timed out, cancelled and closed upon are the same act: leave the line,
// stop the timer, note why, go to the end of the ready deque. Nothing is
// allocated and nobody is called, so waiting cannot fail.
//
// The core knows nothing of what a task does: the loop's resume hook runs it.
// A callback is a task that has no scope and whose hook calls a function.
//
// Invariant: a READY task stands in the ready deque, a RUNNING one is the
// loop's current; a timer is armed only while WAITING.
#ifndef NEAP_CORE_TASK_H
#define NEAP_CORE_TASK_H

#include <stdint.h>

#include "core/heap.h"
#include "core/list.h"
#include "core/scope.h"

struct neap_loop;

typedef enum neap_task_state {
    NEAP_TASK_IDLE,    // not started, or ended: in no line
    NEAP_TASK_READY,   // in the ready deque
    NEAP_TASK_RUNNING, // its slice has begun
    NEAP_TASK_WAITING  // in a line, or for its timer, or for a wake
} neap_task_state;

typedef enum neap_wake {
    NEAP_WAKE_READY,   // what it waited for has happened
    NEAP_WAKE_TIMEOUT, // its deadline passed first
    NEAP_WAKE_CANCEL,  // a scope around it was cancelled
    NEAP_WAKE_CLOSED,  // what it waited for is gone
    NEAP_WAKE_STUCK    // nothing can ever wake it: a deadlock
} neap_wake;

typedef struct neap_task {
    neap_link link;         // in the line it waits in, or in the ready deque
    struct neap_loop *loop; // the loop that runs it
    neap_scope *inner;      // innermost scope around it; NULL: no cancel
    neap_timer timer;       // the deadline of its wait
    uint8_t state;          // neap_task_state
    uint8_t wake;           // neap_wake: why it was woken last
    uint8_t kind;           // for the resume hook alone
    bool outside;           // waits for what only the world can bring
} neap_task;

void neap_task_init(neap_task *task, struct neap_loop *loop, uint8_t kind);

// Reserves what deadlines need; 0 or -ENOMEM. Needed before neap_task_arm.
int neap_task_reserve(neap_task *task);

// Takes the task out of its line and gives its timer back.
void neap_task_term(neap_task *task);

// To the end of the ready deque: an idle task to be begun, or a running one
// that lets the others go first. `wake` is what it will find.
void neap_task_ready(neap_task *task, neap_wake wake);

// The running task lets the others go first; in a cancelled scope it will find
// CANCEL.
void neap_task_yield(neap_task *task);

// Begins a wait at the end of `line` (NULL: in none). In a cancelled scope it
// is over at once: the task goes to the ready deque and will find CANCEL, so
// that one which ignores its cancel costs the others a pass, not the loop.
void neap_task_wait(neap_task *task, neap_list *line);

// The same for something that only the world outside can bring: a descriptor,
// a thread. While one such wait lasts the loop is not stuck.
void neap_task_wait_outside(neap_task *task, neap_list *line);

// Gives the wait just begun a deadline, by the loop's clock; one that is over
// needs none.
void neap_task_arm(neap_task *task, int64_t deadline_ns);

// Takes back a wait that was just begun: the task runs on.
void neap_task_forgo(neap_task *task);

// Ends a wait.
void neap_task_wake(neap_task *task, neap_wake wake);

// Wakes the first of a line (true), or nobody; or all, in their order.
bool neap_task_wake_first(neap_list *line, neap_wake wake);
void neap_task_wake_all(neap_list *line, neap_wake wake);

// The first of a line that is not empty.
neap_task *neap_task_first(const neap_list *line);

#endif
