// SPDX-License-Identifier: MIT
// Gathering: watches, their lifetime, and the calls that own (gathering.h).
//
// Invariant: until a gathering is closed, a watch that has a future stands in
// its line, or that has ended and the watch stands in `ended`; `pending` counts
// the former.
#include "bindings/gathering.h"

#include <assert.h>

enum {
    // No list is longer: a wrong __len is told, instead of the memory taken.
    LIST_MAX = 1 << 24,
    // Arguments up to so many are held by user values; more by a table.
    VALUES_MAX = 100
};

// With the runtime closed nothing is waited for.
neapL_gathering *neapL_gathering_at(lua_State *L, int index) {
    const neapL_gathering_handle *handle = lua_touserdata(L, index);
    return handle->rt->root ? handle->gathering : NULL;
}

static neapL_gathering *gathering_of(lua_State *L) {
    return neapL_gathering_at(L, NEAPL_GATHERING);
}

// ---- watches

static bool has_failed(const neapL_future *future) {
    return future->state == NEAPL_FAILED || future->state == NEAPL_CANCELLED;
}

static neapL_gathering *gathering_with(neapL_watch *watch) {
    return NEAP_OWNER(watch - watch->index, neapL_gathering, watches);
}

static void note_end(neapL_watch *watch) {
    neapL_gathering *gathering = gathering_with(watch);
    assert(!neapL_is_pending(watch->future) && gathering->pending > 0);
    neap_list_append(&gathering->ended, &watch->core.link);
    gathering->pending--;
    if (has_failed(watch->future) && !gathering->failed)
        gathering->failed = watch;
}

bool neapL_gathering_is_over(const neapL_gathering *gathering) {
    bool failed = gathering->on_error && gathering->failed;
    return gathering->pending <= gathering->enough || failed;
}

void neapL_watch_notify(neap_task *core) {
    neapL_watch *watch = NEAP_OWNER(core, neapL_watch, core);
    neapL_gathering *gathering = gathering_with(watch);
    neap_task_term(core);
    note_end(watch);
    if (gathering->lends) watch->future->lent = true;
    else watch->future->seen = true;
    if (neapL_gathering_is_over(gathering))
        neap_task_wake_all(&gathering->line, NEAP_WAKE_READY);
}

void neapL_watch_begin(neapL_watch *watch, neapL_future *future) {
    neapL_gathering *gathering = gathering_with(watch);
    assert(!watch->future && gathering->begun < gathering->size);
    watch->future = future;
    watch->place = ++gathering->begun;
    gathering->pending++;
    if (neapL_is_pending(future)) {
        neap_task_wait(&watch->core, &future->line);
        return;
    }
    note_end(watch);
    if (!gathering->lends)
        neapL_future_see(neapL_of_loop(watch->core.loop), future);
}

void neapL_watch_next(lua_State *L, neapL_watch *watch) {
    int place = gathering_with(watch)->begun + 1;
    if (lua_rawgeti(L, NEAPL_LIST, place) != LUA_TFUNCTION) {
        neapL_watch_begin(watch, lua_touserdata(L, -1));
        lua_pop(L, 1);
        return;
    }
    neap_runtime *rt = neapL_rt(L);
    neapL_task *task = neapL_spawn(L, rt, neapL_spawn_group(rt), 0);
    lua_rawseti(L, NEAPL_LIST, place);
    neapL_watch_begin(watch, &task->future);
}

neapL_watch *neapL_gathering_take(neapL_gathering *gathering) {
    if (neap_list_empty(&gathering->ended)) return NULL;
    neap_task *core = neap_task_first(&gathering->ended);
    neapL_watch *watch = NEAP_OWNER(core, neapL_watch, core);
    neap_list_unlink(&core->link);
    watch->future = NULL;
    return watch;
}

// ---- life

// The watches leave their lines.
static void disperse(neapL_gathering *gathering) {
    if (gathering->cover.parent) neapL_uncover(&gathering->cover);
    for (int i = 0; i < gathering->count; i++)
        neap_list_unlink(&gathering->watches[i].core.link);
    gathering->pending = 0;
    neap_task_wake_all(&gathering->line, NEAP_WAKE_READY); // an iterator's
}

// What it lent and nobody took: an error among it is reported after all.
static void give_back(lua_State *L, const neapL_gathering *gathering) {
    lua_getiuservalue(L, 1, 1);
    for (int i = 0; i < gathering->count; i++) {
        const neapL_watch *watch = &gathering->watches[i];
        if (!watch->future || !watch->future->lent) continue;
        lua_rawgeti(L, -1, watch->place);
        neapL_future_give_back(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int closed_close(lua_State *L) {
    (void)L;
    return 0;
}

static const luaL_Reg methods[] = {{NULL, NULL}};
static const luaL_Reg closed_meta[] = {{"__close", closed_close}, {NULL, NULL}};

// What has been closed needs no finalizer: 80 ns. It may be closed again.
static const neapL_type closed_type = {"neap.closed", 0, methods, closed_meta};

// To the gathering on top.
static void set_meta(lua_State *L, const neapL_type *type) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, type);
    lua_setmetatable(L, -2);
}

static void cancel_future(lua_State *L, int index) {
    neapL_future *future = lua_touserdata(L, index);
    lua_pushliteral(L, "what gathered it is over");
    if (future->type == &neapL_task_type) {
        neapL_cancel_at(L, index);
        return;
    }
    neapL_pushcancel(L, index);
    neapL_future_fail(L, index, NEAPL_CANCELLED);
}

// Pushes what stands at a place, wherever the gathering itself stands.
static void push_held(lua_State *L, int index, int place) {
    const neapL_gathering *gathering = neapL_gathering_at(L, index);
    bool apart = gathering->spread && gathering->size <= VALUES_MAX;
    lua_getiuservalue(L, index, apart ? place : 1);
    if (apart) return;
    lua_rawgeti(L, -1, place);
    lua_remove(L, -2);
}

// Those that are pending; or, of them, those that were made by the call.
static void cancel_all(lua_State *L, int index, bool made) {
    const neapL_gathering *gathering = neapL_gathering_at(L, index);
    for (int i = 0; i < gathering->count; i++) {
        const neapL_watch *watch = &gathering->watches[i];
        if (!watch->future || !neapL_is_pending(watch->future)) continue;
        if (made && !watch->made) continue;
        push_held(L, index, watch->place);
        cancel_future(L, lua_gettop(L));
        lua_pop(L, 1);
    }
}

static size_t bytes_of(int count) {
    return sizeof(neapL_gathering) + (size_t)count * sizeof(neapL_watch);
}

static void release(neap_runtime *rt, neapL_gathering *gathering) {
    neap_list_unlink(&gathering->link);
    neap_alloc_free(&rt->alloc, gathering, bytes_of(gathering->count));
}

void neapL_gatherings_term(neap_runtime *rt) {
    while (!neap_list_empty(&rt->gathering))
        release(rt, NEAP_OWNER(rt->gathering.next, neapL_gathering, link));
}

// Who still waits for one that is collected does so in a state that is being
// closed: first its runtime is. With that closed there is nobody to report to.
static int gathering_gc(lua_State *L) {
    neapL_gathering_handle *handle = lua_touserdata(L, 1);
    if (handle->gathering && !neap_list_empty(&handle->gathering->line))
        neapL_close_with_state(handle->rt);
    neapL_gathering *gathering = handle->gathering;
    if (!gathering) return 0;
    disperse(gathering);
    if (gathering->lends && !handle->rt->closing) give_back(L, gathering);
    handle->gathering = NULL;
    release(handle->rt, gathering);
    lua_settop(L, 1);
    set_meta(L, &closed_type);
    int more = 1; // or what it gathered lives on for a cycle of the collector
    for (int i = 1; more; i++) {
        lua_pushnil(L);
        more = lua_setiuservalue(L, 1, i);
    }
    return 0;
}

// Of an owner's call that an error cuts off, for want of memory: for the tasks
// that it made nobody waits any more.
static int gathering_close(lua_State *L) {
    neapL_gathering *gathering = neapL_gathering_at(L, 1);
    if (!gathering) return 0;
    bool cut_off = gathering->pending > 0;
    disperse(gathering);
    if (cut_off) cancel_all(L, 1, true);
    return gathering_gc(L);
}

static const luaL_Reg meta[] = {
    {"__close", gathering_close}, {"__gc", gathering_gc}, {NULL, NULL}};

// Two names: a slot of a call is closed where the coroutine that made it dies
// (coroutine.c), an iterator may be another's.
static const neapL_type call_type = {
    "neap.gathering", sizeof(neapL_gathering_handle), methods, meta};
static const neapL_type iterator_type = {
    "neap.iterator", sizeof(neapL_gathering_handle), methods, meta};

// For the handle on top.
static neapL_gathering *make(lua_State *L, neap_runtime *rt, int count) {
    neapL_gathering_handle *handle = lua_touserdata(L, -1);
    handle->rt = rt;
    if (!rt->root) luaL_error(L, "the runtime is closed");
    handle->gathering = neap_alloc_new(&rt->alloc, bytes_of(count));
    if (!handle->gathering) luaL_error(L, "not enough memory");
    neap_list_init(&handle->gathering->line);
    neap_list_init(&handle->gathering->ended);
    neap_list_append(&rt->gathering, &handle->gathering->link);
    return handle->gathering;
}

// With so many user values, for what it gathers.
static neapL_gathering *push_new(lua_State *L, int size, int count,
                                 int values) {
    neap_runtime *rt = neapL_rt(L);
    neapL_new(L, &call_type, values);
    neapL_gathering *gathering = make(L, rt, count);
    gathering->deadline_ns = NEAP_NEVER_NS;
    gathering->size = size;
    gathering->count = count;
    for (int i = 0; i < count; i++) {
        gathering->watches[i].index = i;
        neap_task_init(&gathering->watches[i].core, &rt->loop, NEAPL_WATCH);
    }
    return gathering;
}

neapL_gathering *neapL_gathering_new(lua_State *L, int size, int limit) {
    int count = size < limit ? size : limit;
    neapL_gathering *gathering = push_new(L, size, count, 1);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_insert(L, NEAPL_GATHERING);
    return gathering;
}

void neapL_gathering_lend(lua_State *L) {
    neapL_gathering_handle *handle = lua_touserdata(L, NEAPL_GATHERING);
    handle->gathering->lends = true;
    handle->type = &iterator_type;
    lua_pushvalue(L, NEAPL_GATHERING);
    set_meta(L, &iterator_type);
    lua_pop(L, 1);
}

bool neapL_gathering_push_pending(lua_State *L, int index) {
    const neapL_gathering_handle *handle = lua_touserdata(L, index);
    if (!handle || lua_rawlen(L, index) != sizeof *handle) return false;
    if (handle->type != &call_type && handle->type != &iterator_type)
        return false;
    const neapL_gathering *gathering = neapL_gathering_at(L, index);
    if (!gathering || gathering->spread) return false; // they stand behind it
    for (int i = 0; i < gathering->count; i++) {
        const neapL_watch *watch = &gathering->watches[i];
        if (!watch->future || !neapL_is_pending(watch->future)) continue;
        lua_getiuservalue(L, index, 1);
        lua_rawgeti(L, -1, watch->place);
        lua_remove(L, -2);
        return true;
    }
    return false;
}

// ---- what is to be gathered

// The function at `arg` becomes a task.
static void spawn_at(lua_State *L, int arg) {
    neap_runtime *rt = neapL_rt(L);
    lua_pushvalue(L, arg);
    neapL_spawn(L, rt, neapL_spawn_group(rt), 0);
    lua_replace(L, arg);
}

neapL_future *neapL_tofuture(lua_State *L, int arg) {
    neapL_future *future = neapL_testfuture(L, arg);
    if (future) return future;
    if (lua_type(L, arg) != LUA_TFUNCTION)
        luaL_typeerror(L, arg, "Task, Future or function");
    spawn_at(L, arg);
    return lua_touserdata(L, arg);
}

bool neapL_is_gatherable(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TFUNCTION) return true;
    const neapL_future *future = neapL_testfuture(L, index);
    const neapL_task *task = neapL_current(L);
    if (task && future == &task->future)
        luaL_error(L, "a task cannot await itself");
    return future != NULL;
}

int neapL_checklist(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer size = luaL_len(L, 1);
    luaL_argcheck(L, size >= 0, 1, "its length is negative");
    luaL_argcheck(L, size < LIST_MAX, 1, "too many elements");
    lua_createtable(L, (int)size, 0);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_geti(L, 1, i);
        lua_rawseti(L, -2, i);
    }
    lua_replace(L, 1);
    return (int)size;
}

// The call's frame does not hold them if there is no memory to close it.
static neapL_gathering *push_holding(lua_State *L, int count) {
    bool many = count > VALUES_MAX;
    neapL_gathering *gathering = push_new(L, count, count, many ? 1 : count);
    if (many) lua_createtable(L, count, 0);
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(L, i);
        if (many) lua_rawseti(L, -2, i);
        else lua_setiuservalue(L, -2, i);
    }
    if (many) lua_setiuservalue(L, -2, 1);
    gathering->spread = true;
    return gathering;
}

// The argument becomes a future, and is watched.
static void begin(lua_State *L, neapL_gathering *gathering, int place) {
    int arg = NEAPL_LIST - 1 + place, apart = gathering->size <= VALUES_MAX;
    neapL_watch *watch = &gathering->watches[place - 1];
    watch->made = lua_type(L, arg) == LUA_TFUNCTION;
    if (watch->made) {
        spawn_at(L, arg);
        if (!apart) lua_getiuservalue(L, NEAPL_GATHERING, 1);
        lua_pushvalue(L, arg);
        if (apart) lua_setiuservalue(L, NEAPL_GATHERING, place);
        else lua_rawseti(L, -2, place), lua_pop(L, 1);
    }
    neapL_watch_begin(watch, lua_touserdata(L, arg));
}

neapL_gathering *neapL_gather_arguments(lua_State *L) {
    int count = lua_gettop(L);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    neapL_gathering *gathering = push_holding(L, count);
    lua_insert(L, NEAPL_GATHERING);
    neapL_toclose(L, NEAPL_GATHERING);
    for (int i = 1; i <= count; i++) begin(L, gathering, i);
    return gathering;
}

void neapL_gathering_get(lua_State *L, int place) {
    if (gathering_of(L)->spread) lua_pushvalue(L, NEAPL_LIST - 1 + place);
    else lua_rawgeti(L, NEAPL_LIST, place);
}

// Of several results neapL_future_results leaves their table beneath, too.
static void push_first(lua_State *L, int index) {
    int first = lua_gettop(L) + 1, results = neapL_future_results(L, index);
    if (results == 0) lua_pushnil(L);
    if (lua_gettop(L) == first) return;
    lua_copy(L, -results, first);
    lua_settop(L, first);
}

void neapL_gathering_result(lua_State *L, int place) {
    if (gathering_of(L)->spread) {
        push_first(L, NEAPL_LIST - 1 + place);
        return;
    }
    lua_rawgeti(L, NEAPL_LIST, place);
    push_first(L, lua_gettop(L));
    lua_remove(L, -2);
}

// ---- waiting

int neapL_gathering_wait(lua_State *L, lua_KContext ctx, lua_KFunction k) {
    neapL_gathering *gathering = gathering_of(L);
    neap_task *core = &neapL_waiting(L, NEAPL_AWAIT)->core;
    neap_task_wait(core, &gathering->line);
    if (gathering->deadline_ns < NEAP_NEVER_NS)
        neap_task_arm(core, gathering->deadline_ns);
    return neapL_suspend(L, ctx, k);
}

neap_wake neapL_gathering_woken(lua_State *L, int status) {
    bool woken = status == LUA_YIELD;
    if (woken && neapL_current(L)->core.wake >= NEAP_WAKE_CANCEL)
        disperse(gathering_of(L));
    return neapL_woken(L, status);
}

int neapL_gathering_forsake(lua_State *L, int status) {
    neapL_woken(L, status);
    return luaL_error(L, "what was awaited is gone: its state is being closed");
}

// ---- owning

// Waits until all have ended, whatever happens: by hand, since neapL_woken
// would raise at a cancel.
static int end_k(lua_State *L, int status, lua_KContext ctx) {
    neap_runtime *rt = neapL_rt(L);
    neapL_gathering *gathering = gathering_of(L);
    if (!gathering) return neapL_gathering_forsake(L, status);
    if (neapL_wake_of(L, status) == NEAP_WAKE_STUCK) {
        disperse(gathering); // it waits in vain for one that waits for it
        return neapL_raise_stuck(L);
    }
    if (gathering->pending > 0) return neapL_gathering_wait(L, ctx, end_k);
    if (rt->task) neapL_uncover(&gathering->cover);
    if (gathering->keeps || !neapL_is_cancelled(L)) return gathering->finish(L);
    neapL_push_cancelled(L, rt->task);
    return lua_error(L);
}

int neapL_gathering_end(lua_State *L, lua_CFunction finish) {
    neapL_gathering *gathering = gathering_of(L);
    neapL_task *task = neapL_current(L); // NULL: outside of tasks; all ended
    gathering->finish = finish;
    gathering->on_error = false;
    gathering->enough = 0;
    if (task) neapL_cover(&gathering->cover, &task->core);
    cancel_all(L, NEAPL_GATHERING, false);
    return end_k(L, LUA_OK, 0);
}

// With the error on top. A cancel that comes meanwhile does not hide it, unless
// it is another's Cancelled.
static int end_with_error(lua_State *L) {
    bool cancelled = neapL_iserror(L, lua_gettop(L), &neapL_cancelled);
    gathering_of(L)->keeps = !cancelled;
    return neapL_gathering_end(L, lua_error);
}

int neapL_gathering_fail(lua_State *L) {
    neapL_gathering_get(L, gathering_of(L)->failed->place);
    neapL_getvalue(L, -1);
    return end_with_error(L);
}

static int own_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_gathering *gathering = gathering_of(L);
    if (!gathering) return neapL_gathering_forsake(L, status);
    neap_wake wake = neapL_wake_of(L, status);
    if (wake == NEAP_WAKE_CANCEL) return neapL_gathering_end(L, lua_error);
    if (wake == NEAP_WAKE_STUCK) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &neapL_stuck);
        return end_with_error(L);
    }
    if (neapL_gathering_is_over(gathering)) return gathering->finish(L);
    return neapL_gathering_wait(L, ctx, own_k);
}

int neapL_gathering_own(lua_State *L, lua_CFunction finish) {
    neapL_gathering *gathering = gathering_of(L);
    gathering->finish = finish;
    if (neapL_is_cancelled(L))
        cancel_all(L, NEAPL_GATHERING, false); // none of them begins
    return neapL_begin(L, 0, own_k);
}

void neapL_open_gathering(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &call_type);
    neapL_newtype(L, rt, &iterator_type);
    neapL_newtype(L, rt, &closed_type);
}
