// SPDX-License-Identifier: MIT
//
// A host's allocator: every byte of the runtime and of its Lua state goes
// through it, each block is freed with the size it was given, and after
// neap_close there are none left. Where it has a limit, what asks for too much
// fails; the runtime goes on.

#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <neap.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "check.h"

typedef struct account {
    size_t bytes;  // held now
    size_t most;   // held at any time
    size_t blocks; // held now
    size_t limit;  // of bytes
} account;

// Each block remembers its size, to check what comes back.
typedef union head {
    size_t size;
    max_align_t align;
} head;

static bool book(account *books, size_t osize, size_t nsize) {
    if (nsize > osize && books->bytes - osize + nsize > books->limit)
        return false;
    books->bytes = books->bytes - osize + nsize;
    if (books->bytes > books->most) books->most = books->bytes;
    return true;
}

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
    account *books = ud;
    head *block = ptr ? (head *)ptr - 1 : NULL;
    if (!ptr) osize = 0; // it is then a type tag of Lua's
    CHECK(!block || block->size == osize);
    if (!block && nsize == 0) return NULL;
    if (!book(books, osize, nsize)) return NULL;
    if (nsize == 0) {
        free(block);
        books->blocks--;
        return NULL;
    }
    if (!block) books->blocks++;
    block = realloc(block, sizeof *block + nsize);
    CHECK(block);
    block->size = nsize;
    return block + 1;
}

static neap_runtime *open(account *books) {
    neap_config config = NEAP_CONFIG_INIT;
    config.allocator = allocate;
    config.allocator_ud = books;
    return neap_open(&config);
}

static void ignore(neap_runtime *rt, int status, int count, void *ud) {
    (void)rt, (void)status, (void)count;
    ++*(int *)ud;
}

static void post(void *arg) { ++*(int *)arg; }

// A little of everything, left lying where it is.
static const char mess[] =
    "local neap = require 'neap'\n"
    "local queue, future = neap.Queue(2), neap.Future()\n"
    "local a, b = neap.socketpair()\n"
    "local c, d = neap.socketpair()\n"
    "c:send('one\\ntwo') neap.spawn(d.read, d, 'a')\n"
    "local server = neap.listen('127.0.0.1', 0)\n"
    "local function forget(...) return ... end\n"
    "neap.spawn(a.recv, a)\n"
    "neap.spawn({name = 'acceptor'}, server.accept, server)\n"
    "neap.spawn({daemon = true}, neap.sleep, 1000)\n"
    "neap.spawn(future.await, future)\n"
    "neap.spawn(function() for i = 1, 9 do queue:put(i) end end)\n"
    "neap.spawn(function()\n"
    "  local wrapped = coroutine.wrap(function() neap.sleep(1000) end)\n"
    "  wrapped()\n"
    "end)\n"
    "neap.spawn(function()\n"
    "  local function deep(n) if n > 0 then return 1 + deep(n - 1) end\n"
    "    neap.sleep(1000) end\n"
    "  deep(10000)\n"
    "end)\n"
    "neap.call_later(1000, forget, 1, 2, 3)\n"
    "neap.call_soon(error, 'reported to nobody')\n"
    "future:on_done(forget)\n"
    "neap.loop():add_reader(b, forget)\n"
    "neap.loop():add_reader(descriptor, forget)\n"
    "for i = 1, 2000 do neap.spawn(neap.sleep, 1000 + i) end\n";

static int pair[2]; // a pipe of the host's own

static void make_mess(lua_State *L) {
    lua_pushinteger(L, pair[0]);
    lua_setglobal(L, "descriptor");
    CHECK(luaL_dostring(L, mess) == LUA_OK);
}

static void leave_nothing(void) {
    account books = {.limit = (size_t)-1};
    int told = 0;
    neap_runtime *rt = open(&books);
    CHECK(rt && books.blocks > 0);
    lua_State *L = neap_state(rt);
    make_mess(L);
    neap_poll_fd(rt);
    for (int i = 0; i < 3; i++) CHECK(neap_turn(rt, 0) == 1);
    CHECK(luaL_loadstring(L, "require 'neap'.sleep(1000)") == LUA_OK);
    CHECK(neap_spawn(rt, 0, ignore, &told) == 0);
    CHECK(neap_post(rt, post, &told) == 0);
    neap_close(rt);
    CHECK(told == 2);
    CHECK(books.bytes == 0 && books.blocks == 0);
}

// A task that asks for too much fails of that, and no other does.
static void keep_to_the_limit(void) {
    account books = {.limit = 1 << 20};
    neap_runtime *rt = open(&books);
    CHECK(rt);
    CHECK(neap_dostring(rt,
                        "local neap = require 'neap'\n"
                        "local other = neap.spawn(function()\n"
                        "  neap.sleep(0.001); return 'alive' end)\n"
                        "local greedy = neap.spawn(function()\n"
                        "  return ('x'):rep(1 << 24) end)\n"
                        "local ok, e = pcall(greedy.await, greedy)\n"
                        "assert(not ok and e == 'not enough memory')\n"
                        "assert(other:await() == 'alive')\n",
                        "=limit") == 0);
    CHECK(neap_dostring(rt, "local t = {} while true do t[#t + 1] = {} end",
                        "=greedy") == -1);
    CHECK_WORDS(neap_error(rt), "not enough memory");
    CHECK(neap_dostring(rt, "return 1", "=after") == 0);
    neap_close(rt);
    CHECK(books.bytes == 0 && books.most <= books.limit);
}

static void open_in_too_little(void) {
    account books = {.limit = 4096};
    CHECK(!open(&books));
    CHECK(books.bytes == 0 && books.blocks == 0);
}

// The state of a host has an allocator already, which is used.
static void attach(void) {
    account books = {.limit = (size_t)-1};
    lua_State *L = lua_newstate(allocate, &books);
    luaL_openlibs(L);
    neap_runtime *rt = neap_attach(L, NULL);
    CHECK(rt);
    make_mess(L);
    CHECK(neap_turn(rt, 0) == 1);
    neap_close(rt);
    CHECK(luaL_dostring(L, "collectgarbage()") == LUA_OK);
    lua_close(L);
    CHECK(books.bytes == 0 && books.blocks == 0);
}

int main(void) {
    CHECK(pipe(pair) == 0);
    leave_nothing();
    keep_to_the_limit();
    open_in_too_little();
    attach();
    CHECK(close(pair[0]) == 0 && close(pair[1]) == 0); // they are ours
    return 0;
}
