// SPDX-License-Identifier: MIT
// Pool: jobs, and the threads that take them (see pool.h).
//
// Invariant: the mutex guards all but what is atomic, `line`, which is the
// loop's, and a job under way, which is its thread's. A thread that sleeps has
// seen that there is nothing it may take.
#include "core/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/loop.h"
#include "core/sys.h"

enum { NAMES, BLOCKING, LISTS };

struct neap_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work;   // there is a job for one that is idle
    neap_list jobs[LISTS]; // that wait for a thread
    neap_inbox *inbox;     // where ends are told
    bool closed;           // the loop has gone
    int size;              // threads that there may be
    int count, idle;       // that there are; of them, those without a job
    int blocking;          // those whose job blocks
    int waiting;           // jobs that wait for a thread
};

static void release(neap_job *job) {
    assert(atomic_load(&job->holders) > 0);
    if (atomic_fetch_sub(&job->holders, 1) == 1) job->free(job);
}

bool neap_job_claim(neap_job *job) {
    return !atomic_exchange(&job->claimed, true);
}

void neap_job_leave(neap_job *job) {
    job->line = NULL;
    neap_job_claim(job);
    release(job);
}

// The bell was heard: the pool lets go of it.
static void heard(neap_bell *bell) {
    neap_job *job = NEAP_OWNER(bell, neap_job, bell);
    if (job->line) neap_task_wake_all(job->line, NEAP_WAKE_READY);
    neap_job_leave(job);
}

static neap_job *pop(neap_list *jobs) {
    assert(!neap_list_empty(jobs));
    neap_job *job = NEAP_OWNER(jobs->next, neap_job, link);
    neap_list_unlink(&job->link);
    return job;
}

// Unlocks; whoever of the loop and the threads goes last frees all.
static void part(neap_pool *pool) {
    bool last = pool->closed && pool->count == 0;
    pthread_mutex_unlock(&pool->mutex);
    if (!last) return;
    for (int i = 0; i < LISTS; i++)
        while (!neap_list_empty(&pool->jobs[i])) release(pop(&pool->jobs[i]));
    neap_inbox_release(pool->inbox);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

static bool may_block(const neap_pool *pool) {
    return pool->blocking < pool->size - 1;
}

// The next job that may begin, or NULL.
static neap_job *take(neap_pool *pool) {
    int kind = neap_list_empty(&pool->jobs[NAMES]) ? BLOCKING : NAMES;
    if (pool->closed || neap_list_empty(&pool->jobs[kind])) return NULL;
    if (kind == BLOCKING && !may_block(pool)) return NULL;
    pool->blocking += kind == BLOCKING;
    pool->waiting--;
    pool->idle--;
    return pop(&pool->jobs[kind]);
}

// The next job; sleeps until there is one. NULL: the loop has gone.
static neap_job *await(neap_pool *pool) {
    neap_job *job;
    while (!(job = take(pool)) && !pool->closed)
        pthread_cond_wait(&pool->work, &pool->mutex);
    return job;
}

// The mutex is not held while it works, and rings. By the time that the end is
// heard the thread counts as idle: who asks again at once needs no other.
static void work(neap_pool *pool, neap_job *job) {
    bool blocks = job->blocks;
    pthread_mutex_unlock(&pool->mutex);
    if (neap_job_claim(job)) job->work(job);
    pthread_mutex_lock(&pool->mutex);
    pool->blocking -= blocks;
    pool->idle++;
    pthread_mutex_unlock(&pool->mutex);
    if (neap_inbox_ring(pool->inbox, &job->bell) < 0) release(job);
    pthread_mutex_lock(&pool->mutex);
}

static void *run(void *arg) {
    neap_pool *pool = arg;
    neap_job *job;
    pthread_mutex_lock(&pool->mutex);
    while ((job = await(pool))) work(pool, job);
    pool->count--;
    part(pool);
    return NULL;
}

static neap_pool *open_pool(const neap_loop *loop) {
    neap_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    for (int i = 0; i < LISTS; i++) neap_list_init(&pool->jobs[i]);
    pool->inbox = neap_inbox_hold(loop->inbox);
    pool->size = loop->pool_size;
    return pool;
}

// A new thread for one job more, if it may begin, none of the idle ones is left
// for it, and there may be one; else another will come to it. 0 or -errno.
static int summon(neap_pool *pool, bool blocks) {
    if (blocks && !may_block(pool)) return 0;
    if (pool->idle > pool->waiting || pool->count == pool->size) return 0;
    int rc = neap_sys_thread(run, pool);
    if (rc == 0) pool->count++, pool->idle++;
    return pool->count > 0 ? 0 : rc;
}

int neap_pool_submit(neap_loop *loop, neap_job *job) {
    neap_pool *pool = loop->pool ? loop->pool : open_pool(loop);
    if (!pool) return -ENOMEM;
    assert(job->line && job->work && job->free);
    loop->pool = pool;
    job->bell = (neap_bell){.heard = heard};
    atomic_init(&job->holders, 2);
    atomic_init(&job->claimed, false);
    pthread_mutex_lock(&pool->mutex);
    int rc = summon(pool, job->blocks);
    if (rc == 0) neap_list_append(&pool->jobs[job->blocks], &job->link);
    pool->waiting += rc == 0;
    pthread_mutex_unlock(&pool->mutex);
    pthread_cond_signal(&pool->work); // whom it wakes would want the mutex
    return rc;
}

void neap_pool_close(neap_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->mutex);
    assert(!pool->closed);
    pool->closed = true;
    pthread_cond_broadcast(&pool->work);
    part(pool);
}
