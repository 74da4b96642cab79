// SPDX-License-Identifier: MIT
//
// neap_dofile and neap_dostring: what they run, how long they go on, and what
// neap_error says when it went wrong.

#define _POSIX_C_SOURCE 200809L
#include <lua.h>
#include <neap.h>
#include <unistd.h>

#include "check.h"

static char path[] = "/tmp/neap-files-XXXXXX";

static const char *write_file(const char *code) {
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(code, file) >= 0 && fclose(file) == 0);
    return path;
}

static int number(neap_runtime *rt, const char *name) {
    lua_State *L = neap_state(rt);
    lua_getglobal(L, name);
    int value = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

// A main task, and every task that it left behind, to their end.
static void run_to_the_end(neap_runtime *rt) {
    int rc = neap_dofile(rt, write_file("neap = require 'neap'\n"
                                        "count = 0\n"
                                        "local function add()\n"
                                        "  neap.sleep(0.001)\n"
                                        "  count = count + 1\n"
                                        "end\n"
                                        "for _ = 1, 10 do neap.spawn(add) end\n"
                                        "return 'what main returns is lost'"));
    CHECK(rc == 0);
    CHECK(number(rt, "count") == 10);
    CHECK(neap_turn(rt, 0) == 0);
    CHECK(strcmp(neap_error(rt), "") == 0);
}

// Daemons are cancelled when the last other task has ended.
static void leave_daemons(neap_runtime *rt) {
    CHECK(neap_dostring(rt,
                        "neap.spawn({daemon = true}, function()\n"
                        "  local _ <close> = setmetatable({}, {__close =\n"
                        "    function() cleaned = 1 end})\n"
                        "  neap.sleep(math.huge)\n"
                        "end)\n"
                        "neap.sleep(0)",
                        "=daemon") == 0);
    CHECK(number(rt, "cleaned") == 1);
}

static void fail_to_load(neap_runtime *rt) {
    CHECK(neap_dofile(rt, "/no/such/file.lua") == -1);
    CHECK_WORDS(neap_error(rt), "cannot open /no/such/file.lua");
    CHECK(neap_dofile(rt, write_file("x = = 1")) == -1);
    CHECK_WORDS(neap_error(rt), ":1: unexpected symbol near '='");
    CHECK(neap_dostring(rt, "x = (1", "=config") == -1);
    CHECK_WORDS(neap_error(rt), "config:1: ')' expected");
    CHECK(neap_dostring(rt, "error 'no name'", NULL) == -1);
    CHECK_WORDS(neap_error(rt), "[string \"error 'no name'\"]:1: no name");
}

// The words of an error come with a traceback; an object's, without.
static void fail_to_run(neap_runtime *rt) {
    int rc = neap_dofile(rt, write_file("local function inner()\n"
                                        "  neap.sleep(0.001)\n"
                                        "  error('went wrong')\n"
                                        "end\n"
                                        "inner()\n"
                                        "return"));
    CHECK(rc == -1);
    CHECK_WORDS(neap_error(rt), ":3: went wrong\nstack traceback:\n");
    CHECK_WORDS(neap_error(rt), "in local 'inner'");
    rc = neap_dostring(rt,
                       "error(setmetatable({}, {__tostring = function()\n"
                       "  return 'in its own words' end}))",
                       "=object");
    CHECK(rc == -1 && strcmp(neap_error(rt), "in its own words") == 0);
    CHECK(neap_dostring(rt, "error()", "=nothing") == -1);
    CHECK_WORDS(neap_error(rt), "(error object is a nil value)");
}

// When main fails, the others are cancelled and their clean-up runs.
static void cancel_the_others(neap_runtime *rt) {
    int rc = neap_dostring(rt,
                           "neap.spawn(function()\n"
                           "  local ok, e = pcall(neap.sleep, math.huge)\n"
                           "  reason = neap.is_cancelled(e) and 7\n"
                           "  error(e)\n"
                           "end)\n"
                           "neap.sleep(0)\n"
                           "error('main')",
                           "=main");
    CHECK(rc == -1 && number(rt, "reason") == 7);
    CHECK_WORDS(neap_error(rt), "main:7: main");
    CHECK(neap_unseen(rt) == 0); // it was cancelled, it did not fail
}

// "-" and NULL are what stands on stdin.
static void read_stdin(neap_runtime *rt) {
    CHECK(freopen(write_file("count = count + 1"), "r", stdin));
    CHECK(neap_dofile(rt, "-") == 0 && number(rt, "count") == 11);
    CHECK(freopen(write_file("#!/usr/bin/env neap\nerror 'x'"), "r", stdin));
    CHECK(neap_dofile(rt, NULL) == -1);
    CHECK_WORDS(neap_error(rt), "stdin:2: x");
}

int main(void) {
    int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    neap_runtime *rt = neap_open(NULL);
    CHECK(rt);
    int top = lua_gettop(neap_state(rt));
    run_to_the_end(rt);
    leave_daemons(rt);
    fail_to_load(rt);
    fail_to_run(rt);
    cancel_the_others(rt);
    read_stdin(rt);
    CHECK(lua_gettop(neap_state(rt)) == top); // [-0, +0, -]
    neap_close(rt);
    unlink(path);
    return 0;
}
