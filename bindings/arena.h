// SPDX-License-Identifier: MIT
// Arena: the allocator of runtimes whose host brings none.
//
// A sleeping task is a handful of small blocks (a Lua thread, its stack, a
// userdata), and a server has very many tasks. malloc puts a header before each
// block and splits and merges them; the arena cuts blocks of one size class
// from chunks and keeps the free ones in a list per class, which costs neither
// bytes nor branches. Chunks come with their pages present (a fault for each
// page costs three times as much), and go back to the system when the arena
// ends.
//
// Blocks of 4 to 80 KB come from malloc, and some of them are kept for the next
// of their class: what a server passes on is soon garbage; malloc would give
// its pages back at each collection, to fault them in again (2 us a message of
// 16 KiB).
//
// Not for several threads: one runtime, one arena.
#ifndef NEAP_BINDINGS_ARENA_H
#define NEAP_BINDINGS_ARENA_H

#include <stdbool.h>
#include <stddef.h>

// Kept out of the way of what is called all the time.
#if defined(__GNUC__)
#define NEAPL_SELDOM __attribute__((cold, noinline))
#else
#define NEAPL_SELDOM
#endif

enum {
    NEAP_ARENA_STEP = 8,       // classes are multiples of it; so Lua aligns
    NEAP_ARENA_MAX = 1024,     // larger blocks come from malloc
    NEAP_ARENA_LARGE = 4096,   // above it, some of those are kept
    NEAP_ARENA_SHELVES = 17,   // classes of those: 4 to each power of two
    NEAP_ARENA_KEPT = 2 << 20, // bytes kept of them at most
    NEAP_ARENA_CHUNK = 65536,  // taken from the system at once, cut into blocks
    NEAP_ARENA_FEW = 1 << 20,  // bytes that are taken so; what is above them
    NEAP_ARENA_CHUNK_MAX = 1 << 18, // comes in chunks of this size
    NEAP_ARENA_BIG = 16384          // a request above this is noted in `big`
};

typedef struct neap_arena_block {
    struct neap_arena_block *next; // the next free block, or chunk
} neap_arena_block;

typedef struct neap_arena {
    neap_arena_block *free[NEAP_ARENA_MAX / NEAP_ARENA_STEP]; // by class
    neap_arena_block *shelf[NEAP_ARENA_SHELVES]; // kept ones of malloc's
    size_t kept;                                 // bytes of those
    neap_arena_block *chunks; // all of them, to be given back at the end
    size_t total;             // bytes of them
    char *rest;               // what is not cut yet of the newest chunk
    size_t left;              // bytes of it
    bool big; // a block above NEAP_ARENA_BIG was asked for; readers clear it
} neap_arena;

void neap_arena_init(neap_arena *arena);

// Frees the chunks, and what is kept; blocks above NEAP_ARENA_MAX that are in
// use are their owners' to free.
void neap_arena_term(neap_arena *arena);

// A neap_alloc_fn (and lua_Alloc); `ud` is the arena.
void *neap_arena_alloc(void *ud, void *ptr, size_t osize, size_t nsize);

#endif
