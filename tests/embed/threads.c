// SPDX-License-Identifier: MIT
//
// Two runtimes in two threads (Y18): each thread opens, runs and closes its
// own, and they talk by posts. A number goes to and fro between them; each
// waits for it in Lua.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <pthread.h>

#include "check.h"

enum { ROUNDS = 1000 };

typedef struct side {
    neap_runtime *rt;
    struct side *other;
    lua_Integer number;      // what the other side sent last
    lua_Integer sum;         // of all that came
    pthread_barrier_t *open; // both have opened; both are through
} side;

static const char script[] = "local neap = require 'neap'\n"
                             "local queue = neap.Queue()\n"
                             "function receive(number) queue:put(number) end\n"
                             "return function(rounds, first)\n"
                             "  if first then send(1) end\n"
                             "  local sum = 0\n"
                             "  for _ = 1, rounds do\n"
                             "    local number = queue:get()\n"
                             "    sum = sum + number\n"
                             "    send(number + 1)\n"
                             "  end\n"
                             "  return sum\n"
                             "end\n";

// On the receiver's thread.
static void receive(void *arg) {
    side *here = arg;
    lua_State *L = neap_state(here->rt);
    lua_getglobal(L, "receive");
    lua_pushinteger(L, here->number);
    CHECK(lua_pcall(L, 1, 0, 0) == LUA_OK);
}

// On the sender's. The post is what hands `number` over.
static int send(lua_State *L) {
    side *there = ((side *)lua_touserdata(L, lua_upvalueindex(1)))->other;
    there->number = luaL_checkinteger(L, 1);
    CHECK(neap_post(there->rt, receive, there) == 0);
    return 0;
}

static void note_sum(neap_runtime *rt, int status, int count, void *ud) {
    side *here = ud;
    CHECK(status == 0 && count == 1);
    here->sum = lua_tointeger(neap_state(rt), -1);
    neap_hold(rt, -1); // nothing is expected any more
}

static void start(side *here, int first) {
    lua_State *L = neap_state(here->rt);
    lua_pushlightuserdata(L, here);
    lua_pushcclosure(L, send, 1);
    lua_setglobal(L, "send");
    CHECK(luaL_dostring(L, script) == LUA_OK);
    lua_pushinteger(L, ROUNDS);
    lua_pushboolean(L, first);
    CHECK(neap_spawn(here->rt, 2, note_sum, here) == 0);
    neap_hold(here->rt, 1); // what the other posts wakes us
}

static void live(side *here, int first) {
    here->rt = neap_open(NULL);
    CHECK(here->rt);
    start(here, first);
    pthread_barrier_wait(here->open);
    CHECK(neap_run(here->rt) == 0);
    pthread_barrier_wait(here->open); // a post may still be on its way to us
    neap_close(here->rt);
}

static void *second(void *arg) {
    live(arg, 0);
    return NULL;
}

int main(void) {
    pthread_barrier_t open;
    pthread_t thread;
    side one = {.open = &open}, two = {.open = &open};
    one.other = &two;
    two.other = &one;
    CHECK(pthread_barrier_init(&open, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, second, &two) == 0);
    live(&one, 1);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(pthread_barrier_destroy(&open) == 0);
    // 1, 3, 5 ... went to two; 2, 4, 6 ... to one
    CHECK(two.sum == (lua_Integer)ROUNDS * ROUNDS);
    CHECK(one.sum == (lua_Integer)ROUNDS * (ROUNDS + 1));
    return 0;
}
