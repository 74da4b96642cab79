// SPDX-License-Identifier: MIT
// Point: a runtime is made, a program runs in it while memory is refused, the
// next operation follows, and all is given back (oom.h).
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <lualib.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bindings/runtime.h"
#include "tests/descriptors.h"
#include "tests/oom/oom.h"

enum {
    TURNS_MAX = 20000,     // of one point
    LEAVING_MS = 1000,     // for threads to end in: less than a point may take
    GRACE_NS = 1000000000, // of neap_close: who needs it holds the point up
    HASTE_NS = 50000000,   // the same, of programs in C: no thread needs it
    ROOM = 4000000,        // of limited hosts: more than programs need that
    BUDGET = 100000        // are not about limits
};

const oom_host oom_hosts[] = {
    {.name = "open", .flags = NEAP_VIRTUAL_CLOCK},
    {.name = "arena", .flags = NEAP_VIRTUAL_CLOCK, .arena = true},
    {.name = "attach", .flags = NEAP_VIRTUAL_CLOCK, .attached = true},
    {.name = "debug", .flags = NEAP_VIRTUAL_CLOCK | NEAP_DEBUG_MODE},
    {.name = "limited",
     .flags = NEAP_VIRTUAL_CLOCK,
     .arena = true,
     .room = ROOM,
     .budget = BUDGET},
    {.name = "budget",
     .flags = NEAP_VIRTUAL_CLOCK,
     .attached = true,
     .budget = BUDGET},
    {.name = NULL},
};

const char *const oom_mode_names[OOM_MODES] = {"once", "on", "spell"};

static bool talks;     // of the point under way
static bool announces; // which functions programs call
static int turns;

static const char program_key = 'p', next_key = 'n'; // in the registry

void oom_announce_calls(void) { announces = true; }

void oom_blame(oom_run *run, const char *format, ...) {
    va_list rest;
    if (*run->wrong) return;
    va_start(rest, format);
    vsnprintf(run->wrong, OOM_WORDS, format, rest);
    va_end(rest);
}

// ---- what may be

static bool may_say(const oom_run *run, const char *words) {
    for (int i = 0; i < OOM_WISHES && run->wishes[i]; i++)
        if (strstr(words, run->wishes[i])) return true;
    if (run->following) return strstr(words, "not enough memory,") != NULL;
    if (strstr(words, "was never left")) return true; // see oom.h
    return strstr(words, "not enough memory") ||
           strstr(words, "stack overflow") || // Lua's words for no more of it
           strstr(words, "Cannot allocate memory");
}

void oom_expect(oom_run *run, const char *words) {
    int i = 0;
    while (i < OOM_WISHES - 1 && run->wishes[i]) i++;
    run->wishes[i] = words;
}

// expect(words): for programs in Lua; a string of theirs.
static int expect(lua_State *L) {
    oom_run *run = lua_touserdata(L, lua_upvalueindex(1));
    oom_expect(run, luaL_checkstring(L, 1));
    return 0;
}

void oom_judge(oom_run *run, const char *words) {
    if (talks) fprintf(stderr, "%s\n", words);
    bool told = may_say(run, words); // of what was begun before, perhaps
    if (run->following && !told) oom_blame(run, "next operation: %s", words);
    else if (run->point.mode == OOM_ONCE && !told)
        oom_blame(run, "went wrong: %s", words);
}

static void hear(void *ud, const neap_report *report) {
    const oom_run *run = ud;
    bool debug = run->point.host->flags & NEAP_DEBUG_MODE;
    char words[OOM_WORDS];
    if (debug && strcmp(report->kind, "error") != 0) return;
    snprintf(words, sizeof words, "report (%s): %s\n%s%s", report->kind,
             report->message ? report->message : "(no words)",
             report->traceback ? report->traceback : "",
             report->spawned_at ? report->spawned_at : "");
    oom_judge(ud, words);
}

static void ignore_output(void *ud, const char *bytes, size_t size) {
    (void)ud, (void)bytes, (void)size;
}

// ---- turning

int __real_neap_loop_turn(neap_loop *loop, int64_t limit_ns);
int __wrap_neap_loop_turn(neap_loop *loop, int64_t limit_ns);

int __wrap_neap_loop_turn(neap_loop *loop, int64_t limit_ns) {
    if (++turns == TURNS_MAX) {
        fprintf(stderr, "%d turns\n", turns);
        raise(SIGALRM); // it hangs
    }
    return __real_neap_loop_turn(loop, limit_ns);
}

static void note_end(neap_runtime *rt, int status, int count, void *ud) {
    oom_run *run = ud;
    run->told++;
    if (lua_gettop(neap_state(rt)) < count) oom_blame(run, "results missing");
    if (status == 0) return;
    if (!*neap_error(rt)) oom_blame(run, "an error without words");
    oom_judge(run, neap_error(rt));
}

bool oom_spawn(oom_run *run, int nargs) {
    int rc = neap_spawn(run->rt, nargs, note_end, run);
    if (rc < 0) oom_judge(run, neap_error(run->rt));
    run->spawned += rc == 0;
    return rc == 0;
}

bool oom_spawn_code(oom_run *run, const char *code) {
    return oom_push_code(run, code) && oom_spawn(run, 0);
}

void oom_check(oom_run *run, neap_runtime *rt, int rc) {
    if (rc < 0) oom_judge(run, neap_error(rt));
}

// In both of a host's ways.
void oom_finish(oom_run *run) {
    int rc = 1;
    if (!run->point.host->attached) {
        if (neap_run(run->rt) < 0) oom_judge(run, neap_error(run->rt));
        return;
    }
    while (rc == 1) rc = neap_turn(run->rt, -1);
    if (rc < 0) oom_judge(run, strerror(-rc));
    if (neap_run(run->rt) < 0) oom_judge(run, neap_error(run->rt)); // daemons
}

static void run_function(oom_run *run, const void *key) {
    if (!lua_checkstack(run->L, LUA_MINSTACK)) return;
    lua_rawgetp(run->L, LUA_REGISTRYINDEX, key);
    if (oom_spawn(run, 0)) oom_finish(run);
}

// What a host does with Lua it does protected.
static int compile(lua_State *L) {
    const char *code = lua_touserdata(L, 1);
    return luaL_loadstring(L, code) == LUA_OK ? 1 : lua_error(L);
}

bool oom_push_code(oom_run *run, const char *code) {
    if (!lua_checkstack(run->L, LUA_MINSTACK)) return false;
    lua_pushcfunction(run->L, compile);
    lua_pushlightuserdata(run->L, (void *)code);
    if (lua_pcall(run->L, 1, 1, 0) == LUA_OK) return true;
    oom_judge(run, lua_tostring(run->L, -1));
    lua_pop(run->L, 1);
    return false;
}

// ---- the next operation

// Of the values in a table of the registry, those of that type.
static int count_anchored(lua_State *L, int table, int type) {
    int count = 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, table);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        count += lua_type(L, -1) == type;
    lua_pop(L, 1);
    return count;
}

// Nothing lies about of what has ended.
static void check_idle(oom_run *run) {
    const neap_runtime *rt = run->rt;
    lua_State *L = run->L;
    int threads = count_anchored(L, rt->threads.anchors, LUA_TTHREAD);
    int anchored = count_anchored(L, rt->anchors, LUA_TUSERDATA);
    if (lua_gettop(L) != 0) oom_blame(run, "%d values left", lua_gettop(L));
    if (rt->alive != 0) oom_blame(run, "%u tasks left", rt->alive);
    if (rt->untold != 0) oom_blame(run, "%u hosts not told", rt->untold);
    if (rt->orphans != 0) oom_blame(run, "%u orphans left", rt->orphans);
    if (rt->groups.next->next != &rt->groups) oom_blame(run, "groups left");
    if (rt->root->scope.kids) oom_blame(run, "scopes left");
    if (run->told != run->spawned) oom_blame(run, "a host was not told");
    if (anchored) oom_blame(run, "%d values anchored", anchored);
    if (threads != (int)rt->threads.idle_count)
        oom_blame(run, "%d coroutines, %u of them idle", threads,
                  rt->threads.idle_count);
}

static void go_on(oom_run *run) {
    run->following = true;
    run_function(run, &next_key);
    check_idle(run);
    run->following = false; // what neap_close says is the program's
}

// ---- life

// Protected, with the run: its program and the next operation.
static int load(lua_State *L) {
    oom_run *run = lua_touserdata(L, 1);
    const oom_program *program = run->point.program;
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, expect, 1);
    lua_setglobal(L, "expect");
    lua_pushinteger(L, getpid());
    lua_setglobal(L, "process");
    oom_push_program(L, "next.operation");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &next_key);
    if (announces) oom_push_program(L, "called.announce"), lua_call(L, 0, 0);
    if (program->body) return 0;
    oom_push_program(L, program->name);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &program_key);
    return 0;
}

static void prepare(oom_run *run) {
    lua_pushcfunction(run->L, load);
    lua_pushlightuserdata(run->L, run);
    if (lua_pcall(run->L, 1, 0, 0) == LUA_OK) return;
    oom_blame(run, "cannot be loaded: %s", lua_tostring(run->L, -1));
}

neap_config oom_configure(oom_run *run) {
    neap_config config = NEAP_CONFIG_INIT;
    config.flags = run->point.host->flags;
    if (!run->point.host->arena) config.allocator = oom_alloc;
    config.memory_limit = run->point.host->room;
    config.instruction_budget = run->point.host->budget;
    config.report = hear;
    config.report_ud = run;
    config.output = ignore_output;
    config.grace_ns = run->point.program->body ? HASTE_NS : GRACE_NS;
    return config;
}

// The runtime, in a state that is the host's or its own; or none.
static void open_runtime(oom_run *run, lua_State *L) {
    neap_config config = oom_configure(run);
    run->rt = L ? neap_attach(L, &config) : neap_open(&config);
    if (run->rt) run->L = neap_state(run->rt);
}

static void use(oom_run *run) {
    oom_point point = run->point;
    if (!point.program->early) {
        prepare(run);
        oom_arm(point.mode, point.n);
    }
    if (point.program->body) point.program->body(run);
    else run_function(run, &program_key);
    if (point.mode != OOM_ON) {
        oom_disarm();
        if (point.program->early) prepare(run);
        if (!run->abandoned) go_on(run);
    }
}

static void live(oom_run *run) {
    oom_point point = run->point;
    lua_State *state = NULL;
    if (point.host->attached) {
        state = lua_newstate(oom_alloc, NULL);
        luaL_openlibs(state);
    }
    if (point.program->early) oom_arm(point.mode, point.n);
    open_runtime(run, state);
    if (run->rt) {
        use(run);
        neap_close(run->rt);
        if (run->told != run->spawned) oom_blame(run, "a host was not told");
    }
    if (state) lua_close(state);
    oom_disarm();
}

// ---- what is left

// A thread may be on its way out.
static void check_left(oom_run *run, size_t blocks, int descriptors) {
    const struct timespec pause = {0, 1000000};
    for (int i = 0; i < LEAVING_MS; i++) {
        if (oom_counted().blocks == blocks &&
            count_descriptors() == descriptors)
            return;
        nanosleep(&pause, NULL);
    }
    oom_blame(run, "%ld blocks and %d descriptors left",
              (long)(oom_counted().blocks - blocks),
              count_descriptors() - descriptors);
}

bool oom_live(oom_point point, char *wrong, bool talk) {
    oom_run run = {.point = point, .wrong = wrong};
    size_t blocks = oom_counted().blocks;
    int descriptors = count_descriptors();
    *wrong = '\0';
    talks = talk;
    turns = 0;
    live(&run);
    check_left(&run, blocks, descriptors);
    oom_counts counts = oom_counted();
    if (counts.wrong) oom_blame(&run, "%s", counts.wrong);
    if (talk) fprintf(stderr, "%ld requests\n", counts.requests);
    return counts.struck;
}
