// SPDX-License-Identifier: MIT
// Lock: one task at a time, first waiter first.
//
// A lock that is released while somebody waits is handed over: it is never free
// in between, so that nobody barges in. Who left the line early (cancelled) was
// not handed it; who was handed it holds it, and meets a cancel at its next
// wait.
//
// The Lock is its own to-be-closed value: acquire returns it, and its __close
// releases it. A task that ends with a lock in hand holds it for ever; who
// waits for it then is named, with it, in the deadlock that this leads to.
//
// Invariant: who waits for a lock waits while somebody holds it.
#include "bindings/lock.h"

#include <assert.h>

enum { OUTSIDE = -1 }; // the holder where no task runs: a callback, a host

static neapL_lock *check_lock(lua_State *L) {
    return neapL_check(L, 1, &neapL_lock_type);
}

// The number of who runs.
static uint64_t runner(lua_State *L) {
    const neapL_task *task = neapL_current(L);
    return task ? task->id : (uint64_t)OUTSIDE;
}

// ---- who holds it, for people to read

// The task that holds it; NULL: nobody, no task, or one that has ended.
static neapL_task *find_holder(neap_runtime *rt, const neapL_lock *lock) {
    neapL_task *task = NULL;
    while ((task = neapL_task_next(rt, task)))
        if (task->id == lock->holder) return task;
    return NULL;
}

// "<Task #3 'fetch' pending, sleeping, app.lua:12>", pushed.
static const char *push_holder(lua_State *L, const neapL_lock *lock) {
    if (lock->holder == (uint64_t)OUTSIDE)
        return lua_pushliteral(L, "code outside of tasks");
    neapL_task *task = find_holder(neapL_rt(L), lock);
    if (!task)
        return lua_pushfstring(L, "<Task #%I>, which has ended",
                               (LUAI_UACINT)lock->holder);
    neapL_task_push(L, task);
    const char *words = neapL_describe(L, lua_gettop(L));
    lua_remove(L, -2);
    return words;
}

static const char *push_runner(lua_State *L) {
    const neapL_lock self = {.holder = runner(L)};
    return push_holder(L, &self);
}

void neapL_lock_checkheld(lua_State *L, const neapL_lock *lock,
                          const char *doing) {
    if (lock->holder == runner(L)) return;
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (lock->holder == 0)
        luaL_error(L, "cannot %s: nobody holds the lock; acquire it first",
                   doing);
    const char *holder = push_holder(L, lock);
    luaL_error(L, "cannot %s: the lock is held by %s, not by %s", doing, holder,
               push_runner(L));
}

static int refuse_again(lua_State *L) {
    return luaL_error(L,
                      "cannot acquire: %s holds this lock already and would "
                      "wait for itself; release it first",
                      push_runner(L));
}

// ---- taking and giving

bool neapL_lock_take(lua_State *L, neapL_lock *lock) {
    assert(lock->holder || neap_list_empty(&lock->line));
    if (lock->holder) return false;
    lock->holder = runner(L);
    return true;
}

void neapL_lock_pass(neapL_lock *lock) {
    assert(lock->holder);
    lock->holder = 0;
    if (neap_list_empty(&lock->line)) return;
    lock->holder = NEAPL_CORE_TASK(neap_task_first(&lock->line))->id;
    neap_task_wake_first(&lock->line, NEAP_WAKE_READY);
}

// ---- acquire

// Takes the lock and calls k, or waits for it and goes on with k.
static int take_or_wait(lua_State *L, neapL_lock *lock, lua_KFunction k) {
    if (neapL_lock_take(L, lock)) return k(L, LUA_OK, 0);
    if (lock->holder == runner(L)) return refuse_again(L);
    neapL_task *task = neapL_waiting(L, NEAPL_LOCK);
    neap_task_wait(&task->core, &lock->line);
    return neapL_suspend(L, 0, k);
}

static int acquired_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    neapL_woken(L, status);
    lua_settop(L, 1);
    return 1;
}

static int acquire_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_woken(L, status);
    return take_or_wait(L, (neapL_lock *)ctx, acquired_k);
}

// lock:acquire() -> the lock, to be closed: waits until nobody holds it.
int neapL_lock_acquire(lua_State *L) {
    return neapL_begin(L, (lua_KContext)check_lock(L), acquire_k);
}

// ---- with

static int called_k(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    return lua_gettop(L) - 1;
}

int neapL_call_within(lua_State *L) {
    lua_toclose(L, 1);
    lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, called_k);
    return called_k(L, LUA_OK, 0);
}

static int entered_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    neapL_woken(L, status);
    return neapL_call_within(L);
}

static int enter_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_woken(L, status);
    return take_or_wait(L, (neapL_lock *)ctx, entered_k);
}

// lock:with(fn, ...) -> fn's results, called while we hold the lock
int neapL_lock_with(lua_State *L) {
    neapL_lock *lock = check_lock(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    return neapL_begin(L, (lua_KContext)lock, enter_k);
}

// ---- release

// lock:release()
int neapL_lock_release(lua_State *L) {
    neapL_lock *lock = check_lock(L);
    neapL_lock_checkheld(L, lock, "release");
    neapL_lock_pass(lock);
    return 0;
}

// The holder's coroutine is being closed from outside: it cannot do it itself.
static bool is_holder_closing(lua_State *L, const neapL_lock *lock) {
    const neapL_task *task = find_holder(neapL_rt(L), lock);
    return task && task->future.closing;
}

// The end of its block. An error on its way goes before that of having released
// the lock already.
static int lock_close(lua_State *L) {
    neapL_lock *lock = check_lock(L);
    bool held = lock->holder == runner(L) || is_holder_closing(L, lock);
    if (held) neapL_lock_pass(lock);
    else if (lua_isnoneornil(L, 2)) neapL_lock_checkheld(L, lock, "release");
    return 0;
}

// ---- the rest

// lock:locked() -> whether somebody holds it
int neapL_lock_locked(lua_State *L) {
    lua_pushboolean(L, check_lock(L)->holder != 0);
    return 1;
}

// "<Lock free>", "<Lock held by <Task #3 ...>, 1 task waiting>"
static int lock_tostring(lua_State *L) {
    const neapL_lock *lock = check_lock(L);
    if (lock->holder)
        lua_pushfstring(L, "<Lock held by %s", push_holder(L, lock));
    else lua_pushliteral(L, "<Lock free");
    neapL_add_line(L, &lock->line, "task");
    lua_pushliteral(L, ">");
    lua_concat(L, 2);
    return 1;
}

neapL_lock *neapL_lock_new(lua_State *L) {
    neapL_lock *lock = neapL_new(L, &neapL_lock_type, 0);
    neap_list_init(&lock->line);
    return lock;
}

// neap.Lock()
static int lock_new(lua_State *L) {
    neapL_lock_new(L);
    return 1;
}

static const luaL_Reg lock_methods[] = {
    {"acquire", neapL_lock_acquire},
    {"release", neapL_lock_release},
    {"locked", neapL_lock_locked},
    {"with", neapL_lock_with},
    {NULL, NULL},
};

static const luaL_Reg lock_meta[] = {
    {"__close", lock_close},
    {"__tostring", lock_tostring},
    {NULL, NULL},
};

const neapL_type neapL_lock_type = {"neap.Lock", sizeof(neapL_lock),
                                    lock_methods, lock_meta};

static const luaL_Reg lock_funcs[] = {{"Lock", lock_new}, {NULL, NULL}};

void neapL_open_lock(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &neapL_lock_type);
    neapL_addfuncs(L, rt, lock_funcs);
}
