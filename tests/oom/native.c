// SPDX-License-Identifier: MIT
// Native: the programs in C: what a host does with the functions of neap.h.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/oom/oom.h"

// ---- running

static void do_nothing(oom_run *run) { (void)run; }

static void run_strings(oom_run *run) {
    oom_expect(run, "oops");
    oom_check(run, run->rt, neap_dostring(run->rt, "return 1, 2, 3", "=ok"));
    oom_check(run, run->rt, neap_dostring(run->rt, "error 'oops'", "=fails"));
    oom_check(run, run->rt,
              neap_dostring(run->rt,
                            "error(setmetatable({}, {__tostring ="
                            " function() return 'oops' end}))",
                            "=object"));
    oom_check(run, run->rt,
              neap_dostring(run->rt, "oops, an error of syntax", NULL));
}

static void run_files(oom_run *run) {
    oom_expect(run, "cannot open");
    oom_check(run, run->rt, neap_dofile(run->rt, "tests/oom/next.lua"));
    oom_check(run, run->rt, neap_dofile(run->rt, "/no/such/file"));
}

// A main task that leaves others behind, and one that fails before them.
static void run_left_behind(oom_run *run) {
    oom_expect(run, "oops");
    oom_check(run, run->rt,
              neap_dostring(run->rt,
                            "local neap = require 'neap'\n"
                            "neap.spawn(neap.sleep, 1)\n"
                            "neap.spawn({daemon = true}, neap.sleep, 9)",
                            "=leaves"));
    oom_check(run, run->rt,
              neap_dostring(run->rt,
                            "local neap = require 'neap'\n"
                            "neap.spawn(neap.sleep, 1)\n"
                            "error 'oops'",
                            "=fails"));
}

static void run_into_deadlock(oom_run *run) {
    oom_expect(run, "deadlock");
    oom_expect(run, "its run is over");
    oom_expect(run, "did not end");
    oom_check(run, run->rt,
              neap_dostring(run->rt,
                            "local neap = require 'neap'\n"
                            "neap.spawn(neap.shield, pcall,\n"
                            "    neap.await, neap.Future())\n"
                            "neap.spawn(neap.await, neap.Future())",
                            "=left"));
    oom_check(run, run->rt,
              neap_dostring(run->rt,
                            "local neap = require 'neap'\n"
                            "neap.await(neap.Future())",
                            "=main"));
}

// ---- spawning

static void spawn_some(oom_run *run) {
    oom_expect(run, "function expected");
    for (int i = 0; i < 3; i++)
        if (oom_push_code(run, "return ...") && lua_checkstack(run->L, 2)) {
            lua_pushinteger(run->L, i);
            lua_pushboolean(run->L, true);
            oom_spawn(run, 2);
        }
    if (lua_checkstack(run->L, 1)) {
        lua_pushnil(run->L);
        oom_spawn(run, 0);
    }
    oom_spawn_code(run,
                   "require 'neap'.sleep(1) error 'not enough memory, he'");
    oom_spawn_code(run, "return ('x'):rep(100), {}, 1, 2, 3, nil");
    oom_finish(run);
}

static void raise(neap_runtime *rt, int status, int count, void *ud) {
    oom_run *run = ud;
    (void)status, (void)count;
    run->told++;
    luaL_error(neap_state(rt), "oops, done raises");
}

static void raise_in_done(oom_run *run) {
    oom_expect(run, "oops");
    if (!oom_push_code(run, "return 1")) return;
    int rc = neap_spawn(run->rt, 0, raise, run);
    oom_check(run, run->rt, rc);
    run->spawned += rc == 0;
    if (rc == 0) oom_finish(run);
}

static void spawn_again(neap_runtime *rt, int status, int count, void *ud) {
    oom_run *run = ud;
    (void)rt, (void)status, (void)count;
    run->told++;
    oom_spawn_code(run, "require 'neap'.sleep(1)");
}

static void spawn_in_done(oom_run *run) {
    if (!oom_push_code(run, "return 1")) return;
    int rc = neap_spawn(run->rt, 0, spawn_again, run);
    oom_check(run, run->rt, rc);
    run->spawned += rc == 0;
    if (rc == 0) oom_finish(run);
}

// ---- turning

static void turn_by_poll(oom_run *run) {
    bool begun = oom_spawn_code(run, "local neap = require 'neap'\n"
                                     "local a, b = assert(neap.socketpair())\n"
                                     "neap.gather(function() a:send 'x' end,\n"
                                     "    function() b:recv() end)");
    int rc = begun;
    while (rc == 1) {
        struct pollfd fd = {neap_poll_fd(run->rt), POLLIN, 0};
        int64_t due_ns = neap_due_ns(run->rt);
        if (fd.fd >= 0 && due_ns != 0) poll(&fd, 1, 1);
        rc = neap_turn(run->rt, fd.fd < 0 ? -1 : 0);
    }
    if (rc < 0) oom_judge(run, strerror(-rc));
}

static void count(void *arg) { ++*(int *)arg; }

static void post_some(oom_run *run) {
    int posted = 0;
    for (int i = 0; i < 40; i++)
        posted += neap_post(run->rt, count, &run->posts) == 0;
    neap_turn(run->rt, 0);
    if (run->posts != posted) oom_blame(run, "posts were not called");
}

static void *post_one(void *arg) {
    neap_post(((oom_run *)arg)->rt, count, &((oom_run *)arg)->posts);
    return NULL;
}

static void post_from_thread(oom_run *run) {
    pthread_t thread;
    run->posts = 0;
    if (!oom_spawn_code(run, "require 'neap'.sleep(1)")) return;
    pthread_create(&thread, NULL, post_one, run);
    neap_hold(run->rt, 1);
    neap_turn(run->rt, 0);
    pthread_join(thread, NULL);
    neap_hold(run->rt, -1);
    oom_finish(run);
}

static void dump(oom_run *run) {
    oom_expect(run, "(tree)");
    oom_spawn_code(run, "require 'neap'.sleep(1)");
    neap_turn(run->rt, 0);
    neap_dump(run->rt);
    oom_finish(run);
}

static int interrupt(lua_State *L) {
    neap_interrupt(lua_touserdata(L, 1));
    return 0;
}

// From outside, while the main task waits; and while it computes.
static void interrupt_both(oom_run *run) {
    oom_expect(run, "interrupted");
    oom_expect(run, "a reason of ours");
    if (!oom_spawn_code(run, "require 'neap'.sleep(1)")) return;
    neap_turn(run->rt, 0);
    neap_interrupt_with(run->rt, "a reason of ours");
    oom_finish(run);
    if (!oom_push_code(run, "local interrupt, rt = ...\n"
                            "interrupt(rt)\n"
                            "while true do end"))
        return;
    lua_pushcfunction(run->L, interrupt);
    lua_pushlightuserdata(run->L, run->rt);
    oom_spawn(run, 2);
    oom_finish(run);
}

// ---- outside of tasks

static void call_code(oom_run *run, const char *code) {
    if (!oom_push_code(run, code)) return;
    if (lua_pcall(run->L, 0, 0, 0) == LUA_OK) return;
    oom_judge(run, luaL_tolstring(run->L, -1, NULL));
    lua_pop(run->L, 2);
}

static void call_outside(oom_run *run) {
    call_code(run, "local neap = require 'neap'\n"
                   "local loop = neap.loop()\n"
                   "neap.run(neap.sleep, 1)\n"
                   "local task = neap.spawn(neap.sleep, 1)\n"
                   "loop:run_until_complete(task)\n"
                   "loop:call_soon(loop.stop, loop)\n"
                   "pcall(loop.run_until_complete, loop, neap.Future())\n"
                   "loop:call_soon(print)\n"
                   "loop:run_once()\n"
                   "neap.spawn(neap.sleep, 1)\n"
                   "loop:close()");
}

static void fail_outside(oom_run *run) {
    oom_expect(run, "cannot wait outside");
    call_code(run, "require 'neap'.sleep(1)");
}

// ---- ends

static const char mess[] =
    "local neap = require 'neap'\n"
    "local queue, future, lock = neap.Queue(1), neap.Future(), neap.Lock()\n"
    "local a, b = assert(neap.socketpair())\n"
    "assert(a:write('one\\ntwo'))\n"
    "neap.spawn(b.read, b, 'a')\n"
    "neap.spawn(a.recv, a)\n"
    "neap.spawn({daemon = true}, neap.sleep, 1000)\n"
    "neap.spawn(future.await, future)\n"
    "neap.spawn(function() for i = 1, 9 do queue:put(i) end end)\n"
    "neap.spawn(function()\n"
    "    local _ <close> = lock:acquire()\n"
    "    local _ <close> = neap.group()\n"
    "    neap.timeout(50, neap.sleep, 1000)\n"
    "end)\n"
    "neap.spawn(lock.acquire, lock)\n"
    "neap.spawn(coroutine.wrap(function() neap.sleep(1000) end))\n"
    "neap.spawn(neap.gather, future, function() neap.sleep(1000) end)\n"
    "neap.spawn(neap.shield, neap.await, neap.Future())\n" // heeds no cancel
    "neap.call_later(1000, print, 1)\n"
    "future:on_done(print)\n"
    "neap.loop():add_reader(a:fd(), print)\n";

static void leave_a_mess(oom_run *run) {
    oom_expect(run, "did not end");
    oom_expect(run, "what gathered it is over");
    neap_runtime *rt = run->rt;
    oom_spawn_code(run, mess);
    for (int i = 0; i < 3; i++) neap_turn(rt, 0);
    run->abandoned = true;
}

// Two more in the same process: one beside ours, and one in a host's state that
// is attached, closed, and attached again.
static void open_others(oom_run *run) {
    neap_config config = NEAP_CONFIG_INIT;
    config.allocator = oom_alloc;
    neap_runtime *beside = neap_open(&config);
    lua_State *state = lua_newstate(oom_alloc, NULL);
    for (int i = 0; state && i < 2; i++) {
        neap_runtime *attached = neap_attach(state, NULL);
        if (attached) neap_dostring(attached, "return 1", "=attached");
        neap_close(attached);
    }
    if (beside) neap_dostring(beside, "return 1", "=beside");
    oom_spawn_code(run, "require 'neap'.sleep(1)");
    oom_finish(run);
    if (state) lua_close(state);
    neap_close(beside);
}

static const oom_program programs[] = {
    {"native.birth", do_nothing, true, NULL},
    {"native.dostring", run_strings, false, NULL},
    {"native.dofile", run_files, false, NULL},
    {"native.left_behind", run_left_behind, false, NULL},
    {"native.deadlock", run_into_deadlock, false, NULL},
    {"native.spawn", spawn_some, false, NULL},
    {"native.raise_in_done", raise_in_done, false, NULL},
    {"native.spawn_in_done", spawn_in_done, false, NULL},
    {"native.poll", turn_by_poll, false, NULL},
    {"native.post", post_some, false, NULL},
    {"native.post_from_thread", post_from_thread, false, NULL},
    {"native.dump", dump, false, NULL},
    {"native.interrupt", interrupt_both, false, NULL},
    {"native.outside", call_outside, false, NULL},
    {"native.fail_outside", fail_outside, false, NULL},
    {"native.mess", leave_a_mess, false, NULL},
    {"native.others", open_others, false, NULL},
};

const oom_program *oom_native_programs(int *count_of) {
    *count_of = sizeof programs / sizeof *programs;
    return programs;
}
