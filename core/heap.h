// SPDX-License-Identifier: MIT
// Timer heap: a 4-ary min-heap of (deadline, sequence, timer id).
//
// Most time-outs never fire: they are stopped when the read they guard comes
// back. So stopping must cost what starting costs and leave nothing behind. The
// heap keeps, for each timer id, the slot it stands in; deadlines are copied
// into the heap, so that sifting touches neither timers nor tasks (an index
// inside the task cost a cache miss a step).
//
// A timer reserves its id when it is made, and with the id its place in the
// arrays: arming cannot fail. The sequence makes equal deadlines fire in the
// order in which they were armed.
//
// Invariant: slots[items[i].id] == i, and no item is due before its parent.
#ifndef NEAP_CORE_HEAP_H
#define NEAP_CORE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/alloc.h"

enum {
    NEAP_TIMER_MAX = 1 << 29, // timers of one heap
    NEAP_EXPIRE_MAX = 16 // taken out at once: cache misses under way together
};

// One word: its flags are set behind reads of the id, which would wait (4 ns).
typedef struct neap_timer {
    uint32_t id : 29;      // its row in the heap's arrays
    uint32_t of_scope : 1; // whose it is, for the loop: a scope's or a task's
    uint32_t reserved : 1; // id is valid
    uint32_t armed : 1;    // it stands in the heap
} neap_timer;

typedef struct neap_heap_item {
    int64_t deadline_ns;
    uint32_t sequence; // order of arming; wraps
    uint32_t id;       // whose deadline it is
} neap_heap_item;

typedef struct neap_heap {
    const neap_alloc *alloc;
    neap_heap_item *items; // the heap proper, inside `block`
    neap_heap_item *block; // what was allocated for it
    neap_timer **timers;   // by id below used: the timer, NULL: it is free
    uint32_t *slots;       // by id: index in items; free: the next free id
    uint32_t size;         // rows of each of the three arrays
    uint32_t count;        // items that are armed
    uint32_t reserved;     // ids that are given out
    uint32_t used;         // ids that ever were; what is above is untouched
    uint32_t free_id;      // first of the chain of free ones among them
    uint32_t sequence;     // of the next arming
} neap_heap;

void neap_heap_init(neap_heap *heap, const neap_alloc *alloc);
void neap_heap_term(neap_heap *heap);

// 0, or -ENOMEM. A timer stays where it is until it is released.
int neap_heap_reserve(neap_heap *heap, neap_timer *timer);

// Disarms it first; one that reserved nothing is left alone.
void neap_heap_release(neap_heap *heap, neap_timer *timer);

// Arms a reserved timer, or moves its deadline.
void neap_heap_arm(neap_heap *heap, neap_timer *timer, int64_t deadline_ns);
void neap_heap_disarm(neap_heap *heap, neap_timer *timer);

// The earliest deadline, NEAP_NEVER_NS where nothing is armed.
int64_t neap_heap_due(const neap_heap *heap);

// Disarms the timers whose deadline is not after now, at most `max`, and puts
// them into `due` in the order in which they are due: how many.
uint32_t neap_heap_expire(neap_heap *heap, int64_t now_ns, neap_timer **due,
                          uint32_t max);

#endif
