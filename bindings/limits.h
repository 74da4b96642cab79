// SPDX-License-Identifier: MIT
// Limits: how many instructions a slice may run, how many bytes there may be.
//
// Who breaks a limit is *doomed*. Lua's pcall catches everything, so a single
// error would be lost: from then on each instruction that it runs raises one,
// in whatever coroutine, and each wait does. It can only unwind; at the base of
// its task the limit's own error takes the place of what comes out.
//
// What has no limit pays nothing: the slices of a limited runtime run behind a
// resume hook of their own, and its allocator is chosen when it is made.
#ifndef NEAP_BINDINGS_LIMITS_H
#define NEAP_BINDINGS_LIMITS_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bindings/neap.h"
#include "core/alloc.h"
#include "core/task.h"

enum { NEAPL_VERDICT_SIZE = 256 }; // room for the words of a limit's error

// What is counted as one: a slice of a task or callback, or the clean-up of a
// task that is ended from outside.
typedef struct neapL_stretch {
    bool counting;           // it has begun, and not ended
    bool doomed;             // it broke a limit
    struct neapL_task *task; // whose slice it is; NULL: no task's
    uint64_t spent;          // instructions
    lua_State *waitable;     // the runtime's, where another one interrupts it
} neapL_stretch;

typedef struct neapL_limits {
    bool any;          // there is a limit
    lua_Hook hook;     // of what tasks run in, where there is a budget
    neapL_stretch now; // what runs
    neap_alloc under;  // where memory comes from, if it is limited
    size_t bytes;      // taken from there
    size_t refused;    // what the request before asked for in vain; or 0
    lua_State *asker;  // has garbage collected, by asking for memory
    bool starved;      // while it does every request is refused,
    unsigned asked;    // and counted
    bool traced;       // the traceback of the last doomed is kept
    char verdict[NEAPL_VERDICT_SIZE]; // why and where the last one was doomed
} neapL_limits;

// Sets up what the configuration says of instructions; and in a state of our
// own what Lua sees of that. [-0, +0, m]
void neapL_limits_init(neap_runtime *rt);
void neapL_open_limits(lua_State *L, neap_runtime *rt);

// The resume hook of limited runtimes.
void neapL_limited_slice(neap_task *core);

// co is about to be resumed, or to be closed.
void neapL_limits_resume(neap_runtime *rt, lua_State *co);
void neapL_limits_unwind(neap_runtime *rt, lua_State *co);

// Clean-up of a task begins, on an account of its own; the result, which is
// what it interrupts, goes on when it ends.
neapL_stretch neapL_limits_begin(neap_runtime *rt);
void neapL_limits_end(neap_runtime *rt, const neapL_stretch *outer);

// lua_pcall for one result, of a function that may run code of scripts; on an
// account of its own where no slice is under way. L may be the host's.
int neapL_limited_pcall(lua_State *L, int nargs, int handler);

// What runs broke the limit that these words name; in L, or NULL where that
// cannot be looked at.
void neapL_doom(neap_runtime *rt, lua_State *L, const char *words);

// Raises in what is doomed.
int neapL_strike(lua_State *L);

// Pushes the error of what was doomed last, and the traceback or nil.
// [-0, +2, m]
void neapL_push_verdict(lua_State *L, neap_runtime *rt);

// A doomed task, whose userdata is at `index`, ends: that error takes the place
// of the value on top. From here on it may wait again. The status of an error.
// [-1, +1, m]
int neapL_convict(lua_State *L, struct neapL_task *task, int index);

// Puts the count before the runtime's allocator, which is the host's or the
// arena, if the configuration has a limit. (memory.c)
void neapL_limit_memory(neap_runtime *rt);

#endif
