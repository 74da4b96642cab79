// SPDX-License-Identifier: MIT
// Inbox: two arrays that change places, and a list of bells (see inbox.h).
//
// Posters fill one array while the loop calls what stands in the other; the
// mutex is held for a few stores, never while a post runs. So posts made by
// posts wait for the next drain, and a flood of them cannot hold the loop.
#include "core/inbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/poller.h"

enum { POSTS_MIN = 16 }; // room of the first array

neap_inbox *neap_inbox_open(struct neap_poller *poller) {
    assert(poller);
    neap_inbox *inbox = calloc(1, sizeof *inbox);
    if (!inbox) return NULL;
    pthread_mutex_init(&inbox->mutex, NULL);
    neap_list_init(&inbox->bells);
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
    assert(!inbox->poller);
    pthread_mutex_destroy(&inbox->mutex);
    free(inbox->posts);
    free(inbox->spare);
    free(inbox);
}

static int grow(neap_inbox *inbox) {
    size_t size = inbox->size ? inbox->size * 2 : POSTS_MIN;
    neap_inbox_item *posts = realloc(inbox->posts, size * sizeof *posts);
    if (!posts) return -ENOMEM;
    inbox->posts = posts;
    inbox->size = size;
    return 0;
}

// Under the mutex, as the next three.
static int append(neap_inbox *inbox, neap_inbox_item post) {
    assert(post.fn);
    if (inbox->closed) return -ECANCELED;
    if (inbox->count == inbox->size && grow(inbox) < 0) return -ENOMEM;
    inbox->posts[inbox->count++] = post;
    return 0;
}

static void wake(neap_inbox *inbox) {
    assert(inbox->poller);
    if (!atomic_exchange(&inbox->waiting, true))
        neap_poller_wake(inbox->poller);
}

int neap_inbox_post(neap_inbox *inbox, neap_post_fn fn, void *arg) {
    pthread_mutex_lock(&inbox->mutex);
    int rc = append(inbox, (neap_inbox_item){fn, arg});
    if (rc == 0) wake(inbox);
    pthread_mutex_unlock(&inbox->mutex);
    return rc;
}

int neap_inbox_ring(neap_inbox *inbox, neap_bell *bell) {
    assert(bell->heard);
    pthread_mutex_lock(&inbox->mutex);
    int rc = inbox->poller ? 0 : -ECANCELED;
    if (rc == 0 && !bell->rung) {
        bell->rung = true;
        neap_list_append(&inbox->bells, &bell->link);
        wake(inbox);
    }
    pthread_mutex_unlock(&inbox->mutex);
    return rc;
}

static void take_off(neap_bell *bell) {
    assert(bell->rung);
    neap_list_unlink(&bell->link);
    bell->rung = false;
}

void neap_inbox_silence(neap_inbox *inbox, neap_bell *bell) {
    pthread_mutex_lock(&inbox->mutex);
    if (bell->rung) take_off(bell);
    pthread_mutex_unlock(&inbox->mutex);
}

// The spare array and the full one change places. Under the mutex.
static void swap(neap_inbox *inbox) {
    neap_inbox_item *posts = inbox->posts;
    size_t size = inbox->size;
    assert(inbox->called == inbox->drained);
    inbox->drained = inbox->count;
    inbox->called = 0;
    inbox->posts = inbox->spare;
    inbox->size = inbox->spare_size;
    inbox->count = 0;
    inbox->spare = posts;
    inbox->spare_size = size;
}

// The first of the bells, or NULL.
static neap_bell *take(neap_inbox *inbox, neap_list *bells) {
    neap_bell *bell = NULL;
    pthread_mutex_lock(&inbox->mutex);
    if (!neap_list_empty(bells)) {
        bell = NEAP_OWNER(bells->next, neap_bell, link);
        take_off(bell);
    }
    pthread_mutex_unlock(&inbox->mutex);
    return bell;
}

// What is rung meanwhile is heard the next time.
static void hear(neap_inbox *inbox, neap_list *bells) {
    neap_bell *bell;
    while ((bell = take(inbox, bells))) bell->heard(bell);
}

static void call(neap_inbox *inbox) {
    while (inbox->called < inbox->drained) {
        neap_inbox_item post = inbox->spare[inbox->called++];
        post.fn(post.arg);
    }
}

void neap_inbox_drain(neap_inbox *inbox) {
    if (!neap_inbox_due(inbox)) return;
    if (inbox->called == inbox->drained) {
        neap_list bells;
        neap_list_init(&bells);
        pthread_mutex_lock(&inbox->mutex);
        atomic_store(&inbox->waiting, false);
        neap_list_splice(&bells, &inbox->bells);
        swap(inbox);
        pthread_mutex_unlock(&inbox->mutex);
        hear(inbox, &bells);
    }
    call(inbox);
}

void neap_inbox_close(neap_inbox *inbox) {
    pthread_mutex_lock(&inbox->mutex);
    inbox->closed = true;
    pthread_mutex_unlock(&inbox->mutex);
}

void neap_inbox_term(neap_inbox *inbox) {
    assert(inbox->closed);
    pthread_mutex_lock(&inbox->mutex);
    inbox->poller = NULL;
    pthread_mutex_unlock(&inbox->mutex);
    hear(inbox, &inbox->bells);
    neap_inbox_release(inbox);
}
