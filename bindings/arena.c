// SPDX-License-Identifier: MIT
// Arena: size classes of 8 bytes, cut from chunks, kept in free lists.
//
// What is left of a chunk that is too small for the next block is put, as one
// block, into the free list of its own size, so nothing is lost.
//
// Invariant: every block in free[k] has exactly (k + 1) * NEAP_ARENA_STEP
// bytes; every one of malloc's that a shelf is for has the bytes of that shelf,
// in use or not.
#define _GNU_SOURCE
#include "bindings/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// Where chunk blocks begin: behind the chain link.
static const size_t chunk_head = NEAP_ARENA_STEP;

#ifndef MAP_POPULATE // Linux has it; elsewhere pages come one by one
#define MAP_POPULATE 0
#endif

// Of the chunk that is taken when the others have so many bytes. Larger ones
// are for those who need many: 10^5 sleepers take 50 ns each less to spawn.
static size_t chunk_size(size_t total) {
    return total < NEAP_ARENA_FEW ? NEAP_ARENA_CHUNK : NEAP_ARENA_CHUNK_MAX;
}

// The memory of a chunk, or NULL.
static void *map_pages(size_t size) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static size_t class_of(size_t size) {
    assert(size > 0 && size <= NEAP_ARENA_MAX);
    return (size - 1) / NEAP_ARENA_STEP;
}

static bool is_small(size_t size) { return size <= NEAP_ARENA_MAX; }

static void give(neap_arena *arena, void *ptr, size_t class) {
    neap_arena_block *block = ptr;
    assert(class < NEAP_ARENA_MAX / NEAP_ARENA_STEP);
    block->next = arena->free[class];
    arena->free[class] = block;
}

// A new chunk; the rest of the old one becomes a free block.
static bool add_chunk(neap_arena *arena) {
    size_t size = chunk_size(arena->total);
    neap_arena_block *chunk = map_pages(size);
    if (!chunk) return false;
    if (arena->left) give(arena, arena->rest, class_of(arena->left));
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->rest = (char *)chunk + chunk_head;
    arena->left = size - chunk_head;
    arena->total += size;
    return true;
}

static void *cut(neap_arena *arena, size_t size) {
    assert(size % NEAP_ARENA_STEP == 0);
    if (arena->left < size && !add_chunk(arena)) return NULL;
    void *block = arena->rest;
    arena->rest += size;
    arena->left -= size;
    return block;
}

// ---- the shelves: 5120, 6144, 7168, 8192, 10240 ... 65536, 81920 bytes

// Of a size that is not small: its shelf (NEAP_ARENA_SHELVES or above: it has
// none), and the size of the blocks there.
static size_t shelf_of(size_t size, size_t *whole) {
    size_t quarter = NEAP_ARENA_LARGE / 4, shelf = 0;
    assert(!is_small(size));
    *whole = size;
    if (size <= NEAP_ARENA_LARGE) return NEAP_ARENA_SHELVES;
    while ((size - 1) / quarter >= 8 && shelf < NEAP_ARENA_SHELVES) {
        quarter *= 2;
        shelf += 4;
    }
    size_t quarters = (size - 1) / quarter; // 4 to 7, and a bit
    *whole = (quarters + 1) * quarter;
    return shelf + quarters - 4;
}

NEAPL_SELDOM
static void *take_large(neap_arena *arena, size_t size) {
    size_t whole, shelf = shelf_of(size, &whole);
    if (shelf >= NEAP_ARENA_SHELVES) return malloc(size);
    neap_arena_block *block = arena->shelf[shelf];
    if (!block) return malloc(whole);
    arena->shelf[shelf] = block->next;
    arena->kept -= whole;
    return block;
}

NEAPL_SELDOM
static void give_large(neap_arena *arena, void *ptr, size_t size) {
    size_t whole, shelf = shelf_of(size, &whole);
    neap_arena_block *block = ptr;
    bool fits = arena->kept + whole <= NEAP_ARENA_KEPT;
    if (shelf >= NEAP_ARENA_SHELVES || !fits) {
        free(ptr);
        return;
    }
    block->next = arena->shelf[shelf];
    arena->shelf[shelf] = block;
    arena->kept += whole;
}

NEAPL_SELDOM
static void *resize_large(void *ptr, size_t osize, size_t nsize) {
    size_t whole, old_whole, shelf = shelf_of(nsize, &whole);
    if (shelf >= NEAP_ARENA_SHELVES) return realloc(ptr, nsize);
    bool stays = shelf_of(osize, &old_whole) == shelf;
    return stays ? ptr : realloc(ptr, whole);
}

// ---- blocks of all sizes

static void *take(neap_arena *arena, size_t size) {
    if (!is_small(size)) return take_large(arena, size);
    size_t class = class_of(size);
    neap_arena_block *block = arena->free[class];
    if (!block) return cut(arena, (class + 1) * NEAP_ARENA_STEP);
    arena->free[class] = block->next;
    return block;
}

static void release(neap_arena *arena, void *ptr, size_t size) {
    assert(ptr || size == 0);
    if (!ptr) return;
    if (is_small(size)) give(arena, ptr, class_of(size));
    else give_large(arena, ptr, size);
}

// From one class to another: a new block, the bytes moved, the old one free.
static void *move(neap_arena *arena, void *ptr, size_t osize, size_t nsize) {
    void *block = take(arena, nsize);
    if (!block) return NULL;
    memcpy(block, ptr, osize < nsize ? osize : nsize);
    release(arena, ptr, osize);
    return block;
}

void *neap_arena_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
    neap_arena *arena = ud;
    if (nsize == 0) return release(arena, ptr, ptr ? osize : 0), NULL;
    if (nsize > NEAP_ARENA_BIG) arena->big = true;
    if (!ptr) return take(arena, nsize); // osize is then a Lua type tag
    if (!is_small(osize) && !is_small(nsize))
        return resize_large(ptr, osize, nsize);
    bool small = is_small(osize) && is_small(nsize);
    if (small && class_of(osize) == class_of(nsize)) return ptr;
    return move(arena, ptr, osize, nsize);
}

void neap_arena_init(neap_arena *arena) {
    static const neap_arena empty = {.big = false};
    *arena = empty;
}

void neap_arena_term(neap_arena *arena) {
    while (arena->chunks) {
        neap_arena_block *chunk = arena->chunks;
        arena->chunks = chunk->next;
        size_t size = chunk_size(arena->total - 1); // as it was without it
        arena->total -= size;
        munmap(chunk, size);
    }
    for (int shelf = 0; shelf < NEAP_ARENA_SHELVES; shelf++)
        while (arena->shelf[shelf]) {
            neap_arena_block *block = arena->shelf[shelf];
            arena->shelf[shelf] = block->next;
            free(block);
        }
    neap_arena_init(arena);
}
