// SPDX-License-Identifier: MIT
// Overdue: who was told to end and does not is named, with its stack.
//
// A signal, the end of a run and loop:close() cancel tasks and wait for their
// end, which a shield or a deaf `pcall` loop can put off for ever. When the
// grace is over, those that are still there are named as leaks, once each, and
// the wait goes on. neap_close, which ends them then, names them by the same
// words.
//
// There is one timer, a core task of its own kind. A group notes when its tasks
// are due; the main task that a signal cancelled is noted by its id, since it
// may end at any time. All wait for the same grace, so that the timer stands at
// the earliest; when it strikes, the groups are looked through for the next.
//
// Invariant: the timer is armed only while somebody is due, so that it delays
// the discovery of a deadlock no longer than their grace. It keeps no loop
// alive, and without memory for it nobody is named.
#include <stdio.h>

#include "bindings/report.h"
#include "bindings/runtime.h"

// ---- naming

void neapL_overdue_name(lua_State *L, neapL_task *task) {
    neap_runtime *rt = neapL_of_loop(task->core.loop);
    char message[80];
    if (task->future.named) return;
    task->future.named = true;
    snprintf(message, sizeof message,
             "did not end within %g s of being cancelled",
             (double)rt->config.grace_ns / 1e9);
    neapL_report_standing(L, task, "leak", message);
}

static void name_if_cancelled(lua_State *L, neapL_task *task) {
    if (task && task->scope.cause) neapL_overdue_name(L, task);
}

static void name_beneath(lua_State *L, neap_scope *root) {
    neap_scope *scope = root;
    while ((scope = neap_scope_next(root, scope, false)))
        name_if_cancelled(L, neapL_task_of(scope));
}

// Protected: the main task that a signal cancelled, and what it owns.
static int name_main(lua_State *L) {
    neapL_task *task = lua_touserdata(L, 1);
    name_if_cancelled(L, task);
    name_beneath(L, &task->scope);
    return 0;
}

// Protected: the tasks of a group.
static int name_group(lua_State *L) {
    neapL_group *group = lua_touserdata(L, 1);
    name_beneath(L, &group->scope);
    return 0;
}

// Whose grace is over, and who is not due any more then; or NULL.
static neapL_task *take_main(neap_runtime *rt, int64_t now_ns) {
    uint64_t id = rt->overdue.main_id;
    neapL_task *task = NULL;
    if (!id || rt->overdue.main_ns > now_ns) return NULL;
    rt->overdue.main_id = 0;
    while ((task = neapL_task_next(rt, task)) && task->id != id) continue;
    return task;
}

static neapL_group *take_group(neap_runtime *rt, int64_t now_ns) {
    neap_link *link = rt->groups.next;
    for (; link != &rt->groups; link = link->next) {
        neapL_group *group = NEAP_OWNER(link, neapL_group, link);
        if (!group->due_ns || group->due_ns > now_ns) continue;
        group->due_ns = 0;
        rt->overdue.groups--;
        return group;
    }
    return NULL;
}

// ---- the timer

// Where nobody is due any more, it goes; in its own slice it does so at the
// end of that.
static void relax(neap_runtime *rt) {
    neapL_overdue *it = &rt->overdue;
    bool idle = it->core.state == NEAP_TASK_IDLE;
    if (idle || it->core.state == NEAP_TASK_RUNNING) return;
    if (it->groups == 0 && it->main_id == 0) neap_task_term(&it->core);
}

static void arm(neap_runtime *rt, int64_t deadline_ns) {
    neap_task *core = &rt->overdue.core;
    if (core->state != NEAP_TASK_IDLE) return; // for an earlier one
    neap_task_init(core, &rt->loop, NEAPL_OVERDUE);
    if (neap_task_reserve(core) < 0) return;
    neap_task_wait(core, NULL);
    neap_task_arm(core, deadline_ns);
}

static int64_t earliest(neap_runtime *rt) {
    const neapL_overdue *it = &rt->overdue;
    int64_t least_ns = it->main_id ? it->main_ns : NEAP_NEVER_NS;
    neap_link *link = rt->groups.next;
    for (; it->groups > 0 && link != &rt->groups; link = link->next) {
        const neapL_group *group = NEAP_OWNER(link, neapL_group, link);
        bool sooner = group->due_ns && group->due_ns < least_ns;
        if (sooner) least_ns = group->due_ns;
    }
    return least_ns;
}

// The resume hook's part. Who cannot be named for want of memory is not.
void neapL_overdue_slice(neap_runtime *rt) {
    int64_t now_ns = neap_loop_time(&rt->loop);
    neapL_task *main = take_main(rt, now_ns);
    neapL_group *group;
    if (main) neapL_protect(rt->turner, name_main, main);
    while ((group = take_group(rt, now_ns)))
        neapL_protect(rt->turner, name_group, group);
    neap_task_term(&rt->overdue.core);
    int64_t next_ns = earliest(rt);
    if (next_ns < NEAP_NEVER_NS) arm(rt, next_ns);
}

// ---- who is due

void neapL_overdue_group(neapL_group *group) {
    neap_runtime *rt = group->rt;
    if (group->due_ns || group->live == 0 || rt->overdue.over) return;
    group->due_ns = neapL_deadline(rt, rt->config.grace_ns);
    rt->overdue.groups++;
    arm(rt, group->due_ns);
}

void neapL_overdue_all(neap_runtime *rt) {
    neap_link *link = rt->groups.next;
    for (; link != &rt->groups; link = link->next)
        neapL_overdue_group(NEAP_OWNER(link, neapL_group, link));
}

void neapL_overdue_drop(neapL_group *group) {
    group->due_ns = 0;
    group->rt->overdue.groups--;
    relax(group->rt);
}

void neapL_overdue_main(neap_runtime *rt, const neapL_task *main) {
    neapL_overdue *it = &rt->overdue;
    if (it->main_id == main->id || it->over) return;
    it->main_id = main->id;
    it->main_ns = neapL_deadline(rt, rt->config.grace_ns);
    arm(rt, it->main_ns);
}

void neapL_overdue_ended(neap_runtime *rt, const neapL_task *main) {
    if (rt->overdue.main_id != main->id) return;
    rt->overdue.main_id = 0;
    relax(rt);
}

void neapL_overdue_stop(neap_runtime *rt) {
    rt->overdue.over = true;
    if (rt->overdue.core.state != NEAP_TASK_IDLE)
        neap_task_term(&rt->overdue.core);
}
