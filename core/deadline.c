// SPDX-License-Identifier: MIT
// Deadline: opening, moving and striking (see deadline.h).
//
// The timer is reserved when the scope is opened, so that moving cannot fail.
#include "core/deadline.h"

#include <assert.h>

#include "core/clock.h"
#include "core/loop.h"

static neap_loop *loop_of(const neap_deadline *deadline) {
    return deadline->scope.task->loop;
}

int neap_deadline_open(neap_deadline *deadline, neap_scope *parent,
                       struct neap_task *task, int64_t at_ns) {
    assert(task && parent);
    *deadline = (neap_deadline){.timer = {.of_scope = true}};
    int rc = neap_heap_reserve(&task->loop->heap, &deadline->timer);
    if (rc < 0) return rc;
    neap_scope_open(&deadline->scope, parent, task);
    if (at_ns < NEAP_NEVER_NS) neap_deadline_move(deadline, at_ns);
    return 0;
}

bool neap_deadline_move(neap_deadline *deadline, int64_t at_ns) {
    assert(deadline->timer.reserved);
    if (deadline->struck) return false;
    neap_loop *loop = loop_of(deadline);
    if (at_ns < NEAP_NEVER_NS)
        neap_heap_arm(&loop->heap, &deadline->timer, at_ns);
    else neap_heap_disarm(&loop->heap, &deadline->timer);
    neap_loop_notify(loop);
    return true;
}

void neap_deadline_close(neap_deadline *deadline) {
    assert(deadline->timer.reserved);
    neap_heap_release(&loop_of(deadline)->heap, &deadline->timer);
    neap_scope_close(&deadline->scope);
}

void neap_deadline_strike(neap_deadline *deadline) {
    assert(!deadline->struck && !deadline->timer.armed);
    deadline->struck = true;
    neap_scope_cancel(&deadline->scope);
}
