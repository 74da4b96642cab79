// SPDX-License-Identifier: MIT
// Probe: a module that sends values to another Lua state, as threads do.
//
//     probe.pass(...)        there and back -> the values
//     probe.call(fn, ...)    calls it there -> pcall's results, brought back
//     probe.recall(fn, ...)  the same, by a closure of an earlier recall
//     probe.reset()          the next call finds a new state there
//     probe.counter()        a thing that crosses by reference
//     probe.holders(counter) those who hold it, parcels and userdata
//     probe.kept(...)        a parcel of the values, as a userdata
//     probe.starve(code)     see probe.h
//
// The other state is a bare one, with Lua's libraries and no runtime.
#include "tests/parcel/probe.h"

#include <lualib.h>
#include <stdlib.h>

void __real_luaL_openlibs(lua_State *L);
void __wrap_luaL_openlibs(lua_State *L);

// ---- counters

typedef struct counter { // as a Channel: one for all states
    int holders;
} counter;

typedef struct seat { // what Lua has of it
    const neapL_type *type;
    counter *counter;
} seat;

static void *counter_hold(lua_State *L, void *userdata) {
    (void)L;
    seat *of = userdata;
    of->counter->holders++;
    return of->counter;
}

static void counter_release(void *object) {
    counter *of = object;
    if (--of->holders == 0) free(of);
}

static int counter_gc(lua_State *L) {
    seat *of = lua_touserdata(L, 1);
    if (of->counter) counter_release(of->counter);
    return 0;
}

static const luaL_Reg counter_meta[] = {{"__gc", counter_gc}, {NULL, NULL}};
static const neapL_type counter_type = {"probe.Counter", sizeof(seat), NULL,
                                        counter_meta};

static void counter_push(lua_State *L, void *object) {
    seat *of = neapL_new(L, &counter_type, 0);
    of->counter = object;
    of->counter->holders++;
}

static const neapL_sharing counter_sharing = {&counter_type, counter_hold,
                                              counter_release, counter_push};

static int probe_counter(lua_State *L) {
    seat *of = neapL_new(L, &counter_type, 0);
    of->counter = malloc(sizeof *of->counter);
    of->counter->holders = 1;
    return 1;
}

static int probe_holders(lua_State *L) {
    seat *of = neapL_check(L, 1, &counter_type);
    lua_pushinteger(L, of->counter->holders);
    return 1;
}

// ---- a parcel that lies about

static int kept_gc(lua_State *L) {
    neapL_parcel_free(lua_touserdata(L, 1));
    return 0;
}

static int probe_kept(lua_State *L) {
    int count = lua_gettop(L);
    neapL_parcel *parcel = lua_newuserdatauv(L, sizeof *parcel, 0);
    *parcel = (neapL_parcel){.kind = NEAPL_NOTHING};
    if (luaL_newmetatable(L, "probe.Parcel")) {
        lua_pushcfunction(L, kept_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_insert(L, 1);
    neapL_parcel_pack(L, count, "cannot keep", parcel);
    return 1;
}

// ---- the other state

static lua_State *there;

static void close_there(void) {
    if (there) lua_close(there);
    there = NULL;
}

static int probe_reset(lua_State *L) {
    (void)L;
    close_there();
    return 0;
}

static lua_State *open_there(void) {
    if (!there) {
        there = luaL_newstate();
        luaL_openlibs(there);
    }
    return there;
}

typedef struct errand {
    neapL_parcel parcel; // to and fro
    int (*unpack)(lua_State *L, const neapL_parcel *parcel);
    bool calls; // the first value
} errand;

static int run_errand(lua_State *L) {
    errand *of = lua_touserdata(L, 1);
    int count = of->unpack(L, &of->parcel);
    neapL_parcel_free(&of->parcel);
    if (of->calls) {
        bool ok = lua_pcall(L, count - 1, LUA_MULTRET, 0) == LUA_OK;
        lua_pushboolean(L, ok);
        lua_insert(L, 2);
    }
    neapL_parcel_pack(L, lua_gettop(L) - 1, "cannot bring back", &of->parcel);
    return 0;
}

static int send(lua_State *L, errand *of) {
    lua_State *T = open_there();
    neapL_parcel_pack(L, lua_gettop(L), "cannot pass", &of->parcel);
    lua_pushcfunction(T, run_errand);
    lua_pushlightuserdata(T, of);
    if (lua_pcall(T, 1, 0, 0) != LUA_OK) {
        lua_pushstring(L, luaL_tolstring(T, -1, NULL));
        lua_settop(T, 0);
        neapL_parcel_free(&of->parcel);
        return lua_error(L);
    }
    int count = neapL_parcel_unpack(L, &of->parcel);
    neapL_parcel_free(&of->parcel);
    return count;
}

static int probe_pass(lua_State *L) {
    return send(L, &(errand){.unpack = neapL_parcel_unpack});
}

static int probe_call(lua_State *L) {
    return send(L, &(errand){.unpack = neapL_parcel_unpack, .calls = true});
}

static int probe_recall(lua_State *L) {
    errand of = {.unpack = neapL_parcel_unpack_call, .calls = true};
    return send(L, &of);
}

// ---- the module

static int open_probe(lua_State *L) {
    static const luaL_Reg functions[] = {{"pass", probe_pass},
                                         {"call", probe_call},
                                         {"recall", probe_recall},
                                         {"reset", probe_reset},
                                         {"counter", probe_counter},
                                         {"holders", probe_holders},
                                         {"kept", probe_kept},
                                         {"starve", probe_starve},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

void probe_openlibs(lua_State *L) {
    __real_luaL_openlibs(L);
    neapL_newtype(L, NULL, &counter_type);
    neapL_share(L, &counter_sharing);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open_probe);
    lua_setfield(L, -2, "probe");
    lua_pop(L, 1);
}

void __wrap_luaL_openlibs(lua_State *L) {
    static bool first = true;
    if (first) atexit(close_there);
    first = false;
    probe_openlibs(L);
}
