// SPDX-License-Identifier: MIT
// Timer heap: sifting, and the rows of timer ids (see heap.h for the idea).
//
// Four children a node: the tree is half as deep as a binary one, and the four
// items that are compared share a cache line.
#include "core/heap.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "core/list.h"

enum {
    ARITY = 4,
    LINE = 64, // bytes of a cache line: four items
    PAD = LINE / sizeof(neap_heap_item),
    ROWS_MIN = 64,    // what the first reservation allocates
    SHRINK_RATIO = 4, // arrays this much too large are given back...
    SHRINK_MIN = 1024 // ...but not below this many rows
};

static const uint32_t no_id = UINT32_MAX; // ends the chain of free ids

// What fits a timer's id.
#define ID(row) ((row) & (NEAP_TIMER_MAX - 1))

// Sequences wrap: what was armed less than 2^31 armings ago is "later".
static bool before(const neap_heap_item *a, const neap_heap_item *b) {
    return a->deadline_ns != b->deadline_ns
               ? a->deadline_ns < b->deadline_ns
               : (int32_t)(a->sequence - b->sequence) < 0;
}

static void put(neap_heap *heap, uint32_t slot, const neap_heap_item *item) {
    assert(slot < heap->count);
    heap->items[slot] = *item;
    heap->slots[item->id] = slot;
}

static void sift_up(neap_heap *heap, uint32_t slot, neap_heap_item item) {
    while (slot > 0) {
        uint32_t parent = (slot - 1) / ARITY;
        if (!before(&item, &heap->items[parent])) break;
        put(heap, slot, &heap->items[parent]);
        slot = parent;
    }
    put(heap, slot, &item);
}

static uint32_t least_child(const neap_heap *heap, uint32_t slot) {
    uint32_t child = slot * ARITY + 1, least = child;
    uint32_t end = child + ARITY < heap->count ? child + ARITY : heap->count;
    for (child++; child < end; child++)
        if (before(&heap->items[child], &heap->items[least])) least = child;
    return least;
}

// The children of each child: one line for each four of them.
static void fetch_below(const neap_heap *heap, uint32_t slot) {
    for (size_t child = 1; child <= ARITY; child++)
        NEAP_PREFETCH(heap->items + (slot * ARITY + child) * ARITY + 1);
}

static void sift_down(neap_heap *heap, uint32_t slot, neap_heap_item item) {
    while (slot * ARITY + 1 < heap->count) {
        fetch_below(heap, slot);
        uint32_t child = least_child(heap, slot);
        if (!before(&heap->items[child], &item)) break;
        put(heap, slot, &heap->items[child]);
        slot = child;
    }
    put(heap, slot, &item);
}

// Fills the hole at `slot` with the last item.
static void close_hole(neap_heap *heap, uint32_t slot) {
    neap_heap_item last = heap->items[--heap->count];
    if (slot == heap->count) return; // the hole was the last
    uint32_t parent = slot > 0 ? (slot - 1) / ARITY : 0;
    if (slot > 0 && before(&last, &heap->items[parent]))
        sift_up(heap, slot, last);
    else sift_down(heap, slot, last);
}

void neap_heap_init(neap_heap *heap, const neap_alloc *alloc) {
    *heap = (neap_heap){.alloc = alloc, .free_id = no_id};
}

static void free_rows(const neap_heap *heap, uint32_t size) {
    const neap_alloc *alloc = heap->alloc;
    neap_alloc_free(alloc, heap->block, (size + PAD) * sizeof *heap->block);
    neap_alloc_free(alloc, heap->timers, size * sizeof *heap->timers);
    neap_alloc_free(alloc, heap->slots, size * sizeof *heap->slots);
}

void neap_heap_term(neap_heap *heap) {
    assert(heap->reserved == 0);
    free_rows(heap, heap->size);
    neap_heap_init(heap, heap->alloc);
}

// Where the heap begins in its block so that four siblings fill one cache line.
static neap_heap_item *align(neap_heap_item *block) {
    size_t over = (uintptr_t)(block + 1) % LINE;
    size_t shift = over ? (LINE - over) / sizeof *block : 0;
    assert(shift < PAD);
    return block + shift;
}

// Copies the ids and timers, numbering them anew without gaps.
static void renumber(const neap_heap *heap, neap_heap *rows) {
    for (uint32_t id = 0; id < heap->used; id++) {
        neap_timer *timer = heap->timers[id];
        if (!timer) continue;
        timer->id = ID(rows->reserved++);
        rows->timers[timer->id] = timer;
        rows->slots[timer->id] = heap->slots[id];
        if (timer->armed) heap->items[heap->slots[id]].id = timer->id;
    }
    rows->used = rows->reserved;
}

// The same where there are no gaps: no timer is touched.
static void copy(const neap_heap *heap, neap_heap *rows) {
    assert(heap->reserved == heap->used);
    size_t used = rows->used = rows->reserved = heap->used;
    if (used == 0) return; // the first arrays
    memcpy(rows->timers, heap->timers, used * sizeof *rows->timers);
    memcpy(rows->slots, heap->slots, used * sizeof *rows->slots);
}

// New arrays of `size` rows, which must hold what is reserved.
static int resize(neap_heap *heap, uint32_t size) {
    assert(size >= heap->reserved);
    const neap_alloc *alloc = heap->alloc;
    neap_heap rows = {.alloc = alloc, .size = size, .free_id = no_id};
    size_t padded = (size_t)size + PAD;
    rows.block = neap_alloc_array(alloc, NULL, 0, padded, sizeof *rows.block);
    rows.timers = neap_alloc_array(alloc, NULL, 0, size, sizeof *rows.timers);
    rows.slots = neap_alloc_array(alloc, NULL, 0, size, sizeof *rows.slots);
    if (!rows.block || !rows.timers || !rows.slots)
        return free_rows(&rows, size), -ENOMEM;
    rows.items = align(rows.block);
    if (heap->reserved < heap->used) renumber(heap, &rows);
    else copy(heap, &rows);
    rows.count = heap->count;
    rows.sequence = heap->sequence;
    for (uint32_t slot = 0; slot < heap->count; slot++)
        rows.items[slot] = heap->items[slot];
    free_rows(heap, heap->size);
    *heap = rows;
    return 0;
}

static int grow(neap_heap *heap) {
    assert(heap->used == heap->size);
    if (heap->size >= NEAP_TIMER_MAX) return -ENOMEM;
    return resize(heap, heap->size ? heap->size * 2 : ROWS_MIN);
}

int neap_heap_reserve(neap_heap *heap, neap_timer *timer) {
    assert(!timer->reserved && !timer->armed);
    bool of_scope = timer->of_scope;
    uint32_t id = heap->free_id;
    if (id != no_id) heap->free_id = heap->slots[id];
    else {
        int rc = heap->used == heap->size ? grow(heap) : 0;
        if (rc < 0) return rc;
        id = heap->used++;
    }
    *timer = (neap_timer){ID(id), .of_scope = of_scope, .reserved = true};
    heap->timers[id] = timer;
    heap->reserved++;
    return 0;
}

void neap_heap_release(neap_heap *heap, neap_timer *timer) {
    if (!timer->reserved) return;
    assert(heap->timers[timer->id] == timer);
    neap_heap_disarm(heap, timer);
    heap->timers[timer->id] = NULL;
    heap->slots[timer->id] = heap->free_id;
    heap->free_id = timer->id;
    heap->reserved--;
    timer->reserved = false;
    if (heap->size > SHRINK_MIN && heap->reserved < heap->size / SHRINK_RATIO)
        (void)resize(heap, heap->size / 2); // no memory to shrink: stay large
}

void neap_heap_arm(neap_heap *heap, neap_timer *timer, int64_t deadline_ns) {
    assert(timer->reserved);
    neap_heap_disarm(heap, timer);
    sift_up(heap, heap->count++,
            (neap_heap_item){deadline_ns, heap->sequence++, timer->id});
    timer->armed = true;
}

void neap_heap_disarm(neap_heap *heap, neap_timer *timer) {
    if (!timer->armed) return;
    assert(heap->items[heap->slots[timer->id]].id == timer->id);
    close_hole(heap, heap->slots[timer->id]);
    timer->armed = false;
}

int64_t neap_heap_due(const neap_heap *heap) {
    return heap->count ? heap->items[0].deadline_ns : NEAP_NEVER_NS;
}

static bool is_due(const neap_heap *heap, int64_t now_ns) {
    return heap->count > 0 && heap->items[0].deadline_ns <= now_ns;
}

// Taken out first, looked up then, and touched last: what each needs is on its
// way while the holes of the others are being closed.
uint32_t neap_heap_expire(neap_heap *heap, int64_t now_ns, neap_timer **due,
                          uint32_t max) {
    uint32_t ids[NEAP_EXPIRE_MAX], count = 0;
    assert(max <= NEAP_EXPIRE_MAX);
    for (; count < max && is_due(heap, now_ns); count++) {
        ids[count] = heap->items[0].id;
        NEAP_PREFETCH(&heap->timers[ids[count]]);
        close_hole(heap, 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        due[i] = heap->timers[ids[i]];
        NEAP_PREFETCH(due[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        assert(due[i]->armed);
        due[i]->armed = false;
    }
    return count;
}
