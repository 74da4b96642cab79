// SPDX-License-Identifier: MIT
// Lua: the programs in Lua: read and compiled once, loaded into every runtime.
//
// A file of programs returns a table of functions; "tasks.gather" is the
// function `gather` of tasks.lua. What a load takes is not counted.
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oom/oom.h"

enum { CODE_MAX = 65536, PROGRAMS_MAX = 200, WORD_MAX = 40 };

typedef struct code { // of a file
    const char *name;
    size_t size;
    char bytes[CODE_MAX];
} code;

static code codes[] = {
    {.name = "next"},     {.name = "called"},    {.name = "tasks"},
    {.name = "scopes"},   {.name = "lines"},     {.name = "callbacks"},
    {.name = "sockets"},  {.name = "streams"},   {.name = "threads"},
    {.name = "channels"}, {.name = "coroutines"}};

enum {
    CODES = sizeof codes / sizeof *codes,
    OTHERS = 2 // that have no programs: the first of them
};

static char names[PROGRAMS_MAX][WORD_MAX];
static oom_program programs[PROGRAMS_MAX];
static int program_count;

const oom_program *oom_lua_programs(int *count) {
    *count = program_count;
    return programs;
}

void oom_push_program(lua_State *L, const char *name) {
    const char *dot = strchr(name, '.');
    const code *it = codes;
    while (strncmp(it->name, name, (size_t)(dot - name)) != 0) it++;
    if (luaL_loadbufferx(L, it->bytes, it->size, it->name, "b") != LUA_OK)
        lua_error(L);
    lua_call(L, 0, 1);
    lua_getfield(L, -1, dot + 1);
    lua_remove(L, -2);
}

// ---- reading

static int write(lua_State *L, const void *bytes, size_t size, void *ud) {
    code *it = ud;
    (void)L;
    if (it->size + size > CODE_MAX) return 1;
    memcpy(it->bytes + it->size, bytes, size);
    it->size += size;
    return 0;
}

static int compare(const void *a, const void *b) { return strcmp(a, b); }

// The table of the file is on top.
static void list(lua_State *L, const code *it) {
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (program_count == PROGRAMS_MAX) luaL_error(L, "too many programs");
        snprintf(names[program_count++], WORD_MAX, "%s.%s", it->name,
                 lua_tostring(L, -2));
    }
}

static int read_all(lua_State *L) {
    luaL_openlibs(L);
    neap_attach(L, NULL);
    for (code *it = codes; it < codes + CODES; it++) {
        const char *path = lua_pushfstring(L, "tests/oom/%s.lua", it->name);
        if (luaL_loadfile(L, path) != LUA_OK) lua_error(L);
        if (lua_dump(L, write, it, 0) != 0) luaL_error(L, "%s: long", path);
        lua_call(L, 0, 1);
        if (it >= codes + OTHERS) list(L, it);
        lua_settop(L, 0);
    }
    return 0;
}

bool oom_read_programs(void) {
    lua_State *L = lua_newstate(oom_alloc, NULL);
    lua_pushcfunction(L, read_all);
    bool read = lua_pcall(L, 0, 0, 0) == LUA_OK;
    if (!read) fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_close(L);
    qsort(names, (size_t)program_count, WORD_MAX, compare);
    for (int i = 0; i < program_count; i++) programs[i].name = names[i];
    return read;
}
