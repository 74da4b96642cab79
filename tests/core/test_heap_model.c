// SPDX-License-Identifier: MIT
// Timer heap against a model: an array sorted by deadline and arming.
//
// Random reservations, armings, moves, cancels and expiries; after each the
// heap must name the same next timer as the array. The number of timers swells
// and ebbs, so that the rows grow, shrink and are numbered anew on the way.
#include "tests/core/counted.h"
#include "tests/core/invariant.h"

#include "core/clock.h"
#include "core/heap.h"

static neap_timer *expire_one(neap_heap *heap, int64_t now_ns) {
    neap_timer *due;
    return neap_heap_expire(heap, now_ns, &due, 1) ? due : NULL;
}

enum {
    TIMERS = 3000,
    STEPS = 60000,
    CHECK_EVERY = 64, // steps; heap_holds walks everything
    DEADLINES = 50,   // so few that many are equal
};

typedef struct entry {
    int64_t deadline_ns;
    neap_timer *timer;
} entry;

typedef struct world {
    counted memory;
    neap_heap heap;
    neap_timer timers[TIMERS];
    entry model[TIMERS]; // what is armed, in the order of expiry
    size_t count;        // of the model
    unsigned fill;       // 0..99: how likely a timer is to be reserved
} world;

static void model_remove(world *w, const neap_timer *timer) {
    size_t at = 0;
    while (at < w->count && w->model[at].timer != timer) at++;
    if (at == w->count) return;
    w->count--;
    memmove(&w->model[at], &w->model[at + 1],
            (w->count - at) * sizeof *w->model);
}

// Behind those that are due no later.
static void model_insert(world *w, neap_timer *timer, int64_t deadline_ns) {
    size_t at = w->count++;
    for (; at > 0 && w->model[at - 1].deadline_ns > deadline_ns; at--)
        w->model[at] = w->model[at - 1];
    w->model[at] = (entry){deadline_ns, timer};
}

static void arm(world *w, neap_timer *timer) {
    int64_t deadline_ns = rand() % DEADLINES;
    if (!timer->reserved) return;
    model_remove(w, timer);
    model_insert(w, timer, deadline_ns);
    neap_heap_arm(&w->heap, timer, deadline_ns);
}

static void disarm(world *w, neap_timer *timer) {
    model_remove(w, timer);
    neap_heap_disarm(&w->heap, timer);
}

static void release(world *w, neap_timer *timer) {
    model_remove(w, timer);
    neap_heap_release(&w->heap, timer);
}

static void reserve(world *w, neap_timer *timer) {
    if (timer->reserved) return;
    assert_int_equal(neap_heap_reserve(&w->heap, timer), 0);
}

static void expire(world *w) {
    int64_t now_ns = rand() % DEADLINES;
    neap_timer *timer = expire_one(&w->heap, now_ns);
    if (w->count == 0 || w->model[0].deadline_ns > now_ns) {
        assert_null(timer);
        return;
    }
    assert_ptr_equal(timer, w->model[0].timer);
    model_remove(w, timer);
}

static void random_step(world *w) {
    neap_timer *timer = &w->timers[rand() % TIMERS];
    switch (rand() % 8) {
    case 0: expire(w); break;
    case 1: disarm(w, timer); break;
    case 2:
    case 3: arm(w, timer); break;
    default:
        if ((unsigned)rand() % 100 < w->fill) reserve(w, timer);
        else release(w, timer);
    }
}

static void compare(const world *w) {
    int64_t due_ns = w->count ? w->model[0].deadline_ns : NEAP_NEVER_NS;
    assert_true(neap_heap_due(&w->heap) == due_ns);
    assert_int_equal(w->heap.count, w->count);
}

static void drain(world *w) {
    for (size_t i = 0; i < w->count; i++)
        assert_ptr_equal(expire_one(&w->heap, DEADLINES), w->model[i].timer);
    assert_null(expire_one(&w->heap, INT64_MAX));
    w->count = 0;
}

// Whether the rows grew beyond what they shrink to, and shrank again.
static void the_heap_behaves_as_a_sorted_array_does(void **state) {
    (void)state;
    static world w;
    uint32_t largest = 0, smallest = UINT32_MAX;
    counted_init(&w.memory);
    neap_heap_init(&w.heap, &w.memory.alloc);
    srand(3);
    for (int step = 0; step < STEPS; step++) {
        w.fill = step / (STEPS / 6) % 2 ? 3 : 97;
        random_step(&w);
        compare(&w);
        if (step % CHECK_EVERY == 0) assert_true(heap_holds(&w.heap));
        if (w.heap.size > largest) largest = w.heap.size;
        if (largest > 2048 && w.heap.size < smallest) smallest = w.heap.size;
    }
    assert_true(largest == 4096 && smallest == 1024);
    drain(&w);
    for (int i = 0; i < TIMERS; i++) release(&w, &w.timers[i]);
    neap_heap_term(&w.heap);
    counted_term(&w.memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heap_behaves_as_a_sorted_array_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
