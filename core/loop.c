// SPDX-License-Identifier: MIT
// Loop: one turn, step by step (see loop.h).
//
// How long may we sleep, poll, stamp the clock, drain the inbox, expire timers,
// run what is ready. The stamp decides what has expired; a new deadline is
// computed from the clock itself, because a task may have computed for a second
// before it sleeps: never early.
#include "core/loop.h"

#include <assert.h>
#include <errno.h>

#include "core/clock.h"
#include "core/deadline.h"

int neap_loop_init(neap_loop *loop, const neap_alloc *alloc,
                   neap_resume resume) {
    assert(resume);
    *loop = (neap_loop){.alloc = alloc,
                        .resume = resume,
                        .slack_ns = NEAP_SLACK_NS,
                        .pool_size = NEAP_POOL_SIZE};
    neap_list_init(&loop->ready);
    neap_list_init(&loop->pass);
    neap_heap_init(&loop->heap, alloc);
    int rc = neap_poller_open(&loop->poller, alloc);
    if (rc < 0) return rc;
    loop->inbox = neap_inbox_open(loop->poller);
    if (loop->inbox) return 0;
    neap_poller_close(loop->poller);
    return -ENOMEM;
}

void neap_loop_term(neap_loop *loop) {
    assert(!loop->in_turn && loop->fds.count == 0);
    neap_pool_close(loop->pool);
    neap_inbox_term(loop->inbox); // who holds it wakes the poller
    neap_poller_close(loop->poller);
    neap_heap_term(&loop->heap);
    neap_alloc_free(loop->alloc, loop->fds.rows,
                    loop->fds.size * sizeof *loop->fds.rows);
}

int64_t neap_loop_time(const neap_loop *loop) {
    return loop->is_virtual ? loop->virtual_ns : neap_clock_ns();
}

static bool is_ready(const neap_loop *loop) {
    return !neap_list_empty(&loop->ready) || !neap_list_empty(&loop->pass);
}

// When the next timer should wake us: not before its deadline, and, where
// timers come thick, not before the slack since the last has passed.
static int64_t next_expiry(const neap_loop *loop) {
    assert(loop->heap.count > 0);
    int64_t due = neap_heap_due(&loop->heap);
    if (loop->is_virtual) return due;
    int64_t spaced = loop->expired_ns + loop->slack_ns;
    return due > spaced ? due : spaced;
}

// Virtual time jumps, where nobody waits for the world.
static bool jumps(const neap_loop *loop) {
    return loop->is_virtual && loop->outside == 0;
}

// Until there is work by the loop's own clock: 0 now, negative never.
static int64_t until_due(const neap_loop *loop) {
    if (is_ready(loop) || neap_inbox_due(loop->inbox)) return 0;
    if (loop->heap.count == 0) return -1;
    int64_t expiry_ns = next_expiry(loop), now_ns = neap_loop_time(loop);
    return expiry_ns > now_ns ? expiry_ns - now_ns : 0;
}

int64_t neap_loop_due(const neap_loop *loop) {
    int64_t due_ns = until_due(loop);
    return due_ns > 0 && jumps(loop) ? 0 : due_ns;
}

// How long this turn may sleep; -EDEADLK: for ever, and in vain.
static int may_sleep(const neap_loop *loop, int64_t limit_ns, int64_t *sleep) {
    *sleep = until_due(loop);
    if (*sleep < 0 && loop->outside == 0) return -EDEADLK;
    if (jumps(loop)) return 0; // a jump is no sleep
    if (limit_ns >= 0 && (*sleep < 0 || *sleep > limit_ns)) *sleep = limit_ns;
    return 0;
}

// Virtual time passes for real while somebody waits for the world outside;
// where nobody does it jumps, and the look outside is only a look.
static int look_outside(neap_loop *loop, int64_t sleep_ns) {
    assert(sleep_ns >= 0 || loop->outside > 0);
    if (sleep_ns == 0 && loop->fds.count == 0 && !loop->alarmed) return 0;
    if (!loop->is_virtual) return neap_poller_wait(loop->poller, sleep_ns);
    bool jump = jumps(loop);
    int64_t since_ns = neap_clock_ns();
    int rc = neap_poller_wait(loop->poller, jump ? 0 : sleep_ns);
    if (jump) loop->virtual_ns += sleep_ns;
    else if (sleep_ns != 0) loop->virtual_ns += neap_clock_ns() - since_ns;
    return rc;
}

// A task that a scope's deadline of the same batch has woken waits no more.
static void expire(neap_loop *loop, neap_timer *timer) {
    loop->expired_ns = loop->now_ns;
    if (timer->of_scope) {
        neap_deadline_strike(NEAP_OWNER(timer, neap_deadline, timer));
        return;
    }
    neap_task *task = NEAP_OWNER(timer, neap_task, timer);
    if (task->state != NEAP_TASK_WAITING) return;
    neap_task_wake(task, NEAP_WAKE_TIMEOUT);
}

static void expire_timers(neap_loop *loop) {
    loop->now_ns = neap_loop_time(loop);
    neap_timer *due[NEAP_EXPIRE_MAX];
    uint32_t count;
    do {
        count =
            neap_heap_expire(&loop->heap, loop->now_ns, due, NEAP_EXPIRE_MAX);
        for (uint32_t i = 0; i < count; i++) expire(loop, due[i]);
    } while (count == NEAP_EXPIRE_MAX);
}

// A slice: the task runs until it waits, yields or ends. That it ended is seen
// by its state: the hook need not look at how it came back, and can leave
// itself by its last call, which spares each switch a return.
static void run_one(neap_loop *loop) {
    neap_task *task = neap_task_first(&loop->pass);
    assert(task->state == NEAP_TASK_READY);
    neap_list_unlink(&task->link);
    task->state = NEAP_TASK_RUNNING;
    loop->current = task;
    loop->resume(task);
    task = loop->current;
    if (task && loop->end && task->state == NEAP_TASK_RUNNING) loop->end(task);
    loop->current = NULL;
}

static void begin_pass(neap_loop *loop) {
    neap_list_splice(&loop->pass, &loop->ready);
    if (loop->seed) neap_list_shuffle(&loop->pass, &loop->seed);
}

// Passes, up to NEAP_BATCH_MAX slices; what is left of a pass goes first in
// the next turn. A stop takes effect when a pass is through.
static int run_ready(neap_loop *loop) {
    int ran = 0;
    do {
        if (neap_list_empty(&loop->pass)) begin_pass(loop);
        for (; ran < NEAP_BATCH_MAX && !neap_list_empty(&loop->pass); ran++)
            run_one(loop);
    } while (ran < NEAP_BATCH_MAX && !loop->stopping &&
             !neap_list_empty(&loop->ready));
    assert(ran <= NEAP_BATCH_MAX);
    return ran;
}

static int steps(neap_loop *loop, int64_t limit_ns) {
    int64_t sleep_ns;
    int rc = may_sleep(loop, limit_ns, &sleep_ns);
    if (rc < 0) return rc;
    rc = look_outside(loop, sleep_ns);
    if (rc < 0) return rc;
    atomic_store_explicit(&loop->inbox->awake, true, memory_order_relaxed);
    neap_inbox_drain(loop->inbox);
    expire_timers(loop);
    return run_ready(loop);
}

// Sets the alarm, where it is not set so already; one for "now" is used up by
// each turn. Within a turn anything may change: its end does this, once.
void neap_loop_notify(neap_loop *loop) {
    if (!loop->alarmed || loop->in_turn) return;
    int64_t due_ns = neap_loop_due(loop);
    int64_t at_ns = due_ns > 0    ? next_expiry(loop)
                    : due_ns == 0 ? 0
                                  : NEAP_NEVER_NS;
    if (at_ns == loop->alarm_ns && due_ns != 0) return;
    assert(loop->poller);
    loop->alarm_ns = at_ns;
    neap_poller_alarm(loop->poller, due_ns);
}

// Who rings from here on wakes the poller; what was rung before is seen to be
// due, by the next turn or by a host that asks when that is.
static void end_turn(neap_loop *loop) {
    assert(loop->in_turn);
    atomic_store(&loop->inbox->awake, false);
    loop->in_turn = false;
    neap_loop_notify(loop);
}

int neap_loop_turn(neap_loop *loop, int64_t limit_ns) {
    assert(!loop->in_turn);
    loop->in_turn = true;
    int rc = steps(loop, limit_ns);
    end_turn(loop);
    return rc;
}

neap_task *neap_loop_abandon(neap_loop *loop) {
    assert(loop->in_turn);
    neap_task *task = loop->current;
    loop->current = NULL;
    end_turn(loop);
    return task;
}

// As asyncio's: a stop that came before still lets one pass run.
int neap_loop_run(neap_loop *loop) {
    int rc;
    do rc = neap_loop_turn(loop, loop->stopping ? 0 : -1);
    while (rc >= 0 && !loop->stopping);
    assert(!loop->in_turn);
    bool stopped = loop->stopping;
    loop->stopping = false;
    return stopped ? 0 : rc;
}

void neap_loop_stop(neap_loop *loop) {
    assert(loop->resume);
    loop->stopping = true;
}

int neap_loop_fd(neap_loop *loop) {
    assert(loop->poller);
    int fd = neap_poller_fd(loop->poller);
    loop->alarmed = fd >= 0;
    neap_loop_notify(loop);
    return fd;
}

void neap_loop_hold(neap_loop *loop, int delta) {
    assert(delta >= 0 || loop->outside >= (uint32_t)-delta);
    loop->outside += (uint32_t)delta;
}

void neap_loop_push(neap_loop *loop, neap_task *task) {
    assert(task->state == NEAP_TASK_READY);
    neap_list_append(&loop->ready, &task->link);
    neap_loop_notify(loop);
}
