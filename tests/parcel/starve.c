// SPDX-License-Identifier: MIT
// Starve: values on their way while memory runs out, at every place.
//
// Allocation n fails, with the collection and the second try that Lua makes of
// it, or n and all that follow; malloc's and both states' count as one row.
// Whatever happens then, nothing is left over when all is freed, and after the
// first kind the same values cross at once.
#include "tests/parcel/probe.h"

#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_realloc(void *ptr, size_t size);
void __real_free(void *ptr);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void __wrap_free(void *ptr);

// Of this thread: the runtime's others go on.
static _Thread_local struct {
    bool watching;   // blocks are counted
    bool armed;      // allocations may fail
    long blocks;     // taken and not freed
    int count;       // allocations while armed
    int first, last; // those that fail
} memory;

static bool fails(void) {
    if (!memory.armed) return false;
    memory.count++;
    return memory.count >= memory.first && memory.count <= memory.last;
}

static void note(int blocks) {
    if (memory.watching) memory.blocks += blocks;
}

void *__wrap_malloc(size_t size) {
    if (fails()) return NULL;
    note(1);
    return __real_malloc(size);
}

void *__wrap_realloc(void *ptr, size_t size) {
    if (fails()) return NULL;
    if (!ptr) note(1);
    return __real_realloc(ptr, size);
}

void __wrap_free(void *ptr) {
    if (ptr) note(-1);
    __real_free(ptr);
}

// Of both states. What shrinks must not fail.
static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
    (void)ud;
    if (nsize == 0) return free(ptr), NULL;
    if (ptr && nsize <= osize) return __real_realloc(ptr, nsize);
    return realloc(ptr, nsize);
}

typedef struct voyage {
    lua_State *here, *there;
    neapL_parcel parcel;
    const char *complaint; // NULL: all is well
} voyage;

static int pack(lua_State *L) {
    voyage *of = lua_touserdata(L, -1);
    lua_pop(L, 1);
    neapL_parcel_pack(L, lua_gettop(L), "cannot send", &of->parcel);
    return 0;
}

static int unpack(lua_State *L) {
    voyage *of = lua_touserdata(L, 1);
    neapL_parcel_unpack(L, &of->parcel);
    neapL_parcel_unpack_call(L, &of->parcel);
    return 0;
}

// An error says that memory ran out; of a Lua stack that cannot grow, Lua says
// that it overflows.
static bool is_lack(const char *error) {
    return error && (strstr(error, "not enough memory") ||
                     strstr(error, "stack overflow"));
}

// Copies of all values on the stack go over. False: an error came instead.
static bool cross(voyage *of) {
    lua_State *L = of->here;
    int count = lua_gettop(L);
    lua_pushcfunction(L, pack);
    for (int i = 1; i <= count; i++) lua_pushvalue(L, i);
    lua_pushlightuserdata(L, of);
    lua_pushcfunction(of->there, unpack);
    lua_pushlightuserdata(of->there, of);
    memory.armed = memory.first > 0;
    bool done = lua_pcall(L, count + 1, 0, 0) == LUA_OK;
    if (done) L = of->there;
    if (done) done = lua_pcall(L, 1, 0, 0) == LUA_OK;
    memory.armed = false;
    if (!done && !is_lack(lua_tostring(L, -1)))
        of->complaint = "another error than that of memory";
    lua_settop(of->here, count);
    lua_settop(of->there, 0);
    neapL_parcel_free(&of->parcel);
    return done;
}

static bool prepare(voyage *of, const char *code) {
    of->here = lua_newstate(allocate, NULL);
    of->there = lua_newstate(allocate, NULL);
    probe_openlibs(of->here);
    probe_openlibs(of->there);
    if (luaL_dostring(of->here, code) == LUA_OK) return true;
    of->complaint = "the code fails";
    return false;
}

// One time; false: none was there to fail any more.
static bool try(voyage *of, const char *code, int first, int last) {
    memory.watching = true;
    memory.blocks = memory.count = 0;
    memory.first = first;
    memory.last = last;
    if (prepare(of, code)) {
        bool done = cross(of);
        memory.first = 0;
        if (!done && !of->complaint && !cross(of))
            of->complaint = "the next one does not cross";
    }
    lua_close(of->here);
    lua_close(of->there);
    memory.watching = false;
    if (memory.blocks != 0) of->complaint = "blocks are left over";
    return memory.count >= first;
}

int probe_starve(lua_State *L) {
    const char *code = luaL_checkstring(L, 1);
    int points = 0;
    for (int mode = 0; mode < 2; mode++)
        for (int n = 1;; n++) {
            voyage of = {.complaint = NULL};
            bool struck = try(&of, code, n, mode ? 1 << 30 : n + 1);
            if (of.complaint)
                return luaL_error(L, "%s, mode %d, allocation %d", of.complaint,
                                  mode, n);
            if (!struck) break;
            points++;
        }
    lua_pushinteger(L, points);
    return 1;
}
