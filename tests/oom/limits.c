// SPDX-License-Identifier: MIT
// Limits: scripts that break a limit, in hosts that have some (point.c), while
// these have no memory to give. All other programs run there, too, and keep to
// the limits.
#include "tests/oom/oom.h"

static const char limited[] = "limited", budget[] = "budget";

// Each is a main task: after one that broke a limit the next one goes on.
static void run_codes(oom_run *run, const char *const *codes) {
    oom_expect(run, "the memory limit is reached");
    oom_expect(run, "the instruction budget is spent");
    for (; *codes; codes++)
        oom_check(run, run->rt, neap_dostring(run->rt, *codes, "=limited"));
}

// ---- memory: a few large pieces, each of which is a point

static const char *const greedy[] = {
    "local t = {} while true do t[#t + 1] = ('x'):rep(400000) .. #t end",
    "local t = {} while true do\n"
    "    pcall(function() t[#t + 1] = ('x'):rep(400000) .. #t end) end",
    "return pcall(string.rep, 'x', 1 << 24)",
    "local neap = require 'neap'\n"
    "neap.gather(function() neap.sleep(1) end, function()\n"
    "    local t = {} while true do t[#t + 1] = ('x'):rep(400000) .. #t end\n"
    "end)",
    "return 1",
    NULL};

static void want_memory(oom_run *run) { run_codes(run, greedy); }

// The doomed have to be cleaned up behind.
static const char *const stubborn[] = {
    "local neap, t = require 'neap', {}\n"
    "local function hog()\n"
    "    while true do t[#t + 1] = ('x'):rep(400000) .. #t end\n"
    "end\n"
    "neap.group(function(group)\n"
    "    local _ <close> = setmetatable({}, {__close = hog})\n"
    "    group:spawn(neap.timeout, 9, neap.sleep, 8)\n"
    "    neap.yield()\n"
    "    hog()\n"
    "end)",
    "local neap = require 'neap'\n"
    "neap.call_soon(function()\n"
    "    local t = {} while true do t[#t + 1] = ('x'):rep(400000) .. #t end\n"
    "end)\n"
    "neap.sleep(1)",
    "return 1", NULL};

static void clean_up(oom_run *run) {
    oom_expect(run, "its run is over");
    run_codes(run, stubborn);
}

// ---- instructions

static const char *const busy[] = {
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "local neap = require 'neap'\n"
    "neap.spawn({daemon = true}, neap.sleep, 9)\n"
    "neap.gather(neap.yield, coroutine.wrap(function()\n"
    "    neap.sleep(1) while true do end end))",
    "local neap = require 'neap'\n"
    "neap.call_soon(function() while true do end end)\n"
    "neap.sleep(1)",
    "for i = 1, 10 do require 'neap'.yield() end",
    NULL};

static void compute(oom_run *run) { run_codes(run, busy); }

// ---- both, in threads of the pool: they work within our limits

static const char *const elsewhere[] = {
    "local neap = require 'neap'\n"
    "return neap.offload(function() return ('x'):rep(1000) end)",
    "local neap = require 'neap'\n"
    "return neap.offload(function() while true do end end)",
    "local neap = require 'neap'\n"
    "return neap.offload(function() return ('x'):rep(1 << 24) end)",
    NULL};

static void offload(oom_run *run) { run_codes(run, elsewhere); }

// ---- a limit that is too low for the runtime itself, or just about

static void open_beside(oom_run *run, size_t room) {
    neap_config config = oom_configure(run);
    config.allocator = oom_alloc;
    config.memory_limit = room;
    neap_runtime *rt = neap_open(&config);
    if (rt) oom_check(run, rt, neap_dostring(rt, "return 1", "=beside"));
    neap_close(rt);
}

static void open_low(oom_run *run) { open_beside(run, 3000); }
static void open_high(oom_run *run) { open_beside(run, 1000000); }

static const oom_program programs[] = {
    {"limits.memory", want_memory, false, limited},
    {"limits.clean_up", clean_up, false, limited},
    {"limits.both", compute, false, limited},
    {"limits.budget", compute, false, budget},
    {"limits.offload", offload, false, limited},
    {"limits.low", open_low, false, limited},
    {"limits.high", open_high, false, limited},
};

const oom_program *oom_limit_programs(int *count) {
    *count = sizeof programs / sizeof *programs;
    return programs;
}
