// SPDX-License-Identifier: MIT
// Oom: what its parts share: programs, hosts, and one point.
//
// A point is a program run once in a runtime of its own, in which request n
// for memory is refused as the mode says. It has survived if nothing crashed,
// hung or asserted, the program ended in order, and in the end every byte and
// every descriptor has been given back.
//
// Of Lua's own, and no public function can cure it: where there is no memory to
// call a __close, Lua drops the call and goes on (luaF_close has forgotten the
// variable by then). A scope that was to be left by it is dropped by the end of
// its task, and reported as one that "was never left". It drops a __gc in the
// same way (GCTM), for good; so what must not be lost is the runtime's memory.
#ifndef NEAP_OOM_H
#define NEAP_OOM_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bindings/neap.h"
#include "tests/oom/memory.h"

typedef struct oom_run oom_run;

typedef struct oom_program {
    const char *name;           // "tasks.gather"
    void (*body)(oom_run *run); // in C; NULL: the Lua function of that name
    bool early;                 // counted from the birth of its runtime on
    const char *only;           // the host that it is for; NULL: all
} oom_program;

typedef struct oom_host { // how a runtime comes to be
    const char *name;
    unsigned flags;  // of neap_config
    bool attached;   // to a state of the host's
    bool arena;      // the runtime brings its own allocator
    size_t room;     // memory_limit
    uint64_t budget; // instruction_budget
} oom_host;

typedef struct oom_point {
    const oom_program *program;
    const oom_host *host;
    oom_mode mode;
    long n;
} oom_point;

enum { OOM_WORDS = 1000, OOM_WISHES = 4 };

struct oom_run {
    oom_point point;
    neap_runtime *rt;
    lua_State *L;                   // the state's main thread
    int spawned, told;              // tasks with a `done`, and calls of those
    bool following;                 // the next operation: it must not fail
    int posts;                      // that were called
    bool abandoned;                 // tasks are left to neap_close
    const char *wishes[OOM_WISHES]; // words of errors that are meant
    char *wrong;                    // words of the first thing that is not so
};

extern const oom_host oom_hosts[];
extern const char *const oom_mode_names[OOM_MODES];

// ---- lua.c: the programs in Lua

// Reads tests/oom/*.lua; false, and words on stderr: it cannot.
bool oom_read_programs(void);
const oom_program *oom_lua_programs(int *count);

// Pushes the function of that name, loaded into the state. [-0, +1, m]
void oom_push_program(lua_State *L, const char *name);

// ---- native.c, promises.c, limits.c, stdio.c: those in C

const oom_program *oom_native_programs(int *count);
const oom_program *oom_promise_programs(int *count);
const oom_program *oom_limit_programs(int *count);
const oom_program *oom_stdio_programs(int *count);

// ---- point.c

// Whether a request was refused. `wrong` (OOM_WORDS bytes) is "" if the point
// has survived; `talk`: says on stderr how the program ended.
bool oom_live(oom_point point, char *wrong, bool talk);

// From now on programs say on stderr which public functions they call.
void oom_announce_calls(void);

// For programs: what is not so is said, the first of it.
void oom_blame(oom_run *run, const char *format, ...);

// The program's end: of what it expects, or of who has no memory.
void oom_judge(oom_run *run, const char *words);

// The program will fail with these words, or for want of memory.
void oom_expect(oom_run *run, const char *words);

// Starts what is on top of the stack, with a `done`; false: it was refused.
bool oom_spawn(oom_run *run, int nargs);

// Starts a function of this code. The same.
bool oom_spawn_code(oom_run *run, const char *code);

// Of a call that may fail as a program may.
void oom_check(oom_run *run, neap_runtime *rt, int rc);

// Of the run's runtime, and of others that a program opens.
neap_config oom_configure(oom_run *run);

// Until nothing is left to do.
void oom_finish(oom_run *run);

// Pushes a function of this code; false: there is no memory for it.
bool oom_push_code(oom_run *run, const char *code);

#endif
