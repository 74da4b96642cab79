// SPDX-License-Identifier: MIT
// Probe: a task for tests, and the stage on which probes run.
//
// A probe has a letter, which each of its slices adds to the stage's trace, and
// a step, which is what the slice does. A step that neither waits nor goes to
// the ready deque has ended the probe. So most tests say "these probes, these
// turns, this trace": ON_STAGE(test) is a test that finds a stage in *state.
#ifndef NEAP_TESTS_PROBE_H
#define NEAP_TESTS_PROBE_H

#include "tests/core/counted.h"

#include "core/clock.h"
#include "core/loop.h"

enum { PROBES_MAX = 16, TRACE_MAX = 1024 };

typedef struct probe probe;
typedef void (*probe_step)(probe *self);

struct probe {
    neap_task task;
    neap_scope scope;    // around it, a root
    probe_step step;     // what a slice does; NULL: it ends
    char letter;         // in the trace
    int left;            // for the step: rounds to go
    int64_t delay_ns;    // for the step: how long it waits
    int64_t deadline_ns; // for the step: until when
    probe *other;        // for the step: whom it meddles with
    void *arg;           // for the step: anything else
};

typedef struct stage {
    neap_loop loop;
    counted memory;           // the loop's allocator
    probe probes[PROBES_MAX]; // in the order in which they were made
    int count;                // of them
    neap_list line;           // one to wait in
    char trace[TRACE_MAX];    // who ran, a letter each
    size_t ran;               // letters in it
} stage;

static inline probe *probe_of(neap_task *task) {
    return NEAP_OWNER(task, probe, task);
}

static inline stage *stage_of(const probe *self) {
    return NEAP_OWNER(self->task.loop, stage, loop);
}

static inline void stage_note(stage *on, char letter) {
    if (on->ran < TRACE_MAX - 1) on->trace[on->ran++] = letter;
    on->trace[on->ran] = '\0';
}

// The loop's resume hook.
static inline void probe_resume(neap_task *task) {
    probe *self = probe_of(task);
    assert_int_equal(task->state, NEAP_TASK_RUNNING);
    assert_ptr_equal(task->loop->current, task);
    if (self->letter) stage_note(stage_of(self), self->letter);
    if (self->step) self->step(self);
}

// A probe of the test's own, in a scope of its own, able to have deadlines.
static inline void probe_init(probe *self, stage *on, char letter,
                              probe_step step) {
    *self = (probe){.letter = letter, .step = step};
    neap_task_init(&self->task, &on->loop, 0);
    neap_scope_open(&self->scope, NULL, &self->task);
    self->task.inner = &self->scope;
    assert_int_equal(neap_task_reserve(&self->task), 0);
}

// One of the stage's, which ends it.
static inline probe *stage_probe(stage *on, char letter, probe_step step) {
    assert_true(on->count < PROBES_MAX);
    probe *self = &on->probes[on->count++];
    probe_init(self, on, letter, step);
    return self;
}

// The same, ready to run.
static inline probe *stage_start(stage *on, char letter, probe_step step) {
    probe *self = stage_probe(on, letter, step);
    neap_task_ready(&self->task, NEAP_WAKE_READY);
    return self;
}

// The trace since this was asked last.
static inline const char *stage_trace(stage *on) {
    on->ran = 0;
    return on->trace;
}

static inline void stage_open(stage *on) {
    *on = (stage){.count = 0};
    counted_init(&on->memory);
    neap_list_init(&on->line);
    int rc = neap_loop_init(&on->loop, &on->memory.alloc, probe_resume);
    assert_int_equal(rc, 0);
    on->loop.end = neap_task_term;
}

static inline void stage_close(stage *on) {
    for (int i = 0; i < on->count; i++) neap_task_term(&on->probes[i].task);
    neap_inbox_close(on->loop.inbox);
    neap_loop_term(&on->loop);
    counted_term(&on->memory);
}

static inline int stage_setup(void **state) {
    stage *on = malloc(sizeof *on);
    assert_non_null(on);
    stage_open(on);
    *state = on;
    return 0;
}

static inline int stage_teardown(void **state) {
    stage_close(*state);
    free(*state);
    return 0;
}

#define ON_STAGE(test) \
    cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

// ---- steps that many tests want

// Waits `delay_ns` from now, as often as `left` says.
static inline void step_sleep(probe *self) {
    if (self->left-- <= 0) return;
    self->deadline_ns = neap_loop_time(self->task.loop) + self->delay_ns;
    neap_task_wait(&self->task, NULL);
    neap_task_arm(&self->task, self->deadline_ns);
}

// Goes to the end of the ready deque, as often as `left` says.
static inline void step_yield(probe *self) {
    if (self->left-- > 0) neap_task_ready(&self->task, NEAP_WAKE_READY);
}

#endif
