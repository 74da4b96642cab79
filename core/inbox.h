// SPDX-License-Identifier: MIT
// Inbox: how other threads reach a loop.
//
// A post is a function and its argument, kept in order under a mutex; the loop
// drains it once a turn. Only the first post into an empty inbox wakes the
// poller, so a thousand posts cost one wake-up.
//
// The one place that allocates outside the runtime's allocator: that belongs
// to the loop's thread, and posts come from others.
#ifndef NEAP_CORE_INBOX_H
#define NEAP_CORE_INBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct neap_poller;

typedef void (*neap_post_fn)(void *arg);

typedef struct neap_inbox_item {
    neap_post_fn fn;
    void *arg;
} neap_inbox_item;

typedef struct neap_inbox {
    pthread_mutex_t mutex;      // guards what posters touch
    neap_inbox_item *posts;     // in the order in which they came
    size_t count, size;         // posts held; room for
    neap_inbox_item *spare;     // the array drained last, to be used again
    size_t spare_size;          // its room
    size_t drained, called;     // posts that were in it; of them called
    struct neap_poller *poller; // whom the first post wakes
    atomic_bool waiting;        // count > 0: one load for the turn
    bool closed;                // posts are refused
} neap_inbox;

int neap_inbox_init(neap_inbox *inbox, struct neap_poller *poller);
void neap_inbox_term(neap_inbox *inbox);

// From any thread. 0, -ECANCELED once closed, -ENOMEM.
int neap_inbox_post(neap_inbox *inbox, neap_post_fn fn, void *arg);

// Calls what has been posted so far, in order; on the loop's thread. Where a
// post jumps out of it, the next drain goes on behind that one.
void neap_inbox_drain(neap_inbox *inbox);

// There is something to drain.
static inline bool neap_inbox_due(const neap_inbox *inbox) {
    return inbox->called < inbox->drained || atomic_load(&inbox->waiting);
}

// From here on posts are refused; those that came before can be drained.
void neap_inbox_close(neap_inbox *inbox);

#endif
