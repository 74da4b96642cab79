// SPDX-License-Identifier: MIT
// neapL: the border between Lua and the core, as all of bindings/ sees it.
//
// A function that may wait is written as one continuation:
//
//     static int pop_k(lua_State *L, int status, lua_KContext ctx) {
//         neapL_woken(L, status);                  // raises if cancelled
//         if (there is one) return push it, 1;
//         neapL_task *task = neapL_waiting(L, NEAPL_GET);  // or raises
//         neap_task_wait(&task->core, &line);
//         return neapL_suspend(L, ctx, pop_k);
//     }
//     static int thing_pop(lua_State *L) { return neapL_begin(L, 0, pop_k); }
//
// neapL_begin is the checkpoint: in a cancelled task it goes once round the
// ready deque and raises, before anything is taken.
//
// What a wait yields is one light userdata, the sentinel. It stays on top of
// the suspended coroutine's stack and is the mark "this coroutine waits":
// nothing may be pushed there meanwhile. See coroutine.c for how it travels.
//
// Every function visible to Lua carries the runtime as its first upvalue.
#ifndef NEAP_BINDINGS_NEAPL_H
#define NEAP_BINDINGS_NEAPL_H

#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "bindings/neap.h"
#include "bindings/arena.h"
#include "bindings/collector.h"
#include "bindings/limits.h"
#include "core/clock.h"
#include "core/loop.h"

// ---- types that Lua sees

// A userdata's first word is the address of its type: that is the check.
typedef struct neapL_type {
    const char *name;        // its metatable's: "neap.Queue"
    size_t size;             // of the userdata
    const luaL_Reg *methods; // what stands behind the colon; NULL: none
    const luaL_Reg *meta;    // metamethods; NULL: none
} neapL_type;

// The userdata at `arg`, or NULL where it is of another type.
void *neapL_test(lua_State *L, int arg, const neapL_type *type);

// The same; raises Lua's "bad argument" where it is not.
void *neapL_check(lua_State *L, int arg, const neapL_type *type);

// The positive integer at `arg`; raises, naming the value, where it is none.
lua_Integer neapL_checkpositive(lua_State *L, int arg);

// A new, zeroed userdata with its metatable; `values` user values. [-0, +1, m]
void *neapL_new(lua_State *L, const neapL_type *type, int values);

// Raises if the table at `index` has a key that is none of the names in `known`
// (" name name "): a misspelt option would else be ignored in silence.
void neapL_checknames(lua_State *L, int index, const char *known);

// The option `name` of the table at `index`: a positive integer, or INT_MAX for
// nil and math.huge; seconds, or NEAP_NEVER_NS for nil. Raises where it is
// something else.
int neapL_optlimit(lua_State *L, int index, const char *name);
int64_t neapL_optseconds(lua_State *L, int index, const char *name);

// lua_toclose of a C function's slot. Lua drops the call of a __close for which
// it has no memory, so what that needs is reserved before. [-0, +0, m]
void neapL_toclose(lua_State *L, int index);

// Makes the metatable of a type. [-0, +0, m]
void neapL_newtype(lua_State *L, neap_runtime *rt, const neapL_type *type);

// Adds methods to a type that has been made. [-0, +0, m]
void neapL_addmethods(lua_State *L, neap_runtime *rt, const neapL_type *type,
                      const luaL_Reg *methods);

// Adds functions, each with the runtime as upvalue, to the table on top.
void neapL_addfuncs(lua_State *L, neap_runtime *rt, const luaL_Reg *funcs);

// ---- tasks (task.c, future.c)

typedef struct neapL_task neapL_task;
typedef struct neapL_future neapL_future;
typedef struct neapL_group neapL_group;
typedef struct neapL_block neapL_block;

enum { NEAPL_SCRATCH_SIZE = 65536 }; // of neap_runtime.scratch

enum {              // neap_task.kind: what the resume hook does with it
    NEAPL_TASK,     // resumes a coroutine
    NEAPL_CALLBACK, // calls a function once
    NEAPL_READER    // calls a function each time a descriptor is ready
};

typedef enum neapL_doing { // what a task waits for, for people to read
    NEAPL_START,
    NEAPL_YIELD,
    NEAPL_SLEEP,
    NEAPL_AWAIT,
    NEAPL_GET,
    NEAPL_PUT,
    NEAPL_JOIN,
    NEAPL_CHANNEL_GET,
    NEAPL_CHANNEL_PUT,
    NEAPL_ACCEPT,
    NEAPL_CONNECT,
    NEAPL_RECV,
    NEAPL_SEND,
    NEAPL_READABLE,
    NEAPL_WRITABLE,
    NEAPL_RUN,
    NEAPL_REQUIRE,
    NEAPL_FOREVER,
    NEAPL_EVENT,
    NEAPL_LOCK,
    NEAPL_SEMAPHORE,
    NEAPL_CONDITION,
    NEAPL_BARRIER,
    NEAPL_GROUP_END,
    NEAPL_SERVE,
    NEAPL_EXIT,
    NEAPL_RESOLVE,
    NEAPL_OFFLOAD,
    NEAPL_ELSEWHERE,
    NEAPL_DOING_COUNT
} neapL_doing;

extern const char *const neapL_doings[NEAPL_DOING_COUNT]; // "sleeping" ...

// ---- the runtime

// Coroutines that wait for a task, and where all are anchored (threads.c).
typedef struct neapL_threads {
    struct neapL_thread *idle; // a stack of those that wait for a task
    uint32_t size;             // room of it
    uint32_t idle_count;       // how many there are
    uint32_t count;            // rows of the table that were used once
    uint32_t free_row;         // first of the chain of free rows; 0: none
    int anchors;               // registry: table, row -> coroutine
} neapL_threads;

// What a signal handler asks for, and the hook that stands in for a debugger's.
// A handler writes its wish first and `pending` then; who takes it up clears
// `pending` first: so none is lost, and there may be nothing where it is set.
typedef struct neapL_interruption {
    volatile sig_atomic_t pending; // something is asked for
    const char *volatile reason;   // to cancel the main task; NULL: not
    _Atomic(const char *) remote;  // the same, from another thread
    atomic_bool dump;              // to report the tree, from any thread
    const char *heard; // it came when main had ended: neap_run fails with it
    pthread_t thread;  // the runtime's
    lua_State *hooked; // where our hook is set; NULL: nowhere
    lua_Hook hook;     // what was set there before,
    int mask, count;   // with what
} neapL_interruption;

// Who was told to end, and is named after the grace (overdue.c).
typedef struct neapL_overdue {
    neap_task core;   // strikes when the first grace is over
    uint64_t main_id; // of the main task that a signal cancelled; 0: none
    int64_t main_ns;  // when it is named
    uint32_t groups;  // whose tasks are named at a time of their own
    bool over;        // neap_close began, which names who is left itself
} neapL_overdue;

// A resume that is under way: a link of the chain from the innermost out.
typedef struct neapL_link {
    lua_State *L;          // who resumes
    struct neapL_link *up; // who resumes that one; NULL: the loop does
} neapL_link;

struct neap_runtime {
    neap_loop loop;      // the core's
    neap_alloc alloc;    // every byte
    neap_arena arena;    // where the host brought no allocator
    bool owns_state;     // neap_open's: neap_close closes the state
    bool host_allocates; // big stacks go unseen: see threads.c
    bool closing;        // neap_close began: waits raise
    int busy;            // turns and a close under way: hosts are refused
    int holds;           // neap_hold's: run goes on
    uint32_t untold;     // hosts whose task has ended, and done was not called
    lua_State *L;        // the state's main thread
    lua_State *turner;   // whose C stack the turn stands on
    lua_State *caller;   // where callbacks run

    // the border
    lua_State *running;    // innermost coroutine that we resumed
    lua_State *waitable;   // the same, where a wait can pass to the loop
    neapL_task *task;      // whose slice it is; NULL: none, or a callback's
    neapL_link *link;      // who resumed it; NULL: the loop
    const char *unwinding; // "coroutine.wrap": it closes what cannot wait
    int close_depth;       // coroutine.close within coroutine.close
    int results;           // of the slice; they stay where they are
    uint32_t quick;        // what this slice did without waiting: calls, KiB
    neapL_interruption interruption; // neap_interrupt's
    neapL_overdue overdue;           // who is to end, and may not

    // tasks
    neapL_group *root;        // tasks that belong to no run
    neapL_group *group;       // where spawn puts tasks outside of any task
    neap_list groups;         // all groups, in the order of their opening
    neapL_threads threads;    // coroutines
    int task_meta;            // registry: the metatable of Tasks
    uint64_t last_id;         // tasks made so far
    uint32_t alive;           // tasks that have not ended
    neap_list failed;         // ended in error; nobody has waited for them yet
    uint64_t last_group_id;   // groups made so far
    uint32_t orphans;         // groups that nobody will leave any more
    neapL_block *blocks;      // all that were ever made
    neapL_block *free_blocks; // those that are not open
    uint64_t last_block_id;   // openings so far
    int chains;            // registry: coroutine -> the scopes it keeps, weak
    uint32_t chain_count;  // entries of that
    uint64_t last_load_id; // loads of require begun so far
    uint64_t callback_group_id; // of the callback that runs; 0: none does
    bool callback_contexted;    // it has something in its neap.context
    int unseen;                 // errors that were reported and not looked at
    neapL_collector collector;  // what was chosen for its garbage
    neap_list forevers;  // run_forevers and run_until_completes under way
    bool stop_next;      // the next one of those ends at once
    int readers;         // registry: table of add_reader's, by number
    neap_list borrowing; // entries of descriptors that are not ours
    int anchors;         // registry: table of what the loop holds by itself
    char *scratch;       // recv's buffer, allocated by the first; or NULL
    neap_list sockets;   // all of them (socket.h)
    neap_list gathering; // all gatherings (gathering.h)
    neap_list seats;     // all of Channels (exchange.h)
    neap_list codes;     // holds of functions that were sent (code.c)
    struct neapL_socket *closed_socket; // of handles that outlive the runtime
    neap_list buffers;          // of Sockets, that hold unread bytes (buffer.h)
    struct neapL_buffer *spare; // the next of them; or NULL
    struct neapL_workers *workers; // of neap.offload; NULL: none yet
    neap_list calls;               // of neap.thread, that have not ended
    neap_list futures;             // handles that neap_future_new gave the host
    neap_config config;            // as given, with the defaults filled in
    const char *error;             // the last failure, in words (anchored)
    neapL_limits limits;           // what scripts may use
};

static inline neap_runtime *neapL_rt(lua_State *L) {
    return (neap_runtime *)lua_touserdata(L, lua_upvalueindex(1));
}

static inline neap_runtime *neapL_of_loop(neap_loop *loop) {
    return NEAP_OWNER(loop, neap_runtime, loop);
}

// When this turn began, in units of 2^24 ns (17 ms): fits 2 years.
static inline uint32_t neapL_stamp(const neap_runtime *rt) {
    return (uint32_t)((uint64_t)rt->loop.now_ns >> 24);
}

// The runtime of a state, or NULL.
neap_runtime *neapL_find(lua_State *L);

// ---- waiting (border.c)

// The checkpoint at the head of every call that may wait; then `k`.
int neapL_begin(lua_State *L, lua_KContext ctx, lua_KFunction k);

// The whole of a call that may wait and need not: its results, `count`, are on
// top already. A checkpoint all the same, for who tries in vain for ever.
int neapL_conclude(lua_State *L, int count);

// The running task is cancelled: a call that would begin something does not,
// but returns neapL_meet_cancel, which goes round the deque and raises.
bool neapL_is_cancelled(lua_State *L);
int neapL_meet_cancel(lua_State *L);

// In a continuation: why the wait ended (READY where there was none). Raises
// Cancelled, or the deadlock; takes the sentinel off the stack.
neap_wake neapL_woken(lua_State *L, int status);

// In a continuation: neapL_woken will raise, so let go of what you hold.
bool neapL_is_raising(lua_State *L, int status);

// The same for calls that take every wake themselves: raises neither.
neap_wake neapL_wake_of(lua_State *L, int status);

// For calls that take a deadlock's wake themselves, before they raise it.
int neapL_raise_stuck(lua_State *L);

// Why code in L cannot wait: "app.lua:3: cannot wait here: ..."; pushed.
void neapL_push_refusal(lua_State *L);

// Whether code in L can wait.
bool neapL_may_wait(lua_State *L);

// The running task, about to wait; raises where it cannot.
neapL_task *neapL_waiting(lua_State *L, neapL_doing doing);

// Suspends until the task is woken, then calls `k`. As a return value only.
int neapL_suspend(lua_State *L, lua_KContext ctx, lua_KFunction k);

// Lets the others go first, then calls `k`. As a return value only.
int neapL_pause(lua_State *L, neapL_doing doing, lua_KContext ctx,
                lua_KFunction k);

// An operation moved `n` bytes (or failed): so many KiB cost as much as so many
// quick calls.
static inline void neapL_spend(neap_runtime *rt, ssize_t n) {
    if (n > 0) rt->quick += (uint32_t)(n >> 10);
}

// The slice's share is spent: what could go on has to pause, where it can.
bool neapL_is_spent(lua_State *L);

// A stack grew large in the slice of rt->task: its coroutine is not used again.
void neapL_note_big(neap_runtime *rt);

// No coroutine of ours runs any more.
static inline void neapL_leave_slice(neap_runtime *rt) {
    if (rt->arena.big) neapL_note_big(rt);
    rt->task = NULL;
    rt->running = rt->waitable = NULL;
    rt->link = NULL;
}

// The task whose code runs in L, or NULL (in callbacks, or none runs).
neapL_task *neapL_current(lua_State *L);

// The sentinel is on top: this suspended coroutine waits.
bool neapL_is_waiting(lua_State *co);

// It is a task's whose function has not been entered.
bool neapL_is_unstarted(lua_State *co);

// The coroutine in which a waiting one waits: which its resume or wrap resumed.
// NULL: it waits itself. (coroutine.c)
lua_State *neapL_resumed_by(lua_State *co);

// It ended with an error and has not been closed since.
static inline bool neapL_has_died(lua_State *co) {
    return lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD;
}

// Resumes a coroutine from L with `nargs` from its stack; `*count` results.
// LUA_YIELD with neapL_is_waiting(co): the caller must suspend, too.
int neapL_resume(lua_State *L, lua_State *co, int nargs, int *count);

// Closes a coroutine whose to-be-closed variables cannot wait; `who` is named
// to those that try. The status of lua_resetthread, its error on co's stack.
int neapL_unwind(lua_State *L, lua_State *co, const char *who);

// The registry key of the Deadlock that a task woken as STUCK raises.
extern const char neapL_stuck;

// ---- errors

// nil, message, code for -errno; `what` ("127.0.0.1:80") goes before. [-0, +3]
int neapL_fail(lua_State *L, int rc, const char *what);
int neapL_fail_code(lua_State *L, const char *message, const char *code);

// "ECONNREFUSED" for -ECONNREFUSED or ECONNREFUSED.
const char *neapL_errno_name(int rc);

// Error objects: tables whose class has a name of its own, which is e.name;
// e.message is also what tostring gives.
typedef struct neapL_class {
    const char *name;
    const char *message; // where the object has none of its own
} neapL_class;

extern const neapL_class neapL_cancelled, neapL_timed_out, neapL_error_group,
    neapL_queue_closed, neapL_deadlocked, neapL_ended;

// Pushes one with a message (NULL: its class's). [-0, +1, m]
void neapL_pusherror(lua_State *L, const neapL_class *class,
                     const char *message);

// The value at `arg` is one of that class.
bool neapL_iserror(lua_State *L, int arg, const neapL_class *class);

// The class of the value at `arg`, or NULL; makes the table on top of L an
// error object of a class, whichever state made that. [-0, +0, m]
const neapL_class *neapL_class_of(lua_State *L, int arg);
void neapL_setclass(lua_State *L, const neapL_class *class);

// ---- time

// Seconds at `arg` as nanoseconds: never early, clamped; NaN raises. inf gives
// NEAP_NEVER_NS.
int64_t neapL_checkseconds(lua_State *L, int arg);

// now + duration, clamped below NEAP_NEVER_NS.
int64_t neapL_deadline(neap_runtime *rt, int64_t duration_ns);

// ---- driving (drive.c)

// Ends the innermost run_forever or run_until_complete; false: there is none.
// (loopface.c)
bool neapL_stop(neap_runtime *rt);

// Calls a function of one argument, a light userdata, where nothing may raise;
// false: it raised an error, which is dropped.
bool neapL_protect(lua_State *L, lua_CFunction fn, void *ud);

typedef bool (*neapL_until)(neap_runtime *rt, const void *ud);

// Turns the loop until `until(rt, ud)` holds; L is the thread that calls. A
// deadlock is raised in the main task that it concerns, and the loop goes on.
// 0, or -errno of the poller (-EDEADLK: there is no such task).
int neapL_drive(neap_runtime *rt, lua_State *L, neapL_until until,
                const void *ud);

// A run_forever is under way: nothing to do is no deadlock. (loopface.c)
bool neapL_stays_forever(const neap_runtime *rt);

// One turn, protected as above; the number of slices or -errno.
int neapL_turn(neap_runtime *rt, lua_State *L, int64_t limit_ns);

// Deals with a deadlock; false: nobody can be told.
bool neapL_deadlock(neap_runtime *rt, lua_State *L);

// An interruption is pending (interrupt.c): the coroutine that runs now is made
// to hear of it; or the loop, where none has, cancels the main task.
void neapL_interrupt_running(neap_runtime *rt);
void neapL_unhook(neap_runtime *rt); // puts back what stood in our hook's place
void neapL_hook_again(neap_runtime *rt); // another one was set in its place
bool neapL_interrupt_loop(neap_runtime *rt, lua_State *L);

// Something is asked for that has not been taken up.
bool neapL_is_interrupted(const neap_runtime *rt);

// ---- the end

// Closes all coroutines from inside of them, as os.exit has it: L, which runs,
// those that resumed it, its task's, then the others'. (exit.c)
void neapL_close_inside(lua_State *L, neap_runtime *rt);

// The runtime's finalizer: its state is being closed. Finalizers of what was
// made later come before it: what a task still waits for calls this first.
// (runtime.c)
void neapL_close_with_state(neap_runtime *rt);

// Closes the coroutine of every task, children's before parents': the state
// goes next. What is closed is not closed again: an exit in clean-up goes on
// where the first one was. (close.c)
void neapL_close_tasks(neap_runtime *rt);

// ---- the parts of the module, each adds itself to the table on top of L

void neapL_open_run(lua_State *L, neap_runtime *rt);
void neapL_open_time(lua_State *L, neap_runtime *rt);
void neapL_open_cancel(lua_State *L);
void neapL_open_deadlock(lua_State *L);
void neapL_open_task(lua_State *L, neap_runtime *rt);
void neapL_open_context(lua_State *L, neap_runtime *rt);
void neapL_open_future(lua_State *L, neap_runtime *rt);
void neapL_open_tree(lua_State *L, neap_runtime *rt);
void neapL_open_callback(lua_State *L, neap_runtime *rt);
void neapL_open_timeout(lua_State *L, neap_runtime *rt);
void neapL_open_group(lua_State *L, neap_runtime *rt);
void neapL_open_chain(lua_State *L, neap_runtime *rt);
void neapL_open_orphan(lua_State *L, neap_runtime *rt);
void neapL_open_gathering(lua_State *L, neap_runtime *rt);
void neapL_open_gather(lua_State *L, neap_runtime *rt);
void neapL_open_map(lua_State *L, neap_runtime *rt);
void neapL_open_wait(lua_State *L, neap_runtime *rt);
void neapL_open_loop(lua_State *L, neap_runtime *rt);
void neapL_open_queue(lua_State *L, neap_runtime *rt);
void neapL_open_channel(lua_State *L, neap_runtime *rt);
void neapL_open_event(lua_State *L, neap_runtime *rt);
void neapL_open_lock(lua_State *L, neap_runtime *rt);
void neapL_open_semaphore(lua_State *L, neap_runtime *rt);
void neapL_open_condition(lua_State *L, neap_runtime *rt);
void neapL_open_barrier(lua_State *L, neap_runtime *rt);
void neapL_open_socket(lua_State *L, neap_runtime *rt);
void neapL_open_listen(lua_State *L, neap_runtime *rt);
void neapL_open_ready(lua_State *L, neap_runtime *rt);
void neapL_open_stdio(lua_State *L, neap_runtime *rt);
void neapL_open_names(lua_State *L, neap_runtime *rt);
void neapL_open_serve(lua_State *L, neap_runtime *rt);
void neapL_open_coroutine(lua_State *L, neap_runtime *rt);
void neapL_open_remote(lua_State *L, neap_runtime *rt);
void neapL_open_thread(lua_State *L, neap_runtime *rt);
void neapL_open_offload(lua_State *L, neap_runtime *rt);
void neapL_open_require(lua_State *L, neap_runtime *rt);
void neapL_open_exit(lua_State *L, neap_runtime *rt);

// Makes the table `neap` and puts it where require finds it. [-0, +0, m]
void neapL_openmodule(lua_State *L, neap_runtime *rt);

#endif
