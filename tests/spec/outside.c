// SPDX-License-Identifier: MIT
// Outside: runs Lua code outside of any task, in a runtime of its own, whose
// time is virtual: in the command everything is a task. Built and loaded by
// tests/spec/tasks.lua.
//
//     outside(code [, limit]) -> what it printed, the reports, and the error,
//                                as lines; it has `limit` bytes of memory
#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/neap.h"

typedef struct memory {
    size_t used, limit; // bytes
} memory;

// An allocator that fails where the limit would be passed.
static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
    memory *of = ud;
    size_t used = of->used - (ptr ? osize : 0) + nsize;
    if (nsize > 0 && used > of->limit) return NULL;
    of->used = used;
    if (nsize > 0) return realloc(ptr, nsize);
    free(ptr);
    return NULL;
}

static void note_output(void *ud, const char *bytes, size_t size) {
    fwrite(bytes, 1, size, ud);
}

static void note_report(void *ud, const neap_report *report) {
    fprintf(ud, "%s: %s\n", report->kind, report->message);
}

static void run(neap_runtime *rt, const char *code, FILE *words) {
    lua_State *L = neap_state(rt);
    int status = luaL_loadbufferx(L, code, strlen(code), "=code", "t");
    if (status == LUA_OK) status = lua_pcall(L, 0, 0, 0);
    if (status != LUA_OK)
        fprintf(words, "raised %s\n", luaL_tolstring(L, -1, NULL));
}

static int outside(lua_State *L) {
    const char *code = luaL_checkstring(L, 1);
    memory of = {0, (size_t)luaL_optinteger(L, 2, 1 << 30)};
    char *text = NULL;
    size_t size = 0;
    FILE *words = open_memstream(&text, &size);
    neap_config config = NEAP_CONFIG_INIT;
    config.flags = NEAP_VIRTUAL_CLOCK;
    config.allocator = allocate;
    config.allocator_ud = &of;
    config.output = note_output;
    config.report = note_report;
    config.output_ud = config.report_ud = words;
    neap_runtime *rt = neap_open(&config);
    if (rt) run(rt, code, words);
    neap_close(rt);
    fclose(words);
    lua_pushlstring(L, text, size);
    free(text);
    return 1;
}

int luaopen_outside(lua_State *L);
int luaopen_outside(lua_State *L) {
    lua_pushcfunction(L, outside);
    return 1;
}
