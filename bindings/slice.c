// SPDX-License-Identifier: MIT
// Slice: a task runs until it waits, yields or ends.
//
// Of 10^5 tasks hardly one is in the cache when it runs, and each line of it
// would be waited for. So every slice fetches for the next three: of the third
// its Task, of the second its coroutine, of the next one its calls; each step
// needs what the one before has fetched. (A first slice takes 250 ns that way,
// not 340.) A task that has only yielded is left alone: those that switch to
// and fro are warm, and would pay for the hint.
#include "bindings/task.h"

enum { MANY = 2000 }; // tasks of which not all are in the cache

enum {
    LINE = 64,        // bytes of the cache's lines
    TASK_LINES = 4,   // of them, a Task and the closure made before it
    THREAD_LINES = 9, // a coroutine, and the begin of the stack made after it
    CALL_LINES = 3    // the records of its calls, which were made together
};

static void fetch(const void *first, int lines) {
    for (int i = 0; i < lines; i++)
        NEAP_PREFETCH((const char *)first + i * LINE);
}

// The task in the pass that stands there, if it may have gone cold.
static const neapL_task *cold_task(const neap_runtime *rt, neap_link *link) {
    const neap_task *core = NEAP_OWNER(link, neap_task, link);
    if (link == &rt->loop.pass || core->kind != NEAPL_TASK) return NULL;
    const neapL_task *task = NEAPL_CORE_TASK(core);
    return task->future.doing == NEAPL_YIELD ? NULL : task;
}

// i_ci is Lua's own business: nothing but this hint depends on it.
static void fetch_calls(const neapL_task *task) {
    lua_Debug ar;
    if (!lua_getstack(task->co, 0, &ar)) return;
    fetch((const char *)ar.i_ci - (CALL_LINES - 1) * LINE, CALL_LINES);
}

NEAPL_SELDOM
static void fetch_ahead(const neap_runtime *rt) {
    const neapL_task *next = cold_task(rt, rt->loop.pass.next);
    if (!next) return;
    fetch_calls(next);
    next = cold_task(rt, next->core.link.next);
    if (!next) return;
    fetch(next->co, THREAD_LINES);
    NEAP_PREFETCH(next->scope.link.next); // it will leave them
    NEAP_PREFETCH(next->scope.link.prev);
    const char *third = (const char *)next->core.link.next;
    fetch(third - TASK_LINES / 2 * LINE, TASK_LINES);
}

// What the slice sets stays until the next one, or until the turn ends: most
// slices follow one another.
void neapL_task_slice(neap_runtime *rt, neapL_task *task) {
    lua_State *co = task->co;
    int nargs = task->future.started ? 0 : lua_gettop(co) - 1;
    if (rt->arena.big) neapL_note_big(rt); // of the slice before
    rt->task = task;
    rt->running = rt->waitable = co;
    rt->quick = 0;
    if (rt->interruption.pending) neapL_interrupt_running(rt);
    if (rt->alive > MANY) fetch_ahead(rt);
    lua_resume(co, rt->turner, nargs, &rt->results);
}
