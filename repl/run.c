// SPDX-License-Identifier: MIT
// Run: everything that runs is a task, one main task after the other.
//
// LUA_INIT, each -e and -l, the script and each line of the REPL are main
// tasks. What a main task spawned and left behind goes on while the next one
// runs; run_rest gives it the time to end.
//
// SIGINT and SIGTERM are ours for as long as Lua code may run; see signals.c.
#include "repl/run.h"

#include <lua.h>
#include <string.h>

#include "repl/report.h"
#include "repl/signals.h"

typedef struct main_task {
    command *c;
    run_take take;
    void *ud; // of take
    bool ended;
    bool failed;
} main_task;

void run_report(command *c, int status, int count, void *ud) {
    (void)count;
    (void)ud;
    if (status != 0) report_failure(c, neap_error(c->rt));
}

static void main_ended(neap_runtime *rt, int status, int count, void *ud) {
    (void)rt;
    main_task *task = ud;
    task->ended = true;
    task->failed = status != 0;
    task->take(task->c, status, count, task->ud);
}

static bool fail(command *c, const char *words) {
    report_failure(c, words);
    c->status = COMMAND_FAILED;
    return false;
}

// A chunk that could not be made: its message is on the stack.
static bool refuse(command *c) {
    fail(c, report_words(c));
    lua_pop(neap_state(c->rt), 1);
    return false;
}

static int call_k(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    return lua_gettop(L);
}

// Calls its first argument, which is no function, as Lua would: it may have a
// __call, or cannot be called.
static int call(lua_State *L) {
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, call_k);
    return call_k(L, LUA_OK, 0);
}

static int spawn(command *c, int nargs, main_task *task) {
    lua_State *L = neap_state(c->rt);
    if (!lua_isfunction(L, -nargs - 1)) {
        lua_pushcfunction(L, call);
        lua_insert(L, -nargs - 2);
        nargs++;
    }
    return neap_spawn(c->rt, nargs, main_ended, task);
}

// Of what failed: on its own, or of a signal.
static int status_of(const command *c) {
    return c->signal ? COMMAND_INTERRUPTED + c->signal : COMMAND_FAILED;
}

static int turn_until_ended(command *c, const main_task *task) {
    int rc = 0;
    signals_catch(c->rt);
    while (!task->ended && rc >= 0) rc = neap_turn(c->rt, -1);
    if (!c->holds) signals_catch(NULL); // no gap before what is left goes on
    c->holds = true;
    c->signal = signals_release();
    if (task->failed) c->status = status_of(c);
    return task->ended ? 0 : rc;
}

bool run_main(command *c, int nargs, run_take take, void *ud) {
    if (nargs < 0) return refuse(c);
    static main_task task; // the only one; outlives a loop that failed
    task = (main_task){c, take, ud, false, false};
    c->busy = true;
    int rc = spawn(c, nargs, &task);
    if (rc == 0) rc = turn_until_ended(c, &task);
    if (rc < 0) return fail(c, strerror(-rc));
    return !task.failed;
}

bool run_rest(command *c) {
    signals_catch(c->rt);
    int rc = neap_run(c->rt);
    int number = signals_release();
    if (number) c->signal = number;
    if (number || rc < 0) c->status = status_of(c);
    return c->status == COMMAND_OK;
}
