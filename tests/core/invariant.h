// SPDX-License-Identifier: MIT
// Invariant: whether those hold that the heads of heap.c and scope.h state.
#ifndef NEAP_TESTS_INVARIANT_H
#define NEAP_TESTS_INVARIANT_H

#include "core/heap.h"
#include "core/scope.h"

enum { HEAP_ARITY = 4 };

static inline bool is_due_before(const neap_heap_item *a,
                                 const neap_heap_item *b) {
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return (int32_t)(a->sequence - b->sequence) < 0; // it wraps
}

static inline bool heap_holds(const neap_heap *heap) {
    for (uint32_t slot = 0; slot < heap->count; slot++) {
        const neap_heap_item *item = &heap->items[slot];
        const neap_timer *timer = heap->timers[item->id];
        if (heap->slots[item->id] != slot) return false;
        if (!timer || !timer->armed || timer->id != item->id) return false;
        if (slot && is_due_before(item, &heap->items[(slot - 1) / HEAP_ARITY]))
            return false;
    }
    return heap->count <= heap->reserved && heap->reserved <= heap->size;
}

static inline const neap_scope *expected_cause(const neap_scope *scope) {
    const neap_scope *parent = scope->parent;
    if (!scope->shield && parent && parent->cause) return parent->cause;
    return scope->cancelled ? scope : NULL;
}

// Of `root` and all beneath.
static inline bool scopes_hold(const neap_scope *root) {
    neap_scope *scope = (neap_scope *)(size_t)root; // the walk writes nothing
    for (; scope; scope = neap_scope_next(root, scope, false))
        if (scope->cause != expected_cause(scope)) return false;
    return true;
}

#endif
