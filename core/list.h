// SPDX-License-Identifier: MIT
// List: intrusive, circular, doubly linked; the head is a link like the others.
//
// Lines of waiting tasks, the ready deque and the children of a scope are such
// lists. A link lives inside what it links, so that linking never allocates
// and leaving a line costs the same wherever one stands in it.
//
// Invariant: link->next->prev == link. A link that stands in no list points at
// itself, so unlinking twice does no harm.
#ifndef NEAP_CORE_LIST_H
#define NEAP_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct neap_link {
    struct neap_link *next, *prev;
} neap_link;

typedef neap_link neap_list; // the head: next is the first, prev the last

// The structure of `type` whose member `field` is `link`.
#define NEAP_OWNER(link, type, field) \
    ((type *)(void *)((char *)(link)-offsetof(type, field)))

// What will be touched soon; only a hint.
#if defined(__GNUC__)
#define NEAP_PREFETCH(address) __builtin_prefetch(address)
#else
#define NEAP_PREFETCH(address) ((void)(address))
#endif

static inline void neap_list_init(neap_list *list) {
    list->next = list->prev = list;
}

static inline bool neap_list_empty(const neap_list *list) {
    return list->next == list;
}

static inline void neap_list_append(neap_list *list, neap_link *link) {
    link->next = list;
    link->prev = list->prev;
    list->prev->next = link;
    list->prev = link;
}

// Afterwards the link stands alone.
static inline void neap_list_unlink(neap_link *link) {
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = link;
}

// Moves all of `from` behind what `list` holds; `from` is left empty.
static inline void neap_list_splice(neap_list *list, neap_list *from) {
    if (neap_list_empty(from)) return;
    from->next->prev = list->prev;
    list->prev->next = from->next;
    from->prev->next = list;
    list->prev = from->prev;
    neap_list_init(from);
}

// Shuffles windows of up to 64 links; `seed`, not 0, moves on. (shuffle.c)
void neap_list_shuffle(neap_list *list, uint64_t *seed);

#endif
