// SPDX-License-Identifier: MIT
//
// I1. neap_dump: all tasks and their stacks come as a report of the kind
// "tree"; from a signal handler also where Lua computes, from another thread
// and between two turns with the next one. Nothing is cancelled by it.

#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <pthread.h>
#include <signal.h>

#include "check.h"

static neap_runtime *rt;
static int count;       // trees so far
static char last[4096]; // the words of the last one
static int result;      // of the last neap_dump

static void take(void *ud, const neap_report *report) {
    CHECK(ud == &rt && strcmp(report->kind, "tree") == 0);
    CHECK(!report->task && !report->traceback && report->id == 0);
    CHECK(strlen(report->message) < sizeof last);
    strcpy(last, report->message);
    count++;
}

static void on_signal(int number) {
    (void)number;
    result = neap_dump(rt);
}

// dump(): a signal strikes here and now.
static int dump(lua_State *L) {
    (void)L;
    return raise(SIGUSR1), 0;
}

#define HEAD "local neap = require 'neap'\n"

static void run(const char *code) {
    int before = count;
    CHECK(neap_dostring(rt, code, "=code") == 0);
    CHECK(count == before + 1);
}

static void show_what_runs(void) {
    run(HEAD "local function busy()\n"
             "  dump()\n"
             "  for i = 1, 1000 do i = i + 1 end\n"
             "end\n"
             "coroutine.wrap(busy)()");
    CHECK_WORDS(last, "1 task\nrun\n  <Task #1 running, code:6>\n"
                      "      code:4: in function <code:2>\n"
                      "      [C]: in ?\n"
                      "      code:6: in main chunk");
    run(HEAD "neap.spawn({name = 'other'}, neap.sleep, 0.001)\n"
             "neap.yield()\n"
             "pcall(table.sort, {2, 1}, function()\n"
             "  dump()\n"
             "  return false end)");
    CHECK_WORDS(last, "2 tasks\n");
    CHECK_WORDS(last, "      code:6: in function <code:4>\n"
                      "      [C]: in function 'table.sort'\n");
    CHECK_WORDS(last, "'other' pending, sleeping");
    run(HEAD "neap.call_soon(function()\n"
             "  dump()\n"
             "  for i = 1, 1000 do i = i + 1 end end)\n"
             "neap.sleep(0.001)");
    CHECK_WORDS(last, "1 task\ncallback, running\n    code:4: in function");
}

// One that has not been given is not asked for twice.
static void ask_twice(void) {
    run("dump() dump() dump()\n"
        "local done");
    CHECK(result == -EALREADY);
    CHECK(neap_dump(rt) == 0 && neap_dump(rt) == -EALREADY);
    CHECK(neap_due_ns(rt) == 0);
    CHECK(neap_turn(rt, -1) == 0 && neap_due_ns(rt) == -1);
    CHECK(strcmp(last, "0 tasks") == 0);
    CHECK(neap_dump(rt) == 0 && neap_turn(rt, 0) == 0);
}

static void *call(void *arg) {
    CHECK(neap_dump(arg) == 0);
    return NULL;
}

static void hear_it_from_a_thread(void) {
    lua_State *L = neap_state(rt);
    pthread_t thread;
    int before = count;
    CHECK(luaL_loadstring(L, "require 'neap'.sleep(0.5)") == LUA_OK);
    CHECK(neap_spawn(rt, 0, NULL, NULL) == 0 && neap_turn(rt, 0) == 1);
    CHECK(pthread_create(&thread, NULL, call, rt) == 0);
    CHECK(neap_run(rt) == 0 && count == before + 1);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_WORDS(last, "1 task\n<Task #");
    CHECK_WORDS(last, "[C]: in function 'neap.sleep'");
}

// Beside an interruption, which is heard, too.
static void interrupt_as_well(void) {
    int before = count;
    neap_dump(rt);
    neap_interrupt(rt);
    CHECK(neap_dostring(rt, HEAD "neap.sleep(1000)", "=code") == -1);
    CHECK_WORDS(neap_error(rt), "cancelled: interrupted");
    CHECK(count == before + 1);
}

int main(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    neap_config config = NEAP_CONFIG_INIT;
    config.report = take;
    config.report_ud = &rt;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    rt = neap_open(&config);
    CHECK(rt);
    lua_register(neap_state(rt), "dump", dump);
    show_what_runs();
    ask_twice();
    hear_it_from_a_thread();
    interrupt_as_well();
    neap_close(rt);
    return 0;
}
