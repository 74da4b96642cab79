// SPDX-License-Identifier: MIT
// Inbox: the list of bells that were rung (see inbox.h).
//
// The mutex is held for a few stores, never while a bell is heard. What is rung
// meanwhile waits for the next drain, so that a flood cannot hold the loop.
#include "core/inbox.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "core/poller.h"

typedef struct post {
    neap_bell bell;
    neap_post_fn fn;
    void *arg;
} post;

neap_inbox *neap_inbox_open(struct neap_poller *poller) {
    assert(poller);
    neap_inbox *inbox = calloc(1, sizeof *inbox);
    if (!inbox) return NULL;
    pthread_mutex_init(&inbox->mutex, NULL);
    neap_list_init(&inbox->rung);
    neap_list_init(&inbox->hearing);
    inbox->poller = poller;
    atomic_init(&inbox->holders, 1);
    return inbox;
}

neap_inbox *neap_inbox_hold(neap_inbox *inbox) {
    atomic_fetch_add(&inbox->holders, 1);
    return inbox;
}

void neap_inbox_release(neap_inbox *inbox) {
    if (atomic_fetch_sub(&inbox->holders, 1) > 1) return;
    assert(inbox->gone);
    pthread_mutex_destroy(&inbox->mutex);
    free(inbox);
}

// Unlocks, too. The poller is woken without the mutex, which the loop's thread
// would run into at once.
static void put_on(neap_inbox *inbox, neap_bell *bell) {
    assert(bell->heard && !bell->rung);
    bell->rung = true;
    neap_list_append(&inbox->rung, &bell->link);
    atomic_fetch_add(&inbox->waking, 1);
    pthread_mutex_unlock(&inbox->mutex);
    if (!atomic_exchange(&inbox->waiting, true) && !atomic_load(&inbox->awake))
        neap_poller_wake(inbox->poller);
    atomic_fetch_sub(&inbox->waking, 1);
}

// Under the mutex.
static void take_off(neap_bell *bell) {
    assert(bell->rung);
    neap_list_unlink(&bell->link);
    bell->rung = false;
}

int neap_inbox_ring(neap_inbox *inbox, neap_bell *bell) {
    pthread_mutex_lock(&inbox->mutex);
    int rc = inbox->gone ? -ECANCELED : !bell->rung;
    if (rc > 0) put_on(inbox, bell);
    else pthread_mutex_unlock(&inbox->mutex);
    return rc;
}

void neap_inbox_silence(neap_inbox *inbox, neap_bell *bell) {
    pthread_mutex_lock(&inbox->mutex);
    if (bell->rung) take_off(bell);
    pthread_mutex_unlock(&inbox->mutex);
}

static void call(neap_bell *bell) {
    post it = *NEAP_OWNER(bell, post, bell);
    free(bell);
    it.fn(it.arg);
}

int neap_inbox_post(neap_inbox *inbox, neap_post_fn fn, void *arg) {
    assert(fn);
    post *it = malloc(sizeof *it);
    if (!it) return -ENOMEM;
    *it = (post){.bell = {.heard = call}, .fn = fn, .arg = arg};
    pthread_mutex_lock(&inbox->mutex);
    if (!inbox->closed) return put_on(inbox, &it->bell), 0;
    pthread_mutex_unlock(&inbox->mutex);
    free(it);
    return -ECANCELED;
}

// The next bell to be heard, or NULL.
static neap_bell *take(neap_inbox *inbox) {
    neap_bell *bell = NULL;
    pthread_mutex_lock(&inbox->mutex);
    if (!neap_list_empty(&inbox->hearing)) {
        bell = NEAP_OWNER(inbox->hearing.next, neap_bell, link);
        take_off(bell);
    }
    pthread_mutex_unlock(&inbox->mutex);
    return bell;
}

void neap_inbox_drain(neap_inbox *inbox) {
    neap_bell *bell;
    if (!neap_inbox_due(inbox)) return;
    pthread_mutex_lock(&inbox->mutex);
    atomic_store(&inbox->waiting, false);
    neap_list_splice(&inbox->hearing, &inbox->rung);
    pthread_mutex_unlock(&inbox->mutex);
    while ((bell = take(inbox))) bell->heard(bell);
}

void neap_inbox_close(neap_inbox *inbox) {
    pthread_mutex_lock(&inbox->mutex);
    inbox->closed = true;
    pthread_mutex_unlock(&inbox->mutex);
}

void neap_inbox_term(neap_inbox *inbox) {
    assert(inbox->closed);
    pthread_mutex_lock(&inbox->mutex);
    inbox->gone = true;
    pthread_mutex_unlock(&inbox->mutex);
    while (atomic_load(&inbox->waking)) sched_yield(); // a write each
    neap_inbox_drain(inbox);
    neap_inbox_release(inbox);
}
