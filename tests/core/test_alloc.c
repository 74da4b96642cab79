// SPDX-License-Identifier: MIT
// Alloc: zeroed blocks, true sizes, and "no memory" as an answer.
#include "tests/core/counted.h"

static void a_new_block_is_zeroed(void **state) {
    (void)state;
    counted memory;
    counted_init(&memory); // whose blocks are full of junk
    char zeroes[100] = {0};
    void *block = neap_alloc_new(&memory.alloc, sizeof zeroes);
    assert_memory_equal(block, zeroes, sizeof zeroes);
    neap_alloc_free(&memory.alloc, block, sizeof zeroes);
    counted_term(&memory);
}

static void no_memory_is_an_answer(void **state) {
    (void)state;
    counted memory;
    counted_init(&memory);
    counted_refuse_after(&memory, 0);
    assert_null(neap_alloc_new(&memory.alloc, 1));
    assert_null(neap_alloc_array(&memory.alloc, NULL, 0, 1, 1));
    assert_int_equal(memory.calls, 2);
}

static void freeing_nothing_does_nothing(void **state) {
    (void)state;
    counted memory;
    counted_init(&memory);
    neap_alloc_free(&memory.alloc, NULL, 10);
    counted_term(&memory);
}

static void an_array_keeps_what_it_held_and_tells_its_size(void **state) {
    (void)state;
    counted memory;
    counted_init(&memory);
    int *numbers = neap_alloc_array(&memory.alloc, NULL, 0, 3, sizeof(int));
    for (int i = 0; i < 3; i++) numbers[i] = i;
    numbers = neap_alloc_array(&memory.alloc, numbers, 3, 50, sizeof(int));
    for (int i = 0; i < 3; i++) assert_int_equal(numbers[i], i);
    assert_int_equal(memory.bytes, 50 * sizeof(int));
    neap_alloc_free(&memory.alloc, numbers, 50 * sizeof(int));
    counted_term(&memory);
}

static void an_array_that_cannot_grow_stands(void **state) {
    (void)state;
    counted memory;
    counted_init(&memory);
    int *numbers = neap_alloc_array(&memory.alloc, NULL, 0, 1, sizeof(int));
    numbers[0] = 7;
    counted_refuse_after(&memory, 0);
    assert_null(neap_alloc_array(&memory.alloc, numbers, 1, 2, sizeof(int)));
    assert_int_equal(numbers[0], 7);
    neap_alloc_free(&memory.alloc, numbers, sizeof(int));
    counted_term(&memory);
}

static void a_product_that_overflows_is_refused(void **state) {
    (void)state;
    counted memory;
    counted_init(&memory);
    assert_null(neap_alloc_array(&memory.alloc, NULL, 0, SIZE_MAX / 4, 8));
    assert_null(neap_alloc_array(&memory.alloc, NULL, 0, SIZE_MAX / 8 + 1, 8));
    assert_int_equal(memory.calls, 0); // nobody was asked for less
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_block_is_zeroed),
        cmocka_unit_test(no_memory_is_an_answer),
        cmocka_unit_test(freeing_nothing_does_nothing),
        cmocka_unit_test(an_array_keeps_what_it_held_and_tells_its_size),
        cmocka_unit_test(an_array_that_cannot_grow_stands),
        cmocka_unit_test(a_product_that_overflows_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
