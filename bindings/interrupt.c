// SPDX-License-Identifier: MIT
// Interrupt: Ctrl-C, also where a busy loop never looks at anything.
//
// neap_interrupt, from a signal handler, sets a hook in the coroutine that
// runs: at its next line it raises the Cancelled of the main task. Line events
// only: with a count or call hook the error could strike between
// `lock:acquire()` and the assignment of its `<close>` variable (25 of 60 runs
// lost a lock, lines only none). It is raised once for each signal; after that
// the cancelled scope sees to it at waits. Where no task runs, the loop cancels
// the main task.
//
// What a handler wants is a field of neapL_interruption: take_up looks for it,
// in the hook as in the loop, and the hook raises if it is told to. It does not
// for neap_dump: that shows what runs, and lets it go on.
#include <assert.h>
#include <errno.h>

#include "bindings/report.h"
#include "bindings/task.h"

void neapL_unhook(neap_runtime *rt) {
    neapL_interruption *it = &rt->interruption;
    if (!it->hooked) return;
    lua_sethook(it->hooked, it->hook, it->mask, it->count);
    it->hooked = NULL;
}

// The main task of the outermost run that has one.
static neapL_task *main_task(neap_runtime *rt) {
    neap_link *link = rt->groups.next;
    for (; link != &rt->groups; link = link->next) {
        neapL_group *group = NEAP_OWNER(link, neapL_group, link);
        if (group->main) return group->main;
    }
    return NULL;
}

static void cancel(lua_State *L, neapL_task *task, const char *reason) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    lua_pushstring(L, reason);
    neapL_task_cancel(L, task);
}

// The main task; where it has ended, every task.
static void cancel_main(neap_runtime *rt, lua_State *L, const char *reason) {
    neapL_task *main = main_task(rt);
    if (main) {
        cancel(L, main, reason);
        neapL_overdue_main(rt, main);
    } else {
        neapL_group_cancel_tasks(L, rt->root, reason);
        neapL_overdue_all(rt);
        rt->interruption.heard = reason;
    }
}

// Does what was asked for. Why what runs is to be struck; NULL: it is not.
static const char *take_up(neap_runtime *rt, lua_State *L) {
    neapL_interruption *it = &rt->interruption;
    neapL_unhook(rt);
    it->pending = 0;
    const char *remote = atomic_exchange(&it->remote, NULL);
    const char *reason = it->reason ? it->reason : remote;
    it->reason = NULL;
    if (atomic_exchange(&it->dump, false)) neapL_report_tree(L, rt);
    if (reason) cancel_main(rt, L, reason);
    return reason;
}

static void on_line(lua_State *L, lua_Debug *ar) {
    neap_runtime *rt = neapL_find(L);
    const char *reason = take_up(rt, L);
    (void)ar;
    if (!reason) return;
    if (!rt->task) luaL_error(L, "%s", reason); // a callback
    if (!rt->task->core.inner->cause) cancel(L, rt->task, reason);
    neapL_push_cancelled(L, rt->task);
    lua_error(L);
}

// A signal may come between any two instructions: the fields are written before
// the hook is set, and a hook of ours is never kept as somebody else's.
void neapL_interrupt_running(neap_runtime *rt) {
    neapL_interruption *it = &rt->interruption;
    lua_State *running = rt->running;
    if (it->hooked == running) return;
    neapL_unhook(rt);
    if (!running) return;
    it->hook = lua_gethook(running);
    it->mask = lua_gethookmask(running);
    it->count = lua_gethookcount(running);
    it->hooked = running;
    lua_sethook(running, on_line, LUA_MASKLINE, 0);
}

void neapL_hook_again(neap_runtime *rt) {
    rt->interruption.hooked = NULL;
    neapL_interrupt_running(rt);
}

bool neapL_is_interrupted(const neap_runtime *rt) {
    const neapL_interruption *it = &rt->interruption;
    return it->pending ||
           atomic_load_explicit(&it->remote, memory_order_relaxed) ||
           atomic_load_explicit(&it->dump, memory_order_relaxed);
}

bool neapL_interrupt_loop(neap_runtime *rt, lua_State *L) {
    assert(!rt->task);
    if (!neapL_is_interrupted(rt)) return false;
    take_up(rt, L);
    return true;
}

static bool on_own_thread(const neap_runtime *rt) {
    return pthread_equal(pthread_self(), rt->interruption.thread);
}

// What runs now, and the loop, are made to look for what is asked for.
static void call(neap_runtime *rt) {
    if (on_own_thread(rt)) {
        rt->interruption.pending = 1;
        neapL_interrupt_running(rt);
    }
    neap_poller_wake(rt->loop.poller);
}

void neap_interrupt_with(neap_runtime *rt, const char *reason) {
    neapL_interruption *it = &rt->interruption;
    assert(reason);
    if (on_own_thread(rt)) it->reason = reason;
    else atomic_store(&it->remote, reason);
    call(rt);
}

void neap_interrupt(neap_runtime *rt) {
    neap_interrupt_with(rt, "interrupted");
}

int neap_dump(neap_runtime *rt) {
    if (atomic_exchange(&rt->interruption.dump, true)) return -EALREADY;
    call(rt);
    return 0;
}
