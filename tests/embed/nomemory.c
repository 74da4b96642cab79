// SPDX-License-Identifier: MIT
//
// No memory, at any time: the host's allocator refuses the n-th request, for
// every n, once or from then on. Nothing of neap.h raises or panics (I7): it
// returns what it says, goes on when there is memory again, and in the end all
// is given back.

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <neap.h>
#include <stdbool.h>

#include "check.h"

typedef struct account {
    size_t bytes;  // held
    long left;     // requests until one is refused; -1: none is
    bool for_ever; // and all that follow
    bool refused;  // one was
} account;

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
    account *books = ud;
    if (!ptr) osize = 0;
    if (nsize > osize) { // Lua relies on it that shrinking cannot fail
        bool refuse = books->left == 0 && (books->for_ever || !books->refused);
        if (books->left > 0) books->left--;
        else if (books->left == 0) books->refused = true;
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
    "neap.spawn({name = 'sleeper', daemon = true}, neap.sleep, 0.01)\n"
    "neap.spawn(function() for i = 1, 3 do queue:put(i) end end)\n"
    "neap.call_later(0.001, future.set_result, future, 1, 2, 3)\n"
    "local a, b = neap.socketpair()\n"
    "neap.spawn(function() b:send('x'); b:close() end)\n"
    "local task = neap.spawn(a.recv, a)\n"
    "neap.gather(task, future, function() return queue:get() end)\n"
    "coroutine.wrap(function() neap.sleep(0) end)()\n"
    "pcall(neap.timeout, 0.001, neap.move_on_after, 0.1, neap.sleep, 0.1)\n"
    "local generator = coroutine.wrap(function()\n"
    "    local t <close> = neap.timeout(0.1)\n"
    "    local g <close> = neap.group()\n"
    "    g:spawn(neap.sleep, 0.1)\n"
    "    coroutine.yield()\n"
    "end)\n"
    "generator()\n"
    "neap.group(function(g) g:spawn(pcall, error); g:spawn(neap.yield) end)\n"
    "error('done', 0)\n";

static void note(neap_runtime *rt, int status, int count, void *ud) {
    CHECK(lua_gettop(neap_state(rt)) >= count);
    CHECK(status == 0 || (status == -1 && count == 1));
    CHECK(status == 0 || *neap_error(rt));
    ++*(int *)ud;
}

static int load(lua_State *L) {
    const char *code = lua_touserdata(L, 1);
    return luaL_loadstring(L, code) == LUA_OK ? 1 : lua_error(L);
}

// What the host itself does with Lua it does protected.
static bool push(lua_State *L, const char *code) {
    lua_pushcfunction(L, load);
    lua_pushlightuserdata(L, (void *)code);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) return true;
    lua_pop(L, 1);
    return false;
}

typedef struct tally {
    int spawned, told;
} tally;

static void spawn(neap_runtime *rt, const char *code, tally *tasks) {
    if (!push(neap_state(rt), code)) return;
    lua_pushinteger(neap_state(rt), 1);
    int rc = neap_spawn(rt, 1, note, &tasks->told);
    CHECK(rc == 0 || strcmp(neap_error(rt), "not enough memory") == 0);
    tasks->spawned += rc == 0;
}

static void live(neap_runtime *rt) {
    tally tasks = {0, 0};
    CHECK(neap_dofile(rt, "/no/such/file") == -1 && *neap_error(rt));
    CHECK(neap_dostring(rt, script, "=script") == -1 && *neap_error(rt));
    spawn(rt, "return ...", &tasks);
    neap_run(rt);
    CHECK(tasks.told == tasks.spawned);
    spawn(rt, "require 'neap'.sleep(...)", &tasks);
    spawn(rt,
          "repeat local _, e = pcall(require'neap'.sleep, ...)\n"
          "until e == 'not enough memory'",
          &tasks); // heeds no cancel
    neap_turn(rt, 0);
    CHECK(lua_gettop(neap_state(rt)) == 0);
    neap_close(rt);
    CHECK(tasks.told == tasks.spawned);
}

static neap_config config(account *books) {
    neap_config wish = NEAP_CONFIG_INIT;
    wish.allocator = allocate;
    wish.allocator_ud = books;
    wish.grace_ns = 1;
    return wish;
}

// Whether a request was refused.
static bool fail_at(long n, bool for_ever) {
    account books = {.left = n, .for_ever = for_ever};
    neap_config wish = config(&books);
    neap_runtime *rt = neap_open(&wish);
    if (rt) live(rt);
    CHECK(books.bytes == 0);
    return books.refused;
}

// The same in a host's state, for which there is memory.
static bool fail_attached(long n, bool for_ever) {
    account books = {.left = -1};
    lua_State *L = lua_newstate(allocate, &books);
    luaL_openlibs(L);
    books = (account){books.bytes, n, for_ever, false};
    neap_config wish = config(&books);
    neap_runtime *rt = neap_attach(L, &wish);
    if (rt) live(rt);
    bool refused = books.refused;
    books.left = -1;
    lua_close(L);
    CHECK(books.bytes == 0);
    return refused;
}

static void fail(bool fail_at_nth(long, bool)) {
    long once = 0, for_ever = 0;
    while (fail_at_nth(once, false)) once++;
    while (fail_at_nth(for_ever, true)) for_ever++;
    CHECK(once > 300 && for_ever > 300);
}

int main(void) {
    fail(fail_at);
    fail(fail_attached);
    return 0;
}
