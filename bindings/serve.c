// SPDX-License-Identifier: MIT
// Serve: neap.serve: the connections of a listener, each with a task of its
// own.
//
// The call owns a group as neap.run does: one of its tasks, the acceptor, takes
// connections and spawns the others, and the caller waits under the group's
// cover, so that a cancel reaches them and not the wait. A group without a
// block reports the tasks that fail and goes on.
//
// When the listener is closed the acceptor ends, and what is left has the grace
// to end by itself. When anything else ends the acceptor (its cancel, or an
// error), the connections are cancelled at once.
//
// The acceptor waits in accept; or, where it has as many connections as it may
// or the system gives no more, until one of its own has ended (group->hopeful).
// Then it stands in the listener's line for output, in which nobody else waits,
// and from which closing the listener wakes it.
#include <limits.h>
#include <string.h>

#include "bindings/report.h"
#include "bindings/socket.h"

// The system gives no descriptor or no memory: somebody else may free one. 10
// calls a second cost nothing, and a client does not mind 0.1 s.
#define SCARCE_NS (100 * NEAP_MILLISECOND_NS)

// Failures of accept are told at most so often: a crowd makes them in bursts.
#define TELL_NS (60 * NEAP_SECOND_NS)

// ---- a connection's task

enum { CONN = 1 }; // of its stack: the Socket, the handler, its arguments

static int handled_k(lua_State *L, int status, lua_KContext ctx) {
    (void)L;
    (void)status;
    (void)ctx;
    return 0;
}

static int converse(lua_State *L) {
    neapL_toclose(L, CONN);
    lua_callk(L, lua_gettop(L) - CONN - 1, 0, 0, handled_k);
    return handled_k(L, LUA_OK, 0);
}

// ---- the acceptor

enum {            // of its stack
    LISTENER = 1, // as in serve's arguments
    HANDLER,
    MAX,      // connections at once
    CONVERSE, // the function above
    ACCEPT,   // the listener's method
    TOLD,     // until when no failure is told, in ns
    GOT       // what accept gave: Socket, host, port; or nil, message, code
};

static neapL_group *own_group(lua_State *L) {
    return neapL_group_of(neapL_current(L));
}

// The acceptor is one of the group's tasks itself.
static bool is_full(lua_State *L) {
    return own_group(L)->live > lua_tointeger(L, MAX);
}

static int ended_k(lua_State *L, int status, lua_KContext ctx);

// Suspends until a connection ended or the listener was closed; or, where the
// world outside may help, for `span_ns`.
static int await_end(lua_State *L, int64_t span_ns) {
    neapL_socket *listener = neapL_tosocket(L, LISTENER);
    if (!neapL_is_open(listener)) return lua_pushboolean(L, 1), 1;
    neapL_task *task = neapL_waiting(L, NEAPL_SERVE);
    lua_settop(L, TOLD);
    own_group(L)->hopeful = &task->core;
    if (span_ns < NEAP_NEVER_NS) {
        neapL_socket_wait(listener, NEAP_OUT, task);
        neap_task_arm(&task->core, neapL_deadline(neapL_rt(L), span_ns));
    } else neap_task_wait(&task->core, &listener->fd.line[NEAP_OUT]);
    return neapL_suspend(L, 0, ended_k);
}

static void begin_connection(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    lua_pushvalue(L, HANDLER);
    lua_pushvalue(L, CONVERSE);
    lua_insert(L, GOT);     // converse, Socket, host, port, handler
    lua_insert(L, GOT + 2); // converse, Socket, handler, host, port
    lua_pushvalue(L, GOT + 1);
    lua_insert(L, GOT + 3);
    neapL_spawn(L, rt, own_group(L), 5);
    lua_settop(L, TOLD);
}

// What will fail again however often one asks.
static bool is_lasting(const char *code) {
    static const char *const lasting[] = {"EBADF", "EINVAL", "ENOTSOCK",
                                          "EOPNOTSUPP", NULL};
    int i = 0;
    while (lasting[i] && strcmp(code, lasting[i]) != 0) i++;
    return lasting[i] != NULL;
}

static void tell(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    int64_t now_ns = neap_loop_time(&rt->loop);
    if (now_ns < lua_tointeger(L, TOLD)) return;
    lua_pushinteger(L, now_ns + TELL_NS);
    lua_replace(L, TOLD);
    const char *words = lua_tostring(L, GOT + 1);
    words = lua_pushfstring(L, "%s; the server goes on trying", words);
    neapL_report_words(rt, "error", words);
}

// -> true, or what accept gave
static int accept_failed(lua_State *L) {
    const char *code = lua_tostring(L, GOT + 2);
    if (strcmp(code, "closed") == 0) return lua_pushboolean(L, 1), 1;
    if (is_lasting(code)) return 3;
    tell(L);
    return await_end(L, SCARCE_NS);
}

static int accepted_k(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    while (lua_touserdata(L, GOT)) {
        begin_connection(L);
        if (is_full(L)) return await_end(L, NEAP_NEVER_NS);
        lua_pushvalue(L, ACCEPT);
        lua_pushvalue(L, LISTENER);
        lua_callk(L, 1, 3, 0, accepted_k);
    }
    return accept_failed(L);
}

// Of a wake that came from somewhere else it makes nothing.
static int ended_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_woken(L, status);
    own_group(L)->hopeful = NULL;
    if (is_full(L)) return await_end(L, NEAP_NEVER_NS);
    lua_pushvalue(L, ACCEPT);
    lua_pushvalue(L, LISTENER);
    lua_callk(L, 1, 3, 0, accepted_k);
    return accepted_k(L, LUA_OK, ctx);
}

static int accept_all(lua_State *L) { return ended_k(L, LUA_OK, 0); }

// ---- the call

enum { // of its stack, once it serves
    ACCEPTOR = 1,
    GRACE, // in ns
    STUCK  // the Deadlock that it was woken by, if it was
};

static void cancel_all(lua_State *L, neapL_group *group) {
    neapL_group_cancel(L, group, "the server that accepted it has ended");
    neapL_overdue_group(group);
}

// Nothing can wake the connections: who waits for them in vain cancels them; if
// they are stuck all the same they are ended.
static void meet_deadlock(lua_State *L, neapL_group *group) {
    if (group->scope.cancelled) neapL_kill_beneath(L, &group->scope);
    lua_settop(L, GRACE);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &neapL_stuck);
    cancel_all(L, group);
}

static int serve_k(lua_State *L, int status, lua_KContext ctx);

// Waits for the end of the acceptor, then for that of all; for the grace, where
// they were not cancelled.
static int await_group(lua_State *L, neapL_group *group) {
    neapL_future *acceptor = lua_touserdata(L, ACCEPTOR);
    neapL_task *task = neapL_waiting(L, NEAPL_SERVE);
    bool accepts = neapL_is_pending(acceptor);
    int64_t grace_ns = lua_tointeger(L, GRACE);
    neap_task_wait(&task->core, accepts ? &acceptor->line : &group->line);
    if (!accepts && !group->scope.cancelled && grace_ns < NEAP_NEVER_NS)
        neap_task_arm(&task->core, neapL_deadline(neapL_rt(L), grace_ns));
    return neapL_suspend(L, (lua_KContext)group, serve_k);
}

static int serve_k(lua_State *L, int status, lua_KContext ctx) {
    neapL_group *group = (neapL_group *)ctx; // NOLINT: as it was given
    const neapL_future *acceptor = lua_touserdata(L, ACCEPTOR);
    neap_wake wake = neapL_wake_of(L, status);
    if (wake == NEAP_WAKE_STUCK) meet_deadlock(L, group);
    bool over = wake == NEAP_WAKE_TIMEOUT || acceptor->state >= NEAPL_FAILED;
    if (over && !group->scope.cancelled) cancel_all(L, group);
    if (group->live > 0) return await_group(L, group);
    neapL_run_end(L, group);
    if (lua_gettop(L) == STUCK) return lua_error(L);
    return neapL_future_results(L, ACCEPTOR);
}

// Protected: a name is for people; without memory there is none.
static int name_acceptor(lua_State *L) {
    neapL_task_push(L, lua_touserdata(L, 1));
    lua_pushliteral(L, "acceptor");
    neapL_setextra(L, -2, "name");
    return 0;
}

// The acceptor's function and its six arguments are on the stack, and no more:
// its Task takes their place.
static neapL_group *begin(lua_State *L, neapL_task *task) {
    neap_runtime *rt = neapL_rt(L);
    neapL_task *acceptor = neapL_task_new(L, rt, lua_gettop(L) - 1);
    neapL_group *group = neapL_group_open(rt, task->core.inner, task);
    if (!group) {
        neapL_task_withdraw(acceptor);
        luaL_error(L, "not enough memory");
    }
    group->run = neapL_group_of(task)->run;
    neapL_task_begin(acceptor, group);
    acceptor->future.hosted = true; // its error is ours
    neapL_protect(L, name_acceptor, acceptor);
    return group;
}

static void push_function(lua_State *L, lua_CFunction function) {
    lua_pushlightuserdata(L, neapL_rt(L));
    lua_pushcclosure(L, function, 1);
}

// options.max is returned.
static int check_arguments(lua_State *L, int64_t *grace_ns) {
    enum { OPTIONS = HANDLER + 1 };
    const neapL_socket *listener = neapL_checksocket(L, LISTENER);
    luaL_argcheck(L, listener->listening, LISTENER, "it does not listen");
    luaL_checktype(L, HANDLER, LUA_TFUNCTION);
    *grace_ns = NEAP_NEVER_NS;
    if (lua_isnoneornil(L, OPTIONS)) return INT_MAX;
    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    neapL_checknames(L, OPTIONS, " max grace ");
    *grace_ns = neapL_optseconds(L, OPTIONS, "grace");
    return neapL_optlimit(L, OPTIONS, "max");
}

// neap.serve(listener, handler [, { max =, grace = }]) -> true, when the
// listener was closed | nil, message, code
static int serve(lua_State *L) {
    int64_t grace_ns;
    int max = check_arguments(L, &grace_ns);
    neapL_task *task = neapL_waiting(L, NEAPL_SERVE); // or nothing is begun
    lua_settop(L, HANDLER);
    push_function(L, accept_all);
    lua_insert(L, LISTENER);
    lua_pushinteger(L, max);
    push_function(L, converse);
    lua_getfield(L, LISTENER + 1, "accept");
    lua_pushinteger(L, 0);
    neapL_group *group = begin(L, task);
    lua_pushinteger(L, grace_ns);
    neapL_cover(&group->cover, &task->core);
    return serve_k(L, LUA_OK, (lua_KContext)group);
}

static const luaL_Reg functions[] = {{"serve", serve}, {NULL, NULL}};

void neapL_open_serve(lua_State *L, neap_runtime *rt) {
    neapL_addfuncs(L, rt, functions);
}
