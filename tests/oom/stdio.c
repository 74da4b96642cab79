// SPDX-License-Identifier: MIT
// Stdio: neap.stdin and neap.stdout, and what the runtime writes by itself,
// with something of ours in the place of the process's standard streams.
//
// One stream is replaced at a time, and what was there comes back.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/oom/oom.h"

static int kept = -1; // what is at `replaced` otherwise; -1: nothing
static int replaced;

// The descriptor goes there.
static void replace(int number, int fd) {
    fflush(stdout);
    replaced = number;
    kept = fcntl(number, F_DUPFD_CLOEXEC, 10);
    dup2(fd, number);
    close(fd);
}

static void restore(void) {
    fflush(stdout);
    if (kept < 0) close(replaced);
    else {
        dup2(kept, replaced);
        close(kept);
    }
}

// What feeds stdin, or what stdout feeds; -1: closed.
static int other_end = -1;

static void hang_up(void) {
    if (other_end >= 0) close(other_end);
    other_end = -1;
}

static void make_pipe(int number) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return;
    other_end = ends[number == STDIN_FILENO];
    replace(number, ends[number != STDIN_FILENO]);
}

static int feed(lua_State *L) {
    static const char text[] = "fed\n";
    (void)L;
    if (write(other_end, text, strlen(text)) < 0) return 0;
    hang_up();
    return 0;
}

// A task of this code, whose argument is `feed`, with the stream as it is.
static void run_code(oom_run *run, const char *code) {
    if (oom_push_code(run, code) && lua_checkstack(run->L, 1)) {
        lua_pushcfunction(run->L, feed);
        if (oom_spawn(run, 1)) oom_finish(run);
    }
    lua_settop(run->L, 0);
    hang_up();
    restore();
}

static void run_piped(oom_run *run, const char *text, const char *code) {
    make_pipe(STDIN_FILENO);
    if (write(other_end, text, strlen(text)) < 0) oom_blame(run, "no pipe");
    hang_up();
    run_code(run, code);
}

static void run_file(oom_run *run, const char *path, const char *code) {
    replace(STDIN_FILENO, open(path, O_RDWR | O_CLOEXEC));
    run_code(run, code);
}

// ---- stdin

static void read_lines(oom_run *run) {
    run_piped(run, "one\ntwo\nthree", //
              "local neap, count = require 'neap', 0\n"
              "for line in neap.stdin:lines() do count = count + #line end\n"
              "assert(count == 11 and tostring(neap.stdin) == '<stdin>')");
}

static void read_formats(oom_run *run) {
    run_piped(run, "head|12345678a line\nsome and the rest",
              "local stdin = require 'neap'.stdin\n"
              "local function told(value, message)\n"
              "    return value or error(message, 0)\n"
              "end\n"
              "assert(told(stdin:read_until '|') == 'head|')\n"
              "assert(told(stdin:read(8)) == '12345678')\n"
              "assert(told(stdin:read 'L') == 'a line\\n')\n"
              "assert(told(stdin:recv(4)) == 'some')\n"
              "assert(told(stdin:read 'a') == ' and the rest')");
}

static void read_late(oom_run *run) {
    make_pipe(STDIN_FILENO);
    run_code(run, "local neap, feed = require 'neap', ...\n"
                  "local stdin = neap.stdin\n"
                  "neap.move_on_after(0.001, stdin.read, stdin)\n"
                  "neap.spawn({daemon = true}, function()\n"
                  "    neap.yield()\n"
                  "    feed()\n"
                  "end)\n"
                  "local ok, line, message = neap.move_on_after(0.01,\n"
                  "    stdin.read, stdin)\n"
                  "assert(ok, 'not enough memory')\n"
                  "assert(line == 'fed', message)");
}

static void read_file(oom_run *run) {
    run_file(run, "tests/oom/next.lua",
             "local neap = require 'neap'\n"
             "local text, message = neap.stdin:read 'a'\n"
             "assert(#assert(text, message) > 500)");
}

static void read_nothing(oom_run *run) {
    run_file(run, "/dev/null",
             "local neap = require 'neap'\n"
             "local line, message = neap.stdin:read()\n"
             "assert(not line, message)\n"
             "if message then error(message, 0) end");
}

// ---- stdout

static void write_some(oom_run *run) {
    make_pipe(STDOUT_FILENO);
    run_code(run, "local neap = require 'neap'\n"
                  "assert(neap.stdout:write('one', 2, '\\n'))\n"
                  "assert(neap.stdout:send(('x'):rep(20000)))");
}

// More than the pipe has room for, and nobody reads.
static void write_too_much(oom_run *run) {
    make_pipe(STDOUT_FILENO);
    run_code(run, "local neap = require 'neap'\n"
                  "local out = neap.stdout\n"
                  "assert(neap.move_on_after(0.001, out.send, out,\n"
                  "    ('x'):rep(200000)) == false, 'not enough memory')");
}

static void wait_for_others(oom_run *run) {
    make_pipe(STDIN_FILENO);
    run_code(run,
             "local neap, feed = require 'neap', ...\n"
             "local ok = neap.move_on_after(0.001, neap.wait_readable, 0)\n"
             "assert(ok == false, 'not enough memory')\n"
             "feed()\n"
             "assert(neap.wait_readable(0))\n"
             "neap.move_on_after(0.001, neap.wait_writable, 1)");
}

// ---- what the runtime writes by itself: `print`, and the ready-made report

static void use_defaults(oom_run *run) {
    neap_config config = oom_configure(run);
    config.output = NULL;
    config.report = neap_report_print;
    config.report_ud = NULL;
    oom_expect(run, "oops");
    neap_runtime *rt = neap_open(&config);
    if (!rt) return;
    oom_check(run, rt, neap_dostring(rt, "print('words', 1, nil)", "=prints"));
    oom_check(run, rt,
              neap_dostring(rt,
                            "local neap = require 'neap'\n"
                            "neap.spawn(error, 'oops')\n"
                            "neap.sleep(1)",
                            "=fails"));
    if (neap_unseen(rt) > 1) oom_blame(run, "too many unseen");
    neap_close(rt);
}

static void write_defaults(oom_run *run) {
    int words = open("/dev/null", O_WRONLY | O_CLOEXEC);
    replace(STDERR_FILENO, words);
    int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    use_defaults(run);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    restore();
}

static const oom_program programs[] = {
    {"stdio.lines", read_lines, false, NULL},
    {"stdio.formats", read_formats, false, NULL},
    {"stdio.late", read_late, false, NULL},
    {"stdio.file", read_file, false, NULL},
    {"stdio.null", read_nothing, false, NULL},
    {"stdio.write", write_some, false, NULL},
    {"stdio.full", write_too_much, false, NULL},
    {"stdio.others", wait_for_others, false, NULL},
    {"stdio.defaults", write_defaults, false, NULL},
};

const oom_program *oom_stdio_programs(int *count) {
    *count = sizeof programs / sizeof *programs;
    return programs;
}
