// SPDX-License-Identifier: MIT
// Inbox: how other threads reach a loop.
//
// A bell stands in its owner's memory, so ringing it needs none. Rung several
// times before the loop hears it, it is heard once. A post is a function and
// its argument, with a bell of its own. The loop hears in the order of ringing,
// once a turn; only the first ring wakes the poller, so a thousand posts cost
// one wake-up, and none where the loop is at work: it looks before it sleeps.
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

typedef struct neap_bell {
    neap_link link;                        // among those that were rung
    void (*heard)(struct neap_bell *bell); // called on the loop's thread
    bool rung;                             // and not heard yet
} neap_bell;

typedef struct neap_inbox {
    pthread_mutex_t mutex;      // guards what other threads touch
    neap_list rung;             // bells to be heard in the next drain
    neap_list hearing;          // of this one, those that were not heard yet
    struct neap_poller *poller; // whom the first ring wakes
    atomic_bool waiting;        // something is there: one load for the turn
    atomic_bool awake;          // the loop will look here before it sleeps
    atomic_int waking;          // threads that are about to wake the poller
    atomic_int holders;         // the loop, and who else may reach for it
    bool closed;                // posts are refused
    bool gone;                  // the loop is no more: rings, too
} neap_inbox;

// NULL: no memory.
neap_inbox *neap_inbox_open(struct neap_poller *poller);

// The loop goes: what was rung is heard. Then one holder lets go.
void neap_inbox_term(neap_inbox *inbox);

// One holder more; one less.
neap_inbox *neap_inbox_hold(neap_inbox *inbox);
void neap_inbox_release(neap_inbox *inbox);

// From any thread that holds it. 0, -ECANCELED once closed, -ENOMEM.
int neap_inbox_post(neap_inbox *inbox, neap_post_fn fn, void *arg);

// From any thread that holds it. 1: it will be heard; 0: it was rung already;
// -ECANCELED: the loop has gone.
int neap_inbox_ring(neap_inbox *inbox, neap_bell *bell);

// On the loop's thread: what was rung before is not heard.
void neap_inbox_silence(neap_inbox *inbox, neap_bell *bell);

// Hears what has been rung so far; on the loop's thread. Where a post jumps out
// of it, the next drain goes on behind that one.
void neap_inbox_drain(neap_inbox *inbox);

// There is something to drain.
static inline bool neap_inbox_due(const neap_inbox *inbox) {
    return !neap_list_empty(&inbox->hearing) || atomic_load(&inbox->waiting);
}

// From here on posts are refused; those that came before are heard.
void neap_inbox_close(neap_inbox *inbox);

#endif
