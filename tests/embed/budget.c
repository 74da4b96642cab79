// SPDX-License-Identifier: MIT
//
// config.instruction_budget (I12): a task, or a callback, that computes for too
// long between two waits ends there, whatever it tries; the others and the host
// go on.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <neap.h>
#include <signal.h>
#include <unistd.h>

#include "check.h"

enum { BUDGET = 100000 };

#define SPENT "the instruction budget is spent: 100000"

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

static neap_runtime *open(heard *all) {
    neap_config config = NEAP_CONFIG_INIT;
    config.instruction_budget = BUDGET;
    config.grace_ns = 1;
    config.report = note;
    config.report_ud = all;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    return rt;
}

static void expect_done(neap_runtime *rt, const char *code) {
    if (neap_dostring(rt, code, "=app.lua") == 0) return;
    fprintf(stderr, "%s\n%s\n", code, neap_error(rt));
    exit(1);
}

static void expect_spent(neap_runtime *rt, const char *code) {
    if (neap_dostring(rt, code, "=app.lua") == 0) {
        fprintf(stderr, "%s\nended well\n", code);
        exit(1);
    }
    CHECK_WORDS(neap_error(rt), SPENT);
    CHECK_WORDS(neap_error(rt), "app.lua:");
    CHECK(lua_gettop(neap_state(rt)) == 0);
    expect_done(rt, "require 'neap'.yield()");
}

// What would never end.
static const char *const escapes[] = {
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "xpcall(function() while true do end end,\n"
    "  function() while true do end end)",
    "local function f() pcall(f) pcall(f) end f()",
    "local function f() return f() end f()",
    "pcall(string.rep) goto on ::on:: goto on",
    // waits, of one that is doomed already
    "local neap = require 'neap'\n"
    "local _ <close> = setmetatable({}, {__close = neap.yield})\n"
    "while true do\n"
    "  pcall(function() while true do end end)\n"
    "  pcall(neap.sleep, 0)\n"
    "end",
    // to-be-closed variables
    "local spin = setmetatable({}, {__close = function()\n"
    "  while true do pcall(error) end end})\n"
    "local a <close> = spin local b <close> = spin\n"
    "while true do local c <close> = spin end",
    // coroutines
    "while true do\n"
    "  pcall(coroutine.wrap(function() while true do end end))\n"
    "end",
    "while true do coroutine.wrap(function() end)() end",
    "local list = {}\n"
    "for i = 1, 50 do list[i] = coroutine.wrap(function()\n"
    "  while true do coroutine.yield() end end) end\n"
    "while true do for _, go in ipairs(list) do go() end end",
    // a coroutine is closed that was suspended beneath a message handler
    "local function spin() while true do end end\n"
    "local both = setmetatable({}, {__close = spin, __call = spin})\n"
    "local co = coroutine.create(function()\n"
    "  local _ <close> = both\n"
    "  xpcall(coroutine.yield, spin)\n"
    "end)\n"
    "coroutine.resume(co)\n"
    "coroutine.close(co)",
    // one that gets out of it by a yield is met again
    "kept = coroutine.create(function()\n"
    "  pcall(function()\n"
    "    local _ <close> = setmetatable({}, {__close = coroutine.yield})\n"
    "    coroutine.wrap(function() while true do end end)()\n"
    "  end)\n"
    "  while true do pcall(error) end\n"
    "end)\n"
    "coroutine.resume(kept)",
    "coroutine.resume(kept) while true do end",
    // places from which nothing can wait
    "local t = setmetatable({}, {__index = function() while true do end end})\n"
    "while true do pcall(function() return t.x end) end",
    "while true do pcall(table.sort, {1, 2, 3}, function()\n"
    "  while true do end end) end",
    "while true do pcall(string.gsub, 'a', 'a', function()\n"
    "  while true do end end) end",
    "while true do pcall(load, function() while true do end end) end",
    "while true do pcall(tostring, setmetatable({}, {__tostring = function()\n"
    "  while true do end end})) end",
    "for _ in function() while true do pcall(error) end end do end",
    "package.preload.spin = function() while true do pcall(error) end end\n"
    "while true do pcall(require, 'spin') end",
    // what neap calls
    "local neap = require 'neap'\n"
    "while true do pcall(neap.timeout, 1, function()\n"
    "  while true do pcall(error) end end) end",
    "local neap = require 'neap'\n"
    "while true do pcall(neap.shield, function()\n"
    "  while true do pcall(error) end end) end",
    "local neap = require 'neap'\n"
    "while true do pcall(neap.group, function(g)\n"
    "  g:spawn(neap.sleep, 1000)\n"
    "  while true do pcall(error) end\n"
    "end) end",
    "local neap = require 'neap'\n"
    "while true do pcall(function()\n"
    "  local g <close> = neap.group()\n"
    "  g:spawn(neap.sleep, 1000)\n"
    "  while true do pcall(error) end\n"
    "end) end",
    "local gen = require 'neap.generator'.new(function()\n"
    "  while true do pcall(error) end end)\n"
    "while true do pcall(gen.send, gen) end",
    "local task = require 'neap'.spawn(require 'neap'.sleep, 1000)\n"
    "while true do pcall(task.cancel, task, setmetatable({}, {\n"
    "  __tostring = function() while true do end end})) end",
    // the error's own words
    "local e = setmetatable({}, {__tostring = function()\n"
    "  while true do end end})\n"
    "require 'neap'.group(function(g) g:spawn(error, e) g:spawn(error, {})\n"
    "end)",
};

static void catch_all(neap_runtime *rt) {
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
        expect_spent(rt, escapes[i]);
}

// Never less than the budget, and not much more; each wait begins anew.
static void count(neap_runtime *rt) {
    expect_done(rt, "for i = 1, 99000 do end\n"
                    "require 'neap'.yield()\n"
                    "for i = 1, 99000 do end");
    expect_done(rt, "for _ = 1, 30 do\n"
                    "  for i = 1, 99000 do end\n"
                    "  require 'neap'.yield()\n"
                    "end");
    expect_spent(rt, "for i = 1, 100400 do end");
    CHECK_WORDS(neap_error(rt), "app.lua:1: ");
    expect_spent(rt, "\n\nlocal x = 1\nfor i = 1, 100400 do\n\n\nx = i end");
    CHECK_WORDS(neap_error(rt), "app.lua:"); // 4 or 7
}

// Who awaits it gets the error; if nobody does it is reported; a group fails
// with it, and awaits its other tasks first.
static void tell(neap_runtime *rt, heard *all) {
    expect_done(rt, "local neap, ticks = require 'neap', 0\n"
                    "local ticker = neap.spawn(function()\n"
                    "  while true do neap.yield() ticks = ticks + 1 end end)\n"
                    "local bad = neap.spawn(function()\n"
                    "  neap.sleep(0.001)\n"
                    "  while true do pcall(error) end end)\n"
                    "local ok, e = pcall(bad.await, bad)\n"
                    "assert(not ok and bad:state() == 'failed')\n"
                    "assert(e:find('" SPENT "') and e:find 'app.lua:6:')\n"
                    "assert(bad:traceback():find 'app.lua:6')\n"
                    "local before = ticks\n"
                    "neap.sleep(0.001)\n"
                    "assert(ticks > before)\n"
                    "ticker:cancel()");
    CHECK(all->count == 0);
    expect_done(rt, "local neap = require 'neap'\n"
                    "neap.spawn(function() while true do end end)\n"
                    "neap.sleep(0.001)");
    CHECK(all->count == 1 && neap_unseen(rt) == 1);
    CHECK_WORDS(all->words, "error: app.lua:2: " SPENT);
    expect_done(rt, "local neap, ended = require 'neap', false\n"
                    "local ok, e = pcall(neap.group, function(g)\n"
                    "  g:spawn(function()\n"
                    "    neap.shield(neap.sleep, 0.01) ended = true end)\n"
                    "  g:spawn(function() while true do end end)\n"
                    "end)\n"
                    "assert(not ok and e:find('" SPENT "') and ended)");
    expect_done(rt, "local neap, ended = require 'neap', false\n"
                    "local task = neap.spawn(function()\n"
                    "  neap.group(function(g)\n"
                    "    g:spawn(function()\n"
                    "      neap.shield(neap.sleep, 0.01) ended = true end)\n"
                    "    neap.yield()\n"
                    "    while true do pcall(error) end\n"
                    "  end)\n"
                    "end)\n"
                    "local ok, e = pcall(task.await, task)\n"
                    "assert(not ok and e:find('" SPENT "') and ended)");
    CHECK(all->count == 1);
}

// States elsewhere have the same budget, and each call there its own.
static void go_elsewhere(neap_runtime *rt) {
    expect_done(rt, "local neap = require 'neap'\n"
                    "local function spin() while true do pcall(error) end end\n"
                    "local function fails(fn, ...)\n"
                    "  local ok, e = pcall(fn, ...)\n"
                    "  assert(not ok and e:find('app.lua:2: " SPENT "'), e)\n"
                    "end\n"
                    "fails(neap.offload, spin)\n"
                    "for _ = 1, 3 do\n"
                    "  assert(neap.offload(function()\n"
                    "    for i = 1, 90000 do end return 1 end) == 1)\n"
                    "end\n"
                    "local thread = neap.thread(spin)\n"
                    "fails(thread.await, thread)\n"
                    "thread = neap.thread(function() neap.sleep(1000) end)\n"
                    "local far = thread:spawn(spin)\n"
                    "fails(far.await, far)\n"
                    "thread:stop()");
}

static const char callbacks[] =
    "local neap = require 'neap'\n"
    "local function spin() while true do pcall(error) end end\n"
    "neap.call_soon(spin)\n"
    "neap.call_later(0.001, spin)\n"
    "neap.spawn(function() end):on_done(spin)\n"
    "local a, b = neap.socketpair()\n"
    "neap.loop():add_reader(a, spin)\n" // called once: then it is taken out
    "b:send 'x'\n"
    "neap.call_soon(coroutine.wrap(spin))\n"
    "neap.sleep(0.01)\n";

static void call(neap_runtime *rt, heard *all) {
    int before = all->count;
    expect_done(rt, callbacks);
    CHECK(all->count == before + 5);
    CHECK_WORDS(all->words, "error: app.lua:2: " SPENT);
}

// Objects whose words never end: a host's report, and its neap_error.
static void ask_for_words(neap_runtime *rt, heard *all) {
    static const char code[] = "local e = setmetatable({}, {\n"
                               "  __tostring = function()\n"
                               "    while true do pcall(error) end end})\n"
                               "require 'neap'.spawn(error, e)\n"
                               "require 'neap'.sleep(0.001)\n"
                               "error(e)";
    CHECK(neap_dostring(rt, code, "=app.lua") == -1);
    CHECK_WORDS(all->words, "whose __tostring fails");
    CHECK(*neap_error(rt));
}

static void keep_error(neap_runtime *rt, int status, int count, void *ud) {
    CHECK(status == -1 && count == 1);
    CHECK_WORDS(lua_tostring(neap_state(rt), -1), SPENT);
    CHECK_WORDS(neap_error(rt), SPENT);
    ++*(int *)ud;
}

// The host's own code is not counted, nor are coroutines of scripts that it
// resumes.
static void leave_the_host_alone(neap_runtime *rt) {
    lua_State *L = neap_state(rt);
    int told = 0;
    CHECK(luaL_dostring(L, "for i = 1, 1000000 do end") == LUA_OK);
    expect_done(rt, "made = coroutine.wrap(function()\n"
                    "  coroutine.yield() for i = 1, 1000000 do end\n"
                    "  return 'through' end) made()");
    CHECK(luaL_dostring(L, "assert(made() == 'through')") == LUA_OK);
    CHECK(!lua_gethook(L));
    CHECK(luaL_loadstring(L, "while true do end") == LUA_OK);
    CHECK(neap_spawn(rt, 0, keep_error, &told) == 0);
    CHECK(neap_run(rt) == 0 && told == 1);
}

// Finalizers cannot be counted: they are not called. No one else has the hook.
static void take_away(neap_runtime *rt) {
    expect_done(rt, "local called = false\n"
                    "local meta = {__gc = function() called = true end}\n"
                    "local t = setmetatable({}, meta)\n"
                    "assert(getmetatable(t) == meta and meta.__gc)\n"
                    "t = nil collectgarbage() collectgarbage()\n"
                    "assert(not called)\n"
                    "local ok, e = pcall(setmetatable, 1, meta)\n"
                    "assert(e:find '#1 to .setmetatable. .table expected')\n"
                    "ok, e = pcall(setmetatable, {}, 1)\n"
                    "assert(e:find '#2 to .setmetatable. .nil or table')\n"
                    "local shut = setmetatable({}, {__metatable = 1})\n"
                    "ok, e = pcall(setmetatable, shut, meta)\n"
                    "assert(e == 'cannot change a protected metatable')\n"
                    "assert(not pcall(setmetatable, {}))\n"
                    "ok, e = pcall(debug.sethook)\n"
                    "assert(not ok and e:find 'instruction_budget')");
}

// ---- interruptions

static neap_runtime *interrupted; // whose signal it is

static void on_signal(int number) {
    if (number == SIGUSR1) neap_interrupt(interrupted);
    else neap_dump(interrupted);
}

static int send_signal(lua_State *L) {
    raise((int)luaL_checkinteger(L, 1));
    return 0;
}

// The hook of an interruption takes the place of ours, and gives it back.
static void interrupt(neap_runtime *rt, heard *all) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    char code[300];
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
    interrupted = rt;
    lua_register(neap_state(rt), "signal", send_signal);
    snprintf(code, sizeof code, "signal(%d)\nwhile true do end", SIGUSR1);
    CHECK(neap_dostring(rt, code, "=app.lua") == -1);
    CHECK_WORDS(neap_error(rt), "cancelled: interrupted");
    snprintf(code, sizeof code,
             "pcall(function() signal(%d)\nwhile true do end end)\n"
             "while true do end",
             SIGUSR1);
    expect_spent(rt, code);
    snprintf(code, sizeof code, "signal(%d)\nwhile true do end", SIGUSR2);
    expect_spent(rt, code);
    CHECK_WORDS(all->words, "tree: ");
    snprintf(code, sizeof code,
             "signal(%d) coroutine.wrap(function() while true do end end)()",
             SIGUSR2);
    expect_spent(rt, code);
    snprintf(code, sizeof code,
             "local co = coroutine.wrap(function() signal(%d)\n"
             "  coroutine.yield() while true do end end)\n"
             "co() co()",
             SIGUSR2);
    expect_spent(rt, code);
}

// ---- the end

// Clean-up that never ends, in tasks that do not heed their cancel.
static void close_all(neap_runtime *rt) {
    expect_done(rt,
                "local neap = require 'neap'\n"
                "function stubborn()\n"
                "  local function spin() while true do pcall(error) end end\n"
                "  local _ <close> = setmetatable({}, {__close = spin})\n"
                "  local co = coroutine.wrap(function()\n"
                "    local _ <close> = setmetatable({}, {__close = spin})\n"
                "    neap.shield(neap.sleep, 1000)\n"
                "  end)\n"
                "  xpcall(co, spin)\n"
                "end");
    lua_State *L = neap_state(rt);
    for (int i = 0; i < 5; i++) {
        lua_getglobal(L, "stubborn");
        CHECK(neap_spawn(rt, 0, NULL, NULL) == 0);
    }
    CHECK(neap_turn(rt, 0) == 1);
    neap_close(rt);
}

// In a state of the host's, whose functions stay as they are.
static void attach(heard *all) {
    neap_config config = NEAP_CONFIG_INIT;
    config.instruction_budget = BUDGET;
    config.report = note;
    config.report_ud = all;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    neap_runtime *rt = neap_attach(L, &config);
    CHECK(rt);
    for (int i = 0; i < 4; i++) expect_spent(rt, escapes[i]);
    expect_spent(rt, "while true do\n"
                     "  pcall(coroutine.wrap(function() while true do end end))"
                     "\nend");
    expect_done(rt, "kept = coroutine.wrap(function() coroutine.yield()\n"
                    "  for i = 1, 1000000 do end return 'through' end) kept()\n"
                    "assert(pcall(debug.sethook))");
    neap_close(rt);
    CHECK(luaL_dostring(L, "assert(kept() == 'through')") == LUA_OK);
    config.instruction_budget = 0; // the next one has none
    config.flags = NEAP_STOCK_COROUTINES;
    rt = neap_attach(L, &config);
    CHECK(rt);
    expect_done(rt, "for i = 1, 1000000 do end");
    lua_close(L);
}

static void attach_stock(heard *all) {
    neap_config config = NEAP_CONFIG_INIT;
    config.instruction_budget = BUDGET;
    config.flags = NEAP_STOCK_COROUTINES;
    config.report = note;
    config.report_ud = all;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    neap_runtime *rt = neap_attach(L, &config);
    CHECK(rt);
    expect_spent(rt, "while true do\n"
                     "  pcall(coroutine.wrap(function()\n"
                     "    while true do pcall(error) end end))\n"
                     "end");
    lua_close(L);
}

// With NEAP_DEBUG_MODE's hook behind it, and a budget that is never spent.
static void combine(heard *all) {
    neap_config config = NEAP_CONFIG_INIT;
    config.instruction_budget = BUDGET;
    config.flags = NEAP_DEBUG_MODE;
    config.report = note;
    config.report_ud = all;
    neap_runtime *rt = neap_open(&config);
    CHECK(rt);
    expect_spent(rt, "while true do pcall(error) end");
    neap_close(rt);
    config.instruction_budget = UINT64_MAX;
    rt = neap_open(&config);
    CHECK(rt);
    expect_done(rt, "for i = 1, 1000000 do end");
    neap_close(rt);
}

int main(void) {
    heard all = {.count = 0};
    neap_runtime *rt = open(&all);
    alarm(100); // what is not caught would never end
    tell(rt, &all);
    catch_all(rt);
    count(rt);
    go_elsewhere(rt);
    call(rt, &all);
    ask_for_words(rt, &all);
    leave_the_host_alone(rt);
    take_away(rt);
    interrupt(rt, &all);
    close_all(rt);
    attach(&all);
    attach_stock(&all);
    combine(&all);
    return 0;
}
