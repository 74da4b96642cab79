// SPDX-License-Identifier: MIT
// Remote: the two sides of a call (see remote.h).
//
// Over there the task's function is `enter`, which has the call in a
// to-be-closed slot: so an error leaves its outcome there. Both tasks begin
// even if they were cancelled before: the call is under way by then.
//
// Invariant: `here` is written by this side, `there` by the other; what both
// read was written before a bell was rung, under the inbox's mutex.
#define _POSIX_C_SOURCE 200809L
#include "bindings/remote.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/callback.h"
#include "bindings/report.h"
#include "bindings/runtime.h"

static const char reason[] = "cancelled by the thread that spawned it";
static const char has_ended[] = "the thread has ended";
static const char no_memory[] = "not enough memory";

typedef struct box { // a call's place on a stack
    const neapL_type *type;
    neapL_call *call; // held here, and by a callback; NULL: no more
    neap_scope cover; // here: of the wait for one that was cancelled
    bool covered;     // it is open
} box;

static const neapL_type here_type, there_type, lone_type;

// ---- its life

static void heard_begin(neap_bell *bell);
static void heard_end(neap_bell *bell);

neapL_call *neapL_call_hold(neapL_call *call) {
    atomic_fetch_add(&call->holders, 1);
    return call;
}

void neapL_call_release(neapL_call *call) {
    if (atomic_fetch_sub(&call->holders, 1) > 1) return;
    if (call->there) neap_inbox_release(call->there);
    neap_inbox_release(call->here);
    neapL_parcel_free(&call->options);
    neapL_parcel_free(&call->work);
    neapL_outcome_free(&call->outcome);
    free(call);
}

// Each ring that is still to be heard holds the call.
static bool ring(neapL_call *call, neap_inbox *inbox, neap_bell *bell) {
    neapL_call_hold(call);
    int rc = neap_inbox_ring(inbox, bell);
    if (rc <= 0) neapL_call_release(call);
    return rc >= 0;
}

void neapL_call_ring(neapL_call *call) {
    ring(call, call->there, &call->begin);
}

bool neapL_call_send(neapL_call *call) {
    call->made = ring(call, call->there, &call->begin);
    return call->made;
}

static void settle(neapL_call *call, const char *words) {
    if (!call->outcome.known) neapL_outcome_refuse(&call->outcome, words);
}

void neapL_call_end(neapL_call *call, const char *words) {
    settle(call, words);
    if (!call->lone) ring(call, call->here, &call->end);
}

// In the line of its task on one side, which is pending.
static void listen(neapL_call *call, neap_task *core, int kind,
                   neapL_task *task) {
    neap_task_init(core, task->core.loop, (uint8_t)kind);
    neap_task_wait(core, &task->future.line);
    neapL_call_hold(call);
}

static neapL_call *new_call(neap_runtime *rt) {
    neapL_call *call = calloc(1, sizeof *call);
    if (!call) return NULL;
    atomic_init(&call->holders, 1);
    call->here = neap_inbox_hold(rt->loop.inbox);
    call->begin.heard = heard_begin;
    call->end.heard = heard_end;
    neap_list_init(&call->line);
    neap_list_init(&call->link);
    return call;
}

neapL_call *neapL_call_new(lua_State *L, int fn, const char *what) {
    box *self = neapL_new(L, &here_type, 0);
    lua_insert(L, fn);
    self->call = new_call(neapL_rt(L));
    if (!self->call) return luaL_error(L, no_memory), NULL;
    neapL_parcel_pack(L, lua_gettop(L) - fn, what, &self->call->work);
    return self->call;
}

void neapL_call_options(lua_State *L, int index, neapL_call *call) {
    lua_createtable(L, 0, 2);
    if (lua_getfield(L, index, "name") != LUA_TNIL) {
        luaL_tolstring(L, -1, NULL);
        lua_setfield(L, -3, "name");
    }
    lua_pop(L, 1);
    lua_getfield(L, index, "daemon");
    lua_pushboolean(L, lua_toboolean(L, -1));
    lua_setfield(L, -3, "daemon");
    lua_pop(L, 1);
    neapL_parcel_pack(L, 1, "thread:spawn", &call->options);
}

neapL_call *neapL_call_at(lua_State *L, int index) {
    const box *self = neapL_test(L, index, &here_type);
    assert(self);
    return self->call;
}

// ---- there: how it ends

// Pushes the traceback that the handler has put beside the task; or nil.
static void push_traceback(lua_State *L, neapL_task *task) {
    bool kept = !task->future.closing && task->future.boxed;
    if (!kept) {
        lua_pushnil(L);
        return;
    }
    neapL_task_push(L, task);
    neapL_getextra(L, -1, "traceback");
    lua_remove(L, -2);
}

// The error is on top, and popped.
static void keep_error(lua_State *L, neapL_call *call) {
    int error = lua_gettop(L);
    bool doomed = call->task->future.doomed;
    call->outcome.cancelled = neapL_is_cancel_of(L, &call->task->scope, error);
    lua_pushvalue(L, error);
    if (doomed) neapL_push_verdict(L, call->rt);
    else push_traceback(L, call->task);
    lua_insert(L, -2); // the traceback goes below
    neapL_outcome_fail(L, lua_tostring(L, -2), &call->outcome);
    lua_settop(L, error - 1);
}

// box:close(error): where there are no results there is an error, which may be
// nil; unless its stack is closed from outside.
static int there_close(lua_State *L) {
    const box *self = lua_touserdata(L, 1);
    neapL_call *call = self->call;
    lua_settop(L, 2);
    bool failed = !lua_isnil(L, 2) || !call->task->future.closing;
    if (!call->outcome.known && failed) keep_error(L, call);
    if (call->whole && atomic_load(&call->stopped) && !call->rt->closing)
        neapL_group_cancel(L, call->rt->group, "the thread was stopped");
    return 0;
}

// Protected: it was ended from outside, with this error.
static int take_error(lua_State *L) {
    neapL_call *call = lua_touserdata(L, 1);
    neapL_task_push(L, call->task);
    neapL_getvalue(L, -1);
    neapL_outcome_fail(L, NULL, &call->outcome);
    return 0;
}

// What else ends without an outcome was ended before it began, or had no memory
// to begin, or to say how it failed.
void neapL_called_notify(neap_task *core) {
    neapL_call *call = NEAP_OWNER(core, neapL_call, called);
    const neapL_task *task = call->task;
    const char *words = task->scope.cause ? has_ended : no_memory;
    bool ended = task->future.closing && task->future.state == NEAPL_FAILED;
    neap_task_term(core);
    if (ended && !call->outcome.known && !task->scope.cause)
        neapL_protect(call->rt->L, take_error, call);
    call->task = NULL;
    if (call->whole) settle(call, words);
    else neapL_call_end(call, words);
    neapL_call_release(call);
}

// ---- there: how it runs

static int entered_k(lua_State *L, int status, lua_KContext ctx) {
    const box *self = lua_touserdata(L, 1);
    (void)status;
    (void)ctx;
    neapL_outcome_finish(L, lua_gettop(L) - 1, &self->call->outcome);
    return 0;
}

static int unwanted_k(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    neapL_woken(L, status); // raises
    return 0;
}

// The function of the task: its box is the argument.
static int enter(lua_State *L) {
    const box *self = lua_touserdata(L, 1);
    neapL_task *task = neapL_rt(L)->task;
    self->call->task = task;
    if (self->call->whole)
        listen(self->call, &self->call->called, NEAPL_CALLED, task);
    neapL_toclose(L, 1);
    if (task->core.inner->cause) return neapL_begin(L, 0, unwanted_k);
    int count = neapL_parcel_unpack(L, &self->call->work);
    neapL_parcel_free(&self->call->work);
    lua_callk(L, count - 1, LUA_MULTRET, 0, entered_k);
    return entered_k(L, LUA_OK, 0);
}

// box:gc(): of a callback, which may never be called.
static int lone_gc(lua_State *L) {
    box *self = lua_touserdata(L, 1);
    if (self->call) neapL_call_release(self->call);
    self->call = NULL;
    return 0;
}

// The function of a callback; its end is told to nobody.
static int call_back(lua_State *L) {
    const box *self = lua_touserdata(L, 1);
    int count = neapL_parcel_unpack(L, &self->call->work);
    lone_gc(L);
    lua_call(L, count - 1, 0);
    return 0;
}

static void push_function(lua_State *L, neapL_call *call, lua_CFunction fn) {
    lua_pushlightuserdata(L, call->rt);
    lua_pushcclosure(L, fn, 1);
}

// Who calls it holds the call until the function has returned.
void neapL_call_push(lua_State *L, neapL_call *call) {
    push_function(L, call, enter);
    box *self = neapL_new(L, &there_type, 0);
    self->call = call;
}

// Protected: the call becomes a callback.
static int begin_lone(lua_State *L) {
    neapL_call *call = lua_touserdata(L, 1);
    push_function(L, call, neapL_call_soon);
    push_function(L, call, call_back);
    box *self = neapL_new(L, &lone_type, 0);
    self->call = neapL_call_hold(call);
    lua_call(L, 2, 0);
    return 0;
}

// Protected: the call becomes a task.
static int begin_task(lua_State *L) {
    neapL_call *call = lua_touserdata(L, 1);
    lua_settop(L, 0);
    int fn = neapL_parcel_unpack(L, &call->options) + 1;
    neapL_call_push(L, call);
    neapL_spawn_with(L, call->rt->group, fn);
    call->task = lua_touserdata(L, -1);
    call->task->future.eager = true;
    listen(call, &call->called, NEAPL_CALLED, call->task);
    return 0;
}

// There is no memory to begin it.
static void starve(neapL_call *call) {
    if (call->lone) {
        call->rt->unseen++;
        neapL_report_words(call->rt, "error",
                           "thread:call_soon called nothing: not enough "
                           "memory");
    }
    neapL_call_end(call, no_memory);
}

static void begin(neapL_call *call) {
    neap_runtime *rt = call->rt;
    call->begun = true;
    if (rt->closing || atomic_load(&call->unwanted))
        neapL_call_end(call, has_ended);
    else if (!neapL_protect(rt->L, call->lone ? begin_lone : begin_task, call))
        starve(call);
}

// ---- there: how it is cancelled

// Protected.
static int cancel_body(lua_State *L) {
    const neapL_call *call = lua_touserdata(L, 1);
    if (call->whole) neapL_group_cancel(L, call->rt->group, reason);
    else lua_pushstring(L, reason), neapL_task_cancel(L, call->task);
    return 0;
}

static void cancel(neapL_call *call) {
    neap_runtime *rt = call->rt;
    if (rt->closing || (!call->whole && !call->task)) return; // it has ended
    if (neapL_protect(rt->L, cancel_body, call)) return;
    neap_scope_cancel(call->whole ? &rt->group->scope : &call->task->scope);
}

// The bell over there.
static void heard_begin(neap_bell *bell) {
    neapL_call *call = NEAP_OWNER(bell, neapL_call, begin);
    if (!call->begun) begin(call);
    else if (atomic_load(&call->unwanted)) cancel(call);
    else if (atomic_load(&call->stopped) && !neapL_stop(call->rt)) cancel(call);
    neapL_call_release(call);
}

// ---- here

static void heard_end(neap_bell *bell) {
    neapL_call *call = NEAP_OWNER(bell, neapL_call, end);
    call->ended = true;
    neap_list_unlink(&call->link);
    neap_task_wake_all(&call->line, NEAP_WAKE_READY);
    neapL_call_release(call);
}

static void call_off(neapL_call *call) {
    atomic_store(&call->unwanted, true);
    neapL_call_ring(call);
}

void neapL_calls_close(neap_runtime *rt) {
    int64_t end_ns = neap_clock_ns() + rt->config.grace_ns, left_ns;
    neap_link *link = rt->calls.next;
    atomic_store(&rt->loop.inbox->awake, false); // it may be in a turn
    for (; link != &rt->calls; link = link->next)
        call_off(NEAP_OWNER(link, neapL_call, link));
    while (neap_inbox_drain(rt->loop.inbox), !neap_list_empty(&rt->calls)) {
        left_ns = end_ns - neap_clock_ns();
        if (left_ns <= 0) return;
        if (neap_poller_wait(rt->loop.poller, left_ns) < 0) return;
    }
}

void neapL_stand_in_notify(neap_task *core) {
    neapL_call *call = NEAP_OWNER(core, neapL_call, stands);
    neap_task_term(core);
    call->stand_in = NULL;
    if (call->made && !call->ended) call_off(call);
    neapL_call_release(call);
}

// A stand-in that is pending has its box on its stack, unless the state is
// being closed; or its coroutine is, from inside of which nothing ends it.
static int here_gc(lua_State *L) {
    box *self = lua_touserdata(L, 1);
    neapL_call *call = self->call;
    if (!call) return 0;
    if (call->stand_in && !call->stand_in->future.closing)
        neapL_close_with_state(neapL_find(L));
    if (call->stand_in) neapL_stand_in_notify(&call->stands);
    self->call = NULL;
    neapL_call_release(call);
    return 0;
}

static int deliver(lua_State *L, box *self) {
    const neapL_call *call = self->call;
    neapL_task *task = neapL_rt(L)->task;
    if (self->covered) neapL_uncover(&self->cover);
    self->covered = false;
    int count = neapL_outcome_push(L, &call->outcome);
    if (!call->outcome.failed) return count;
    bool was_told = call->outcome.words || call->outcome.cancelled;
    if (was_told && atomic_load(&call->stopped)) return 0;
    if (call->outcome.cancelled && !task->core.inner->cause) {
        lua_getfield(L, -1, "reason");
        neapL_task_cancel(L, task); // as the one over there was
    }
    if (!was_told || !task->core.inner->cause)
        return neapL_raise_from(L, call->outcome.traceback);
    neapL_push_cancelled(L, task);
    return lua_error(L);
}

// A cancel goes over there; from then on it is a shielded wait for the end.
static void pass_on(box *self, neapL_task *task) {
    if (!task->core.inner->cause || self->covered) return;
    call_off(self->call);
    neapL_cover(&self->cover, &task->core);
    self->covered = true;
}

// It begins, or is woken, while its state is being closed.
static int forsake(lua_State *L, int status, box *self) {
    neapL_task *task = neapL_rt(L)->task;
    if (self->covered) neapL_uncover(&self->cover);
    self->covered = false;
    neapL_wake_of(L, status);
    if (!task->core.inner->cause)
        return luaL_error(L, "the thread is gone: its state is being closed");
    neapL_push_cancelled(L, task);
    return lua_error(L);
}

static int stand_in_k(lua_State *L, int status, lua_KContext ctx) {
    box *self = lua_touserdata(L, 1);
    if (!self->call) return forsake(L, status, self);
    neapL_wake_of(L, status); // whatever it is
    if (self->call->ended) return deliver(L, self);
    neapL_task *task = neapL_waiting(L, NEAPL_ELSEWHERE);
    pass_on(self, task);
    neap_task_wait_outside(&task->core, &self->call->line);
    return neapL_suspend(L, ctx, stand_in_k);
}

// Where the call was not made, an error was raised instead.
static int stand_in(lua_State *L) {
    const box *self = lua_touserdata(L, 1);
    if (self->call && !self->call->made) return 0;
    return stand_in_k(L, LUA_OK, 0);
}

void neapL_stand_in(lua_State *L, const char *key) {
    neap_runtime *rt = neapL_rt(L);
    int fn = lua_gettop(L);
    neapL_call *call = neapL_call_at(L, fn);
    lua_pushlightuserdata(L, rt);
    lua_pushcclosure(L, stand_in, 1);
    lua_insert(L, fn);
    neapL_spawn_with(L, neapL_spawn_group(rt), fn);
    neapL_task *task = lua_touserdata(L, -1);
    task->future.eager = true;
    call->stand_in = task;
    listen(call, &call->stands, NEAPL_STANDS, task);
    if (key) {
        lua_pushvalue(task->co, -1); // the box: it has not begun
        lua_xmove(task->co, L, 1);
        neapL_setextra(L, -2, key);
    }
    lua_insert(L, 1);
    lua_settop(L, 1);
}

void neapL_stand_down(neapL_call *call) {
    neapL_task *task = call->stand_in;
    assert(!call->made);
    neap_task_term(&call->stands);
    call->stand_in = NULL;
    neapL_task_withdraw(task);
    neapL_call_release(call);
}

// ---- both

static const luaL_Reg here_meta[] = {{"__gc", here_gc}, {NULL, NULL}};
static const luaL_Reg there_meta[] = {{"__close", there_close}, {NULL, NULL}};
static const luaL_Reg lone_meta[] = {{"__gc", lone_gc}, {NULL, NULL}};

static const neapL_type here_type = {"neap.call", sizeof(box), NULL, here_meta};
static const neapL_type there_type = {"neap.called", sizeof(box), NULL,
                                      there_meta};
static const neapL_type lone_type = {"neap.lone", sizeof(box), NULL, lone_meta};

void neapL_open_remote(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &here_type);
    neapL_newtype(L, rt, &there_type);
    neapL_newtype(L, rt, &lone_type);
}
