// SPDX-License-Identifier: MIT
// Semaphore: n permits, first waiter first, however many it asks for.
//
// A large request at the head of the line is not overtaken by small ones: what
// is released gathers until it suffices. If that request leaves (cancelled),
// those behind it may be served; the task that left sees to it when it comes
// to run.
//
// acquire returns what gives the permits back at the end of a block: the
// Semaphore itself for one of them, a Permit for several.
//
// Invariant: a free permit and a waiter stand side by side only while the first
// in the line asks for more than there are, or while one that left it has not
// run yet.
#include <assert.h>

#include "bindings/lock.h"

enum {             // places on the stack of the calls that may wait
    SEMAPHORE = 1, // then, in acquire,
    AMOUNT,        // how many are asked for; in with: the function, for one
    PERMIT         // what acquire will return
};

typedef struct neapL_semaphore {
    const neapL_type *type; // &semaphore_type
    lua_Integer max;        // permits
    lua_Integer free;       // of them, those that nobody has
    neap_list line;         // who waits for some
} neapL_semaphore;

typedef struct neapL_permit { // the Semaphore is its user value
    const neapL_type *type;   // &permit_type
    lua_Integer amount;       // to be given back; 0: that is done
} neapL_permit;

static const neapL_type semaphore_type, permit_type;

static neapL_semaphore *check_semaphore(lua_State *L) {
    return neapL_check(L, SEMAPHORE, &semaphore_type);
}

// ---- taking and giving

// How many a waiting call asks for.
static lua_Integer amount_of(lua_State *waiter) {
    return lua_isinteger(waiter, AMOUNT) ? lua_tointeger(waiter, AMOUNT) : 1;
}

// Gives those who wait what there is.
static void serve(neapL_semaphore *semaphore) {
    while (!neap_list_empty(&semaphore->line)) {
        lua_Integer amount = amount_of(neapL_first_of(&semaphore->line));
        if (amount > semaphore->free) return;
        semaphore->free -= amount;
        neap_task_wake_first(&semaphore->line, NEAP_WAKE_READY);
    }
}

static bool can_release(const neapL_semaphore *semaphore, lua_Integer amount) {
    assert(semaphore->free >= 0 && semaphore->free <= semaphore->max);
    return amount <= semaphore->max - semaphore->free;
}

static void give_back(neapL_semaphore *semaphore, lua_Integer amount) {
    assert(can_release(semaphore, amount));
    semaphore->free += amount;
    serve(semaphore);
}

static int refuse_release(lua_State *L, const neapL_semaphore *semaphore,
                          lua_Integer amount) {
    return luaL_error(
        L, "cannot release %I: %I of the semaphore's %I are free already",
        (LUAI_UACINT)amount, (LUAI_UACINT)semaphore->free,
        (LUAI_UACINT)semaphore->max);
}

// The end of a block. An error on its way (at index 2) goes before that of
// having released too much.
static int close_block(lua_State *L, neapL_semaphore *semaphore,
                       lua_Integer amount) {
    if (can_release(semaphore, amount)) give_back(semaphore, amount);
    else if (lua_isnoneornil(L, 2)) refuse_release(L, semaphore, amount);
    return 0;
}

// ---- acquire and with; ctx is the semaphore

// The wait is over; who leaves the line without a permit lets those behind it
// step up.
static void check_woken(lua_State *L, int status, neapL_semaphore *semaphore) {
    const neapL_task *task = neapL_current(L);
    if (status == LUA_YIELD && task->core.wake != NEAP_WAKE_READY)
        serve(semaphore);
    neapL_woken(L, status);
}

// Takes permits and calls k, or waits for them and goes on with k.
static int take_or_wait(lua_State *L, neapL_semaphore *semaphore,
                        lua_KFunction k) {
    lua_Integer amount = amount_of(L);
    bool served = neap_list_empty(&semaphore->line);
    if (served && amount <= semaphore->free) {
        semaphore->free -= amount;
        return k(L, LUA_OK, (lua_KContext)semaphore);
    }
    neapL_task *task = neapL_waiting(L, NEAPL_SEMAPHORE);
    neap_task_wait(&task->core, &semaphore->line);
    return neapL_suspend(L, (lua_KContext)semaphore, k);
}

static int acquired_k(lua_State *L, int status, lua_KContext ctx) {
    check_woken(L, status, (neapL_semaphore *)ctx);
    lua_settop(L, PERMIT);
    return 1;
}

static int acquire_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_woken(L, status);
    return take_or_wait(L, (neapL_semaphore *)ctx, acquired_k);
}

// The number of permits at AMOUNT, by default one.
static lua_Integer check_amount(lua_State *L) {
    if (lua_isnoneornil(L, AMOUNT)) return 1;
    return neapL_checkpositive(L, AMOUNT);
}

// semaphore:acquire([n]) -> what gives them back, to be closed
static int semaphore_acquire(lua_State *L) {
    neapL_semaphore *semaphore = check_semaphore(L);
    lua_Integer amount = check_amount(L);
    if (amount > semaphore->max)
        return luaL_error(L, "cannot acquire %I: the semaphore has only %I",
                          (LUAI_UACINT)amount, (LUAI_UACINT)semaphore->max);
    lua_settop(L, SEMAPHORE);
    lua_pushinteger(L, amount);
    if (amount == 1) {
        lua_pushvalue(L, SEMAPHORE);
    } else { // made before anything is taken
        neapL_permit *permit = neapL_new(L, &permit_type, 1);
        permit->amount = amount;
        lua_pushvalue(L, SEMAPHORE);
        lua_setiuservalue(L, PERMIT, 1);
    }
    return neapL_begin(L, (lua_KContext)semaphore, acquire_k);
}

static int entered_k(lua_State *L, int status, lua_KContext ctx) {
    check_woken(L, status, (neapL_semaphore *)ctx);
    return neapL_call_within(L);
}

static int enter_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_woken(L, status);
    return take_or_wait(L, (neapL_semaphore *)ctx, entered_k);
}

// semaphore:with(fn, ...) -> fn's results, called while we have a permit
static int semaphore_with(lua_State *L) {
    neapL_semaphore *semaphore = check_semaphore(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    return neapL_begin(L, (lua_KContext)semaphore, enter_k);
}

// ---- release

// semaphore:release([n])
static int semaphore_release(lua_State *L) {
    neapL_semaphore *semaphore = check_semaphore(L);
    lua_Integer amount = check_amount(L);
    if (!can_release(semaphore, amount))
        return refuse_release(L, semaphore, amount);
    give_back(semaphore, amount);
    return 0;
}

static int semaphore_close(lua_State *L) {
    return close_block(L, check_semaphore(L), 1);
}

static int permit_close(lua_State *L) {
    neapL_permit *permit = neapL_check(L, 1, &permit_type);
    lua_Integer amount = permit->amount;
    lua_getiuservalue(L, 1, 1);
    neapL_semaphore *semaphore = lua_touserdata(L, -1);
    lua_pop(L, 1);
    permit->amount = 0;
    return close_block(L, semaphore, amount);
}

// ---- the rest

// semaphore:locked() -> whether acquire would have to wait
static int semaphore_locked(lua_State *L) {
    const neapL_semaphore *semaphore = check_semaphore(L);
    bool waiting = !neap_list_empty(&semaphore->line);
    lua_pushboolean(L, semaphore->free == 0 || waiting);
    return 1;
}

// "<Semaphore 1/3 free, 2 tasks waiting>"
static int semaphore_tostring(lua_State *L) {
    const neapL_semaphore *semaphore = check_semaphore(L);
    lua_pushfstring(L, "<Semaphore %I/%I free", (LUAI_UACINT)semaphore->free,
                    (LUAI_UACINT)semaphore->max);
    neapL_add_line(L, &semaphore->line, "task");
    lua_pushliteral(L, ">");
    lua_concat(L, 2);
    return 1;
}

// "<Permit 3 of <Semaphore 0/3 free>>"
static int permit_tostring(lua_State *L) {
    const neapL_permit *permit = neapL_check(L, 1, &permit_type);
    lua_getiuservalue(L, 1, 1);
    const char *semaphore = luaL_tolstring(L, -1, NULL);
    lua_pushfstring(L, "<Permit %I of %s>", (LUAI_UACINT)permit->amount,
                    semaphore);
    return 1;
}

// neap.Semaphore(n)
static int semaphore_new(lua_State *L) {
    lua_Integer max = neapL_checkpositive(L, 1);
    neapL_semaphore *semaphore = neapL_new(L, &semaphore_type, 0);
    semaphore->max = semaphore->free = max;
    neap_list_init(&semaphore->line);
    return 1;
}

static const luaL_Reg semaphore_methods[] = {
    {"acquire", semaphore_acquire},
    {"release", semaphore_release},
    {"locked", semaphore_locked},
    {"with", semaphore_with},
    {NULL, NULL},
};

static const luaL_Reg semaphore_meta[] = {
    {"__close", semaphore_close},
    {"__tostring", semaphore_tostring},
    {NULL, NULL},
};

static const neapL_type semaphore_type = {"neap.Semaphore",
                                          sizeof(neapL_semaphore),
                                          semaphore_methods, semaphore_meta};

static const luaL_Reg permit_methods[] = {{NULL, NULL}};

static const luaL_Reg permit_meta[] = {
    {"__close", permit_close},
    {"__tostring", permit_tostring},
    {NULL, NULL},
};

static const neapL_type permit_type = {"neap.Permit", sizeof(neapL_permit),
                                       permit_methods, permit_meta};

static const luaL_Reg semaphore_funcs[] = {{"Semaphore", semaphore_new},
                                           {NULL, NULL}};

void neapL_open_semaphore(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &semaphore_type);
    neapL_newtype(L, rt, &permit_type);
    neapL_addfuncs(L, rt, semaphore_funcs);
}
