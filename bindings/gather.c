// SPDX-License-Identifier: MIT
// Gather: one task that waits for several futures: gather, wait.
//
// A task stands in one line only, so for the others stand-ins are sent: a watch
// in the line of each future, all in one userdata on the waiting task's stack.
// A future's end tells its watch at once (no Lua runs), the watch counts, and
// when enough has happened the waiting task is woken.
//
// The gathering is a to-be-closed slot: however the call ends, its watches
// leave their lines before its memory goes.
//
// Invariant: while the gathering is open, watch i stands in the line of future
// i, or that future has ended.
#include <assert.h>
#include <math.h>
#include <string.h>

#include "bindings/task.h"

typedef struct neapL_gathering neapL_gathering;

typedef struct neapL_watch {
    neap_task core;             // stands in the future's line
    neapL_gathering *gathering; // whom it tells
    const neapL_future *future; // what it watches
} neapL_watch;

struct neapL_gathering {
    const neapL_type *type;
    neap_task *waiter; // woken when `left` or `failed` says so; NULL: nobody
    int count;         // watches
    int left;          // futures that must still end
    bool on_error;     // a failure is enough
    neap_scope cover;  // the shield under which gather waits for their end
    int first_failed;  // the watch whose future failed first; -1: none
    neapL_watch watches[];
};

static bool has_failed(const neapL_future *future) {
    return future->state == NEAPL_FAILED || future->state == NEAPL_CANCELLED;
}

// What an ended future means to its gathering.
static void count_end(neapL_watch *watch) {
    neapL_gathering *gathering = watch->gathering;
    assert(!neapL_is_pending(watch->future));
    if (gathering->left > 0) gathering->left--;
    if (has_failed(watch->future) && gathering->first_failed < 0)
        gathering->first_failed = (int)(watch - gathering->watches);
}

static bool is_over(const neapL_gathering *gathering) {
    bool failed = gathering->on_error && gathering->first_failed >= 0;
    return gathering->left == 0 || failed;
}

void neapL_watch_notify(neap_task *core) {
    neapL_watch *watch = NEAP_OWNER(core, neapL_watch, core);
    neapL_gathering *gathering = watch->gathering;
    neap_task_term(core);
    count_end(watch);
    neap_task *waiter = gathering->waiter;
    if (!waiter || !is_over(gathering)) return;
    gathering->waiter = NULL;
    if (waiter->state == NEAP_TASK_WAITING)
        neap_task_wake(waiter, NEAP_WAKE_READY);
}

// The watches leave their lines. Needed before an error is raised: if that ends
// a coroutine of the user's, its slots may never be closed.
static void disperse(neapL_gathering *gathering) {
    if (gathering->cover.parent) neapL_uncover(&gathering->cover);
    for (int i = 0; i < gathering->count; i++)
        neap_task_term(&gathering->watches[i].core);
    gathering->count = 0;
}

static int gathering_close(lua_State *L) {
    disperse(lua_touserdata(L, 1));
    return 0;
}

static const luaL_Reg gathering_meta[] = {
    {"__close", gathering_close}, {"__gc", gathering_close}, {NULL, NULL}};
static const luaL_Reg gathering_methods[] = {{NULL, NULL}};
static const neapL_type gathering_type = {"neap.gathering", 0,
                                          gathering_methods, gathering_meta};

// Watches the futures at `first` .. `first + count - 1` of the stack; pushed.
static neapL_gathering *gather_up(lua_State *L, int first, int count) {
    neap_runtime *rt = neapL_rt(L);
    size_t size = (size_t)count * sizeof(neapL_watch);
    neapL_gathering *gathering =
        lua_newuserdatauv(L, sizeof *gathering + size, 1);
    *gathering = (neapL_gathering){.type = &gathering_type, .first_failed = -1};
    lua_pushthread(L); // __gc still finds the futures, which stand on its stack
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, gathering_type.name);
    lua_toclose(L, -1);
    gathering->count = gathering->left = count;
    for (int i = 0; i < count; i++) {
        neapL_watch *watch = &gathering->watches[i];
        neapL_future *future = lua_touserdata(L, first + i);
        neap_task_init(&watch->core, &rt->loop, NEAPL_WATCH);
        watch->gathering = gathering;
        watch->future = future;
        if (neapL_is_pending(future))
            neap_task_wait(&watch->core, &future->line);
        else count_end(watch);
    }
    return gathering;
}

neapL_future *neapL_tofuture(lua_State *L, int arg) {
    neapL_future *future = neapL_testfuture(L, arg);
    if (future) return future;
    if (lua_type(L, arg) != LUA_TFUNCTION)
        return luaL_typeerror(L, arg, "Task, Future or function"), NULL;
    neap_runtime *rt = neapL_rt(L);
    lua_pushvalue(L, arg);
    neapL_task *task = neapL_spawn(L, rt, neapL_spawn_group(rt), 0);
    lua_replace(L, arg);
    return &task->future;
}

// Whether the argument, a future or a function, has still to end.
static bool check_pending(lua_State *L, int arg) {
    const neapL_future *future = neapL_testfuture(L, arg);
    if (future) return neapL_is_pending(future);
    if (lua_type(L, arg) != LUA_TFUNCTION)
        luaL_typeerror(L, arg, "Task, Future or function");
    return true;
}

static void refuse_self(lua_State *L, int first, int count) {
    const neapL_task *task = neapL_current(L);
    for (int i = 0; i < count; i++)
        if (task && lua_touserdata(L, first + i) == &task->future)
            luaL_error(L, "a task cannot await itself");
}

// ---- gather

// gather's stack: the futures, then the gathering. It owns what it was given:
// once it is over, what still runs is cancelled and awaited under a shield.
//
// A first failure, or a cancel of the gathering task, is what it ends with.

static int push_results(lua_State *L, int count) {
    luaL_checkstack(L, count, "too many results");
    for (int i = 1; i <= count; i++) {
        int top = lua_gettop(L);
        int results = neapL_future_results(L, i);
        if (results > 0) lua_copy(L, -results, top + 1);
        lua_settop(L, top + 1); // none: nil
    }
    return count;
}

static void cancel_future(lua_State *L, int index, const char *reason) {
    neapL_future *future = lua_touserdata(L, index);
    if (!neapL_is_pending(future)) return;
    lua_pushstring(L, reason);
    if (future->type == &neapL_task_type) {
        neapL_task_cancel(L, (neapL_task *)(void *)future);
        return;
    }
    neapL_pushcancel(L, index);
    neapL_future_fail(L, index, NEAPL_CANCELLED);
}

// Waits until all have ended, whatever happens: by hand, since neapL_woken
// would raise at a cancel. Behind the gathering stands the error to raise then.
static int gather_end_k(lua_State *L, int status, lua_KContext ctx) {
    neap_runtime *rt = neapL_rt(L);
    int count = (int)ctx;
    neapL_gathering *gathering = lua_touserdata(L, count + 1);
    if (neapL_wake_of(L, status) == NEAP_WAKE_STUCK) {
        disperse(gathering); // it waits in vain for one that waits for it
        return neapL_raise_stuck(L);
    }
    if (gathering->left > 0) {
        neapL_task *task = neapL_waiting(L, NEAPL_AWAIT);
        gathering->waiter = &task->core;
        neap_task_wait(&task->core, NULL);
        return neapL_suspend(L, ctx, gather_end_k);
    }
    for (int i = 1; i <= count; i++) neapL_future_see(rt, lua_touserdata(L, i));
    if (rt->task) neapL_uncover(&gathering->cover);
    if (neapL_is_cancelled(L)) neapL_push_cancelled(L, rt->task);
    return lua_error(L);
}

static void cancel_all(lua_State *L, int count) {
    for (int i = 1; i <= count; i++)
        cancel_future(L, i, "another one of the gather ended it");
}

// The error to raise is on top.
static int gather_over(lua_State *L, int count) {
    neapL_gathering *gathering = lua_touserdata(L, count + 1);
    gathering->waiter = NULL;
    gathering->on_error = false;
    neapL_task *task = neapL_current(L); // NULL: outside of tasks; all ended
    if (task) neapL_cover(&gathering->cover, &task->core);
    cancel_all(L, count);
    return gather_end_k(L, LUA_OK, count);
}

static int gather_k(lua_State *L, int status, lua_KContext ctx) {
    int count = (int)ctx;
    neapL_gathering *gathering = lua_touserdata(L, count + 1);
    neap_wake wake = neapL_wake_of(L, status);
    if (wake == NEAP_WAKE_CANCEL) lua_pushnil(L);
    else if (wake == NEAP_WAKE_STUCK)
        lua_rawgetp(L, LUA_REGISTRYINDEX, &neapL_stuck);
    else if (gathering->first_failed >= 0)
        neapL_getvalue(L, gathering->first_failed + 1);
    if (lua_gettop(L) > count + 1) return gather_over(L, count);
    if (gathering->left == 0) return push_results(L, count);
    neapL_task *task = neapL_waiting(L, NEAPL_AWAIT);
    gathering->waiter = &task->core;
    neap_task_wait(&task->core, NULL);
    return neapL_suspend(L, ctx, gather_k);
}

// neap.gather(a, b, ...) -> the first result of each
static int gather(lua_State *L) {
    int count = lua_gettop(L);
    bool pending = false;
    if (count == 0) return neapL_is_cancelled(L) ? neapL_meet_cancel(L) : 0;
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    for (int i = 1; i <= count; i++) pending |= check_pending(L, i);
    if (pending) neapL_waiting(L, NEAPL_AWAIT); // or nothing is begun
    refuse_self(L, 1, count);
    for (int i = 1; i <= count; i++) neapL_tofuture(L, i);
    gather_up(L, 1, count)->on_error = true;
    if (neapL_is_cancelled(L)) cancel_all(L, count); // none of them begins
    return neapL_begin(L, count, gather_k);
}

// ---- wait

enum { // wait's stack, before the futures
    LIST = 1,
    OPTIONS,
    FUTURES // the first of them; behind the last, the gathering
};

// Two lists, in the order given: what has ended, and what has not.
static int push_sets(lua_State *L, int count) {
    lua_newtable(L);
    lua_newtable(L);
    for (int i = 0; i < count; i++) {
        neapL_future *future = lua_touserdata(L, FUTURES + i);
        int set = neapL_is_pending(future) ? -2 : -3;
        if (set == -3) neapL_future_see(neapL_rt(L), future);
        lua_pushvalue(L, FUTURES + i);
        lua_rawseti(L, set, (lua_Integer)lua_rawlen(L, set) + 1);
    }
    return 2;
}

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
    int count = (int)ctx;
    neapL_gathering *gathering = lua_touserdata(L, FUTURES + count);
    bool over = is_over(gathering), woken = status == LUA_YIELD;
    if (woken && neapL_current(L)->core.wake >= NEAP_WAKE_CANCEL)
        disperse(gathering);
    over |= neapL_woken(L, status) == NEAP_WAKE_TIMEOUT;
    if (over) return push_sets(L, count);
    neapL_task *task = neapL_waiting(L, NEAPL_AWAIT);
    gathering->waiter = &task->core;
    neap_task_wait(&task->core, NULL);
    int64_t deadline_ns = (int64_t)lua_tointeger(L, OPTIONS);
    if (deadline_ns < NEAP_NEVER_NS) neap_task_arm(&task->core, deadline_ns);
    return neapL_suspend(L, ctx, wait_k);
}

// The seconds on top as a deadline.
static int64_t deadline_of(lua_State *L) {
    bool number = lua_isnumber(L, -1), nan = isnan(lua_tonumber(L, -1));
    if (!number || nan)
        luaL_argerror(
            L, OPTIONS,
            lua_pushfstring(
                L, "option 'timeout': number of seconds expected, got %s",
                nan ? "nan" : luaL_typename(L, -1)));
    return neapL_deadline(neapL_rt(L), neapL_checkseconds(L, -1));
}

// opts.timeout as a deadline; it takes the place of the options.
static void check_timeout(lua_State *L) {
    int64_t deadline_ns = NEAP_NEVER_NS;
    if (lua_istable(L, OPTIONS)) {
        lua_getfield(L, OPTIONS, "timeout");
        if (!lua_isnil(L, -1)) deadline_ns = deadline_of(L);
    }
    lua_pushinteger(L, deadline_ns);
    lua_replace(L, OPTIONS);
    lua_settop(L, OPTIONS);
}

// opts.return_when: 0 all, 1 first_done, 2 first_error.
static int check_when(lua_State *L) {
    static const char *const names[] = {"all", "first_done", "first_error",
                                        NULL};
    if (lua_isnoneornil(L, OPTIONS)) return 0;
    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    neapL_checknames(L, OPTIONS, " timeout return_when ");
    lua_getfield(L, OPTIONS, "return_when");
    const char *name = lua_isnil(L, -1) ? names[0] : lua_tostring(L, -1);
    for (int i = 0; name && names[i]; i++)
        if (strcmp(name, names[i]) == 0) return lua_pop(L, 1), i;
    return luaL_argerror(
        L, OPTIONS,
        lua_pushfstring(L,
                        "option 'return_when': 'all', 'first_done' or "
                        "'first_error' expected, "
                        "got %s",
                        luaL_tolstring(L, -1, NULL)));
}

// The list's elements go on the stack.
static int spread_list(lua_State *L) {
    lua_Integer count = luaL_len(L, LIST);
    luaL_argcheck(L, count >= 0, LIST, "its length is negative");
    luaL_argcheck(L, count < 1000000, LIST, "too many elements");
    luaL_checkstack(L, (int)count + LUA_MINSTACK, "too many elements");
    for (int i = 1; i <= (int)count; i++) {
        int kind = lua_geti(L, LIST, i);
        if (kind == LUA_TFUNCTION || neapL_testfuture(L, -1)) continue;
        return luaL_argerror(
            L, LIST,
            lua_pushfstring(
                L, "element %d: Task, Future or function expected, got %s", i,
                luaL_typename(L, -1)));
    }
    return (int)count;
}

// neap.wait(list, { timeout =, return_when = }) -> done, pending
static int wait_some(lua_State *L) {
    luaL_checktype(L, LIST, LUA_TTABLE);
    lua_settop(L, OPTIONS);
    int when = check_when(L);
    check_timeout(L);
    int count = spread_list(L);
    refuse_self(L, FUTURES, count);
    neapL_waiting(L, NEAPL_AWAIT); // or nothing is begun
    if (neapL_is_cancelled(L)) return neapL_meet_cancel(L);
    for (int i = 0; i < count; i++) neapL_tofuture(L, FUTURES + i);
    neapL_gathering *gathering = gather_up(L, FUTURES, count);
    int ended = count - gathering->left;
    if (when == 1 && count > 0) gathering->left = ended > 0 ? 0 : 1;
    gathering->on_error = when == 2;
    return neapL_begin(L, count, wait_k);
}

static const luaL_Reg functions[] = {
    {"gather", gather}, {"wait", wait_some}, {NULL, NULL}};

void neapL_open_gather(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &gathering_type);
    neapL_addfuncs(L, rt, functions);
}
