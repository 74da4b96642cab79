// SPDX-License-Identifier: MIT
//
// config.memory_limit (I12): the task that asks for more ends there, whatever
// it tries; what it held is garbage, and the next one can allocate again. Who
// is near the limit because of garbage is not ended.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <neap.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

enum { LIMIT = 2000000 };

#define FULL "the memory limit is reached: 2000000 bytes"

typedef struct heard {
    int count;
    char words[512]; // of the last report
} heard;

static void note(void *ud, const neap_report *report) {
    heard *all = ud;
    all->count++;
    snprintf(all->words, sizeof all->words, "%s: %s", report->kind,
             report->message);
}

static void expect_done(neap_runtime *rt, const char *code) {
    if (neap_dostring(rt, code, "=app.lua") == 0) return;
    fprintf(stderr, "%s\n%s\n", code, neap_error(rt));
    exit(1);
}

// A third of the limit is to be had again.
static void expect_full(neap_runtime *rt, const char *code) {
    if (neap_dostring(rt, code, "=app.lua") == 0) {
        fprintf(stderr, "%s\nended well\n", code);
        exit(1);
    }
    CHECK_WORDS(neap_error(rt), FULL);
    CHECK_WORDS(neap_error(rt), "app.lua:");
    expect_done(rt, "assert(#('x'):rep(300000) == 300000)");
}

// What takes all there is.
static const char *const hogs[] = {
    "local t = {} while true do t[#t + 1] = {} end",
    "local t = {} while true do t[#t + 1] = #t end",
    "local s = 'x' while true do s = s .. s end",
    "return ('x'):rep(1 << 30)",
    "return pcall(string.rep, 'x', 1 << 30)", // has returned, all the same
    "local t = {} while true do\n"
    "  pcall(function() t[#t + 1] = ('x'):rep(100) .. #t end) end",
    "local t = {} while true do\n"
    "  xpcall(function() while true do t[#t + 1] = {} end end,\n"
    "    function() while true do t[#t + 1] = {} end end) end",
    "local t = {} while true do pcall(table.insert, t, coroutine.create(print))"
    " end",
    "local t, i = {}, 0 while true do i = i + 1\n"
    "  pcall(coroutine.wrap(function() t[i] = {} while true do\n"
    "    t[i] = {t[i]} end end)) end",
    "local function f(n) return 1 + f(n + 1) end f(1)",
    "local t = {} local _ <close> = setmetatable({}, {__close = function()\n"
    "  while true do pcall(table.insert, t, {}) end end})\n"
    "while true do t[#t + 1] = {} end",
    "local neap = require 'neap'\n"
    "while true do pcall(neap.spawn, neap.sleep, 1000) end",
    "local neap, t = require 'neap', {}\n"
    "while true do pcall(function() t[#t + 1] = neap.Queue() end) end",
    "local neap, t = require 'neap', {}\n"
    "neap.group(function(g)\n"
    "  g:spawn(neap.sleep, 1000) neap.yield()\n"
    "  while true do pcall(function() t[#t + 1] = {} end) end end)",
    "local neap, t = require 'neap', {}\n"
    "neap.timeout(1, function()\n"
    "  while true do pcall(function() t[#t + 1] = {} end) end end)",
    "local t = {} while true do t[#t + 1] = load('return ' .. #t) end",
    "local t = {} table.sort({1, 2, 3}, function()\n"
    "  while true do t[#t + 1] = {} end end)",
};

static void catch_all(neap_runtime *rt) {
    for (size_t i = 0; i < sizeof hogs / sizeof *hogs; i++)
        expect_full(rt, hogs[i]);
}

// It is garbage that stands in the way, with the collector stopped, too.
static void collect(neap_runtime *rt) {
    expect_done(rt, "local live = ('x'):rep(500000)\n"
                    "for i = 1, 300 do local s = ('y'):rep(350000 + i) end\n"
                    "for i = 1, 300 do\n"
                    "  local t = {} for j = 1, 1000 do t[j] = {} end end");
    expect_done(rt, "collectgarbage 'stop'\n"
                    "local neap, live = require 'neap', ('x'):rep(500000)\n"
                    "for i = 1, 300 do\n"
                    "  local t = {} for j = 1, 1000 do t[j] = {} end\n"
                    "  local s = ('y'):rep(350000 + i)\n"
                    "  neap.group(function(g)\n"
                    "    g:spawn(neap.sleep, 0) g:spawn(neap.yield) end)\n"
                    "end\n"
                    "collectgarbage 'restart'");
}

// Others wait, work and are born meanwhile.
static void tell(neap_runtime *rt, heard *all) {
    expect_done(rt, "local neap = require 'neap'\n"
                    "local other = neap.spawn(function()\n"
                    "  for i = 1, 50 do neap.sleep(0.0001) end\n"
                    "  return 'alive' end)\n"
                    "local greedy = neap.spawn(function()\n"
                    "  local t = {}\n"
                    "  while true do t[#t + 1] = {} neap.yield()\n"
                    "    for i = 1, 1000 do t[#t + 1] = {} end end end)\n"
                    "local ok, e = pcall(greedy.await, greedy)\n"
                    "assert(not ok and e:find '^app.lua:[78]: " FULL "')\n"
                    "assert(greedy:state() == 'failed')\n"
                    "assert(other:await() == 'alive')");
    CHECK(all->count == 0);
    expect_done(rt, "local neap = require 'neap'\n"
                    "local function hog()\n"
                    "  local t = {} while true do t[#t + 1] = {} end end\n"
                    "neap.spawn(hog)\n"
                    "neap.call_soon(hog)\n"
                    "neap.spawn(print, 'alive'):await()\n"
                    "neap.sleep(0.001)");
    CHECK(all->count == 2);
    CHECK_WORDS(all->words, "error: app.lua:3: " FULL);
}

// Who lives on holds what it holds; the host is told, and can go on.
static void stay_full(neap_runtime *rt) {
    lua_State *L = neap_state(rt);
    CHECK(neap_dostring(rt, "kept = {} while true do kept[#kept + 1] = {} end",
                        "=app.lua") == -1);
    CHECK(luaL_dostring(L, "kept = nil") == LUA_OK);
    expect_done(rt, "assert(#('x'):rep(300000) == 300000)");
}

typedef struct account {
    size_t bytes, most;
} account;

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
    account *books = ud;
    if (!ptr) osize = 0;
    books->bytes = books->bytes - osize + nsize;
    if (books->bytes > books->most) books->most = books->bytes;
    if (nsize > 0) return realloc(ptr, nsize);
    free(ptr);
    return NULL;
}

static neap_config wish(heard *all, size_t limit) {
    neap_config config = NEAP_CONFIG_INIT;
    config.memory_limit = limit;
    config.report = note;
    config.report_ud = all;
    return config;
}

// The host's allocator sees no more than the limit, and an eighth for those who
// are being ended. Nothing is left.
static void count(void) {
    heard all = {.count = 0};
    account books = {.bytes = 0};
    neap_config config = wish(&all, LIMIT);
    config.allocator = allocate;
    config.allocator_ud = &books;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    for (size_t i = 0; i < sizeof hogs / sizeof *hogs; i++)
        expect_full(rt, hogs[i]);
    CHECK(books.most > LIMIT / 2 && books.most <= LIMIT + LIMIT / 8 + 10000);
    neap_close(rt);
    CHECK(books.bytes == 0);
}

// A budget, too: clean-up of those that a close finds there, in any state.
static void close_all(void) {
    heard all = {.count = 0};
    neap_config config = wish(&all, LIMIT);
    config.instruction_budget = 100000;
    config.grace_ns = 1;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    lua_State *L = neap_state(rt);
    expect_done(rt, "local neap = require 'neap'\n"
                    "function stubborn()\n"
                    "  local t = {}\n"
                    "  local function hog() while true do\n"
                    "    pcall(function() t[#t + 1] = {} end) end end\n"
                    "  local _ <close> = setmetatable({}, {__close = hog})\n"
                    "  neap.shield(neap.sleep, 1000)\n"
                    "end");
    for (int i = 0; i < 5; i++) {
        lua_getglobal(L, "stubborn");
        CHECK(neap_spawn(rt, 0, NULL, NULL) == 0);
    }
    CHECK(neap_turn(rt, 0) == 1);
    neap_close(rt);
}

static void open_in_too_little(void) {
    heard all = {.count = 0};
    for (size_t limit = 1; limit < 100000; limit += 997) {
        neap_config config = wish(&all, limit);
        neap_runtime *rt = neap_open(&config);
        CHECK(!rt || limit > 20000);
        if (rt) neap_dostring(rt, hogs[0], "=app.lua");
        neap_close(rt);
    }
    neap_config config = wish(&all, SIZE_MAX);
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    expect_done(rt, "assert(#('x'):rep(3000000) == 3000000)");
    neap_close(rt);
}

// What filled a worker for good is nobody's but its own.
static void offload(void) {
    heard all = {.count = 0};
    neap_config config = wish(&all, LIMIT);
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    expect_done(rt, "local neap = require 'neap'\n"
                    "for _ = 1, 5 do\n"
                    "  local ok, e = pcall(neap.offload, function()\n"
                    "    kept = {} while true do kept[#kept + 1] = {} end\n"
                    "  end)\n"
                    "  assert(not ok and e:find 'memory limit', e)\n"
                    "  assert(neap.offload(function()\n"
                    "    return #('x'):rep(300000) end) == 300000)\n"
                    "end");
    neap_close(rt);
}

// A state of the host's has the host's allocator: that is where a limit goes.
static void attach(void) {
    heard all = {.count = 0};
    neap_config config = wish(&all, 1);
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    neap_runtime *rt = neap_attach(L, &config);
    CHECK(rt);
    expect_done(rt, "assert(#('x'):rep(3000000) == 3000000)");
    lua_close(L);
}

int main(void) {
    heard all = {.count = 0};
    neap_config config = wish(&all, LIMIT);
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    alarm(100); // what is not caught would never end
    tell(rt, &all);
    catch_all(rt);
    collect(rt);
    stay_full(rt);
    neap_close(rt);
    count();
    close_all();
    open_in_too_little();
    offload();
    attach();
    return 0;
}
