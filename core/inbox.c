// SPDX-License-Identifier: MIT
// Inbox: two arrays that change places (see inbox.h).
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

int neap_inbox_init(neap_inbox *inbox, struct neap_poller *poller) {
    assert(poller);
    *inbox = (neap_inbox){.poller = poller};
    atomic_init(&inbox->waiting, false);
    return -pthread_mutex_init(&inbox->mutex, NULL);
}

void neap_inbox_term(neap_inbox *inbox) {
    assert(inbox->closed);
    pthread_mutex_destroy(&inbox->mutex);
    free(inbox->posts);
    free(inbox->spare);
}

static int grow(neap_inbox *inbox) {
    size_t size = inbox->size ? inbox->size * 2 : POSTS_MIN;
    neap_inbox_item *posts = realloc(inbox->posts, size * sizeof *posts);
    if (!posts) return -ENOMEM;
    inbox->posts = posts;
    inbox->size = size;
    return 0;
}

// Under the mutex.
static int append(neap_inbox *inbox, neap_inbox_item post) {
    assert(post.fn);
    if (inbox->closed) return -ECANCELED;
    if (inbox->count == inbox->size && grow(inbox) < 0) return -ENOMEM;
    inbox->posts[inbox->count++] = post;
    return 0;
}

int neap_inbox_post(neap_inbox *inbox, neap_post_fn fn, void *arg) {
    pthread_mutex_lock(&inbox->mutex);
    int rc = append(inbox, (neap_inbox_item){fn, arg});
    bool first = rc == 0 && !atomic_exchange(&inbox->waiting, true);
    if (first) neap_poller_wake(inbox->poller);
    pthread_mutex_unlock(&inbox->mutex);
    return rc;
}

// The spare array and the full one change places.
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
    atomic_store(&inbox->waiting, false);
}

void neap_inbox_drain(neap_inbox *inbox) {
    if (!neap_inbox_due(inbox)) return;
    if (inbox->called == inbox->drained) {
        pthread_mutex_lock(&inbox->mutex);
        swap(inbox);
        pthread_mutex_unlock(&inbox->mutex);
    }
    while (inbox->called < inbox->drained) {
        neap_inbox_item post = inbox->spare[inbox->called++];
        post.fn(post.arg);
    }
}

void neap_inbox_close(neap_inbox *inbox) {
    pthread_mutex_lock(&inbox->mutex);
    inbox->closed = true;
    pthread_mutex_unlock(&inbox->mutex);
}
