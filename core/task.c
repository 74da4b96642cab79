// SPDX-License-Identifier: MIT
// Task: the moves between ready, running and waiting (see task.h).
//
// These few functions are all that ever changes a task's state. They run
// nobody: the loop's run_ready does, one task after another.
#include "core/task.h"

#include <assert.h>

#include "core/loop.h"

void neap_task_init(neap_task *task, struct neap_loop *loop, uint8_t kind) {
    assert(loop);
    *task = (neap_task){.loop = loop, .kind = kind};
    neap_list_init(&task->link);
}

int neap_task_reserve(neap_task *task) {
    assert(!task->timer.reserved);
    return neap_heap_reserve(&task->loop->heap, &task->timer);
}

// Leaves the line and the heap, and is no longer counted as waiting outside.
static void leave(neap_task *task) {
    neap_list_unlink(&task->link);
    if (task->timer.armed) neap_heap_disarm(&task->loop->heap, &task->timer);
    if (task->outside) task->loop->outside--;
    task->outside = false;
}

void neap_task_term(neap_task *task) {
    assert(task->loop);
    leave(task);
    neap_heap_release(&task->loop->heap, &task->timer);
    task->state = NEAP_TASK_IDLE;
}

void neap_task_ready(neap_task *task, neap_wake wake) {
    assert(task->state == NEAP_TASK_IDLE || task->state == NEAP_TASK_RUNNING);
    task->state = NEAP_TASK_READY;
    task->wake = (uint8_t)wake;
    neap_loop_push(task->loop, task);
}

static bool is_cancelled(const neap_task *task) {
    return task->inner && task->inner->cause;
}

void neap_task_yield(neap_task *task) {
    assert(task->state == NEAP_TASK_RUNNING);
    neap_task_ready(task,
                    is_cancelled(task) ? NEAP_WAKE_CANCEL : NEAP_WAKE_READY);
}

void neap_task_wait(neap_task *task, neap_list *line) {
    assert(task->state == NEAP_TASK_IDLE || task->state == NEAP_TASK_RUNNING);
    if (is_cancelled(task)) {
        neap_task_ready(task, NEAP_WAKE_CANCEL);
        return;
    }
    task->state = NEAP_TASK_WAITING;
    if (line) neap_list_append(line, &task->link);
}

void neap_task_wait_outside(neap_task *task, neap_list *line) {
    assert(!task->outside);
    neap_task_wait(task, line);
    if (task->state != NEAP_TASK_WAITING) return;
    task->outside = true;
    task->loop->outside++;
}

void neap_task_arm(neap_task *task, int64_t deadline_ns) {
    assert(task->state >= NEAP_TASK_READY);
    if (task->state == NEAP_TASK_WAITING)
        neap_heap_arm(&task->loop->heap, &task->timer, deadline_ns);
    neap_loop_notify(task->loop);
}

void neap_task_forgo(neap_task *task) {
    assert(task->state == NEAP_TASK_WAITING);
    leave(task);
    bool runs = task->loop->current == task; // a callback may wait unrun
    task->state = runs ? NEAP_TASK_RUNNING : NEAP_TASK_IDLE;
}

void neap_task_wake(neap_task *task, neap_wake wake) {
    assert(task->state == NEAP_TASK_WAITING);
    leave(task);
    task->state = NEAP_TASK_READY;
    task->wake = (uint8_t)wake;
    neap_loop_push(task->loop, task);
}

neap_task *neap_task_first(const neap_list *line) {
    assert(!neap_list_empty(line));
    return NEAP_OWNER(line->next, neap_task, link);
}

bool neap_task_wake_first(neap_list *line, neap_wake wake) {
    if (neap_list_empty(line)) return false;
    neap_task_wake(neap_task_first(line), wake);
    return true;
}

void neap_task_wake_all(neap_list *line, neap_wake wake) {
    while (neap_task_wake_first(line, wake)) continue;
    assert(neap_list_empty(line));
}
