// SPDX-License-Identifier: MIT
// Shuffle: every order comes, none is lost, one seed gives one order; and what
// it does to a loop's passes.
#include <string.h>

#include "core/list.h"
#include "tests/core/fake.h"

enum { LINKS_MAX = 300 };

static neap_link links[LINKS_MAX];

// Puts `count` of them in a list in their order, and shuffles it.
static void shuffle(neap_list *list, int count, uint64_t *seed) {
    neap_list_init(list);
    for (int i = 0; i < count; i++) neap_list_append(list, &links[i]);
    neap_list_shuffle(list, seed);
}

static int index_of(const neap_link *link) { return (int)(link - links); }

static void nothing_is_lost(void **state) {
    (void)state;
    static const int counts[] = {0, 1, 2, 63, 64, 65, 128, 129, LINKS_MAX};
    uint64_t seed = 42;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        neap_list list;
        bool seen[LINKS_MAX] = {false};
        int left = counts[c];
        shuffle(&list, left, &seed);
        for (neap_link *at = list.next; at != &list; at = at->next, left--) {
            assert_ptr_equal(at->prev->next, at);
            assert_false(seen[index_of(at)]);
            seen[index_of(at)] = true;
        }
        assert_int_equal(left, 0);
    }
}

// A link does not leave its window of 64.
static void a_long_list_is_shuffled_by_windows(void **state) {
    (void)state;
    neap_list list;
    uint64_t seed = 1;
    int place = 0, moved = 0;
    shuffle(&list, LINKS_MAX, &seed);
    for (neap_link *at = list.next; at != &list; at = at->next, place++) {
        assert_int_equal(index_of(at) / 64, place / 64);
        moved += index_of(at) != place;
    }
    assert_in_range(moved, LINKS_MAX * 9 / 10, LINKS_MAX);
}

// The orders of three, each about as often, also over small seeds.
static void every_order_comes(void **state) {
    (void)state;
    int times[3][3] = {{0}};
    for (uint64_t first = 1; first <= 600; first++) {
        neap_list list;
        uint64_t seed = first;
        shuffle(&list, 3, &seed);
        times[index_of(list.next)][index_of(list.next->next)]++;
        assert_int_not_equal(seed, 0);
        assert_int_not_equal(seed, first);
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            if (i != j) assert_in_range(times[i][j], 60, 140);
}

// ---- in a loop

// A trace of eight tasks that yield twice, under this seed.
static const char *trace_of(stage *on, uint64_t seed) {
    on->loop.seed = seed;
    for (int i = 0; i < 8; i++) {
        if (on->count < 8) stage_probe(on, (char)('a' + i), step_yield);
        on->probes[i].left = 2;
        neap_task_ready(&on->probes[i].task, NEAP_WAKE_READY);
    }
    assert_int_equal(neap_loop_turn(&on->loop, 0), 24);
    return stage_trace(on);
}

static void one_seed_is_one_order(void **state) {
    stage *on = *state; // S25
    char first[TRACE_MAX];
    strcpy(first, trace_of(on, 7));
    assert_string_equal(trace_of(on, 7), first);
    assert_string_not_equal(trace_of(on, 8), first);
    assert_string_equal(trace_of(on, 7), first);
}

static void no_seed_is_the_order_of_becoming_ready(void **state) {
    stage *on = *state; // S25
    assert_string_equal(trace_of(on, 0), "abcdefghabcdefghabcdefgh");
}

// Who is made ready in a pass waits for the next one, whatever the order.
static void passes_stay_passes(void **state) {
    stage *on = *state; // S25
    const char *trace = trace_of(on, 3);
    for (int pass = 0; pass < 3; pass++)
        for (char letter = 'a'; letter <= 'h'; letter++)
            assert_non_null(memchr(trace + pass * 8, letter, 8));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost),
        cmocka_unit_test(a_long_list_is_shuffled_by_windows),
        cmocka_unit_test(every_order_comes),
        ON_STAGE(one_seed_is_one_order),
        ON_STAGE(no_seed_is_the_order_of_becoming_ready),
        ON_STAGE(passes_stay_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
