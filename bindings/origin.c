// SPDX-License-Identifier: MIT
// Origin: how states elsewhere are made, and heard (see origin.h).
//
// Invariant: what is sent over is malloc's, and whoever calls it frees it.
#define _GNU_SOURCE
#include "bindings/origin.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/report.h"
#include "bindings/runtime.h"

// ---- what is sent over

typedef struct message {
    neapL_origin *origin;
    neap_report report; // kind NULL: output
    size_t size;        // of that
    char bytes[];       // that, or the report's strings
} message;

static void free_message(message *it) {
    neapL_origin_release(it->origin);
    free(it);
}

// A post, on the thread of the origin.
static void deliver(void *arg) {
    message *it = arg;
    neap_runtime *rt = it->origin->rt;
    const neap_config *config = &rt->config;
    if (!it->report.kind)
        config->output(config->output_ud, it->bytes, it->size);
    else {
        rt->unseen += strcmp(it->report.kind, "error") == 0;
        neapL_report(rt, &it->report);
    }
    free_message(it);
}

static message *new_message(neapL_origin *origin, size_t size) {
    message *it = calloc(1, sizeof *it + size);
    if (!it) return NULL;
    it->origin = neapL_origin_hold(origin);
    it->size = size;
    return it;
}

static void send(message *it) {
    if (neap_inbox_post(it->origin->inbox, deliver, it) < 0) free_message(it);
}

static void send_output(void *ud, const char *bytes, size_t size) {
    message *it = new_message(ud, size);
    if (!it) return;
    memcpy(it->bytes, bytes, size);
    send(it);
}

// Where the host has no function for it: a line of print in one piece, whoever
// else writes.
static void put_out(void *ud, const char *bytes, size_t size) {
    (void)ud;
    fwrite(bytes, 1, size, stdout);
}

static size_t size_of(const char *words) {
    return words ? strlen(words) + 1 : 0;
}

// Puts a string at `*end`, which moves on.
static const char *copy(const char *words, char **end) {
    char *start = *end;
    if (!words) return NULL;
    *end = stpcpy(start, words) + 1;
    return start;
}

static void send_report(void *ud, const neap_report *report) {
    size_t size = size_of(report->kind) + size_of(report->task) +
                  size_of(report->message) + size_of(report->traceback) +
                  size_of(report->spawned_at);
    message *it = new_message(ud, size);
    if (!it) return;
    char *end = it->bytes;
    it->report = *report;
    it->report.kind = copy(report->kind, &end);
    it->report.task = copy(report->task, &end);
    it->report.message = copy(report->message, &end);
    it->report.traceback = copy(report->traceback, &end);
    it->report.spawned_at = copy(report->spawned_at, &end);
    send(it);
}

// ---- the origin

static const char package_key; // in the registry: the table, once it was seen

// Pushes the table package, or what is in its place.
static void push_package(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &package_key) == LUA_TTABLE) return;
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, LUA_LOADLIBNAME);
    lua_copy(L, -1, -3);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &package_key);
    lua_pop(L, 1);
}

// A field of the table at `package`. What is pushed holds the string.
static const char *push_path(lua_State *L, int package, const char *field) {
    if (!lua_istable(L, package)) return "";
    bool found = lua_getfield(L, package, field) == LUA_TSTRING;
    return found ? lua_tostring(L, -1) : "";
}

// As the origin's, but for what belongs to its thread or its hosts.
static neap_config config_of(neapL_origin *origin) {
    neap_config config = origin->rt->config;
    config.flags &= NEAP_DEBUG_MODE;
    config.flags |= NEAP_HOST_STDIN;
    config.allocator = NULL;
    config.allocator_ud = NULL;
    config.report = send_report;
    config.report_ud = origin;
    config.output = config.output ? send_output : put_out;
    config.output_ud = origin;
    config.seed = 0;
    return config;
}

static neapL_origin *new_origin(neap_runtime *rt, const char *path,
                                const char *cpath) {
    neapL_origin *origin = calloc(1, sizeof *origin);
    if (!origin) return NULL;
    atomic_init(&origin->holders, 1);
    origin->rt = rt;
    origin->inbox = neap_inbox_hold(rt->loop.inbox);
    origin->config = config_of(origin);
    origin->path = strdup(path);
    origin->cpath = strdup(cpath);
    if (origin->path && origin->cpath) return origin;
    neapL_origin_release(origin);
    return NULL;
}

neapL_origin *neapL_origin_open(lua_State *L, neap_runtime *rt) {
    int package = lua_gettop(L) + 1;
    push_package(L); // to look there may raise: it comes first
    const char *path = push_path(L, package, "path");
    const char *cpath = push_path(L, package, "cpath");
    neapL_origin *origin = new_origin(rt, path, cpath);
    lua_settop(L, package - 1);
    return origin;
}

neapL_origin *neapL_origin_hold(neapL_origin *origin) {
    atomic_fetch_add(&origin->holders, 1);
    return origin;
}

void neapL_origin_release(neapL_origin *origin) {
    if (atomic_fetch_sub(&origin->holders, 1) > 1) return;
    neap_inbox_release(origin->inbox);
    free(origin->path);
    free(origin->cpath);
    free(origin);
}

bool neapL_origin_is_true(lua_State *L, const neapL_origin *origin) {
    int package = lua_gettop(L) + 1;
    push_package(L);
    bool same = strcmp(push_path(L, package, "path"), origin->path) == 0 &&
                strcmp(push_path(L, package, "cpath"), origin->cpath) == 0;
    lua_settop(L, package - 1);
    return same;
}

// Protected, in the new state.
static int set_paths(lua_State *L) {
    const neapL_origin *origin = lua_touserdata(L, 1);
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_pushstring(L, origin->path);
    lua_setfield(L, -2, "path");
    lua_pushstring(L, origin->cpath);
    lua_setfield(L, -2, "cpath");
    return 0;
}

neap_runtime *neapL_origin_furnish(neapL_origin *origin) {
    neap_runtime *rt = neap_open(&origin->config);
    if (!rt || neapL_protect(rt->L, set_paths, origin)) return rt;
    neap_close(rt);
    return NULL;
}
