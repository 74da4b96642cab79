// SPDX-License-Identifier: MIT
//
// A command for tests that need several threads, each with a runtime of its
// own:
//
//     beside FILE [ARGUMENT...]
//
// runs a script as `neap` does. In it `beside(code, ...)` starts a thread that
// runs `code`, Lua source which is given copies of the values. Its runtime ends
// when that has: what it leaves waiting is cancelled, and what ignores that is
// ended from outside after a millisecond. `outlived(code, ...)` is the same but
// for the Lua state, which lives on until the command ends. `join()` awaits all
// threads, its own loop standing still. So does the command, which fails if one
// of them did.
#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/neap.h"
#include "bindings/parcel.h"

enum { THREADS_MAX = 1000 };

typedef struct thread {
    pthread_t id;
    const char *code;    // what it runs: the script's string
    neapL_parcel values; // what that is given
    lua_State *state;    // the host's, which outlives the runtime; or NULL
} thread;

static thread threads[THREADS_MAX];
static int thread_count, joined_count;
static atomic_int failures;

static void fail(const char *words) {
    fprintf(stderr, "beside: %s\n", words);
    failures++;
}

static int returned(lua_State *L, int status, lua_KContext ctx) {
    (void)L;
    (void)status;
    (void)ctx;
    return 0;
}

// Who did not end in time is no failure here.
static void report(void *ud, const neap_report *it) {
    if (strcmp(it->kind, "error") != 0) return;
    neap_report_print(ud, it);
    failures++;
}

// The body of a thread's main task.
static int enter(lua_State *L) {
    thread *self = lua_touserdata(L, 1);
    if (luaL_loadstring(L, self->code)) return lua_error(L);
    int count = neapL_parcel_unpack(L, &self->values);
    lua_callk(L, count, 0, 0, returned);
    return 0;
}

static void ended(neap_runtime *rt, int status, int count, void *ud) {
    (void)count;
    *(bool *)ud = true;
    if (status < 0) fail(neap_error(rt));
}

static void *run(void *arg) {
    neap_config config = NEAP_CONFIG_INIT;
    thread *self = arg;
    bool over = false;
    config.report = report;
    config.grace_ns = 1000000;
    neap_runtime *rt =
        self->state ? neap_attach(self->state, &config) : neap_open(&config);
    lua_State *L = neap_state(rt);
    lua_pushcfunction(L, enter);
    lua_pushlightuserdata(L, self);
    if (neap_spawn(rt, 1, ended, &over) < 0) fail(neap_error(rt));
    while (!over)
        if (neap_turn(rt, -1) < 0) return fail(neap_error(rt)), NULL;
    neap_close(rt);
    neapL_parcel_free(&self->values);
    return NULL;
}

static int start(lua_State *L, lua_State *state) {
    if (thread_count == THREADS_MAX) return luaL_error(L, "too many threads");
    thread *self = &threads[thread_count];
    self->state = state;
    self->code = luaL_checkstring(L, 1);
    neapL_parcel_pack(L, lua_gettop(L) - 1, "cannot pass", &self->values);
    lua_rawsetp(L, LUA_REGISTRYINDEX, self); // the code stays
    if (pthread_create(&self->id, NULL, run, self))
        return luaL_error(L, "cannot start a thread");
    thread_count++;
    return 0;
}

// beside(code, ...)
static int beside(lua_State *L) { return start(L, NULL); }

// outlived(code, ...)
static int outlived(lua_State *L) {
    lua_State *state = luaL_newstate();
    luaL_openlibs(state);
    return start(L, state);
}

// join()
static int join(lua_State *L) {
    (void)L;
    while (joined_count < thread_count)
        pthread_join(threads[joined_count++].id, NULL);
    return 0;
}

static void set_arguments(lua_State *L, char **argv) {
    lua_newtable(L);
    for (int i = 0; argv[i]; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "arg");
}

int main(int argc, char **argv) {
    neap_config config = NEAP_CONFIG_INIT;
    if (argc < 2) return fputs("usage: beside FILE [ARGUMENT...]\n", stderr), 2;
    config.report = report;
    neap_runtime *rt = neap_open(&config);
    lua_State *L = neap_state(rt);
    lua_register(L, "beside", beside);
    lua_register(L, "outlived", outlived);
    lua_register(L, "join", join);
    set_arguments(L, argv + 1);
    if (neap_dofile(rt, argv[1]) < 0) {
        fail(neap_error(rt));
        exit(1); // the others may wait for us
    }
    join(L);
    neap_close(rt);
    for (int i = 0; i < thread_count; i++)
        if (threads[i].state) lua_close(threads[i].state);
    return failures > 0;
}
