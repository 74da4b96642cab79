// SPDX-License-Identifier: MIT
// Loop: the sum of its parts, and the turn that moves them.
//
// Events, timers and other threads only move tasks to the ready deque; exactly
// one step of a turn, run_ready, runs them. A pass runs, in order, what was
// ready when it began; passes follow one another until nothing is ready or
// NEAP_BATCH_MAX tasks have run, then the loop looks outside again.
//
// Time is the monotonic clock's, or virtual: then it stands still while tasks
// run and jumps to the next deadline when nothing is ready; only while a task
// waits for the world outside does it pass as the real clock does.
#ifndef NEAP_CORE_LOOP_H
#define NEAP_CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/alloc.h"
#include "core/fd.h"
#include "core/heap.h"
#include "core/inbox.h"
#include "core/list.h"
#include "core/poller.h"
#include "core/pool.h"
#include "core/task.h"

enum {
    // Tasks run between two looks outside. A look costs about 1 us and a switch
    // 50 ns, so that 256 make it a tenth of the slice (tests/bench/batch.lua);
    // a spinning task delays the others by some 15 us at the most.
    NEAP_BATCH_MAX = 256
};

#define NEAP_SLACK_NS (NEAP_MILLISECOND_NS / 2) // default of slack_ns

typedef void (*neap_resume)(neap_task *task);

typedef struct neap_fd_table {
    neap_fd **rows; // by descriptor number
    size_t size;    // rows
    size_t count;   // of them in use
} neap_fd_table;

typedef struct neap_loop {
    neap_list ready;         // the ready deque: who runs in the next pass
    neap_list pass;          // who still runs in this one
    neap_task *current;      // whose slice it is; a hook that has seen to the
                             // task's end itself clears it
    neap_resume resume;      // runs one task for one slice
    neap_resume end;         // called where that left it RUNNING; NULL: nobody
    neap_heap heap;          // deadlines
    neap_fd_table fds;       // descriptors
    neap_poller *poller;     // watches them
    neap_inbox *inbox;       // posts of other threads
    neap_pool *pool;         // threads for what blocks; NULL: none yet
    int pool_size;           // how many there may be, at least two
    const neap_alloc *alloc; // every byte of the above but the posts
    int64_t now_ns;          // the stamp: decides what has expired
    int64_t expired_ns;      // the stamp when a timer expired last
    int64_t slack_ns;        // timers alone wake the loop once per this
    int64_t virtual_ns;      // the time, where it is virtual
    uint64_t seed;           // of the order of each pass; 0: as made ready
    uint32_t outside;        // waits that only the world can end, and holds
    bool is_virtual;         // time is virtual_ns
    bool in_turn;            // a turn is under way
    bool stopping;           // neap_loop_run ends after this pass
    bool alarmed;            // a host sleeps on the poller's descriptor
    int64_t alarm_ns;        // when that is to be readable, as last set
} neap_loop;

// 0 or -errno. `alloc` must outlive the loop.
int neap_loop_init(neap_loop *loop, const neap_alloc *alloc,
                   neap_resume resume);

// No task may be left.
void neap_loop_term(neap_loop *loop);

// One turn: sleeps for at most `limit_ns` (negative: as long as it takes; a
// jump of virtual time is no sleep), then runs what is ready. The number of
// slices that ran, -EDEADLK where nothing is ready and nothing ever will be, or
// another -errno of the poller.
int neap_loop_turn(neap_loop *loop, int64_t limit_ns);

// After a jump out of a slice, over the turn: puts the loop in order again and
// returns the task whose slice it was, or NULL.
neap_task *neap_loop_abandon(neap_loop *loop);

// Turns until neap_loop_stop, or an error: 0 or the turn's -errno.
int neap_loop_run(neap_loop *loop);

// Ends the innermost neap_loop_run after its pass, or the next one before it.
void neap_loop_stop(neap_loop *loop);

// The time in nanoseconds; what a new deadline is computed from.
int64_t neap_loop_time(const neap_loop *loop);

// How long a host may wait before there is work: 0 now (virtual time can jump),
// negative never.
int64_t neap_loop_due(const neap_loop *loop);

// A descriptor for a host's own poll: readable while a turn has work to do.
// -1 where the backend has none, or -errno.
int neap_loop_fd(neap_loop *loop);

// +1: something outside may still bring work; -1: it will not.
void neap_loop_hold(neap_loop *loop, int delta);

// For task.c: to the end of the ready deque.
void neap_loop_push(neap_loop *loop, neap_task *task);

// For task.c: what is due has changed; a host that sleeps on our descriptor
// must hear of it.
void neap_loop_notify(neap_loop *loop);

#endif
