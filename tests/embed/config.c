// SPDX-License-Identifier: MIT
//
// neap_config: what each field does, and that a host built against an older and
// smaller version of it is understood.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static const int64_t ms = 1000000;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 * ms + now.tv_nsec;
}

static void do_lua(neap_runtime *rt, const char *code) {
    if (luaL_dostring(neap_state(rt), code) == LUA_OK) return;
    fprintf(stderr, "%s\n", lua_tostring(neap_state(rt), -1));
    exit(1);
}

typedef struct text {
    char bytes[128];
    size_t size;
} text;

static void take_output(void *ud, const char *bytes, size_t size) {
    text *printed = ud;
    CHECK(printed->size + size < sizeof printed->bytes);
    memcpy(printed->bytes + printed->size, bytes, size);
    printed->size += size;
}

static void *refuse_memory(void *ud, void *ptr, size_t osize, size_t nsize) {
    (void)ptr, (void)osize, (void)nsize;
    ++*(int *)ud;
    return NULL;
}

// Nothing behind `size` is looked at; nothing at all where that is zero.
static void be_small(void) {
    int calls = 0;
    neap_config config = NEAP_CONFIG_INIT;
    config.allocator = refuse_memory;
    config.allocator_ud = &calls;
    CHECK(!neap_open(&config) && calls == 1);
    config.size = 0;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt && calls == 1);
    neap_close(rt);
    config.flags = NEAP_VIRTUAL_CLOCK;
    config.size = offsetof(neap_config, allocator);
    rt = neap_open(&config);
    CHECK(rt && calls == 1);
    do_lua(rt, "assert(require 'neap'.time() == 0)"); // the flags were read
    neap_close(rt);
}

// A block of just the size it says: nothing behind it is even read.
static void be_exact(void) {
    text printed = {.size = 0};
    neap_config config = NEAP_CONFIG_INIT;
    config.output = take_output;
    config.output_ud = &printed;
    config.size = offsetof(neap_config, grace_ns);
    neap_config *exact = malloc(config.size);
    CHECK(exact);
    memcpy(exact, &config, config.size);
    neap_runtime *rt = neap_open(exact);
    free(exact); // it was copied
    CHECK(rt && neap_dostring(rt, "print('small')", "=s") == 0);
    CHECK(strcmp(printed.bytes, "small\n") == 0);
    neap_close(rt);
}

// And of a larger one, by what it has in common with ours.
static void be_large(void) {
    struct {
        neap_config ours;
        void *new_thing[8];
    } config = {NEAP_CONFIG_INIT, {&config}};
    config.ours.size = sizeof config;
    neap_runtime *rt = neap_open(&config.ours);
    CHECK(rt && neap_dostring(rt, "return", "=large") == 0);
    neap_close(rt);
}

// What `print` writes, and nothing else.
static void print_elsewhere(void) {
    text printed = {.size = 0};
    neap_config config = NEAP_CONFIG_INIT;
    config.output = take_output;
    config.output_ud = &printed;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    CHECK(neap_dostring(rt,
                        "print()\n"
                        "print(1, nil, setmetatable({}, {__tostring =\n"
                        "  function() return 'it' end}), 'a\\0b')\n"
                        "assert(not pcall(print, setmetatable({}, {\n"
                        "  __tostring = function() return {} end})))",
                        "=print") == 0);
    static const char expected[] = "\n1\tnil\tit\ta\0b\n";
    CHECK(printed.size == sizeof expected - 1);
    CHECK(memcmp(printed.bytes, expected, printed.size) == 0);
    neap_close(rt);
}

typedef struct seen {
    int reports;
    neap_report last; // its strings are not to be kept: see `words`
    char words[512];
} seen;

static void take_report(void *ud, const neap_report *report) {
    seen *all = ud;
    all->reports++;
    all->last = *report;
    snprintf(all->words, sizeof all->words, "%s|%s|%s|%s|%s", report->kind,
             report->task ? report->task : "-", report->message,
             report->spawned_at ? report->spawned_at : "-",
             report->traceback ? report->traceback : "-");
}

static neap_runtime *open_virtual(seen *all) {
    neap_config config = NEAP_CONFIG_INIT;
    config.flags = NEAP_VIRTUAL_CLOCK;
    config.report = take_report;
    config.report_ud = all;
    config.timer_slack_ns = 1;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    return rt;
}

static void report(void) {
    seen all = {0};
    neap_runtime *rt = open_virtual(&all);
    CHECK(neap_dostring(rt,
                        "local neap = require 'neap'\n"
                        "neap.spawn({name = 'bad'}, function()\n"
                        "  neap.sleep(1.5)\n"
                        "  error('as expected')\n"
                        "end)\n",
                        "=script") == 0);
    CHECK(all.reports == 1 && neap_unseen(rt) == 1);
    CHECK(all.last.id == 2 && all.last.time == 1.5);
    CHECK_WORDS(all.words, "error|bad|script:4: as expected|script:2|"
                           "stack traceback:\n");
    CHECK(neap_dostring(rt,
                        "require 'neap'.call_soon(function()\n"
                        "  error('in a callback') end)",
                        "=call") == 0);
    CHECK_WORDS(all.words, "error|-|call:2: in a callback|call:1|");
    CHECK(neap_dostring(rt,
                        "local neap = require 'neap'\n"
                        "neap.spawn(function() neap.Future():await() end)",
                        "=stuck") == 0);
    CHECK_WORDS(all.words, "deadlock|-|nothing can wake these tasks\n\t<Task");
    CHECK(all.reports == 3 && neap_unseen(rt) == 3);
    neap_close(rt);
    CHECK(all.reports == 3);
}

// Time starts at 0 and jumps from wait to wait; a jump is no sleep, so that a
// turn's limit does not matter.
static void jump(void) {
    seen all = {0};
    neap_runtime *rt = open_virtual(&all);
    int64_t start_ns = now_ns();
    CHECK(neap_dostring(rt,
                        "neap = require 'neap'\n"
                        "assert(neap.time() == 0)\n"
                        "neap.sleep(3600)\n"
                        "assert(neap.time() == 3600)",
                        "=jump") == 0);
    do_lua(rt, "neap.spawn(function() for _ = 1, 3 do neap.sleep(10) end end)");
    while (neap_turn(rt, 0) == 1) CHECK(neap_due_ns(rt) == 0);
    do_lua(rt, "assert(neap.time() == 3630)");
    CHECK(now_ns() - start_ns < 3600 * ms);
    neap_close(rt);
}

// Timers that stand close together wake the loop once in a slack.
static int count_turns(int64_t slack_ns) {
    neap_config config = NEAP_CONFIG_INIT;
    config.timer_slack_ns = slack_ns;
    neap_runtime *rt = neap_open(&config);
    int turns = 0;
    CHECK(rt);
    do_lua(rt, "local neap = require 'neap'\n"
               "local start = neap.time()\n"
               "for i = 1, 1000 do neap.call_at(start + i * 2e-5,\n"
               "  function() assert(neap.time() >= start + i * 2e-5) end)\n"
               "end\n"
               "neap.spawn(neap.sleep_until, start + 0.021)");
    while (neap_turn(rt, -1) == 1) turns++;
    CHECK(neap_unseen(rt) == 0); // none was early
    neap_close(rt);
    return turns;
}

static void coalesce(void) {
    int64_t start_ns = now_ns();
    CHECK(count_turns(5 * ms) <= 10); // 20 ms of timers
    CHECK(now_ns() - start_ns >= 20 * ms);
}

// One seed, one order; the same for what is drawn by chance.
static void shuffle(uint64_t seed, text *printed) {
    neap_config config = NEAP_CONFIG_INIT;
    *printed = (text){.size = 0};
    config.seed = seed;
    config.output = take_output;
    config.output_ud = printed;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    CHECK(neap_dostring(rt,
                        "for i = 1, 20 do require 'neap'.spawn(print, i) end\n"
                        "print(math.random(1e6))",
                        "=seed") == 0);
    neap_close(rt);
}

static void be_random(void) { // S25
    text one, same, other;
    shuffle(1, &one);
    shuffle(1, &same);
    shuffle(2, &other);
    CHECK(one.size == same.size && !memcmp(one.bytes, same.bytes, one.size));
    CHECK(one.size != other.size || memcmp(one.bytes, other.bytes, one.size));
}

static void idle(void *arg) { (void)arg; }

// What held the loop up, and what is left over; a host's own slices are not
// its business.
static void debug(void) {
    seen all = {0};
    neap_config config = NEAP_CONFIG_INIT;
    config.flags = NEAP_DEBUG_MODE;
    config.report = take_report;
    config.report_ud = &all;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt && neap_post(rt, idle, NULL) == 0);
    CHECK(neap_dostring(rt,
                        "local start = os.clock()\n"
                        "while os.clock() - start < 0.11 do end\n"
                        "require 'neap'.call_later(100, print)",
                        "=slow") == 0);
    CHECK(all.reports == 1 && all.last.id == 1 && neap_unseen(rt) == 0);
    double held = 0; // the machine may be busy
    CHECK(sscanf(all.words, "slow|-|held the loop for %lf s", &held) == 1);
    CHECK(held >= 0.1);
    neap_close(rt);
    CHECK(all.reports == 2);
    CHECK_WORDS(all.words, "leak|-|a callback was never called|slow:3|-");
    config.size = offsetof(neap_config, seed);
    rt = neap_open(&config);
    CHECK(rt && luaL_loadstring(neap_state(rt), "x = 1") == LUA_OK);
    CHECK(neap_spawn(rt, 0, NULL, NULL) == 0);
    neap_close(rt);
    CHECK(all.reports == 3);
    CHECK_WORDS(all.words, "leak|-|had not ended when the runtime was closed");
}

// Nobody is told where nobody wants to hear; neap_report_print writes stderr.
static void be_silent(void) {
    char path[64];
    long sizes[2];
    snprintf(path, sizeof path, "/tmp/neap-config-%ld", (long)getpid());
    CHECK(freopen(path, "w", stderr));
    neap_config config = NEAP_CONFIG_INIT;
    config.report = neap_report_print;
    for (int loud = 0; loud < 2; loud++) {
        neap_runtime *rt = neap_open(loud ? &config : NULL);
        CHECK(rt);
        CHECK(neap_dostring(rt, "require 'neap'.spawn(error, 'x')", "=e") == 0);
        CHECK(neap_unseen(rt) == 1);
        sizes[loud] = ftell(stderr);
        neap_close(rt);
    }
    CHECK(unlink(path) == 0);
    CHECK(sizes[0] == 0 && sizes[1] > 0);
}

int main(void) {
    be_small();
    be_exact();
    be_large();
    print_elsewhere();
    report();
    jump();
    coalesce();
    be_random();
    debug();
    be_silent();
    return 0;
}
