// SPDX-License-Identifier: MIT
// neap: an asynchronous runtime for Lua 5.4, to be embedded. The public header.
//
// A runtime is a Lua state with a loop: it runs tasks, which are Lua functions
// that may wait. A host lets it run to the end (neap_dofile, neap_run), or
// turns it from a loop of its own (neap_turn, neap_poll_fd). Runtimes share
// nothing: a process may have many, in one thread or in several.
//
// Thread rule: all calls on a runtime come from the thread that made it, but
// for neap_post, neap_interrupt and neap_dump where they say so. From inside
// (Lua functions that the runtime runs, `done`, posts, report, output)
// neap_turn, neap_run, neap_dofile, neap_dostring and neap_close are refused:
// -1, of neap_turn -EBUSY, and neap_error says so. The others are allowed.
//
// The stack effect of a function on neap_state's stack stands in brackets as in
// Lua's manual: [-popped, +pushed, error]; `-` never raises, and no function
// here raises a Lua error. A host that jumps (longjmp, a C++ exception) over a
// call of neap leaves the runtime undefined.
#ifndef NEAP_H
#define NEAP_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define NEAP_API __attribute__((visibility("default")))
#else
#define NEAP_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define NEAP_VERSION "0.1.0"

typedef struct lua_State lua_State;
typedef struct neap_runtime neap_runtime;

// What went wrong, for config.report. Strings are valid during the call; those
// that do not apply are NULL.
typedef struct neap_report {
    const char *kind;       // "error", "deadlock", "slow", "leak", "tree"
    const char *task;       // the task's name
    uint64_t id;            // its number, as in tostring(task); 0: none
    const char *message;    // the error in words
    const char *traceback;  // Lua's, where the error was raised
    const char *spawned_at; // "app.lua:12"
    double time;            // neap.time() when it happened
} neap_report;

typedef void (*neap_report_fn)(void *ud, const neap_report *report);
typedef void (*neap_output_fn)(void *ud, const char *bytes, size_t size);

// Shape and contract of lua_Alloc.
typedef void *(*neap_allocator)(void *ud, void *ptr, size_t osize,
                                size_t nsize);

enum {                         // config.flags, or'ed
    NEAP_VIRTUAL_CLOCK = 1,    // time starts at 0 and jumps from wait to wait
    NEAP_STOCK_COROUTINES = 2, // attach: leave coroutine.* and require alone
    NEAP_DEBUG_MODE = 4, // report what holds the loop up and what is left open
    NEAP_HOST_STDIN = 8  // the host reads stdin itself: neap.stdin refuses to
};

// Start from NEAP_CONFIG_INIT and set what you need; what is zero is default.
//
// The task, or callback, that breaks memory_limit or instruction_budget ends:
// no pcall catches it, and its waits fail. Its error says which limit, and
// where. Others, and the host, go on; a host's own code is not counted.
typedef struct neap_config {
    size_t size;              // sizeof (neap_config): it may grow
    unsigned flags;           // NEAP_VIRTUAL_CLOCK ...
    neap_allocator allocator; // every byte, Lua's too; default: our own
    void *allocator_ud;       // its first argument
    neap_report_fn report;    // unawaited errors; default: nobody hears
    void *report_ud;          // its first argument
    neap_output_fn output;    // what `print` writes; default: stdout
    void *output_ud;          // its first argument
    int64_t grace_ns;         // for the cancelled to end in; default: 5 s
    int64_t timer_slack_ns;   // timers wake at most once per; default 0.5 ms
    uint64_t seed;            // shuffles what is ready at once; default: not
    int pool_size; // threads for names and neap.offload, 2 or more; default 4
    size_t memory_limit;         // bytes, Lua's too; neap_open's; default: none
    uint64_t instruction_budget; // from one wait to the next; default: none
} neap_config;

#define NEAP_CONFIG_INIT                                                     \
    {                                                                        \
        sizeof(neap_config), 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, \
            0, 0, 0                                                          \
    }

// ---- life

// A runtime with a Lua state of its own, its standard libraries opened. NULL
// where there is no memory or no descriptor. `config` may be NULL.
NEAP_API neap_runtime *neap_open(const neap_config *config);

// A runtime in the host's state: the one that it has already, or a new one,
// whose memory is the state's allocator's. NULL as above. [-0, +0, -]
NEAP_API neap_runtime *neap_attach(lua_State *L, const neap_config *config);

// The state; its main thread. [-0, +0, -]
NEAP_API lua_State *neap_state(neap_runtime *rt);

// Cancels every task and runs the loop until all have ended or the grace is
// over; what is left is named by config.report and closed, and every wait of
// its clean-up fails. Then nothing is left; a state of neap_open is closed.
// NULL is allowed; an attached one may be closed again. Not from inside a task.
NEAP_API void neap_close(neap_runtime *rt);

// ---- running

// Runs a file ("-" or NULL: stdin) or a string as a main task, until it and
// every task that it left behind (daemons excepted) have ended. 0, or -1: see
// neap_error. When main fails, the others are cancelled. [-0, +0, -]
NEAP_API int neap_dofile(neap_runtime *rt, const char *path);
NEAP_API int neap_dostring(neap_runtime *rt, const char *code,
                           const char *name);

// Called once when a task has ended: its `count` results are on top of
// neap_state's stack (status 0), or the error value is (status -1, count 1);
// they are popped for you. While it runs, neap_error tells the error with its
// traceback. Called exactly once for each neap_spawn that returned 0, by
// neap_close at the latest; an error that it raises is reported.
typedef void (*neap_done)(neap_runtime *rt, int status, int count, void *ud);

// Starts a task: the function and its `nargs` arguments are on top of
// neap_state's stack. `done` may be NULL. 0, -EINVAL (that is no function),
// -ENOMEM, or -ECANCELED (closing). The main task, which a deadlock or an
// interruption ends, is the last one spawned from outside. [-(nargs + 1), +0,
// -]
NEAP_API int neap_spawn(neap_runtime *rt, int nargs, neap_done done, void *ud);

// Turns until no task is left, daemons excepted, and nobody holds: 0, or -1:
// see neap_error (also the reason of an interruption that came when the main
// task had ended).
NEAP_API int neap_run(neap_runtime *rt);

// One turn, which sleeps for at most `limit_ns` (0: not at all, negative: as
// long as it takes). 1: a task, a hold or a `done` is left, 0: none (daemons
// and callbacks do not count), <0: -errno.
NEAP_API int neap_turn(neap_runtime *rt, int64_t limit_ns);

// ---- in a host's own loop

// A descriptor that is readable while neap_turn has something to do: a task is
// ready, an event came, a deadline is due. Negative: this build's backend has
// none, or it could not be made.
NEAP_API int neap_poll_fd(const neap_runtime *rt);

// How long until then: 0 now, -1 never (but for events and posts).
NEAP_API int64_t neap_due_ns(const neap_runtime *rt);

// ---- from other threads, and from signal handlers

typedef void (*neap_post_fn)(void *arg);

// From any thread: `fn(arg)` is called on the runtime's thread in its next
// turn; posts of one thread keep their order. 0, -ENOMEM, or -ECANCELED once
// neap_close began. The runtime must still exist, and no thread may be inside
// when neap_close returns. `fn` must not raise a Lua error.
NEAP_API int neap_post(neap_runtime *rt, neap_post_fn fn, void *arg);

// How a thread that may outlive the runtime posts. It is made on the runtime's
// thread (NULL: no memory, or the runtime is closing), and counted: what was
// made or retained is released once, NULL is allowed. The rest is for any
// thread that has a hold of it. Once neap_close began posts are refused
// (-ECANCELED), for ever, also when the runtime is gone.
typedef struct neap_inbox neap_poster;

NEAP_API neap_poster *neap_poster_new(neap_runtime *rt);
NEAP_API void neap_poster_retain(neap_poster *poster);
NEAP_API int neap_poster_post(neap_poster *poster, neap_post_fn fn, void *arg);
NEAP_API void neap_poster_release(neap_poster *poster);

// +1: work may still come from outside (a post), so that waiting tasks are no
// deadlock and neap_run goes on; -1: no more.
NEAP_API void neap_hold(neap_runtime *rt, int delta);

// Interrupts what runs: the main task is cancelled, a busy loop too. From a
// signal handler on the runtime's thread; elsewhere it is heard at the next
// turn. Not after neap_close. The reason that it is cancelled with is
// "interrupted", or yours: a string that lives as long as the runtime.
NEAP_API void neap_interrupt(neap_runtime *rt);
NEAP_API void neap_interrupt_with(neap_runtime *rt, const char *reason);

// Asks for all tasks, with what each waits for and its Lua stack: a report of
// the kind "tree" at the next line of Lua that runs, or by the loop; then all
// goes on. From a signal handler on the runtime's thread; elsewhere it is heard
// at the next turn. (A report and no result, since a handler cannot wait for
// the words.) 0, or -EALREADY: one that was asked for has not been given yet.
// Not after neap_close.
NEAP_API int neap_dump(neap_runtime *rt);

// ---- Futures that C completes

// A handle of the host's on a Future of Lua's. All but its release is for the
// runtime's thread: others post.
typedef struct neap_future neap_future;

// Makes a pending Future and pushes it onto neap_state's stack: a neap.Future
// like any other. While it is pending a task that waits is no deadlock, and it
// stays alive. NULL, and nothing is pushed: no memory, or the runtime is
// closing. [-0, +1, -]
NEAP_API neap_future *neap_future_new(neap_runtime *rt);

// Ends it: with the `count` values on top of neap_state's stack; or it fails
// with the error value on top. They are popped. Who waits goes on in the next
// turn. 0, -EALREADY (one of these has ended it before), -ECANCELED (Lua or
// neap_close has), or -ENOMEM (it has failed with that, or does when you give
// it back). When neap_close has returned there is no stack: nothing is popped.
// [-count, +0, -] [-1, +0, -]
NEAP_API int neap_future_resolve(neap_future *future, int count);
NEAP_API int neap_future_reject(neap_future *future);

// `fn(arg)` is called when Lua or neap_close ends it, at once, and never after
// neap_future_release: what works for the result can be told to stop. It may do
// what a post may; a later call of this replaces it.
NEAP_API void neap_future_on_cancel(neap_future *future, neap_post_fn fn,
                                    void *arg);

// Gives the handle back: once for each, ended or not, from any thread. A Future
// that is pending fails with "dropped by the host". NULL is allowed.
NEAP_API void neap_future_release(neap_future *future);

// ---- words

// The last failure in words, with its traceback, or "". Valid until the next
// call on the runtime.
NEAP_API const char *neap_error(const neap_runtime *rt);

// A ready-made config.report: writes to stderr. `ud` is not used.
NEAP_API void neap_report_print(void *ud, const neap_report *report);

// Of unawaited errors, those that nobody has looked at since.
NEAP_API int neap_unseen(const neap_runtime *rt);

#ifdef __cplusplus
}
#endif

#endif
