// SPDX-License-Identifier: MIT
//
// No memory, at any time: the host's allocator refuses the n-th request, for
// every n, once or from then on. Nothing of neap.h raises or panics (I7): it
// returns what it says, goes on when there is memory again, and in the end all
// is given back.

#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <stdbool.h>

#include "check.h"

typedef struct account {
    size_t bytes;  // held
    long left;     // requests until one is refused
    bool for_ever; // and all that follow
    bool refused;  // one was
} account;

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
    account *books = ud;
    if (!ptr) osize = 0;
    if (nsize > osize) { // Lua relies on it that shrinking cannot fail
        bool refuse = books->left == 0 && (books->for_ever || !books->refused);
        if (books->left > 0) books->left--;
        else books->refused = true;
        if (refuse) return NULL;
    }
    books->bytes += nsize - osize;
    if (nsize > 0) return realloc(ptr, nsize);
    free(ptr);
    return NULL;
}

static const char script[] =
    "local neap = require 'neap'\n"
    "local queue, future = neap.Queue(1), neap.Future()\n"
    "neap.spawn(function() error 'nobody waits' end)\n"
    "neap.spawn({name = 'sleeper', daemon = true}, neap.sleep, 1000)\n"
    "neap.spawn(function() for i = 1, 3 do queue:put(i) end end)\n"
    "neap.call_later(0.001, future.set_result, future, 1, 2, 3)\n"
    "local a, b = neap.socketpair()\n"
    "neap.spawn(function() b:send('x'); b:close() end)\n"
    "local task = neap.spawn(a.recv, a)\n"
    "neap.gather(task, future, function() return queue:get() end)\n"
    "coroutine.wrap(function() neap.sleep(0) end)()\n"
    "error('done', 0)\n";

static void note(neap_runtime *rt, int status, int count, void *ud) {
    CHECK(lua_gettop(neap_state(rt)) >= count);
    CHECK(status == 0 || (status == -1 && count == 1));
    CHECK(status == 0 || *neap_error(rt));
    ++*(int *)ud;
}

static int push(lua_State *L) {
    CHECK(lua_gettop(L) == 0);
    return luaL_loadstring(L, "return ...") == LUA_OK ? 1 : lua_error(L);
}

// What the host itself does with Lua it does protected.
static bool push_function(lua_State *L) {
    lua_pushcfunction(L, push);
    if (lua_pcall(L, 0, 1, 0) == LUA_OK) return true;
    lua_pop(L, 1);
    return false;
}

static void spawn(neap_runtime *rt, int *told, int *spawned) {
    if (!push_function(neap_state(rt))) return;
    lua_pushinteger(neap_state(rt), 1);
    int rc = neap_spawn(rt, 1, note, told);
    CHECK(rc == 0 || strcmp(neap_error(rt), "not enough memory") == 0);
    *spawned += rc == 0;
}

static void live(neap_runtime *rt) {
    int told = 0, spawned = 0;
    lua_State *L = neap_state(rt);
    CHECK(neap_dofile(rt, "/no/such/file") == -1 && *neap_error(rt));
    CHECK(neap_dostring(rt, script, "=script") == -1 && *neap_error(rt));
    spawn(rt, &told, &spawned);
    neap_run(rt);
    CHECK(told == spawned);
    spawn(rt, &told, &spawned);
    neap_turn(rt, 0);
    CHECK(lua_gettop(L) == 0);
    CHECK(neap_dostring(rt, "require 'neap'.spawn(function()\n"
                            "  while true do pcall(require'neap'.sleep, 9)\n"
                            "end end)\n", "=stay") <= 0);
    neap_close(rt);
    CHECK(told == spawned);
}

// Whether a request was refused.
static bool fail_at(long n, bool for_ever) {
    account books = {.left = n, .for_ever = for_ever};
    neap_config config = NEAP_CONFIG_INIT;
    config.allocator = allocate;
    config.allocator_ud = &books;
    config.grace_ns = 1;
    neap_runtime *rt = neap_open(&config);
    if (rt) live(rt);
    CHECK(books.bytes == 0);
    return books.refused;
}

int main(void) {
    long once = 0, for_ever = 0;
    while (fail_at(once, false)) once++;
    while (fail_at(for_ever, true)) for_ever++;
    CHECK(once > 1000 && for_ever > 1000);
    return 0;
}
