// SPDX-License-Identifier: MIT
// Task, Future and Group, as the files of bindings/ share them.
//
// A Future is a value that comes later, and the line of those who wait for it.
// A Task is a Future whose value a coroutine brings. A group is the scope and
// the count of the tasks that somebody owns: a run's, or a neap.group's.
//
// The user value of a Task or Future is what it ended with (shape says how);
// while it is pending, the Cancelled that awaits it. Rare things (name,
// traceback, spawned_at, callbacks) go to a table beside it: neapL_setextra.
//
// Lifetime: a pending Task is anchored on its coroutine's stack, and that in
// the runtime's thread table. There is no __gc.
#ifndef NEAP_BINDINGS_TASK_H
#define NEAP_BINDINGS_TASK_H

#include "bindings/neapL.h"

typedef enum neapL_state {
    NEAPL_PENDING,
    NEAPL_FINISHED,
    NEAPL_FAILED,
    NEAPL_CANCELLED
} neapL_state;

typedef enum neapL_shape { // how the user value holds the results
    NEAPL_NONE,            // there are none
    NEAPL_ONE,             // it is the result, or the error
    NEAPL_MANY             // a table of them with n
} neapL_shape;

typedef enum neapL_scope_kind { // neap_scope.kind
    NEAPL_SCOPE_COVER, // the shield under which somebody waits for others
    NEAPL_SCOPE_TASK,  // a task's own
    NEAPL_SCOPE_GROUP, // above a group's tasks
    NEAPL_SCOPE_BLOCK  // a time-out, a shield, or a neap.group's: see block.h
} neapL_scope_kind;

struct neapL_future {
    const neapL_type *type; // &neapL_future_type or &neapL_task_type
    neap_list line;         // who waits: tasks, callbacks, watches
    uint32_t since;         // when its wait began: neapL_stamp (a Task)
    uint8_t doing;          // neapL_doing (a Task)
    uint8_t state : 2;      // neapL_state
    uint8_t shape : 2;      // neapL_shape
    bool nested : 1;        // a Task that waits in a coroutine which it resumed
    bool started : 1;       // a Task whose function was entered
    bool seen : 1;          // its error was looked at, or somebody waited
    bool unawaited : 1;     // it stands in the runtime's list of failed tasks
    bool reported : 1;      // its error was, and counted as unseen
    bool boxed : 1;         // the user value is a table: see neapL_setextra
    bool doomed : 1;        // it broke a limit, and has not ended
    bool cancelling : 1;    // the value is the Cancelled of its own cancel
    bool exposed : 1;       // its coroutine got out: not to be used again
    bool daemon : 1;        // does not keep its group alive
    bool hosted : 1;        // a host waits for it (neap_spawn's done)
    bool closing : 1;   // its coroutine is being closed: it is in rt->anchors
    bool deep : 1;      // its stack is deep: it is in rt->anchors
    bool named : 1;     // as one that does not end: see overdue.c
    bool contexted : 1; // a Task that has something in its neap.context
    bool lent : 1;      // it ended while an iterator was to hand it out
    bool eager : 1;     // begins even if it was cancelled before: see remote.c
};

struct neapL_task {
    neapL_future future;
    neap_task core;     // what the loop runs
    neap_scope scope;   // its own; tagged with its coroutine's row (threads.h)
    lua_State *co;      // where it runs; NULL once it has ended
    uint64_t id : 44;   // in order of spawning, from 1 (2^44: 40 days of it)
    uint64_t line : 20; // of the call that spawned it, modulo 2^20
};

// Owned by whoever opened it; freed when it was left and all its tasks ended.
// An orphan is one that its owner cannot leave any more: its tasks are
// cancelled, the owner's end waits for them, and it frees itself after them.
struct neapL_group {
    neap_link link;     // in the runtime's list of groups
    neap_scope scope;   // above its tasks' scopes
    neap_scope cover;   // the shield under which its owner waits for them
    neap_runtime *rt;   // whose tasks they are
    uint64_t id;        // in order of opening: callbacks remember it
    neapL_group *run;   // whose tasks spawn makes in it; itself: it is a run's
    neapL_block *block; // a neap.group's body, while that is open; else NULL
    neapL_task *owner;  // who opened it; NULL: no task did
    neapL_task *main;   // a run's main task, while that lives; else NULL
    neap_list line;     // who waits for the tasks to end
    neap_task *hopeful; // waits for one of them to end; or NULL: see serve.c
    uint32_t live;      // tasks that have not ended
    uint32_t daemons;   // of them, those that nobody waits for
    bool orphan;        // see above
    bool told;          // a deadlock of its tasks was reported
    bool starved;       // there was no memory to keep an error of its tasks
    int64_t due_ns;     // when its cancelled tasks are named; 0: never
};

extern const neapL_type neapL_future_type, neapL_task_type;

#define NEAPL_CORE_TASK(ptr) NEAP_OWNER(ptr, neapL_task, core)

// ---- the scopes that a coroutine keeps between a yield and the next resume
// (chain.c)

// It yielded a value, and what it opened inside of `outer` is open still.
void neapL_chain_keep(lua_State *L, lua_State *co, neap_scope *outer);

// It is about to run again, or to be closed, in the running task. NULL; or what
// is in the way, in words.
const char *neapL_chain_restore(lua_State *L, lua_State *co);

// It is about to be closed where no task runs.
void neapL_chain_drop(lua_State *L, lua_State *co);

// ---- groups (group.c)

// Who owns a task that has not ended: its scope stands beneath the group's.
static inline neapL_group *neapL_group_of(const neapL_task *task) {
    return NEAP_OWNER(task->scope.parent, neapL_group, scope);
}

// Opens a group beneath `parent`, owned by a task (NULL: none). NULL: no
// memory.
neapL_group *neapL_group_open(neap_runtime *rt, neap_scope *parent,
                              neapL_task *owner);

// Its tasks have ended: frees it.
void neapL_group_close(lua_State *L, neapL_group *group);

// The running task waits from now on under a shield, in this scope; no longer.
void neapL_cover(neap_scope *cover, neap_task *task);
void neapL_uncover(neap_scope *cover);

// The group of a main task, whose Task is at index 1, has no tasks any more: it
// goes. Where the running task was cancelled that is raised. (run.c)
void neapL_run_end(lua_State *L, neapL_group *group);

// Cancels the tasks of a group with a reason in words. [-0, +0, -]
void neapL_group_cancel(lua_State *L, neapL_group *group, const char *reason);

// Cancels each of its tasks, but leaves the group as it is; false: they all
// were. [-0, +0, -]
bool neapL_group_cancel_tasks(lua_State *L, neapL_group *group,
                              const char *reason);

// Ends all tasks beneath a scope, children first; no wait is possible there.
void neapL_kill_beneath(lua_State *L, neap_scope *root);

// The same from outside of all protected calls; never fails: without memory the
// tasks are dropped as they stand.
void neapL_end_group(lua_State *L, neapL_group *group);

// A task that cannot be ended for want of memory is dropped as it stands, with
// what it owns. Raises at most when all is done.
void neapL_task_drop(neapL_task *task);

// For kill.c: ends a task with the error on top of L, which is popped; its Task
// is at `index`. Then it leaves the runtime, but for its coroutine. (task.c)
void neapL_task_fail(lua_State *L, neapL_task *task, int index);
void neapL_task_leave(neapL_task *task);

// All its tasks have ended; the root's: all that there are.
bool neapL_group_is_over(const neapL_group *group);

// The group's tasks that somebody waits for have ended.
bool neapL_group_idle(const neapL_group *group);

// The group in which code that runs now spawns: its run's.
neapL_group *neapL_spawn_group(neap_runtime *rt);

// A task of it fails with the error at `index`. (groupface.c) [-0, +0, -]
void neapL_group_failed(lua_State *L, neapL_group *group, int index);

// ---- its errors (errorgroup.c)

// Adds the error at `index`. An object that is listed already is one error;
// with `known` so is an equal string.
void neapL_errors_add(lua_State *L, const neapL_group *group, int index,
                      bool known);

// Takes them, and pushes their list; false: nil, there are none. [-0, +1, m]
bool neapL_errors_take(lua_State *L, const neapL_group *group);

// The list on top becomes the one error, or an ErrorGroup. Their __tostring may
// do anything. [-1, +1, m]
void neapL_errors_sum(lua_State *L);

// Takes them, and reports each: nobody will raise it.
void neapL_errors_report(lua_State *L, neapL_group *group);

// ---- groups that nobody will leave (orphan.c)

// The block of a group is being dropped: its tasks are cancelled, and awaited
// by the end of the task that owns it at the latest.
void neapL_group_orphan(lua_State *L, neapL_group *group);

// Where the running task has orphans and may wait for them, it begins to: the
// caller suspends, and asks again. In the continuation: how that wait ended.
bool neapL_await_orphans(lua_State *L);
void neapL_orphans_woken(lua_State *L, int status);

// The same for all of them, in a function that is called: then `k` goes on, at
// once or later. For code without the runtime as upvalue.
void neapL_call_awaiter(lua_State *L, lua_KContext ctx, lua_KFunction k);

// A task of it ended.
void neapL_group_leave(neapL_group *group, bool daemon);

// ---- who does not end (overdue.c)

// From now on the cancelled tasks of a group (of all), or a main task and what
// it owns, have the grace to end in; then they are named. No more of that.
void neapL_overdue_group(neapL_group *group);
void neapL_overdue_all(neap_runtime *rt);
void neapL_overdue_drop(neapL_group *group);
void neapL_overdue_main(neap_runtime *rt, const neapL_task *main);
void neapL_overdue_ended(neap_runtime *rt, const neapL_task *main);

static inline void neapL_overdue_leave(neapL_group *group) {
    if (group->due_ns) neapL_overdue_drop(group);
}

// Names a task, unless it was named before. [-0, +0, m]
void neapL_overdue_name(lua_State *L, neapL_task *task);

// ---- tasks (task.c)

// Makes a task of the function and its `nargs` arguments on top of L, which are
// popped; the Task is pushed. [-(nargs + 1), +1, m]
neapL_task *neapL_spawn(lua_State *L, neap_runtime *rt, neapL_group *group,
                        int nargs);

// Its two halves: all that may fail, then the rest. [-(nargs + 1), +1, m]
neapL_task *neapL_task_new(lua_State *L, neap_runtime *rt, int nargs);
void neapL_task_begin(neapL_task *task, neapL_group *group);

// Undoes them: it has not run, and nobody has seen it.
void neapL_task_withdraw(neapL_task *task);

// The function at index `fn` (1, or 2 behind options, which were checked) with
// all that is behind it becomes a task of the group; the Task is pushed.
int neapL_spawn_with(lua_State *L, neapL_group *group, int fn);

// It does not keep its group alive.
void neapL_task_daemonize(neapL_task *task);

// Pushes the Task userdata of a task that has not ended. [-0, +1, m]
void neapL_task_push(lua_State *L, neapL_task *task);

// ---- cancels (cancel.c)

// Cancels a task; the reason is on top of L and popped. [-1, +0, m]
// False: it has ended. The same of the Task at `index`.
bool neapL_task_cancel(lua_State *L, neapL_task *task);
bool neapL_cancel_at(lua_State *L, int index);

// Replaces the reason on top of L by a Cancelled that names it and the Task at
// `index` (0: none). [-1, +1, m]
void neapL_pushcancel(lua_State *L, int index);

// Cancels a scope that is no task's; the reason is on top of L and popped.
// False: it was. [-1, +0, m]
bool neapL_scope_cancel(lua_State *L, neap_scope *scope);

// The same with a reason in words, and without fail. [-0, +0, -]
void neapL_scope_stop(lua_State *L, neap_scope *scope, const char *reason);

// Cancels a task with a reason in words, and without fail; false: it was.
// [-0, +0, -]
bool neapL_task_stop(lua_State *L, neapL_task *task, const char *reason);

// Pushes the Cancelled of those for which there was no memory. [-0, +1, -]
void neapL_push_spare(lua_State *L);

// Pushes the Cancelled that a cancelled scope raises. [-0, +1, m]
void neapL_push_cancelled_by(lua_State *L, const neap_scope *scope);

// The error at `index` is the Cancelled of this scope; or of it or one around.
bool neapL_is_cancel_by(lua_State *L, const neap_scope *scope, int index);
bool neapL_is_cancel_of(lua_State *L, const neap_scope *scope, int index);

// The coroutine in which a task waits: of those that it resumed, and so on, the
// innermost; or its own.
lua_State *neapL_innermost(lua_State *co);

static inline lua_State *neapL_waits_in(const neapL_task *task) {
    return task->future.nested ? neapL_innermost(task->co) : task->co;
}

// The coroutine in which the first task of a line waits. (line.c)
lua_State *neapL_first_of(const neap_list *line);

// How many stand in a line; and, where any do, so many in words behind the
// string on top: ", 2 getters waiting". [-1, +1, m]
lua_Integer neapL_count_line(const neap_list *line);
void neapL_add_waiting(lua_State *L, lua_Integer count, const char *who);
void neapL_add_line(lua_State *L, const neap_list *line, const char *who);

// Runs one slice of it: the resume hook's part for NEAPL_TASK. (slice.c)
void neapL_task_slice(neap_runtime *rt, neapL_task *task);

// The same for its end.
void neapL_task_end(neap_runtime *rt, neapL_task *task);

// Closes a task's coroutine from outside, running its clean-up, in which
// nothing can wait: what it resumed goes first. Pushes the Task. [-0, +1, m]
void neapL_task_unwind(lua_State *L, neapL_task *task, const char *who);

// The same, and the error on top of L, which is popped, becomes its end.
void neapL_task_kill(lua_State *L, neapL_task *task, const char *who);

// Pushes the Cancelled that reaches into the task's innermost scope: that of
// the outermost cancelled scope up to a shield. [-0, +1, m]
void neapL_push_cancelled(lua_State *L, neapL_task *task);

// "app.lua:12" of where a task was spawned; or NULL, and nil. [-0, +1, m]
const char *neapL_spawned_at(lua_State *L, const neapL_task *task);

// Pushes the Task at `index` in words, with where it is now:
// "<Task #3 'fetch' pending, sleeping, app.lua:12>". [-0, +1, m]
const char *neapL_describe(lua_State *L, int index);

// Pushes what stands in the slot for a task's neap.context: its Context, or the
// table that it inherited, or nil. Sets it to what is on top, of a task that
// runs. Not while its coroutine is being closed. [-0, +1, -] [-1, +0, -]
void neapL_task_getcontext(lua_State *L, const neapL_task *task);
void neapL_task_setcontext(lua_State *L, const neapL_task *task);

// ---- the tree, and what tasks wait for (tree.c)

// The task whose own scope this is, or NULL.
neapL_task *neapL_task_of(neap_scope *scope);

// Walks all tasks that have not ended, in tree order; NULL starts and ends.
neapL_task *neapL_task_next(neap_runtime *rt, neapL_task *task);

// Pushes what a task waits for: its wait is a C function, and the object is
// that function's first argument; of those that it awaits, the first that is
// pending. False: nothing of that kind. [-0, +1, -]
bool neapL_push_object(lua_State *L, const neapL_task *task);

// The task in words, with that object behind it: "<Task #3 pending, awaiting,
// app.lua:12>: <Future pending at 0x5581>". The words of an object in whose
// line many stand take long: the table at `known` remembers them. [-0, +1, m]
void neapL_describe_wait(lua_State *L, neapL_task *task, int known);

// Pushes the tree of all tasks in words; with `stacks` a heading goes before,
// and each task's stacks stand beneath its line. The status of lua_pcall: the
// error may be on top in its place. [-0, +1, -]
int neapL_push_tree(lua_State *L, neap_runtime *rt, bool stacks);

// ---- contexts (context.c)

// A spawn by what runs now hands something down.
static inline bool neapL_has_context(const neap_runtime *rt) {
    return rt->task ? rt->task->future.contexted : rt->callback_contexted;
}

// Pushes what that is, a table that nobody changes any more, or nil.
// [-0, +1, m]
void neapL_context_pass(lua_State *L, neap_runtime *rt);

// The coroutine of the Task at `index` is going to be closed: what is in the
// slot goes beside it. [-0, +0, m]
void neapL_context_keep(lua_State *L, const neapL_task *task, int index);

// A callback that inherited the table on top, which is popped, begins; one that
// may have a context is over. [-1, +0, -] [-0, +0, -]
void neapL_context_enter(lua_State *L, neap_runtime *rt);
void neapL_context_leave(lua_State *L, neap_runtime *rt);

// ---- futures (future.c)

// A Task or a Future at `arg`, or NULL.
neapL_future *neapL_testfuture(lua_State *L, int arg);
neapL_future *neapL_checkfuture(lua_State *L, int arg);

static inline bool neapL_is_pending(const neapL_future *future) {
    return future->state == NEAPL_PENDING;
}

// A new, pending Future. [-0, +1, m]
neapL_future *neapL_future_push(lua_State *L);

// Ends a future that is pending with the `count` values on top of L, or with
// the error on top; `index` is the userdata's. Wakes who waits. [-count, +0, m]
void neapL_future_finish(lua_State *L, int index, int count);
void neapL_future_fail(lua_State *L, int index, neapL_state state);

// Its task was dropped as it stood: it is cancelled, in no more words.
void neapL_future_drop(neapL_future *future);

// Pushes the results of a finished one, or raises its error.
int neapL_future_results(lua_State *L, int index);

// Its error was looked at.
void neapL_future_see(neap_runtime *rt, neapL_future *future);

// It was lent, and nobody took it: if it failed it is reported after all.
void neapL_future_give_back(lua_State *L, int index);

// A table of the `count` values on top, with n. [-count, +1, m]
void neapL_pack(lua_State *L, int count);

// The value of the future at `index`: pushes it; sets it to what is on top.
void neapL_getvalue(lua_State *L, int index); // [-0, +1, -]
void neapL_setvalue(lua_State *L, int index); // [-1, +0, -]

// A rare thing: pushes field `key` (or nil); sets it to what is on top.
// [-0, +1, m] [-1, +0, m]
int neapL_getextra(lua_State *L, int index, const char *key);
void neapL_setextra(lua_State *L, int index, const char *key);

// The table on top holds all rare things of a future that has none yet, nor a
// value. [-1, +0, -]
void neapL_setextras(lua_State *L, int index);

// Waits for the future at index 1, then returns its results or raises.
int neapL_await(lua_State *L);

// Turns the function at `arg` into a task of the current group, leaves Tasks
// and Futures as they are, and raises for anything else. The value is replaced.
neapL_future *neapL_tofuture(lua_State *L, int arg);

// ---- watches (gathering.c): C code told of a future's end, at once

enum { NEAPL_WATCH = 100 }; // neap_task.kind; never in the ready deque

void neapL_watch_notify(neap_task *core);

// If a gathering is at `index`: pushes the first of its futures that is
// pending. [-0, +(0|1), -]
bool neapL_gathering_push_pending(lua_State *L, int index);

// What has lost its handles in Lua: gatherings, seats of Channels, and holds of
// functions that were sent.
void neapL_gatherings_term(neap_runtime *rt);
void neapL_channels_term(neap_runtime *rt);
void neapL_codes_term(neap_runtime *rt);

// ---- callbacks (callback.c)

// Holds (or lets go) the userdata at `index` in the runtime's table of anchors.
void neapL_anchor(lua_State *L, neap_runtime *rt, int index);
void neapL_unanchor(lua_State *L, neap_runtime *rt, const void *ud);

// So that neapL_anchor needs no memory. [-0, +0, m]
void neapL_anchor_reserve(lua_State *L, neap_runtime *rt, const void *ud);

// For future.c: the future at `index` is about to end, which cannot fail once
// it has begun: the callbacks in its line are anchored. [-0, +0, m]
void neapL_callbacks_anchor(lua_State *L, int index);

// The resume hook's parts.
void neapL_callback_slice(neap_runtime *rt, neap_task *callback);
void neapL_reader_slice(neap_runtime *rt, neap_task *reader);

#endif
