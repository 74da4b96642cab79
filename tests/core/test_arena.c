// SPDX-License-Identifier: MIT
// Arena: blocks of a class change hands, bytes survive, chunks go back.
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "bindings/arena.h"
#include "tests/core/starved.h"

enum {
    BLOCKS = 200,
    STEPS = 20000,
    BLOCKS_MAX = 640000, // beyond whatever is in store
    TAG = 8              // what Lua passes as old size of a new block
};

static const size_t step = NEAP_ARENA_STEP; // from class to class

typedef struct block {
    unsigned char *bytes; // NULL: none
    size_t size;
    unsigned char mark; // what it is filled with
} block;

static int open_arena(void **state) {
    neap_arena *arena = malloc(sizeof *arena);
    assert_non_null(arena);
    neap_arena_init(arena);
    *state = arena;
    return 0;
}

static int close_arena(void **state) {
    neap_arena_term(*state);
    free(*state);
    return 0;
}

static void *get(neap_arena *arena, size_t size) {
    void *ptr = neap_arena_alloc(arena, NULL, TAG, size);
    assert_non_null(ptr);
    assert_int_equal((uintptr_t)ptr % step, 0);
    return ptr;
}

static void put(neap_arena *arena, void *ptr, size_t size) {
    assert_null(neap_arena_alloc(arena, ptr, size, 0));
}

static size_t count_chunks(const neap_arena *arena) {
    size_t count = 0;
    for (neap_arena_block *at = arena->chunks; at; at = at->next) count++;
    return count;
}

static void a_freed_block_is_the_next_of_its_class(void **state) {
    void *first = get(*state, 3 * step + 1);
    put(*state, first, 3 * step + 1);
    assert_ptr_equal(get(*state, 4 * step), first); // one class with it
    assert_ptr_not_equal(get(*state, 4 * step), first);
}

static void another_class_does_not_get_it(void **state) {
    void *first = get(*state, step);
    put(*state, first, step);
    assert_ptr_not_equal(get(*state, step + 1), first);
}

static void growing_within_a_class_stays_in_place(void **state) {
    const size_t least = step + 1, most = 2 * step;
    void *ptr = get(*state, least);
    assert_ptr_equal(neap_arena_alloc(*state, ptr, least, most), ptr);
    assert_ptr_equal(neap_arena_alloc(*state, ptr, most, least), ptr);
}

static void what_moves_leaves_its_block_to_others(void **state) {
    void *ptr = get(*state, 16);
    assert_non_null(neap_arena_alloc(*state, ptr, 16, 100));
    assert_ptr_equal(get(*state, 16), ptr);
}

// From size to size, down and up, within the arena, out of it and back.
static void bytes_survive_every_move(void **state) {
    static const size_t sizes[] = {8, 24, 1024, 1025, 5000, 1025, 9000, 100, 8};
    size_t size = 1, kept = 1;
    unsigned char *ptr = get(*state, size);
    ptr[0] = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ptr = neap_arena_alloc(*state, ptr, size, sizes[i]);
        assert_non_null(ptr);
        kept = size < sizes[i] ? size : sizes[i];
        size = sizes[i];
        for (size_t k = 0; k < kept; k++)
            assert_int_equal(ptr[k], (unsigned char)(k + 1));
        for (size_t k = 0; k < size; k++) ptr[k] = (unsigned char)(k + 1);
    }
    put(*state, ptr, size);
}

// What malloc gave is kept for the next of its class, up to a bound.
static void large_blocks_are_kept(void **state) {
    neap_arena *arena = *state;
    void *first = get(arena, 16384 + 1);
    put(arena, first, 16384 + 1);
    assert_int_equal(arena->kept, 20480);
    assert_ptr_equal(get(arena, 20480), first);
    assert_int_equal(arena->kept, 0);
    assert_ptr_equal(neap_arena_alloc(arena, first, 20480, 16385), first);
    put(arena, first, 16385);
    void *other = get(arena, 20481);
    assert_ptr_not_equal(other, first);
    put(arena, other, 20481);
    assert_int_equal(arena->kept, 20480 + 24576);
}

static void not_more_than_so_many_bytes_of_them(void **state) {
    neap_arena *arena = *state;
    static void *blocks[64];
    for (int i = 0; i < 64; i++) blocks[i] = get(arena, 65536);
    for (int i = 0; i < 64; i++) put(arena, blocks[i], 65536);
    assert_int_equal(arena->kept, NEAP_ARENA_KEPT);
    put(arena, get(arena, 81921), 81921); // too large to be kept at all
    assert_int_equal(arena->kept, NEAP_ARENA_KEPT);
}

static void freeing_nothing_does_nothing(void **state) {
    put(*state, NULL, TAG); // Lua passes a type tag there
    assert_int_equal(count_chunks(*state), 0);
}

static void large_requests_are_noted(void **state) {
    neap_arena *arena = *state;
    void *ptr = get(arena, NEAP_ARENA_BIG);
    assert_false(arena->big);
    ptr = neap_arena_alloc(arena, ptr, NEAP_ARENA_BIG, NEAP_ARENA_BIG + 1);
    assert_true(arena->big);
    put(arena, ptr, NEAP_ARENA_BIG + 1);
}

static void the_rest_of_a_chunk_is_not_lost(void **state) {
    neap_arena *arena = *state;
    char *last = get(arena, 1024);
    while (arena->left >= 1024) last = get(arena, 1024);
    size_t rest = arena->left;
    assert_true(rest > 0);
    get(arena, 1024); // needs a new chunk
    assert_int_equal(count_chunks(arena), 2);
    assert_ptr_equal(get(arena, rest), last + 1024);
}

static void a_chunk_used_up_exactly_leaves_no_rest(void **state) {
    neap_arena *arena = *state;
    get(arena, step);
    assert_int_equal(arena->left % step, 0);
    while (arena->left > 0) get(arena, step);
    get(arena, step);
    assert_int_equal(count_chunks(arena), 2);
}

// 10^5 small blocks, given back and asked for again, need no further chunk.
static void memory_is_used_again(void **state) {
    neap_arena *arena = *state;
    size_t chunks = 0;
    static void *blocks[100000];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 100000; i++) blocks[i] = get(arena, 64);
        for (size_t i = 0; i < 100000; i++) put(arena, blocks[i], 64);
        if (round == 0) chunks = count_chunks(arena);
        assert_int_equal(count_chunks(arena), chunks);
    }
    assert_true(chunks <= 100000 * 64 / NEAP_ARENA_CHUNK + 2);
}

static void an_ended_arena_can_begin_anew(void **state) {
    neap_arena *arena = *state;
    unsigned char present;
    get(arena, 100);
    neap_arena_block *chunk = arena->chunks;
    assert_int_equal(mincore(chunk, 1, &present), 0);
    neap_arena_term(arena);
    assert_int_equal(count_chunks(arena), 0);
    assert_int_not_equal(mincore(chunk, 1, &present), 0); // given back
    get(arena, 100);
    assert_int_equal(count_chunks(arena), 1);
}

// ---- no memory

static void no_memory_is_an_answer(void **state) {
    if (!starve()) skip();
    void *ptr = NULL;
    int blocks = 0;
    do {
        ptr = neap_arena_alloc(*state, NULL, TAG, 1024);
        if (ptr) memset(ptr, 0, 1024);
    } while (ptr && ++blocks < BLOCKS_MAX);
    void *large = neap_arena_alloc(*state, NULL, TAG, (size_t)1 << 30);
    feed();
    if (large) put(*state, large, (size_t)1 << 30);
    if (ptr) skip(); // a malloc that knows no limit
    assert_null(large);
    get(*state, 1024);
}

static void a_block_that_cannot_move_stands(void **state) {
    char *ptr = get(*state, 64);
    memset(ptr, 'x', 64);
    if (!starve()) skip();
    void *moved = neap_arena_alloc(*state, ptr, 64, (size_t)1 << 30);
    feed();
    if (moved) put(*state, moved, (size_t)1 << 30);
    if (moved) skip();
    for (int i = 0; i < 64; i++) assert_int_equal(ptr[i], 'x');
    assert_ptr_not_equal(get(*state, 64), ptr);
}

// ---- against a model: each block keeps its own filling

static void check_filling(const block *b) {
    for (size_t i = 0; i < b->size; i++) assert_int_equal(b->bytes[i], b->mark);
}

static size_t random_size(void) {
    return (size_t)(rand() % (rand() % 8 ? 300 : 3000)) + 1;
}

static void change(neap_arena *arena, block *b, size_t size) {
    size_t kept = size < b->size ? size : b->size;
    b->bytes =
        neap_arena_alloc(arena, b->bytes, b->bytes ? b->size : TAG, size);
    assert_true(size == 0 || b->bytes);
    b->size = kept;
    check_filling(b);
    b->size = size;
    b->mark = (unsigned char)rand();
    if (size > 0) memset(b->bytes, b->mark, size);
}

static void blocks_never_overlap(void **state) {
    static block blocks[BLOCKS];
    srand(2);
    for (int i = 0; i < STEPS; i++) {
        block *b = &blocks[rand() % BLOCKS];
        check_filling(b);
        change(*state, b, rand() % 3 ? random_size() : 0);
    }
    for (int i = 0; i < BLOCKS; i++) change(*state, &blocks[i], 0);
}

#define ON_ARENA(test) \
    cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_ARENA(a_freed_block_is_the_next_of_its_class),
        ON_ARENA(another_class_does_not_get_it),
        ON_ARENA(growing_within_a_class_stays_in_place),
        ON_ARENA(what_moves_leaves_its_block_to_others),
        ON_ARENA(bytes_survive_every_move),
        ON_ARENA(freeing_nothing_does_nothing),
        ON_ARENA(large_blocks_are_kept),
        ON_ARENA(not_more_than_so_many_bytes_of_them),
        ON_ARENA(large_requests_are_noted),
        ON_ARENA(the_rest_of_a_chunk_is_not_lost),
        ON_ARENA(a_chunk_used_up_exactly_leaves_no_rest),
        ON_ARENA(memory_is_used_again),
        ON_ARENA(an_ended_arena_can_begin_anew),
        ON_ARENA(no_memory_is_an_answer),
        ON_ARENA(a_block_that_cannot_move_stands),
        ON_ARENA(blocks_never_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
