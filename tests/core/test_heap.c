// SPDX-License-Identifier: MIT
// Timer heap: order, equal deadlines, extremes, memory. Against a model:
// test_heap_model.c.
#include <errno.h>

#include "tests/core/counted.h"
#include "tests/core/invariant.h"

#include "core/clock.h"
#include "core/heap.h"

static neap_timer *expire_one(neap_heap *heap, int64_t now_ns) {
    neap_timer *due;
    return neap_heap_expire(heap, now_ns, &due, 1) ? due : NULL;
}

enum {
    MANY = 100000,
    SMALL_BYTES = 64 * 1024 // three arrays of 1,024 rows fit
};

typedef struct world {
    counted memory;
    neap_heap heap;
    neap_timer *timers; // of them
    size_t count;       // this many, all reserved
} world;

static void reserve_all(world *w, size_t count) {
    w->timers = calloc(count, sizeof *w->timers);
    assert_non_null(w->timers);
    w->count = count;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(neap_heap_reserve(&w->heap, &w->timers[i]), 0);
}

static int open_world(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    counted_init(&w->memory);
    neap_heap_init(&w->heap, &w->memory.alloc);
    *state = w;
    return 0;
}

static int close_world(void **state) {
    world *w = *state;
    for (size_t i = 0; i < w->count; i++)
        neap_heap_release(&w->heap, &w->timers[i]);
    neap_heap_term(&w->heap);
    counted_term(&w->memory);
    free(w->timers);
    free(w);
    return 0;
}

// Arms the i-th timer, and looks that the heap is one still.
static void arm(world *w, size_t i, int64_t deadline_ns) {
    neap_heap_arm(&w->heap, &w->timers[i], deadline_ns);
    assert_true(heap_holds(&w->heap));
}

// The next timer that has expired is the i-th.
static void expect(world *w, int64_t now_ns, size_t i) {
    assert_ptr_equal(expire_one(&w->heap, now_ns), &w->timers[i]);
    assert_false(w->timers[i].armed);
    assert_true(heap_holds(&w->heap));
}

static void expect_none(world *w, int64_t now_ns) {
    assert_null(expire_one(&w->heap, now_ns));
}

// ---- order

static void nothing_armed_is_never_due(void **state) {
    world *w = *state;
    assert_true(neap_heap_due(&w->heap) == NEAP_NEVER_NS);
    expect_none(w, INT64_MAX);
    reserve_all(w, 3); // what is only reserved is not due either
    assert_true(neap_heap_due(&w->heap) == NEAP_NEVER_NS);
    expect_none(w, INT64_MAX);
}

static void a_timer_expires_at_its_deadline_and_not_before(void **state) {
    world *w = *state; // S13
    reserve_all(w, 1);
    arm(w, 0, 1000);
    assert_int_equal(neap_heap_due(&w->heap), 1000);
    expect_none(w, 999);
    expect(w, 1000, 0);
    expect_none(w, 1000);
}

static void the_earliest_is_first_however_they_were_armed(void **state) {
    world *w = *state;
    reserve_all(w, 7);
    static const int64_t deadlines[] = {40, 10, 60, 0, 30, 50, 20};
    static const size_t order[] = {3, 1, 6, 4, 0, 5, 2};
    for (size_t i = 0; i < 7; i++) arm(w, i, deadlines[i]);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(neap_heap_due(&w->heap), deadlines[order[i]]);
        expect(w, 100, order[i]);
    }
}

static void equal_deadlines_expire_in_the_order_of_arming(void **state) {
    world *w = *state; // S5
    reserve_all(w, 100);
    for (size_t i = 0; i < 100; i++) arm(w, 99 - i, 5);
    for (size_t i = 0; i < 100; i++) expect(w, 5, 99 - i);
}

static void the_order_of_arming_outlives_a_wrap(void **state) {
    world *w = *state; // S5
    reserve_all(w, 10);
    w->heap.sequence = UINT32_MAX - 4;
    for (size_t i = 0; i < 10; i++) arm(w, i, 5);
    for (size_t i = 0; i < 10; i++) expect(w, 5, i);
}

static void a_timer_armed_anew_goes_behind_its_equals(void **state) {
    world *w = *state; // S8
    reserve_all(w, 3);
    for (size_t i = 0; i < 3; i++) arm(w, i, 5);
    arm(w, 0, 5);
    expect(w, 5, 1);
    expect(w, 5, 2);
    expect(w, 5, 0);
}

static void a_deadline_can_be_moved_both_ways(void **state) {
    world *w = *state; // W9
    reserve_all(w, 3);
    for (size_t i = 0; i < 3; i++) arm(w, i, 10 * (int64_t)(i + 1));
    arm(w, 2, 5);
    arm(w, 0, 40);
    expect(w, 100, 2);
    expect(w, 100, 1);
    expect(w, 100, 0);
}

static void a_disarmed_timer_never_expires(void **state) {
    world *w = *state; // S7
    reserve_all(w, 3);
    for (size_t i = 0; i < 3; i++) arm(w, i, (int64_t)i);
    neap_heap_disarm(&w->heap, &w->timers[1]);
    neap_heap_disarm(&w->heap, &w->timers[1]); // twice does no harm
    expect(w, 100, 0);
    expect(w, 100, 2);
    expect_none(w, 100);
}

// The last item comes from another branch, so it must rise from the hole: the
// hole is under 100, the last item is 2, under 1.
static void a_hole_may_be_filled_from_another_branch(void **state) {
    world *w = *state;
    static const int64_t deadlines[] = {0,   100, 1,   200, 201,
                                        101, 102, 103, 104, 2};
    reserve_all(w, 10);
    for (size_t i = 0; i < 10; i++) arm(w, i, deadlines[i]);
    assert_int_equal(w->heap.slots[w->timers[9].id], 9);
    neap_heap_disarm(&w->heap, &w->timers[5]);
    assert_true(heap_holds(&w->heap));
    expect(w, 500, 0);
    expect(w, 500, 2);
    expect(w, 500, 9);
}

static void the_extremes_of_time_are_in_order(void **state) {
    world *w = *state; // S9, S12
    static const int64_t deadlines[] = {
        INT64_MAX, 0, INT64_MIN, -1, INT64_MIN + 1, INT64_MAX - 1};
    static const size_t order[] = {2, 4, 3, 1, 5, 0};
    reserve_all(w, 6);
    for (size_t i = 0; i < 6; i++) arm(w, i, deadlines[i]);
    for (size_t i = 0; i < 6; i++) {
        assert_true(neap_heap_due(&w->heap) == deadlines[order[i]]);
        if (i == 5) expect_none(w, INT64_MAX - 1);
        expect(w, deadlines[order[i]], order[i]);
    }
}

// ---- reserving

static void what_reserved_nothing_can_be_released(void **state) {
    world *w = *state;
    neap_timer timer = {.reserved = false};
    neap_heap_release(&w->heap, &timer);
    assert_int_equal(w->heap.reserved, 0);
}

static void releasing_disarms(void **state) {
    world *w = *state;
    reserve_all(w, 2);
    arm(w, 0, 1);
    arm(w, 1, 2);
    neap_heap_release(&w->heap, &w->timers[0]);
    assert_false(w->timers[0].reserved);
    expect(w, 100, 1);
    expect_none(w, 100);
}

static void released_rows_are_given_out_again(void **state) {
    world *w = *state;
    neap_timer timer = {.reserved = false};
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(neap_heap_reserve(&w->heap, &timer), 0);
        neap_heap_release(&w->heap, &timer);
    }
    assert_true(w->memory.calls <= 3);
}

static void four_siblings_share_a_cache_line(void **state) {
    world *w = *state;
    for (size_t count = 1; count <= 1000; count *= 10) {
        reserve_all(w, count);
        assert_int_equal((uintptr_t)&w->heap.items[1] % 64, 0);
        for (size_t i = 0; i < count; i++)
            neap_heap_release(&w->heap, &w->timers[i]);
        free(w->timers);
        w->timers = NULL;
        w->count = 0;
    }
}

static void growing_keeps_what_is_armed(void **state) {
    world *w = *state;
    reserve_all(w, 5000);
    for (size_t i = 0; i < 50; i++) arm(w, i, (int64_t)(50 - i));
    neap_timer *more = calloc(50000, sizeof *more);
    assert_non_null(more);
    for (size_t i = 0; i < 50000; i++)
        assert_int_equal(neap_heap_reserve(&w->heap, &more[i]), 0);
    assert_true(heap_holds(&w->heap));
    for (size_t i = 50; i-- > 0;) expect(w, 100, i);
    for (size_t i = 0; i < 50000; i++) neap_heap_release(&w->heap, &more[i]);
    free(more);
}

static void many_armed_and_cancelled_leave_no_memory_behind(void **state) {
    world *w = *state; // S16
    reserve_all(w, MANY);
    size_t large = w->memory.bytes;
    for (size_t i = 0; i < MANY; i++)
        neap_heap_arm(&w->heap, &w->timers[i], (int64_t)(i * 7919 % 1009));
    assert_true(heap_holds(&w->heap));
    for (size_t i = 0; i < MANY; i++) {
        neap_heap_disarm(&w->heap, &w->timers[i]);
        neap_heap_release(&w->heap, &w->timers[i]);
    }
    assert_true(large > 100 * SMALL_BYTES / 4);
    assert_true(w->memory.bytes < SMALL_BYTES);
    assert_int_equal(w->heap.size, 1024); // as small as it gets
    assert_int_equal(w->heap.count, 0);
}

// One in a hundred stays: it is numbered anew, and keeps its deadline.
static void shrinking_keeps_what_stays(void **state) {
    world *w = *state;
    reserve_all(w, MANY);
    for (size_t i = 0; i < MANY; i++)
        neap_heap_arm(&w->heap, &w->timers[i], (int64_t)(MANY - i));
    for (size_t i = 0; i < MANY; i++)
        if (i % 100) neap_heap_release(&w->heap, &w->timers[i]);
    assert_true(w->heap.size < MANY / 10);
    assert_true(heap_holds(&w->heap));
    for (size_t i = MANY; i-- > 0;)
        if (i % 100 == 0) expect(w, MANY, i);
    expect_none(w, MANY);
}

static void unarmed_ids_survive_shrinking_too(void **state) {
    world *w = *state;
    reserve_all(w, MANY);
    for (size_t i = 0; i < MANY; i++)
        if (i % 1000) neap_heap_release(&w->heap, &w->timers[i]);
    for (size_t i = 0; i < MANY; i += 1000) arm(w, i, (int64_t)i);
    for (size_t i = 0; i < MANY; i += 1000) expect(w, MANY, i);
}

// ---- no memory

// The n-th of the three arrays fails: nothing is lost, nothing leaks.
static void reserving_fails_cleanly_at_every_allocation(void **state) {
    world *w = *state;
    reserve_all(w, 64);
    for (size_t i = 0; i < 64; i++) arm(w, i, (int64_t)i);
    neap_timer timer = {.reserved = false};
    size_t bytes = w->memory.bytes;
    for (long n = 0; n < 6; n++) {
        if (n < 3) counted_refuse_after(&w->memory, n);
        else counted_refuse_one(&w->memory, n - 3);
        assert_int_equal(neap_heap_reserve(&w->heap, &timer), -ENOMEM);
        assert_false(timer.reserved);
        assert_int_equal(w->memory.bytes, bytes);
        assert_true(heap_holds(&w->heap));
    }
    counted_refuse_none(&w->memory);
    assert_int_equal(neap_heap_reserve(&w->heap, &timer), 0);
    neap_heap_release(&w->heap, &timer);
    for (size_t i = 0; i < 64; i++) expect(w, 64, i);
}

static void the_first_reservation_fails_cleanly(void **state) {
    world *w = *state;
    neap_timer timer = {.reserved = false};
    for (long n = 0; n < 3; n++) {
        counted_refuse_after(&w->memory, n);
        assert_int_equal(neap_heap_reserve(&w->heap, &timer), -ENOMEM);
        assert_int_equal(w->memory.blocks, 0);
    }
}

// Without memory to shrink into the arrays stay large, and right.
static void shrinking_may_fail_at_every_allocation(void **state) {
    world *w = *state;
    reserve_all(w, 4096);
    for (size_t i = 0; i < 4096; i += 2) arm(w, i, (int64_t)i);
    for (size_t i = 1; i < 4096; i++) {
        counted_refuse_after(&w->memory, (long)(i % 3));
        if (i % 64) neap_heap_release(&w->heap, &w->timers[i]);
    }
    assert_int_equal(w->heap.size, 4096);
    assert_true(heap_holds(&w->heap));
    for (size_t i = 0; i < 4096; i += 64) expect(w, 4096, i);
    counted_refuse_none(&w->memory);
    neap_heap_release(&w->heap, &w->timers[64]);
    assert_int_equal(w->heap.size, 2048);
}

static void more_ids_than_there_are_numbers_are_refused(void **state) {
    world *w = *state;
    neap_timer timer = {.reserved = false};
    w->heap.size = w->heap.used = NEAP_TIMER_MAX; // as if all were given out
    assert_int_equal(neap_heap_reserve(&w->heap, &timer), -ENOMEM);
    w->heap.size = w->heap.used = 0;
}

// ---- the check itself

static void the_check_sees_what_is_wrong(void **state) {
    world *w = *state;
    reserve_all(w, 6);
    for (size_t i = 0; i < 6; i++) arm(w, i, (int64_t)i);
    neap_heap *heap = &w->heap, whole = *heap;
    heap->items[3].deadline_ns = -1; // due before its parent
    assert_false(heap_holds(heap));
    heap->items[3].deadline_ns = 3;
    heap->slots[0] = 4; // it stands elsewhere
    assert_false(heap_holds(heap));
    heap->slots[0] = 0;
    w->timers[5].armed = false;
    assert_false(heap_holds(heap));
    w->timers[5].armed = true;
    w->timers[5].id = 4; // another's
    assert_false(heap_holds(heap));
    w->timers[5].id = 5;
    heap->timers[5] = NULL; // given out to nobody
    assert_false(heap_holds(heap));
    heap->timers[5] = &w->timers[5];
    heap->reserved = 5; // fewer than are armed
    assert_false(heap_holds(heap));
    heap->reserved = heap->size + 1;
    assert_false(heap_holds(heap));
    *heap = whole;
    assert_true(heap_holds(heap));
}

#define IN_WORLD(test) \
    cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(nothing_armed_is_never_due),
        IN_WORLD(a_timer_expires_at_its_deadline_and_not_before),
        IN_WORLD(the_earliest_is_first_however_they_were_armed),
        IN_WORLD(equal_deadlines_expire_in_the_order_of_arming),
        IN_WORLD(the_order_of_arming_outlives_a_wrap),
        IN_WORLD(a_timer_armed_anew_goes_behind_its_equals),
        IN_WORLD(a_deadline_can_be_moved_both_ways),
        IN_WORLD(a_disarmed_timer_never_expires),
        IN_WORLD(a_hole_may_be_filled_from_another_branch),
        IN_WORLD(the_extremes_of_time_are_in_order),
        IN_WORLD(what_reserved_nothing_can_be_released),
        IN_WORLD(releasing_disarms),
        IN_WORLD(released_rows_are_given_out_again),
        IN_WORLD(four_siblings_share_a_cache_line),
        IN_WORLD(growing_keeps_what_is_armed),
        IN_WORLD(many_armed_and_cancelled_leave_no_memory_behind),
        IN_WORLD(shrinking_keeps_what_stays),
        IN_WORLD(unarmed_ids_survive_shrinking_too),
        IN_WORLD(reserving_fails_cleanly_at_every_allocation),
        IN_WORLD(the_first_reservation_fails_cleanly),
        IN_WORLD(shrinking_may_fail_at_every_allocation),
        IN_WORLD(more_ids_than_there_are_numbers_are_refused),
        IN_WORLD(the_check_sees_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
