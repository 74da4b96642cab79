// SPDX-License-Identifier: MIT
// Pool: threads that do what would block the loop.
//
// A job is work for one of them; when it is done its bell is rung, and the line
// of those who wait for it is woken. Names go first, and one thread is left for
// them whatever else runs. A thread is started where none is idle, and stays:
// to start one costs 20 us, to wake one 5 (and a sleep that is to end by itself
// would cost one more).
//
// A job is counted: the pool holds it until it has ended, and who asked until
// it is left. So both may go at any time; a thread that is held up (a resolver
// can take half a minute) stays behind with what it holds.
#ifndef NEAP_CORE_POOL_H
#define NEAP_CORE_POOL_H

#include <stdatomic.h>

#include "core/inbox.h"
#include "core/list.h"

struct neap_loop;

enum { NEAP_POOL_SIZE = 4 }; // threads; all but one may run what blocks

typedef struct neap_job {
    neap_link link;  // among those that wait for a thread
    neap_bell bell;  // rung when it is done
    neap_list *line; // who waits; NULL: it is done, or nobody does any more
    void (*work)(struct neap_job *job); // on a thread of the pool
    void (*free)(struct neap_job *job); // on any, when nobody holds it
    bool blocks;                        // it asks for no name
    atomic_int holders;                 // the pool, and who asked
    atomic_bool claimed;                // see neap_job_claim
} neap_job;

typedef struct neap_pool neap_pool;

// Hands over a job whose line, work, free and blocks are set; one waits for it
// as for the world outside. 0; or -ENOMEM, -EAGAIN (no thread): it is still the
// caller's.
int neap_pool_submit(struct neap_loop *loop, neap_job *job);

// The first to claim a job has it: a thread, which begins it, or who asked, and
// then it never begins, though its bell rings.
bool neap_job_claim(neap_job *job);

// Who asked lets go of it, done or not. One that has not begun never will.
void neap_job_leave(neap_job *job);

// For the loop: the end. NULL: no pool.
void neap_pool_close(neap_pool *pool);

#endif
