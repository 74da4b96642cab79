// SPDX-License-Identifier: MIT
// Cfuture: Futures of Lua's that C code completes.
//
// What the host gets is a handle, beside the Future and not within it: the
// Future may be garbage when the host still has the handle, and the other way
// round. While the Future is pending it is anchored, and the handle stands in
// its line as whoever awaits it does: so it hears of every end, by whomever.
// The first end counts.
//
// A handle is malloc's: it may outlive the runtime, and then be given back by
// any thread. While that lives all is done on its own thread: another rings a
// bell there.
//
// Invariant: PENDING, it waits in the Future's line, and the loop is held.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "bindings/runtime.h"

typedef enum progress {
    PENDING,
    ENDED,    // the host has resolved or rejected it, or given it back
    CANCELLED // Lua or neap_close was first
} progress;

struct neap_future {
    neap_task core;         // in the Future's line, while that is pending
    neap_link link;         // among the handles of the runtime
    neap_runtime *rt;       // NULL: it is closed
    const neapL_future *of; // what it ends; while pending, anchored
    progress state;         // of that
    neap_post_fn on_cancel; // called when it becomes CANCELLED; or NULL
    void *ud;               // its argument
    neap_bell bell;         // rung: another thread gives the handle back
    neap_inbox *inbox;      // held: where to ring it
    pthread_t thread;       // the runtime's
};

static void free_handle(neap_future *future) {
    neap_inbox_release(future->inbox);
    free(future);
}

// Leaves the line. What is not ENDED has become CANCELLED. A Future that could
// not be ended, for want of memory, is Lua's alone from now on.
static void settle(neap_future *future) {
    lua_State *L = future->rt->L;
    if (lua_checkstack(L, LUA_MINSTACK))
        neapL_unanchor(L, future->rt, future->of);
    neap_task_term(&future->core);
    neap_loop_hold(&future->rt->loop, -1);
    if (future->state == PENDING) future->state = CANCELLED;
}

// The host hears of it; it may give the handle back.
static void tell(const neap_future *future) {
    if (future->on_cancel) future->on_cancel(future->ud);
}

void neapL_cfuture_notify(neap_task *core) {
    neap_future *future = NEAP_OWNER(core, neap_future, core);
    settle(future);
    if (future->state == CANCELLED) tell(future);
}

// ---- making

// Protected: the Future. The anchor is made first, which may fail.
static int make(lua_State *L) {
    neap_future *future = lua_touserdata(L, 1);
    neapL_future *of = neapL_future_push(L);
    neapL_anchor(L, future->rt, -1);
    future->of = of;
    neap_task_init(&future->core, &future->rt->loop, NEAPL_CFUTURE);
    neap_task_wait(&future->core, &of->line);
    return 1;
}

static void on_bell(neap_bell *bell) {
    neap_future_release(NEAP_OWNER(bell, neap_future, bell));
}

static neap_future *new_handle(neap_runtime *rt) {
    neap_future *future = calloc(1, sizeof *future);
    if (!future) return NULL;
    future->rt = rt;
    future->inbox = neap_inbox_hold(rt->loop.inbox);
    future->bell.heard = on_bell;
    future->thread = rt->interruption.thread;
    neap_list_init(&future->link);
    return future;
}

neap_future *neap_future_new(neap_runtime *rt) {
    lua_State *L = rt->L;
    if (neapL_refuses_posts(rt) || !lua_checkstack(L, LUA_MINSTACK))
        return NULL;
    neap_future *future = new_handle(rt);
    if (!future) return NULL;
    lua_pushcfunction(L, make);
    lua_pushlightuserdata(L, future);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        lua_pop(L, 1);
        free_handle(future);
        return NULL;
    }
    neap_list_append(&rt->futures, &future->link);
    neap_loop_hold(&rt->loop, 1);
    return future;
}

void neap_future_on_cancel(neap_future *future, neap_post_fn fn, void *arg) {
    future->on_cancel = fn;
    future->ud = arg;
}

// ---- ending; protected: the handle, whose place the Future takes, and values

static void take_future(lua_State *L) {
    const neap_future *future = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, future->rt->anchors);
    lua_rawgetp(L, -1, future->of);
    lua_replace(L, 1);
    lua_pop(L, 1);
}

static int resolve(lua_State *L) {
    take_future(L);
    neapL_future_finish(L, 1, lua_gettop(L) - 1);
    return 0;
}

static int reject(lua_State *L) {
    take_future(L);
    neapL_future_fail(L, 1, NEAPL_FAILED);
    return 0;
}

static int drop(lua_State *L) {
    lua_pushliteral(L, "dropped by the host");
    return reject(L);
}

static int cancel(lua_State *L) {
    take_future(L);
    lua_pushliteral(L, "the runtime is closing");
    neapL_pushcancel(L, 1);
    neapL_future_fail(L, 1, NEAPL_CANCELLED);
    return 0;
}

// With the `count` values on top, which are popped; else the error is on top.
static bool try_end(neap_future *future, lua_CFunction how, int count) {
    lua_State *L = future->rt->L;
    lua_pushcfunction(L, how);
    lua_insert(L, -(count + 1));
    lua_pushlightuserdata(L, future);
    lua_insert(L, -(count + 1));
    return lua_pcall(L, count + 1, 0, 0) == LUA_OK;
}

static bool is_settled(const neap_future *future) {
    return future->core.state != NEAP_TASK_WAITING;
}

// Where there is no memory for it, it fails with that error.
static int end(neap_future *future, lua_CFunction how, int count) {
    lua_State *L = future->rt->L;
    int top = lua_gettop(L) - count;
    bool ended = false;
    assert(top >= 0 && future->state == PENDING);
    future->state = ENDED;
    if (lua_checkstack(L, LUA_MINSTACK)) {
        ended = try_end(future, how, count);
        if (!ended && !is_settled(future)) try_end(future, reject, 1);
    }
    lua_settop(L, top);
    if (!is_settled(future)) future->state = PENDING;
    return ended ? 0 : -ENOMEM;
}

static int end_once(neap_future *future, lua_CFunction how, int count) {
    if (!future->rt) return -ECANCELED;
    if (future->state == PENDING) return end(future, how, count);
    lua_pop(future->rt->L, count);
    return future->state == ENDED ? -EALREADY : -ECANCELED;
}

int neap_future_resolve(neap_future *future, int count) {
    return end_once(future, resolve, count);
}

int neap_future_reject(neap_future *future) {
    return end_once(future, reject, 1);
}

static void give_back(neap_future *future) {
    neap_future_on_cancel(future, NULL, NULL);
    if (future->state == PENDING) end(future, drop, 0);
    if (future->state == PENDING) settle(future); // no memory
    neap_list_unlink(&future->link);
    future->rt = NULL;
}

// Where the bell cannot be rung the loop has gone, and nothing else has it.
void neap_future_release(neap_future *future) {
    if (!future) return;
    bool here = pthread_equal(future->thread, pthread_self());
    if (!here && neap_inbox_ring(future->inbox, &future->bell) >= 0) return;
    if (here && future->rt) give_back(future);
    free_handle(future);
}

// ---- the end of the runtime

// Who waits for it cannot be told where there is no memory; but the host can,
// and the loop is held no more. That it still is the last says that no
// on_cancel has given it back.
static void cancel_last(neap_runtime *rt) {
    neap_future *future = NEAP_OWNER(rt->futures.prev, neap_future, link);
    if (future->state != PENDING) return;
    if (neapL_protect(rt->L, cancel, future)) return;
    if (rt->futures.prev != &future->link || future->state != PENDING) return;
    settle(future);
    tell(future);
}

// Each on_cancel may give any of them back.
void neapL_cfutures_cancel(neap_runtime *rt) {
    neap_list left;
    neap_list_init(&left);
    neap_list_splice(&left, &rt->futures);
    while (!neap_list_empty(&left)) {
        neap_link *link = left.next;
        neap_list_unlink(link);
        neap_list_append(&rt->futures, link);
        cancel_last(rt);
    }
}

void neapL_cfutures_term(neap_runtime *rt) {
    while (!neap_list_empty(&rt->futures)) {
        neap_link *link = rt->futures.next;
        neap_future *future = NEAP_OWNER(link, neap_future, link);
        bool pending = future->state == PENDING; // there was no memory
        if (pending) settle(future);
        neap_list_unlink(link);
        future->rt = NULL;
        if (pending) tell(future);
    }
}
