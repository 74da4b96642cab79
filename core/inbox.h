// SPDX-License-Identifier: MIT
// Inbox: how other threads reach a loop.
//
// A post is a function and its argument, kept in order under a mutex; the loop
// drains it once a turn. Only the first post into an empty inbox wakes the
// poller, so a thousand posts cost one wake-up.
//
// A bell is a post that stands in its owner's memory: ringing it needs none and
// is not refused while the loop ends. Rung several times before the loop
// hears it, it is heard once.
//
// The inbox is counted, so that a thread may hold it when the loop has gone: it
// then refuses all. It and its posts are malloc's, not the loop's allocator's,
// which belongs to one thread.
#ifndef NEAP_CORE_INBOX_H
#define NEAP_CORE_INBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/list.h"

struct neap_poller;

typedef void (*neap_post_fn)(void *arg);

typedef struct neap_inbox_item {
    neap_post_fn fn;
    void *arg;
} neap_inbox_item;

typedef struct neap_bell {
    neap_link link;                        // among those that were rung
    void (*heard)(struct neap_bell *bell); // called on the loop's thread
    bool rung;                             // and not heard yet
} neap_bell;

typedef struct neap_inbox {
    pthread_mutex_t mutex;      // guards what other threads touch
    neap_inbox_item *posts;     // in the order in which they came
    size_t count, size;         // posts held; room for
    neap_list bells;            // that were rung
    neap_inbox_item *spare;     // the array drained last, to be used again
    size_t spare_size;          // its room
    size_t drained, called;     // posts that were in it; of them called
    struct neap_poller *poller; // whom the first wakes; NULL: the loop has gone
    atomic_bool waiting;        // something is there: one load for the turn
    atomic_int holders;         // the loop, and who else may reach for it
    bool closed;                // posts are refused
} neap_inbox;

// NULL: no memory.
neap_inbox *neap_inbox_open(struct neap_poller *poller);

// The loop goes: what was rung is heard, posts are dropped. Then one holder
// lets go.
void neap_inbox_term(neap_inbox *inbox);

// One holder more; one less.
neap_inbox *neap_inbox_hold(neap_inbox *inbox);
void neap_inbox_release(neap_inbox *inbox);

// From any thread that holds it. 0, -ECANCELED once closed, -ENOMEM.
int neap_inbox_post(neap_inbox *inbox, neap_post_fn fn, void *arg);

// From any thread that holds it. 0, or -ECANCELED: the loop has gone.
int neap_inbox_ring(neap_inbox *inbox, neap_bell *bell);

// On the loop's thread: what was rung before is not heard.
void neap_inbox_silence(neap_inbox *inbox, neap_bell *bell);

// Calls what has been posted and rung so far, in order; on the loop's thread.
// Where a post jumps out of it, the next drain goes on behind that one.
void neap_inbox_drain(neap_inbox *inbox);

// There is something to drain.
static inline bool neap_inbox_due(const neap_inbox *inbox) {
    return inbox->called < inbox->drained || atomic_load(&inbox->waiting);
}

// From here on posts are refused; those that came before can be drained.
void neap_inbox_close(neap_inbox *inbox);

#endif
