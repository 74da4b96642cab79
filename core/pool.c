// SPDX-License-Identifier: MIT
// Pool: jobs, and the threads that take them (see pool.h).
//
// Invariant: the mutex guards all but what is atomic, `line`, which is the
// loop's, and a job under way, which is its thread's. Before a thread ends, it
// sees that there is nothing it may take.
#include "core/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/loop.h"
#include "core/sys.h"

enum { NAMES, BLOCKING, DONE, LISTS };

struct neap_pool {
    pthread_mutex_t mutex;
    neap_list jobs[LISTS]; // that wait for a thread, or for the loop
    atomic_bool due;       // some are done
    neap_poller *poller;   // to be woken then; NULL: the loop has gone
    int count, blocking;   // threads; of them, those whose job blocks
};

static neap_job *pop(neap_list *jobs) {
    assert(!neap_list_empty(jobs));
    neap_job *job = NEAP_OWNER(jobs->next, neap_job, link);
    neap_list_unlink(&job->link);
    return job;
}

static void release(neap_job *job) {
    assert(atomic_load(&job->holders) > 0);
    if (atomic_fetch_sub(&job->holders, 1) == 1) job->free(job);
}

void neap_job_leave(neap_job *job) {
    job->line = NULL;
    release(job);
}

// Unlocks; whoever of the loop and the threads goes last frees all.
static void part(neap_pool *pool) {
    bool last = !pool->poller && pool->count == 0;
    pthread_mutex_unlock(&pool->mutex);
    if (!last) return;
    for (int i = 0; i < LISTS; i++)
        while (!neap_list_empty(&pool->jobs[i])) release(pop(&pool->jobs[i]));
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

// The next job that may begin, or NULL.
static neap_job *take(neap_pool *pool) {
    int kind = neap_list_empty(&pool->jobs[NAMES]) ? BLOCKING : NAMES;
    bool full = kind == BLOCKING && pool->blocking == NEAP_POOL_MAX - 1;
    if (!pool->poller || full || neap_list_empty(&pool->jobs[kind]))
        return NULL;
    pool->blocking += kind == BLOCKING;
    return pop(&pool->jobs[kind]);
}

static void *run(void *arg) {
    neap_pool *pool = arg;
    neap_job *job;
    pthread_mutex_lock(&pool->mutex);
    while ((job = take(pool))) {
        pthread_mutex_unlock(&pool->mutex);
        if (atomic_load(&job->holders) > 1) job->work(job);
        pthread_mutex_lock(&pool->mutex);
        pool->blocking -= job->blocks;
        neap_list_append(&pool->jobs[DONE], &job->link);
        if (!atomic_exchange(&pool->due, true) && pool->poller)
            neap_poller_wake(pool->poller);
    }
    pool->count--;
    part(pool);
    return NULL;
}

static neap_pool *open_pool(neap_poller *poller) {
    neap_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pthread_mutex_init(&pool->mutex, NULL);
    for (int i = 0; i < LISTS; i++) neap_list_init(&pool->jobs[i]);
    pool->poller = poller;
    return pool;
}

int neap_pool_submit(neap_loop *loop, neap_job *job) {
    neap_pool *pool = loop->pool ? loop->pool : open_pool(loop->poller);
    if (!pool) return -ENOMEM;
    assert(job->line && job->work && job->free);
    loop->pool = pool;
    pthread_mutex_lock(&pool->mutex);
    bool full = job->blocks && pool->blocking == NEAP_POOL_MAX - 1;
    int rc = -EAGAIN;
    if (pool->count < NEAP_POOL_MAX && !full) rc = neap_sys_thread(run, pool);
    if (rc == 0) pool->count++;
    else if (pool->count > 0) rc = 0; // one of those will take it
    atomic_init(&job->holders, 2);
    if (rc == 0) neap_list_append(&pool->jobs[job->blocks], &job->link);
    pthread_mutex_unlock(&pool->mutex);
    return rc;
}

bool neap_pool_due(neap_pool *pool) { return pool && atomic_load(&pool->due); }

void neap_pool_collect(neap_pool *pool) {
    if (!neap_pool_due(pool)) return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->due, false);
    while (!neap_list_empty(&pool->jobs[DONE])) {
        neap_job *job = pop(&pool->jobs[DONE]);
        if (job->line) neap_task_wake_all(job->line, NEAP_WAKE_READY);
        neap_job_leave(job); // its line is over; the pool's hold goes
    }
    pthread_mutex_unlock(&pool->mutex);
}

void neap_pool_close(neap_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->mutex);
    assert(pool->poller);
    pool->poller = NULL;
    part(pool);
}
