// SPDX-License-Identifier: MIT
//
// What waits on when the grace is over is ended by force, in whatever wait it
// stands: in a run inside of a time-out, in a group that is being left.

#include <lauxlib.h>
#include <lua.h>
#include <neap.h>

#include "check.h"

static const char script[] =
    "local neap = require 'neap'\n"
    "local function stubborn()\n"
    "    while true do pcall(neap.shield, neap.sleep, 1) end\n"
    "end\n"
    "local function watched(name)\n"
    "    return setmetatable({}, {__close = function(_, e)\n"
    "        print(name, e)\n"
    "    end})\n"
    "end\n"
    "neap.spawn(function()\n"
    "    local _ <close> = watched 'run'\n"
    "    local t <close> = neap.timeout(100)\n"
    "    local g <close> = neap.group()\n"
    "    neap.run(stubborn)\n"
    "end)\n"
    "neap.spawn(function()\n"
    "    local _ <close> = watched 'group'\n"
    "    local t <close> = neap.timeout(100)\n"
    "    local g <close> = neap.group()\n"
    "    g:spawn(stubborn)\n"
    "    g:wait()\n"
    "end)\n"
    "neap.spawn(neap.group, function(g)\n"
    "    g:spawn(stubborn)\n"
    "    neap.yield()\n"
    "    error 'not raised'\n"
    "end)\n";

static void hear(void *ud, const char *bytes, size_t size) {
    strncat(ud, bytes, size);
}

typedef struct tally {
    int leaks, errors;
} tally;

static void report(void *ud, const neap_report *what) {
    tally *count = ud;
    if (strcmp(what->kind, "leak") == 0) count->leaks++;
    if (strstr(what->message, "not raised")) count->errors++;
}

int main(void) {
    char heard[200] = "";
    tally count = {0, 0};
    neap_config config = NEAP_CONFIG_INIT;
    config.grace_ns = 10000000;
    config.output = hear;
    config.output_ud = heard;
    config.report = report;
    config.report_ud = &count;
    neap_runtime *rt = neap_open(&config);
    CHECK(luaL_loadstring(neap_state(rt), script) == LUA_OK);
    CHECK(neap_spawn(rt, 0, NULL, NULL) == 0);
    CHECK(neap_turn(rt, 0) == 1 && neap_turn(rt, 0) == 1);
    neap_close(rt);
    CHECK_WORDS(heard, "run\tcancelled: the runtime is closing\n");
    CHECK_WORDS(heard, "group\tcancelled: the runtime is closing\n");
    CHECK(count.leaks == 6);
    CHECK(count.errors == 1);
    return 0;
}
