// SPDX-License-Identifier: MIT
// Deadline: a scope that is cancelled when its time has come: a time-out.
//
// Its timer stands in the loop's heap beside those of tasks; the expire step
// strikes it, which is a cancel like any other and runs nobody. One that was
// left has given its timer back.
#ifndef NEAP_CORE_DEADLINE_H
#define NEAP_CORE_DEADLINE_H

#include "core/heap.h"
#include "core/scope.h"

typedef struct neap_deadline {
    neap_scope scope; // which it cancels; its task tells the loop
    neap_timer timer; // when
    bool struck;      // the time has come
} neap_deadline;

// Opens a scope that is cancelled at `at_ns` (NEAP_NEVER_NS: never). 0, or
// -ENOMEM: then it is not open.
int neap_deadline_open(neap_deadline *deadline, neap_scope *parent,
                       struct neap_task *task, int64_t at_ns);

// Moves the time; false: it has struck.
bool neap_deadline_move(neap_deadline *deadline, int64_t at_ns);

// Leaves the scope.
void neap_deadline_close(neap_deadline *deadline);

// For the loop: the time has come.
void neap_deadline_strike(neap_deadline *deadline);

#endif
