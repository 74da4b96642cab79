// SPDX-License-Identifier: MIT
// Thread: neap.thread: a loop of its own in a thread of the system.
//
// A Thread is the Task that stands here for the main function over there (see
// remote.h), with three methods more. The state over there is made here, so
// that what can fail fails in the call, and from then on it is the other
// thread's, which runs it to the end and closes it.
//
// A loop that others can reach is never deadlocked: its thread holds it.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/origin.h"
#include "bindings/remote.h"
#include "bindings/runtime.h"
#include "core/sys.h"

static const neapL_type thread_type;
static const char has_ended[] = "the thread has ended";

typedef struct thread {   // of the system
    neapL_call *call;     // of its main function
    neapL_origin *origin; // whom it works for
} thread;

// ---- there

// Protected: the main function and its argument.
static int push_main(lua_State *L) {
    neapL_call_push(L, lua_touserdata(L, 1));
    return 2;
}

static void run_loop(neap_runtime *rt, neapL_call *call) {
    lua_State *L = rt->L;
    call->begun = true;
    neap_loop_hold(&rt->loop, 1);
    lua_pushcfunction(L, push_main);
    lua_pushlightuserdata(L, call);
    if (lua_pcall(L, 1, 2, 0) == LUA_OK) neapL_run_main(rt, 1);
    neap_loop_hold(&rt->loop, -1);
}

static void free_thread(thread *self) {
    if (self->call) neapL_call_release(self->call);
    if (self->origin) neapL_origin_release(self->origin);
    free(self);
}

static void *run(void *arg) {
    thread *self = arg;
    neap_runtime *rt = self->call->rt;
    rt->interruption.thread = pthread_self();
    run_loop(rt, self->call);
    neap_close(rt);
    neapL_call_end(self->call, "not enough memory"); // to begin
    free_thread(self);
    return NULL;
}

// ---- here

// With a runtime that is to make the call, and closed with it. NULL: no memory,
// or no descriptor.
static thread *new_thread(lua_State *L, neapL_call *call) {
    neapL_origin *origin = neapL_origin_open(L, neapL_rt(L));
    thread *self = origin ? calloc(1, sizeof *self) : NULL;
    if (origin && !self) neapL_origin_release(origin);
    if (!self) return NULL;
    self->origin = origin;
    call->rt = neapL_origin_furnish(origin);
    if (!call->rt) return free_thread(self), NULL;
    call->whole = true;
    call->there = neap_inbox_hold(call->rt->loop.inbox);
    self->call = neapL_call_hold(call);
    return self;
}

// It has a stand-in, and cannot be made. Raises.
static void refuse(lua_State *L, neapL_call *call, const char *words) {
    neapL_stand_down(call);
    luaL_error(L, "%s", words);
}

static void start(lua_State *L, neapL_call *call) {
    thread *self = new_thread(L, call);
    if (!self)
        refuse(L, call,
               "cannot start a thread: not enough memory or descriptors for "
               "its state");
    int rc = neap_sys_thread(run, self);
    call->made = rc == 0;
    if (rc == 0) neap_list_append(&neapL_rt(L)->calls, &call->link);
    if (rc == 0) return;
    neap_close(call->rt);
    free_thread(self);
    lua_pushfstring(L, "cannot start a thread: %s", strerror(-rc));
    refuse(L, call, lua_tostring(L, -1));
}

// The function's index: options may stand before it.
static int check_arguments(lua_State *L, int arg) {
    int fn = lua_istable(L, arg) ? arg + 1 : arg;
    if (fn > arg) neapL_checknames(L, arg, " name daemon ");
    luaL_checktype(L, fn, LUA_TFUNCTION);
    if (neapL_rt(L)->closing) luaL_error(L, "the runtime is closing");
    return fn;
}

// neap.thread(fn, ...) or neap.thread({ name =, daemon = }, fn, ...) -> Thread
static int thread_new(lua_State *L) {
    int fn = check_arguments(L, 1);
    neapL_call *call = neapL_call_new(L, fn, "neap.thread");
    neapL_stand_in(L, "thread");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &thread_type);
    lua_setmetatable(L, 1);
    start(L, call);
    return 1;
}

// ---- methods

// Its main call.
static neapL_call *check_thread(lua_State *L) {
    const neapL_task *task = neapL_test(L, 1, &neapL_task_type);
    if (!task || neapL_getextra(L, 1, "thread") == LUA_TNIL)
        luaL_typeerror(L, 1, "Thread");
    neapL_call *call = neapL_call_at(L, -1);
    if (!call) luaL_error(L, "the thread is gone: its state is being closed");
    lua_pop(L, 1);
    return call;
}

// A new call goes the thread's way.
static void address(neapL_call *call, const neapL_call *main) {
    call->rt = main->rt;
    call->there = neap_inbox_hold(main->there);
}

// thread:spawn(fn, ...) or thread:spawn({ name =, daemon = }, fn, ...) -> Task:
// it stands here for the one over there
static int thread_spawn(lua_State *L) {
    const neapL_call *main = check_thread(L);
    int fn = check_arguments(L, 2);
    neapL_call *call = neapL_call_new(L, fn, "thread:spawn");
    if (fn > 2) neapL_call_options(L, 2, call);
    address(call, main);
    bool daemon = ((const neapL_task *)lua_touserdata(L, 1))->future.daemon;
    lua_remove(L, 1);
    neapL_stand_in(L, NULL);
    if (daemon) neapL_task_daemonize(lua_touserdata(L, 1));
    if (!neapL_call_send(call)) refuse(L, call, has_ended);
    return 1;
}

// thread:call_soon(fn, ...): calls it in the loop over there
static int thread_call_soon(lua_State *L) {
    const neapL_call *main = check_thread(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    neapL_call *call = neapL_call_new(L, 2, "thread:call_soon");
    call->lone = true;
    address(call, main);
    if (!neapL_call_send(call)) luaL_error(L, has_ended);
    return 0;
}

// thread:stop(): ends its run_forever, and with its main task all the others;
// at once where it is in none
static int thread_stop(lua_State *L) {
    neapL_call *main = check_thread(L);
    atomic_store(&main->stopped, true);
    neapL_call_ring(main);
    return 0;
}

static const luaL_Reg methods[] = {{"spawn", thread_spawn},
                                   {"call_soon", thread_call_soon},
                                   {"stop", thread_stop},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {{"thread", thread_new}, {NULL, NULL}};

static const neapL_type thread_type = {"neap.Thread", sizeof(neapL_task),
                                       methods, NULL};

// Copies what is missing in the table on top from the one below it.
static void inherit(lua_State *L) {
    for (lua_pushnil(L); lua_next(L, -3); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        if (lua_rawget(L, -4) == LUA_TNIL) {
            lua_pushvalue(L, -3);
            lua_pushvalue(L, -3);
            lua_rawset(L, -6);
        }
        lua_pop(L, 1);
    }
}

// What a Task can do, a Thread can.
void neapL_open_thread(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &thread_type);
    luaL_getmetatable(L, neapL_task_type.name);
    luaL_getmetatable(L, thread_type.name);
    lua_getfield(L, -2, "__index");
    lua_getfield(L, -2, "__index");
    inherit(L);
    lua_pop(L, 2);
    inherit(L);
    lua_pop(L, 2);
    neapL_addfuncs(L, rt, functions);
}
