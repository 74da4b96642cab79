// SPDX-License-Identifier: MIT
//
// neap_post: four threads post to one runtime while it sleeps and while it
// works. None is lost, each thread's keep their order (P2), many cost few
// wake-ups (P1), a flood leaves tasks their time (P5), and once neap_close
// began they are refused (P4).

#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "check.h"

enum { THREADS = 4, POSTS = 100000 };

static neap_runtime *rt;

typedef struct sender {
    pthread_t thread;
    int next; // the number that the next post must bring
} sender;

static sender senders[THREADS];

// The argument carries both, who and which: nothing is to be freed.
static void receive(void *arg) {
    size_t value = (size_t)arg;
    sender *from = &senders[value % THREADS];
    CHECK(from->next == (int)(value / THREADS));
    from->next++;
}

static void *send(void *arg) {
    sender *from = arg;
    size_t who = (size_t)(from - senders);
    for (size_t i = 0; i < POSTS; i++)
        CHECK(neap_post(rt, receive, (void *)(i * THREADS + who)) == 0);
    return NULL;
}

static void start(void) {
    for (int i = 0; i < THREADS; i++) {
        senders[i].next = 0;
        CHECK(!pthread_create(&senders[i].thread, NULL, send, &senders[i]));
    }
}

static int received(void) {
    int sum = 0;
    for (int i = 0; i < THREADS; i++) sum += senders[i].next;
    return sum;
}

static void join(void) {
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(senders[i].thread, NULL) == 0);
}

// P2. Held open, the runtime sleeps until posts come.
static void lose_none(void) {
    neap_hold(rt, 1);
    start();
    while (received() < THREADS * POSTS) CHECK(neap_turn(rt, -1) == 1);
    join();
    neap_hold(rt, -1);
    CHECK(neap_turn(rt, 0) == 0);
}

// P1. What has come before a turn is called in that one turn.
static void wake_once(void) {
    start();
    join();
    CHECK(received() == 0 && neap_due_ns(rt) == 0);
    CHECK(neap_turn(rt, -1) == 0 && received() == THREADS * POSTS);
    CHECK(neap_due_ns(rt) == -1);
}

static atomic_bool stopped;

static void post_again(void *arg) {
    if (!atomic_load(&stopped)) CHECK(neap_post(rt, post_again, arg) == 0);
}

// P5. Posts that post go on for ever; tasks and their timers have their turns,
// and so have the posts of others.
static void share_time(void) {
    for (int i = 0; i < 100; i++) CHECK(neap_post(rt, post_again, NULL) == 0);
    start();
    CHECK(neap_dostring(rt,
                        "local neap = require 'neap'\n"
                        "local yields = 0\n"
                        "local spinner = neap.spawn(function()\n"
                        "  while true do neap.yield(); yields = yields + 1\n"
                        "  end end)\n"
                        "for i in neap.every(0.001) do\n"
                        "  if i == 20 then break end end\n"
                        "assert(yields > 20)\n"
                        "spinner:cancel()",
                        "=share") == 0);
    while (received() < THREADS * POSTS) CHECK(neap_turn(rt, 0) == 0);
    join();
    atomic_store(&stopped, true);
    CHECK(neap_turn(rt, 0) == 0 && neap_due_ns(rt) == -1);
}

// A post may do on the runtime's thread what a host may do inside of it: call
// Lua (protected) and spawn.
static void spawn(void *arg) {
    lua_State *L = neap_state(rt);
    CHECK(luaL_loadstring(L, "posted = (posted or 0) + ...") == LUA_OK);
    lua_pushinteger(L, *(int *)arg);
    CHECK(neap_spawn(rt, 1, NULL, NULL) == 0);
}

static void *post_spawns(void *arg) {
    for (int i = 0; i < 10; i++) CHECK(neap_post(rt, spawn, arg) == 0);
    return NULL;
}

static void release(void *arg) { neap_hold(arg, -1); }

static void run_while_held(void) {
    pthread_t thread;
    static int two = 2;
    neap_hold(rt, 1);
    CHECK(pthread_create(&thread, NULL, post_spawns, &two) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(neap_post(rt, release, rt) == 0);
    CHECK(neap_run(rt) == 0); // tasks were spawned and ended
    CHECK(luaL_dostring(neap_state(rt), "assert(posted == 20)") == LUA_OK);
}

// P4. A thread posts on and on until it is refused, which is while the
// runtime's clean-up waits for it.
static atomic_int accepted, called;

static void count(void *arg) {
    (void)arg;
    atomic_fetch_add(&called, 1);
}

static void *post_until_refused(void *arg) {
    int rc;
    (void)arg;
    while ((rc = neap_post(rt, count, NULL)) == 0)
        atomic_fetch_add(&accepted, 1);
    CHECK(rc == -ECANCELED);
    return NULL;
}

// What came before is called, also where neap_close has nothing else to do.
static void call_what_was_taken(void) {
    neap_runtime *idle = neap_open(NULL);
    int before = atomic_load(&called);
    CHECK(idle && neap_post(idle, count, NULL) == 0);
    CHECK(neap_post(idle, count, NULL) == 0);
    neap_close(idle);
    CHECK(atomic_load(&called) == before + 2);
}

// Also one that spawns: its task ends cancelled.
static void note_end(neap_runtime *of, int status, int values, void *ud) {
    CHECK(status == -1 && values == 1 && strstr(neap_error(of), "closing"));
    ++*(int *)ud;
}

static int ended;

static void spawn_late(void *arg) {
    lua_State *L = neap_state(arg);
    CHECK(luaL_loadstring(L, "require 'neap'.sleep(1000)") == LUA_OK);
    CHECK(neap_spawn(arg, 0, note_end, &ended) == 0);
}

static void end_what_was_spawned(void) {
    neap_runtime *idle = neap_open(NULL);
    CHECK(idle && neap_post(idle, spawn_late, idle) == 0);
    neap_close(idle);
    CHECK(ended == 1);
}

static pthread_t poster;

static int join_poster(lua_State *L) {
    (void)L;
    CHECK(pthread_join(poster, NULL) == 0);
    return 0;
}

static void refuse(void) {
    lua_register(neap_state(rt), "join_poster", join_poster);
    CHECK(luaL_dostring(neap_state(rt),
                        "require 'neap'.spawn(function()\n"
                        "  local _ <close> = setmetatable({}, {\n"
                        "    __close = join_poster})\n"
                        "  require 'neap'.sleep(1000)\n"
                        "end)") == LUA_OK);
    CHECK(neap_turn(rt, 0) == 1);
    CHECK(pthread_create(&poster, NULL, post_until_refused, NULL) == 0);
    while (atomic_load(&called) < 1000) CHECK(neap_turn(rt, -1) == 1);
    neap_close(rt);
    CHECK(atomic_load(&accepted) == atomic_load(&called)); // none lost
}

int main(void) {
    rt = neap_open(NULL);
    CHECK(rt);
    lose_none();
    wake_once();
    share_time();
    run_while_held();
    refuse();
    call_what_was_taken();
    end_what_was_spawned();
    return 0;
}
