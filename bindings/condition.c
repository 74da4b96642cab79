// SPDX-License-Identifier: MIT
// Condition: waiting for a change of what a lock protects.
//
// wait gives the lock away, waits to be notified, and takes the lock again,
// whatever ended the wait: the code around it counts on holding it. So that
// second wait stands under a shield, and a cancel is raised after it.
//
// A task that was notified and is cancelled before wait has come back raises,
// and hands the notification to who waits next: nobody would act on it.
//
// The lock is the Condition's user value; acquire, release, locked and with are
// the lock's.
#include <assert.h>

#include "bindings/lock.h"

enum { // places on wait's stack
    CONDITION = 1,
    LOCK,  // the condition's
    COVER, // the shield; to be closed
    WAKE   // why the wait for a notification ended
};

typedef struct neapL_condition {
    const neapL_type *type; // &condition_type
    neap_list line;         // who waits to be notified
} neapL_condition;

static const neapL_type condition_type;

// The Condition at index 1; its Lock goes on top. [-0, +1, -]
static neapL_condition *check_condition(lua_State *L, neapL_lock **lock) {
    neapL_condition *condition = neapL_check(L, CONDITION, &condition_type);
    lua_getiuservalue(L, CONDITION, 1);
    *lock = lua_touserdata(L, -1);
    return condition;
}

// ---- the cover: a shield that is down again however wait ends

typedef struct neapL_shelter {
    const neapL_type *type; // &shelter_type
    neap_scope cover;       // its parent is NULL while it is not up
} neapL_shelter;

static int shelter_close(lua_State *L) {
    neapL_shelter *shelter = lua_touserdata(L, 1);
    if (shelter->cover.parent) neapL_uncover(&shelter->cover);
    return 0;
}

static const luaL_Reg shelter_meta[] = {{"__close", shelter_close},
                                        {NULL, NULL}};
static const luaL_Reg shelter_methods[] = {{NULL, NULL}};
static const neapL_type shelter_type = {"neap.shelter", sizeof(neapL_shelter),
                                        shelter_methods, shelter_meta};

// ---- wait

// In a continuation: why the wait ended, raising nothing.
static neap_wake take_wake(lua_State *L) {
    assert(neapL_current(L));
    lua_pop(L, 1); // the sentinel
    return neapL_current(L)->core.wake;
}

// We hold the lock again: wait returns, or raises what ended it.
static int come_back(lua_State *L) {
    neapL_condition *condition = lua_touserdata(L, CONDITION);
    neap_wake wake = (neap_wake)lua_tointeger(L, WAKE);
    if (wake == NEAP_WAKE_STUCK) return neapL_raise_stuck(L);
    if (!neapL_is_cancelled(L)) return 0;
    if (wake == NEAP_WAKE_READY)
        neap_task_wake_first(&condition->line, NEAP_WAKE_READY);
    neapL_push_cancelled(L, neapL_current(L));
    return lua_error(L);
}

// Stuck a second time: who holds the lock will not release it, and wait raises
// without it.
static int retaken_k(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    neapL_shelter *shelter = lua_touserdata(L, COVER);
    if (take_wake(L) == NEAP_WAKE_STUCK) return neapL_raise_stuck(L);
    neapL_uncover(&shelter->cover);
    return come_back(L);
}

static int notified_k(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    neapL_lock *lock = lua_touserdata(L, LOCK);
    neapL_shelter *shelter = lua_touserdata(L, COVER);
    lua_pushinteger(L, take_wake(L)); // WAKE
    if (neapL_lock_take(L, lock)) return come_back(L);
    neapL_task *task = neapL_waiting(L, NEAPL_LOCK);
    neapL_cover(&shelter->cover, &task->core);
    neap_task_wait(&task->core, &lock->line);
    return neapL_suspend(L, ctx, retaken_k);
}

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_condition *condition = lua_touserdata(L, CONDITION);
    neapL_lock *lock = lua_touserdata(L, LOCK);
    neapL_woken(L, status);
    neapL_lock_checkheld(L, lock, "wait");
    neapL_new(L, &shelter_type, 0);
    neapL_toclose(L, COVER);
    neapL_task *task = neapL_waiting(L, NEAPL_CONDITION);
    neapL_lock_pass(lock);
    neap_task_wait(&task->core, &condition->line);
    return neapL_suspend(L, ctx, notified_k);
}

// condition:wait(): until notified; the lock is given away meanwhile.
static int condition_wait(lua_State *L) {
    neapL_lock *lock;
    lua_settop(L, CONDITION);
    check_condition(L, &lock);
    return neapL_begin(L, 0, wait_k);
}

// ---- notify

static void wake(neapL_condition *condition, lua_Integer count) {
    while (count-- > 0)
        if (!neap_task_wake_first(&condition->line, NEAP_WAKE_READY)) return;
}

// condition:notify([n]): wakes the n that wait longest, by default one.
static int condition_notify(lua_State *L) {
    neapL_lock *lock;
    neapL_condition *condition = check_condition(L, &lock);
    lua_pop(L, 1);
    bool one = lua_isnoneornil(L, 2);
    lua_Integer count = one ? 1 : neapL_checkpositive(L, 2);
    neapL_lock_checkheld(L, lock, "notify");
    wake(condition, count);
    return 0;
}

// condition:notify_all()
static int condition_notify_all(lua_State *L) {
    neapL_lock *lock;
    neapL_condition *condition = check_condition(L, &lock);
    neapL_lock_checkheld(L, lock, "notify");
    neap_task_wake_all(&condition->line, NEAP_WAKE_READY);
    return 0;
}

// ---- what is the lock's

// Calls a method of the Lock in the Condition's place.
static int on_lock(lua_State *L, lua_CFunction method) {
    neapL_lock *lock;
    check_condition(L, &lock);
    lua_replace(L, CONDITION);
    return method(L);
}

static int condition_acquire(lua_State *L) {
    return on_lock(L, neapL_lock_acquire);
}

static int condition_release(lua_State *L) {
    return on_lock(L, neapL_lock_release);
}

static int condition_locked(lua_State *L) {
    return on_lock(L, neapL_lock_locked);
}

static int condition_with(lua_State *L) { return on_lock(L, neapL_lock_with); }

// ---- the rest

// "<Condition of <Lock free>, 2 tasks waiting>"
static int condition_tostring(lua_State *L) {
    neapL_lock *lock;
    const neapL_condition *condition = check_condition(L, &lock);
    lua_pushfstring(L, "<Condition of %s", luaL_tolstring(L, -1, NULL));
    neapL_add_line(L, &condition->line, "task");
    lua_pushliteral(L, ">");
    lua_concat(L, 2);
    return 1;
}

// neap.Condition([lock]): of that Lock, or of one of its own
static int condition_new(lua_State *L) {
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) neapL_lock_new(L);
    else neapL_check(L, 1, &neapL_lock_type);
    neapL_condition *condition = neapL_new(L, &condition_type, 1);
    neap_list_init(&condition->line);
    lua_insert(L, 1);
    lua_setiuservalue(L, CONDITION, 1);
    lua_settop(L, CONDITION);
    return 1;
}

static const luaL_Reg condition_methods[] = {
    {"wait", condition_wait},
    {"notify", condition_notify},
    {"notify_all", condition_notify_all},
    {"acquire", condition_acquire},
    {"release", condition_release},
    {"locked", condition_locked},
    {"with", condition_with},
    {NULL, NULL},
};

static const luaL_Reg condition_meta[] = {{"__tostring", condition_tostring},
                                          {NULL, NULL}};

static const neapL_type condition_type = {"neap.Condition",
                                          sizeof(neapL_condition),
                                          condition_methods, condition_meta};

static const luaL_Reg condition_funcs[] = {{"Condition", condition_new},
                                           {NULL, NULL}};

void neapL_open_condition(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &shelter_type);
    neapL_newtype(L, rt, &condition_type);
    neapL_addfuncs(L, rt, condition_funcs);
}
