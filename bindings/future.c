// SPDX-License-Identifier: MIT
// Future: a value that comes later; also the half of a Task that others see.
//
// Whoever awaits stands in the future's line. When it ends, tasks in the line
// are woken, callbacks go to the ready deque, and watches (C code that waits
// for several) are told at once; no Lua function runs here.
//
// An ended future answers at once, any number of times, to any number of tasks.
#include <assert.h>

#include "bindings/report.h"
#include "bindings/runtime.h"

// ---- the user value: what the future ended with; or, where there are rare
// things to keep, a box: a table of them, with that as its first element

void neapL_getvalue(lua_State *L, int index) {
    const neapL_future *future = lua_touserdata(L, index);
    if (future->state >= NEAPL_FAILED && future->shape == NEAPL_NONE) {
        neapL_push_spare(L); // dropped
        return;
    }
    lua_getiuservalue(L, index, 1);
    if (!future->boxed) return;
    lua_rawgeti(L, -1, 1);
    lua_remove(L, -2);
}

void neapL_setvalue(lua_State *L, int index) {
    const neapL_future *future = lua_touserdata(L, index);
    if (!future->boxed) {
        lua_setiuservalue(L, index, 1);
        return;
    }
    index = lua_absindex(L, index);
    lua_getiuservalue(L, index, 1);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_pop(L, 1);
}

int neapL_getextra(lua_State *L, int index, const char *key) {
    const neapL_future *future = lua_touserdata(L, index);
    if (!future->boxed) return lua_pushnil(L), LUA_TNIL;
    lua_getiuservalue(L, index, 1);
    int kind = lua_getfield(L, -1, key);
    lua_remove(L, -2);
    return kind;
}

// The value moves into a table, which takes its place.
static void box(lua_State *L, int index, neapL_future *future) {
    lua_createtable(L, 1, 2);
    if (future->boxed) { // a finalizer was faster
        lua_pop(L, 1);
        return;
    }
    lua_getiuservalue(L, index, 1);
    lua_rawseti(L, -2, 1);
    lua_setiuservalue(L, index, 1);
    future->boxed = true;
}

void neapL_setextra(lua_State *L, int index, const char *key) {
    neapL_future *future = lua_touserdata(L, index);
    index = lua_absindex(L, index);
    if (!future->boxed) box(L, index, future);
    lua_getiuservalue(L, index, 1);
    lua_insert(L, -2);
    lua_setfield(L, -2, key);
    lua_pop(L, 1);
}

void neapL_setextras(lua_State *L, int index) {
    neapL_future *future = lua_touserdata(L, index);
    assert(!future->boxed && !future->cancelling);
    lua_setiuservalue(L, index, 1);
    future->boxed = true;
}

// ---- ending

// C code that waits without awaiting: whether the error was seen, it says.
static bool is_listener(const neap_task *core) {
    return core->kind == NEAPL_WATCH || core->kind == NEAPL_STANDS;
}

static void wake_line(neapL_future *future) {
    while (!neap_list_empty(&future->line)) {
        neap_task *first = neap_task_first(&future->line);
        future->seen |= !is_listener(first);
        if (first->kind == NEAPL_WATCH) neapL_watch_notify(first);
        else if (first->kind == NEAPL_HOST) neapL_host_wake(first);
        else if (first->kind == NEAPL_CFUTURE) neapL_cfuture_notify(first);
        else if (first->kind == NEAPL_STANDS) neapL_stand_in_notify(first);
        else if (first->kind == NEAPL_CALLED) neapL_called_notify(first);
        else neap_task_wake(first, NEAP_WAKE_READY);
    }
}

void neapL_pack(lua_State *L, int count) {
    lua_createtable(L, count, 1);
    lua_insert(L, -(count + 1));
    for (int i = count; i >= 1; i--) lua_rawseti(L, -(i + 1), i);
    lua_pushinteger(L, count);
    lua_setfield(L, -2, "n");
}

void neapL_future_finish(lua_State *L, int index, int count) {
    neapL_future *future = lua_touserdata(L, index);
    assert(neapL_is_pending(future));
    index = lua_absindex(L, index);
    if (count > 1) neapL_pack(L, count);
    if (count == 0 && future->cancelling) lua_pushnil(L);
    if (future->boxed) neapL_callbacks_anchor(L, index);
    if (count > 0 || future->cancelling) neapL_setvalue(L, index);
    future->shape = count == 0   ? NEAPL_NONE
                    : count == 1 ? NEAPL_ONE
                                 : NEAPL_MANY;
    future->state = NEAPL_FINISHED;
    wake_line(future);
}

// Protected: a task that failed before anybody waited for it: reported after
// this turn, unless somebody does by then.
static int note_failed(lua_State *L) {
    neapL_task *task = lua_touserdata(L, 1);
    neap_runtime *rt = neapL_of_loop(task->core.loop);
    neapL_spawned_at(L, task);
    neapL_setextra(L, 1, "spawned_at");
    if (neapL_group_of(task)->block) return 0; // its group raises it
    if (task->future.seen || task->future.hosted) return 0;
    if (task->future.lent) { // until somebody takes it
        task->future.reported = true;
        rt->unseen++;
        return 0;
    }
    neapL_anchor(L, rt, 1);
    task->future.unawaited = true;
    return 0;
}

// Where there is no memory for it, that is reported.
static void note_news(lua_State *L, int index) {
    const neapL_task *task = lua_touserdata(L, index);
    neap_runtime *rt = neapL_of_loop(task->core.loop);
    lua_pushcfunction(L, note_failed);
    lua_pushvalue(L, index);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) return;
    lua_pop(L, 1);
    if (task->future.seen || task->future.hosted) return;
    rt->unseen++;
    neapL_report_words(rt, "error",
                       "a task failed: not enough memory to say "
                       "why");
}

// What a task failed with is no news if it is the Cancelled; but what was
// raised before a Cancelled took its place, in a clean-up that waited, must not
// vanish.
static bool is_news(lua_State *L, int index, const neapL_future *future) {
    if (future->type != &neapL_task_type || future->state < NEAPL_FAILED)
        return false;
    bool replaced = neapL_getextra(L, index, "raised") != LUA_TNIL;
    lua_pop(L, 1);
    return future->state == NEAPL_FAILED || replaced;
}

void neapL_future_give_back(lua_State *L, int index) {
    neapL_future *future = lua_touserdata(L, index);
    neapL_task *task = (neapL_task *)(void *)future;
    if (future->seen || !future->lent || !is_news(L, index, future)) return;
    neap_runtime *rt = neapL_of_loop(task->core.loop);
    neapL_anchor(L, rt, index);
    if (future->reported) rt->unseen--;
    future->lent = future->reported = false;
    future->unawaited = true;
    if (!task->co) // else it is just about to leave
        neap_list_append(&rt->failed, &task->core.link);
}

void neapL_future_fail(lua_State *L, int index, neapL_state state) {
    neapL_future *future = lua_touserdata(L, index);
    assert(neapL_is_pending(future) && state >= NEAPL_FAILED);
    index = lua_absindex(L, index);
    if (future->boxed) neapL_callbacks_anchor(L, index);
    neapL_setvalue(L, index);
    future->shape = NEAPL_ONE;
    future->state = state & 3;
    wake_line(future);
    if (is_news(L, index, future)) note_news(L, index);
}

// A callback is not called: it cannot be anchored.
void neapL_future_drop(neapL_future *future) {
    neap_link *link = future->line.next, *next;
    future->state = NEAPL_CANCELLED;
    for (; link != &future->line; link = next) {
        neap_task *core = NEAP_OWNER(link, neap_task, link);
        next = link->next;
        if (core->kind == NEAPL_CALLBACK) neap_task_term(core);
    }
    wake_line(future);
}

// ---- looking

void neapL_future_see(neap_runtime *rt, neapL_future *future) {
    if (future->reported && !future->seen) rt->unseen--;
    future->seen = true;
}

static int raise_error(lua_State *L, int index) {
    neapL_future_see(neapL_rt(L), lua_touserdata(L, index));
    neapL_getextra(L, index, "elsewhere");
    const char *traceback = lua_tostring(L, -1);
    neapL_getvalue(L, index);
    return neapL_raise_from(L, traceback);
}

static int unpack(lua_State *L, int index) {
    neapL_getvalue(L, index);
    lua_getfield(L, -1, "n");
    int count = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    luaL_checkstack(L, count, "too many results");
    int table = lua_gettop(L);
    for (int i = 1; i <= count; i++) lua_rawgeti(L, table, i);
    return count;
}

int neapL_future_results(lua_State *L, int index) {
    const neapL_future *future = lua_touserdata(L, index);
    assert(!neapL_is_pending(future));
    if (future->state != NEAPL_FINISHED) return raise_error(L, index);
    if (future->shape == NEAPL_NONE) return 0;
    if (future->shape == NEAPL_ONE) return neapL_getvalue(L, index), 1;
    return unpack(L, index);
}

neapL_future *neapL_testfuture(lua_State *L, int arg) {
    neapL_future *future = neapL_test(L, arg, &neapL_task_type);
    return future ? future : neapL_test(L, arg, &neapL_future_type);
}

neapL_future *neapL_checkfuture(lua_State *L, int arg) {
    neapL_future *future = neapL_testfuture(L, arg);
    if (!future) luaL_typeerror(L, arg, "Task or Future");
    return future;
}

// Both were cancelled since it began to wait: what ends the task is its own
// cancel. Another error, or a result, that woke it first is kept.
static void prefer_cancel(lua_State *L, const neapL_future *future) {
    neapL_task *task = neapL_current(L);
    if (future->state != NEAPL_CANCELLED || !task->core.inner->cause) return;
    neapL_push_cancelled(L, task);
    lua_error(L);
}

static int await_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_future *future = lua_touserdata(L, 1);
    neapL_woken(L, status);
    if (!neapL_is_pending(future)) {
        if (status == LUA_YIELD) prefer_cancel(L, future);
        return neapL_future_results(L, 1);
    }
    neapL_task *task = neapL_waiting(L, NEAPL_AWAIT);
    if (future == &task->future)
        return luaL_error(L, "a task cannot await itself");
    neap_task_wait(&task->core, &future->line);
    return neapL_suspend(L, ctx, await_k);
}

int neapL_await(lua_State *L) {
    neapL_checkfuture(L, 1);
    lua_settop(L, 1);
    return neapL_begin(L, 0, await_k);
}

// ---- methods of both

static const char *state_of(lua_State *L, const neapL_future *future) {
    static const char *const names[] = {"pending", "finished", "failed",
                                        "cancelled"};
    const neapL_task *running = neapL_current(L);
    if (running && future == &running->future) return "running";
    return names[future->state];
}

static int future_state(lua_State *L) {
    lua_pushstring(L, state_of(L, neapL_checkfuture(L, 1)));
    return 1;
}

static int future_done(lua_State *L) {
    lua_pushboolean(L, !neapL_is_pending(neapL_checkfuture(L, 1)));
    return 1;
}

static int future_cancelled(lua_State *L) {
    lua_pushboolean(L, neapL_checkfuture(L, 1)->state == NEAPL_CANCELLED);
    return 1;
}

static void check_ended(lua_State *L, const neapL_future *future) {
    if (!neapL_is_pending(future)) return;
    luaL_error(L, "%s has not finished yet (await it, or ask done())",
               luaL_tolstring(L, 1, NULL));
}

static int future_result(lua_State *L) {
    check_ended(L, neapL_checkfuture(L, 1));
    lua_settop(L, 1);
    return neapL_future_results(L, 1);
}

static int future_error(lua_State *L) {
    neapL_future *future = neapL_checkfuture(L, 1);
    check_ended(L, future);
    neapL_future_see(neapL_rt(L), future);
    if (future->state == NEAPL_FINISHED) lua_pushnil(L);
    else neapL_getvalue(L, 1);
    return 1;
}

static int future_cancel(lua_State *L) {
    neapL_future *future = neapL_checkfuture(L, 1);
    lua_settop(L, 2);
    bool pending = neapL_is_pending(future);
    if (future->type == &neapL_task_type) pending = neapL_cancel_at(L, 1);
    else if (pending) {
        neapL_pushcancel(L, 1);
        neapL_future_fail(L, 1, NEAPL_CANCELLED);
    }
    lua_pushboolean(L, pending);
    return 1;
}

// ---- what only a Future has

neapL_future *neapL_future_push(lua_State *L) {
    neapL_future *future = neapL_new(L, &neapL_future_type, 1);
    neap_list_init(&future->line);
    return future;
}

static int future_new(lua_State *L) {
    neapL_future_push(L);
    return 1;
}

static neapL_future *check_pending(lua_State *L) {
    neapL_future *future = neapL_check(L, 1, &neapL_future_type);
    if (!neapL_is_pending(future))
        luaL_error(L, "invalid state: %s", luaL_tolstring(L, 1, NULL));
    return future;
}

static int future_set_result(lua_State *L) {
    check_pending(L);
    neapL_future_finish(L, 1, lua_gettop(L) - 1);
    return 0;
}

static int future_set_error(lua_State *L) {
    check_pending(L);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    neapL_future_fail(L, 1, NEAPL_FAILED);
    return 0;
}

static int future_tostring(lua_State *L) {
    neapL_future *future = neapL_check(L, 1, &neapL_future_type);
    const char *state = state_of(L, future);
    lua_pushfstring(L, "<Future %s at %p>", state, (void *)future);
    return 1;
}

static const luaL_Reg future_meta[] = {{"__tostring", future_tostring},
                                       {NULL, NULL}};

static const luaL_Reg future_methods[] = {{"set_result", future_set_result},
                                          {"set_error", future_set_error},
                                          {NULL, NULL}};

static const luaL_Reg common_methods[] = {
    {"await", neapL_await},          {"result", future_result},
    {"error", future_error},         {"done", future_done},
    {"cancelled", future_cancelled}, {"cancel", future_cancel},
    {"state", future_state},         {NULL, NULL}};

const neapL_type neapL_future_type = {"neap.Future", sizeof(neapL_future),
                                      future_methods, future_meta};

static const luaL_Reg functions[] = {
    {"Future", future_new}, {"await", neapL_await}, {NULL, NULL}};

void neapL_open_future(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &neapL_future_type);
    neapL_addmethods(L, rt, &neapL_future_type, common_methods);
    neapL_addmethods(L, rt, &neapL_task_type,
                     common_methods); // made before, by neapL_open_task
    neapL_addfuncs(L, rt, functions);
}
