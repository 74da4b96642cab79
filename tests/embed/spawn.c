// SPDX-License-Identifier: MIT
//
// neap_spawn: a function of the host's choice becomes a task, and the host is
// called when it has ended, with its results or its error.

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>

#include "check.h"

typedef struct ending { // what `done` saw
    int calls;
    int status;
    int count;
    char first[64];  // the first result, or the error, as a string
    char error[512]; // neap_error, where it failed
} ending;

static void note(neap_runtime *rt, int status, int count, void *ud) {
    ending *end = ud;
    lua_State *L = neap_state(rt);
    CHECK(lua_gettop(L) >= count);
    end->calls++;
    end->status = status;
    end->count = count;
    *end->first = '\0';
    if (count > 0) {
        snprintf(end->first, sizeof end->first, "%s",
                 luaL_tolstring(L, -count, NULL));
        lua_pop(L, 1);
    }
    if (status < 0)
        snprintf(end->error, sizeof end->error, "%s", neap_error(rt));
}

// Pushes a function made of code.
static lua_State *push(neap_runtime *rt, const char *code) {
    lua_State *L = neap_state(rt);
    CHECK(luaL_loadbuffer(L, code, strlen(code), "=code") == LUA_OK);
    return L;
}

static ending run(neap_runtime *rt, const char *code) {
    ending end = {0};
    push(rt, code);
    CHECK(neap_spawn(rt, 0, note, &end) == 0);
    CHECK(end.calls == 0); // nothing runs before the loop turns
    CHECK(neap_run(rt) == 0);
    CHECK(end.calls == 1);
    return end;
}

static void pass_values(neap_runtime *rt) {
    ending end = {0};
    lua_State *L = push(rt, "local a, b = ...\n"
                            "require 'neap'.sleep(0.001)\n"
                            "return a + b, nil, a, nil");
    lua_pushinteger(L, 40);
    lua_pushinteger(L, 2);
    CHECK(neap_spawn(rt, 2, note, &end) == 0);
    CHECK(neap_run(rt) == 0);
    CHECK(end.calls == 1 && end.status == 0 && end.count == 4);
    CHECK(strcmp(end.first, "42") == 0);
    end = run(rt, "return");
    CHECK(end.status == 0 && end.count == 0);
}

// The error is given to done, so it is nobody else's: it is not reported.
static void take_errors(neap_runtime *rt) {
    ending end = run(rt, "local t = {}\nt.x.y = 1\nreturn");
    CHECK(end.status == -1 && end.count == 1);
    CHECK_WORDS(end.first, "code:2: attempt to index a nil value");
    CHECK_WORDS(end.error, "code:2: attempt to index a nil value");
    CHECK_WORDS(end.error, "stack traceback:\n\tcode:2: in ");
    end = run(rt, "error()"); // nil is an error object, too
    CHECK(end.status == -1 && strcmp(end.first, "nil") == 0);
    end = run(rt, "local neap = require 'neap'\n"
                  "neap.current():cancel('no longer wanted')\n"
                  "neap.sleep(1)");
    CHECK(end.status == -1);
    CHECK(strcmp(end.error, "cancelled: no longer wanted") == 0);
    CHECK(neap_unseen(rt) == 0);
}

// Without done, an error goes to config.report.
static void report(void *ud, const neap_report *it) {
    CHECK(strcmp(it->kind, "error") == 0);
    CHECK_WORDS(it->message, "nobody waits");
    if (it->id > 0) CHECK_WORDS(it->traceback, "stack traceback:");
    ++*(int *)ud;
}

static void report_errors(neap_runtime *rt, const int *reports) {
    push(rt, "error 'nobody waits'");
    CHECK(neap_spawn(rt, 0, NULL, NULL) == 0);
    CHECK(neap_run(rt) == 0 && *reports == 1 && neap_unseen(rt) == 1);
}

static void refuse(neap_runtime *rt) {
    ending end = {0};
    lua_State *L = neap_state(rt);
    lua_pushinteger(L, 1); // no function
    lua_pushinteger(L, 2);
    CHECK(neap_spawn(rt, 1, note, &end) == -EINVAL);
    CHECK_WORDS(neap_error(rt), "function expected, got number");
    CHECK(neap_run(rt) == 0 && end.calls == 0);
}

// What done does with the stack is its own affair; it may spawn the next task.
static void go_on(neap_runtime *rt, int status, int count, void *ud) {
    int *left = ud;
    lua_State *L = neap_state(rt);
    CHECK(status == 0 && count == 1);
    lua_Integer value = lua_tointeger(L, -1);
    lua_settop(L, 0);
    if (--*left == 0) return;
    push(rt, "return ... + 1");
    lua_pushinteger(L, value);
    CHECK(neap_spawn(rt, 1, go_on, ud) == 0);
}

static void chain(neap_runtime *rt) {
    int left = 10;
    lua_pushinteger(push(rt, "return ... + 1"), 0);
    CHECK(neap_spawn(rt, 1, go_on, &left) == 0);
    CHECK(neap_run(rt) == 0 && left == 0);
}

// More of them than a turn has slices.
static void count_down(neap_runtime *rt, int status, int count, void *ud) {
    (void)rt;
    CHECK(status == 0 && count == 0);
    --*(int *)ud;
}

static void spawn_many(neap_runtime *rt) {
    int left = 1000;
    for (int i = 0; i < 1000; i++) {
        push(rt, "return");
        CHECK(neap_spawn(rt, 0, count_down, &left) == 0);
    }
    CHECK(neap_run(rt) == 0 && left == 0);
}

// An error that done itself raises is reported; the loop goes on.
static void fail_in_done(neap_runtime *rt, int status, int count, void *ud) {
    (void)status, (void)count, (void)ud;
    luaL_error(neap_state(rt), "nobody waits for done");
}

static void survive_done(neap_runtime *rt) {
    push(rt, "return 1");
    CHECK(neap_spawn(rt, 0, fail_in_done, NULL) == 0);
    ending end = run(rt, "return 'next'");
    CHECK(strcmp(end.first, "next") == 0 && neap_unseen(rt) == 2);
}

// A C function that a task calls may spawn, too.
static int spawn_from_inside(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
    ending *end = lua_touserdata(L, lua_upvalueindex(2));
    push(rt, "return 'from inside'");
    CHECK(neap_spawn(rt, 0, note, end) == 0);
    return 0;
}

static void nest(neap_runtime *rt) {
    ending end = {0};
    lua_State *L = neap_state(rt);
    lua_pushlightuserdata(L, rt);
    lua_pushlightuserdata(L, &end);
    lua_pushcclosure(L, spawn_from_inside, 2);
    CHECK(neap_spawn(rt, 0, NULL, NULL) == 0);
    CHECK(neap_run(rt) == 0);
    CHECK(end.calls == 1 && strcmp(end.first, "from inside") == 0);
}

int main(void) {
    int reports = 0;
    neap_config config = NEAP_CONFIG_INIT;
    config.report = report;
    config.report_ud = &reports;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    lua_State *L = neap_state(rt);
    pass_values(rt);
    take_errors(rt);
    report_errors(rt, &reports);
    refuse(rt);
    chain(rt);
    spawn_many(rt);
    nest(rt);
    survive_done(rt);
    CHECK(lua_gettop(L) == 0); // [-(nargs + 1), +0, -]
    neap_close(rt);
    return 0;
}
