// SPDX-License-Identifier: MIT
// Require: Lua's, but a module may wait while it is loaded.
//
// Tasks that require one module share one load: the first loads, the others
// stand in its record's line. If it fails all get the error, and the next
// require starts anew; if the loading task was cancelled, the first waiter
// takes the load over. The record is a to-be-closed slot of require's own
// frame, so that whatever ends the load also settles it.
//
// A coroutine may be dropped in the middle of a load: then the record, which
// nothing else anchors, is collected, and that ends the load, too. What the
// others need after the end is in a table that they share with it.
//
// Invariant: a record is in the table of loads, under its module's name,
// exactly while its require is on some stack.
#include <assert.h>

#include "bindings/task.h"

typedef struct load {
    const neapL_type *type;
    neap_list line;    // tasks that wait for the module
    neapL_task *owner; // who loads; NULL: code outside of tasks
    lua_State *co;     // in which coroutine
    uint64_t id;       // in order of their beginning
    bool ended;        // the load is over
} load;

enum { STEPS_MAX = 1000 }; // of a chain of loads that is looked at for a loop

enum {          // its user values
    SHARED = 1, // a table that holds, when it failed, {true, error}
    MODULE      // the name
};

static const char loads_key = 'l'; // registry: module name -> record, weak

enum { // require's stack
    NAME = 1,
    LOADED,    // package.loaded
    RECORD,    // ours, while we load; else what we share with the loader
    MESSAGE,   // of the searchers, so far
    SEARCHERS, // package.searchers
    ANSWER     // of a searcher: loader and its datum
};

// The load ends with the error at index 2; not where that only says that its
// task is cancelled.
static bool has_failed(lua_State *L) {
    const neapL_task *task = neapL_current(L);
    bool cancelled = task && task->core.inner->cause;
    if (lua_isnoneornil(L, 2)) return false;
    return !cancelled || !neapL_iserror(L, 2, &neapL_cancelled);
}

static void share_error(lua_State *L) {
    lua_getiuservalue(L, 1, SHARED);
    lua_pushboolean(L, 1);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 1);
}

// Takes the record at index 1 out of the table, unless another is there by now.
static void take_out(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loads_key);
    lua_getiuservalue(L, 1, MODULE);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TUSERDATA && !lua_rawequal(L, -1, 1)) return;
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_rawset(L, -3);
}

// Also __gc. Lets the others go on.
static int load_close(lua_State *L) {
    load *record = lua_touserdata(L, 1);
    if (record->ended) return 0;
    record->ended = true;
    if (has_failed(L)) share_error(L);
    take_out(L);
    neap_task_wake_all(&record->line, NEAP_WAKE_READY);
    return 0;
}

static const luaL_Reg load_meta[] = {
    {"__close", load_close}, {"__gc", load_close}, {NULL, NULL}};
static const luaL_Reg load_methods[] = {{NULL, NULL}};
static const neapL_type load_type = {"neap.load", sizeof(load), load_methods,
                                     load_meta};

// ---- loops

// Pushes the record in whose line a task stands; NULL: there is none, and
// nothing is pushed.
static load *waited_for(lua_State *L, const neapL_task *task) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loads_key);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        load *record = lua_touserdata(L, -1);
        neap_link *link = record->line.next;
        for (; link != &record->line; link = link->next)
            if (link == &task->core.link) {
                lua_replace(L, -3);
                lua_pop(L, 1);
                return record;
            }
    }
    lua_pop(L, 1);
    return NULL;
}

// Pushes the load that the owner of `record` began next; or NULL, as above.
static load *begun_within(lua_State *L, const load *record) {
    load *next = NULL;
    lua_pushnil(L); // its place
    int place = lua_gettop(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loads_key);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        load *other = lua_touserdata(L, -1);
        if (other->owner != record->owner || other->id <= record->id) continue;
        if (next && next->id < other->id) continue;
        lua_pushvalue(L, -1);
        lua_replace(L, place);
        next = other;
    }
    lua_settop(L, next ? place : place - 1);
    return next;
}

// The next load on the way from `record`: the one that its owner began within
// it; or, where that is another task, the one for which it waits.
static load *next_load(lua_State *L, const load *record) {
    load *next = begun_within(L, record);
    bool other = record->owner && record->owner != neapL_current(L);
    return next || !other ? next : waited_for(L, record->owner);
}

// Raises if waiting for the record on top would wait for ourselves: its owner,
// or whom that one waits for, and so on, is the task that asks. Pops it.
static void refuse_loop(lua_State *L) {
    const load *record = lua_touserdata(L, -1), *next;
    int words = lua_gettop(L), steps = 0;
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    lua_pushfstring(L, "loop in require: %s", lua_tostring(L, NAME));
    lua_insert(L, words); // words, record
    while (steps++ < STEPS_MAX && (next = next_load(L, record))) {
        lua_getiuservalue(L, -1, MODULE);
        lua_pushfstring(L, "%s -> %s", lua_tostring(L, words),
                        lua_tostring(L, -1));
        lua_replace(L, words);
        lua_pop(L, 1);
        lua_replace(L, words + 1); // it is anchored there
        record = next;
    }
    if (record->owner == neapL_current(L))
        luaL_error(L, "%s -> %s", lua_tostring(L, words),
                   lua_tostring(L, NAME));
    lua_settop(L, words - 1);
}

// ---- loading

static int searched_k(lua_State *L, int status, lua_KContext row);
static int loaded_k(lua_State *L, int status, lua_KContext ctx);

static int search(lua_State *L, lua_KContext row) {
    lua_settop(L, SEARCHERS);
    if (lua_rawgeti(L, SEARCHERS, row) == LUA_TNIL)
        return luaL_error(L, "module '%s' not found:%s", lua_tostring(L, NAME),
                          lua_tostring(L, MESSAGE));
    lua_pushvalue(L, NAME);
    lua_callk(L, 1, 2, row, searched_k);
    return searched_k(L, LUA_OK, row);
}

// A searcher gave a loader, or a part of the message.
static int searched_k(lua_State *L, int status, lua_KContext row) {
    (void)status;
    if (lua_isfunction(L, ANSWER)) {
        lua_pushvalue(L, ANSWER);
        lua_pushvalue(L, NAME);
        lua_pushvalue(L, ANSWER + 1);
        lua_callk(L, 2, 1, 0, loaded_k);
        return loaded_k(L, LUA_OK, 0);
    }
    if (lua_isstring(L, ANSWER)) {
        lua_pushfstring(L, "%s\n\t%s", lua_tostring(L, MESSAGE),
                        lua_tostring(L, ANSWER));
        lua_replace(L, MESSAGE);
    }
    return search(L, row + 1);
}

// The loader's result is on top, behind the loader and its datum. What it left
// in package.loaded counts; if that is nothing, true does.
static int loaded_k(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    if (!lua_isnil(L, -1)) {
        lua_pushvalue(L, -1);
        lua_setfield(L, LOADED, lua_tostring(L, NAME));
    }
    if (lua_getfield(L, LOADED, lua_tostring(L, NAME)) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
        lua_pushvalue(L, -1);
        lua_setfield(L, LOADED, lua_tostring(L, NAME));
    }
    lua_pushvalue(L, ANSWER + 1); // the datum
    return 2;
}

static int begin_load(lua_State *L) {
    lua_settop(L, LOADED);
    load *record = neapL_new(L, &load_type, 2);
    neap_list_init(&record->line);
    record->owner = neapL_current(L);
    record->co = L;
    record->id = ++neapL_rt(L)->last_load_id;
    lua_pushvalue(L, NAME);
    lua_setiuservalue(L, RECORD, MODULE);
    lua_createtable(L, 2, 0); // its end takes no memory
    lua_setiuservalue(L, RECORD, SHARED);
    neapL_toclose(L, RECORD); // before others can wait for it
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loads_key);
    lua_pushvalue(L, NAME);
    lua_pushvalue(L, RECORD);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    lua_pushliteral(L, "");
    if (lua_getfield(L, lua_upvalueindex(2), "searchers") != LUA_TTABLE)
        return luaL_error(L, "'package.searchers' must be a table");
    return search(L, 1);
}

// ---- require

static int wait_k(lua_State *L, int status, lua_KContext ctx);
static int shared_k(lua_State *L, int status, lua_KContext ctx);

// Pushes the record of a load of the module that is under way, or nil. One
// whose coroutine died, of an error that nobody here saw, is over.
static load *find_load(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loads_key);
    lua_pushvalue(L, NAME);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    load *record = lua_touserdata(L, -1);
    if (!record || !neapL_has_died(record->co)) return record;
    luaL_getmetafield(L, -1, "__close");
    lua_insert(L, -2);
    lua_call(L, 1, 0);
    lua_pushnil(L);
    return NULL;
}

// Whoever loads the module now settles it; else we load it.
static int find(lua_State *L) {
    lua_settop(L, LOADED);
    lua_getfield(L, LOADED, lua_tostring(L, NAME));
    if (lua_toboolean(L, -1)) return 1;
    lua_settop(L, LOADED);
    if (!find_load(L)) return begin_load(L);
    lua_pushvalue(L, RECORD);
    refuse_loop(L);
    return neapL_begin(L, 0, wait_k);
}

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    neapL_woken(L, status);
    if (status == LUA_YIELD) return find(L); // much may have happened
    load *record = lua_touserdata(L, RECORD);
    neapL_task *task = neapL_waiting(L, NEAPL_REQUIRE);
    lua_getiuservalue(L, RECORD, SHARED);
    lua_replace(L, RECORD);
    neap_task_wait(&task->core, &record->line);
    return neapL_suspend(L, 0, shared_k);
}

static int shared_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    neapL_woken(L, status);
    lua_rawgeti(L, RECORD, 1);
    if (!lua_toboolean(L, -1)) return find(L);
    lua_rawgeti(L, RECORD, 2);
    return lua_error(L);
}

// require(name) -> the module, and what its searcher had to say
static int require(lua_State *L) {
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    return find(L);
}

void neapL_open_require(lua_State *L, neap_runtime *rt) {
    if (lua_getglobal(L, "package") != LUA_TTABLE) {
        lua_pop(L, 1);
        return;
    }
    neapL_newtype(L, rt, &load_type);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &loads_key);
    lua_pushlightuserdata(L, rt);
    lua_insert(L, -2);
    lua_pushcclosure(L, require, 2);
    lua_setglobal(L, "require");
}
