// SPDX-License-Identifier: MIT
//
// neap_close: every task is cancelled and its clean-up runs, for at most the
// grace; who does not end is named and ended; hosts are told; sockets, queues
// and callbacks may be alive. Not from inside (I8).

#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static const int64_t ms = 1000000;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 * ms + now.tv_nsec;
}

// What Lua notes during the close, one letter each.
static char notes[64];

static int note(lua_State *L) {
    strcat(notes, luaL_checkstring(L, 1));
    return 0;
}

static char leak[512]; // the first report of kind "leak"
static int leaks, errors;

static void report(void *ud, const neap_report *it) {
    (void)ud;
    if (strcmp(it->kind, "leak") != 0) errors++;
    else if (++leaks == 1)
        snprintf(leak, sizeof leak, "%s: %s\n%s", it->task ? it->task : "?",
                 it->message, it->traceback);
}

static neap_runtime *open(int64_t grace_ns) {
    neap_config config = NEAP_CONFIG_INIT;
    config.report = report;
    config.grace_ns = grace_ns;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    lua_register(neap_state(rt), "note", note);
    CHECK(luaL_dostring(neap_state(rt), "neap = require 'neap'") == LUA_OK);
    *notes = *leak = '\0';
    leaks = errors = 0;
    return rt;
}

static void do_lua(neap_runtime *rt, const char *code) {
    CHECK(luaL_dostring(neap_state(rt), code) == LUA_OK);
}

static void tell(neap_runtime *rt, int status, int count, void *ud) {
    (void)count;
    if (status < 0) CHECK(*neap_error(rt));
    ++*(int *)ud;
}

static void spawn(neap_runtime *rt, const char *code, int *told) {
    CHECK(luaL_loadstring(neap_state(rt), code) == LUA_OK);
    CHECK(neap_spawn(rt, 0, tell, told) == 0);
}

// Clean-up runs, also where it waits; what it spawns is cancelled, too.
static void clean_up(void) {
    neap_runtime *rt = open(0);
    int told = 0;
    spawn(rt,
          "local _ <close> = setmetatable({}, {__close = function(_, e)\n"
          "  assert(neap.is_cancelled(e), e)\n"
          "  assert(e.reason == 'the runtime is closing')\n"
          "  note 'c' end})\n"
          "neap.sleep(1000)",
          &told);
    spawn(rt,
          "pcall(neap.sleep, 1000)\n"
          "note 'a'\n"
          "assert(not pcall(neap.sleep, 1000))\n"
          "neap.spawn(function() note 'X'; neap.sleep(1000) end)\n"
          "note 'b'",
          &told);
    do_lua(rt, "neap.spawn({daemon = true}, function()\n"
               "  local q <close> = setmetatable({}, {__close = function()\n"
               "    note 'd' end})\n"
               "  neap.Queue():get()\n"
               "end)");
    CHECK(neap_turn(rt, 0) == 1);
    spawn(rt, "note 'X'", &told); // was not begun, and will not be
    int64_t start_ns = now_ns();
    neap_close(rt);
    CHECK(now_ns() - start_ns < 2000 * ms); // not the whole grace
    CHECK(told == 3 && errors == 0 && leaks == 0);
    CHECK(strlen(notes) == 4 && !strchr(notes, 'X'));
    CHECK(strchr(notes, 'b') > strchr(notes, 'a') && strchr(notes, 'c'));
}

// Who does not heed its cancel is named and ended when the grace is over; then
// no wait is possible, and clean-up still runs.
static void end_the_rest(void) {
    neap_runtime *rt = open(20 * ms);
    int told = 0;
    do_lua(rt, "neap.spawn({name = 'deaf'}, function()\n"
               "  local _ <close> = setmetatable({}, {__close = function()\n"
               "    local ok, e = pcall(neap.sleep, 1)\n"
               "    if not ok and e:find 'closing' then note 'c' end\n"
               "  end})\n"
               "  while true do pcall(neap.sleep, 1000) end\n"
               "end)");
    spawn(rt, "while true do pcall(neap.yield) end", &told);
    CHECK(neap_turn(rt, 0) == 1);
    int64_t start_ns = now_ns();
    neap_close(rt);
    CHECK(now_ns() - start_ns >= 20 * ms);
    CHECK(told == 1 && leaks == 2 && strcmp(notes, "c") == 0);
    CHECK_WORDS(leak, "deaf: did not end within 0.02 s of being cancelled");
    CHECK_WORDS(leak, "stack traceback:");
    CHECK(errors == 0); // it was named; how it was ended is no news
}

// More of them than a turn has slices: all are told.
static void tell_all(void) {
    neap_runtime *rt = open(100 * ms);
    int told = 0;
    for (int i = 0; i < 1000; i++)
        spawn(rt,
              i % 2 ? "neap.sleep(1000)"
                    : "while true do pcall(neap.sleep, 1000) end",
              &told);
    for (int i = 0; i < 10; i++) CHECK(neap_turn(rt, 0) == 1);
    CHECK(told == 0);
    neap_close(rt);
    CHECK(told == 1000 && leaks >= 500);
}

// What else is alive. The path of a listener is removed with it.
static void leave_things(const char *path) {
    neap_runtime *rt = open(0);
    lua_State *L = neap_state(rt);
    lua_pushstring(L, path);
    lua_setglobal(L, "path");
    do_lua(rt, "local function never() note 'X' end\n"
               "server = assert(neap.listen('unix:' .. path))\n"
               "a, b = neap.socketpair()\n"
               "queue, future = neap.Queue(1), neap.Future()\n"
               "queue:put(1)\n"
               "neap.spawn(queue.put, queue, 2)\n"
               "neap.spawn(server.accept, server)\n"
               "neap.spawn(a.recv, a)\n"
               "neap.spawn(function() return future:await() end)\n"
               "future:on_done(never)\n"
               "neap.call_later(1000, never)\n"
               "neap.call_at(neap.time() + 1000, never)\n"
               "neap.loop():add_reader(a, never)\n"
               "neap.loop():add_writer(b, error)\n"
               "neap.spawn(error, 'reported'):on_done(note, 'd')\n"
               "wrapped = coroutine.wrap(function() neap.sleep(1000) end)\n"
               "neap.spawn(wrapped)\n");
    neap_poll_fd(rt);
    CHECK(access(path, F_OK) == 0);
    CHECK(neap_turn(rt, 0) == 1);
    neap_close(rt);
    CHECK(access(path, F_OK) < 0 && errno == ENOENT);
    CHECK(strcmp(notes, "d") == 0);
}

// __gc runs last of all, and finds a runtime in which nothing can begin.
static void collect(void) {
    neap_runtime *rt = open(0);
    do_lua(rt, "local function fails(f, ...)\n"
               "  local ok, e = pcall(f, ...)\n"
               "  if not ok and tostring(e):find 'clos' then note 'g' end\n"
               "end\n"
               "keep = setmetatable({}, {__gc = function()\n"
               "  fails(neap.spawn, neap.sleep, 1)\n"
               "  fails(neap.call_soon, note, 'X')\n"
               "  fails(neap.sleep, 1)\n"
               "  fails(neap.run, neap.sleep, 1)\n"
               "  fails(neap.socketpair)\n"
               "  fails(neap.listen, '127.0.0.1', 0)\n"
               "  fails(neap.gather, function() note 'X' end)\n"
               "end})");
    neap_close(rt);
    CHECK(strcmp(notes, "ggggggg") == 0);
}

// I8: what the runtime has called cannot close it, nor turn it.
static neap_runtime *here;
static int refusals;

static void try_to_close(void) {
    neap_close(here);
    CHECK_WORDS(neap_error(here), "from inside");
    CHECK(neap_turn(here, 0) == -EBUSY && neap_run(here) == -1);
    CHECK(neap_dostring(here, "note 'X'", "=inside") == -1);
    CHECK(neap_dofile(here, "/no/such/file") == -1);
    CHECK_WORDS(neap_error(here), "from inside");
    refusals++;
}

static int close_in_task(lua_State *L) {
    try_to_close();
    return lua_gettop(L);
}

static void close_in_post(void *arg) { (void)arg, try_to_close(); }

static void close_in_report(void *ud, const neap_report *it) {
    (void)ud, (void)it, try_to_close();
}

static void close_in_output(void *ud, const char *bytes, size_t size) {
    (void)ud, (void)bytes;
    if (size > 1) try_to_close();
}

static void close_in_done(neap_runtime *rt, int status, int count, void *ud) {
    (void)rt, (void)status, (void)count, (void)ud, try_to_close();
}

static void stay_open_inside(void) {
    neap_config config = NEAP_CONFIG_INIT;
    config.report = close_in_report;
    config.output = close_in_output;
    config.grace_ns = 1;
    here = neap_open(&config);
    lua_State *L = neap_state(here);
    lua_register(L, "close", close_in_task);
    CHECK(neap_post(here, close_in_post, NULL) == 0);
    CHECK(luaL_loadstring(L, "local neap = require 'neap'\n"
                             "assert(close(42) == 42)\n"
                             "neap.sleep(0.001)\n"
                             "coroutine.wrap(close)()\n"
                             "neap.call_soon(close)\n"
                             "neap.spawn(error, 'reported')\n"
                             "print 'printed'") == LUA_OK);
    CHECK(neap_spawn(here, 0, close_in_done, NULL) == 0);
    CHECK(neap_run(here) == 0 && refusals == 7);
    CHECK(luaL_dostring(L, "setmetatable({}, {__gc = close})") == LUA_OK);
    CHECK(luaL_loadstring(L,
                          "local neap = require 'neap'\n"
                          "local _ <close> = setmetatable({}, {\n"
                          "  __close = close})\n"
                          "while true do pcall(neap.sleep, 1) end") == LUA_OK);
    CHECK(neap_spawn(here, 0, close_in_done, NULL) == 0);
    CHECK(neap_turn(here, 0) == 1);
    neap_close(here); // inside: a report, __close, done and __gc
    CHECK(refusals == 11);
}

int main(void) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/neap-close-%ld", (long)getpid());
    neap_close(NULL); // is allowed
    clean_up();
    end_the_rest();
    tell_all();
    leave_things(path);
    collect();
    stay_open_inside();
    return 0;
}
