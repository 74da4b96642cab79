// SPDX-License-Identifier: MIT
// Host: the C API's ways to run: files, strings, tasks, turns.
//
// All of it is what Lua code can do too, called from outside and protected. A
// host that waits for a task stands in its line as a task of its own kind, so
// that it is told in the pass after the task's end, in the loop's turn.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bindings/runtime.h"

// ---- words

static const char error_key = 'e'; // registry: the last failure's words

// As lua does: no traceback for an object that has words of its own.
static bool has_words(lua_State *L) {
    if (lua_type(L, -1) == LUA_TSTRING) return false;
    if (luaL_getmetafield(L, -1, "__tostring") == LUA_TNIL) return false;
    lua_pop(L, 1);
    return true;
}

void neapL_set_error(lua_State *L, neap_runtime *rt, const char *traceback) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    int top = lua_gettop(L);
    bool traced = traceback && !has_words(L);
    const char *words = neapL_errorstring(L, -1);
    if (traced) words = lua_pushfstring(L, "%s\n%s", words, traceback);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &error_key);
    rt->error = words;
    lua_settop(L, top - 1);
}

const char *neap_error(const neap_runtime *rt) { return rt->error; }

int neap_unseen(const neap_runtime *rt) { return rt->unseen; }

lua_State *neap_state(neap_runtime *rt) { return rt->L; }

// ---- a host that waits for a task

typedef struct waiter {
    neap_task core;   // in the task's line, then in the ready deque
    neapL_task *task; // whose end it waits for
    neap_done done;   // to be called then
    void *ud;         // its last argument
} waiter;

void neapL_host_wake(lua_State *L, int index, neap_task *core) {
    neapL_anchor(L, neapL_of_loop(core->loop), index);
    neap_task_wake(core, NEAP_WAKE_READY);
}

// Pushes the results, or the error, of the Task at `index`: the status, and how
// many.
static int push_end(lua_State *L, neap_runtime *rt, int index, int *count) {
    const neapL_future *future = lua_touserdata(L, index);
    if (future->state == NEAPL_FINISHED)
        return *count = neapL_future_results(L, index), 0;
    neapL_getextra(L, index, "traceback");
    neapL_getvalue(L, index);
    neapL_set_error(L, rt, lua_tostring(L, -2));
    neapL_getvalue(L, index);
    return *count = 1, -1;
}

void neapL_host_slice(neap_runtime *rt, neap_task *core) {
    waiter *waiting = NEAP_OWNER(core, waiter, core);
    waiter copy = *waiting;
    lua_State *L = rt->L;
    int top = lua_gettop(L), count;
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    neap_task_term(core);
    neap_alloc_free(&rt->alloc, waiting, sizeof *waiting);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    lua_rawgetp(L, -1, copy.task);
    neapL_unanchor(L, rt, copy.task);
    int status = push_end(L, rt, top + 2, &count);
    copy.done(rt, status, count, copy.ud);
    lua_settop(L, top);
}

static void await(lua_State *L, neap_runtime *rt, waiter wish) {
    waiter *waiting = neap_alloc_new(&rt->alloc, sizeof *waiting);
    if (!waiting) luaL_error(L, "not enough memory");
    *waiting = wish;
    neap_task_init(&waiting->core, &rt->loop, NEAPL_HOST);
    neap_task_wait(&waiting->core, &wish.task->future.line);
    wish.task->future.hosted = true;
}

// Protected: the waiter's wishes, the function, its arguments.
static int spawn_body(lua_State *L) {
    waiter *wish = lua_touserdata(L, 1);
    neap_runtime *rt = neapL_find(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    wish->task = neapL_spawn(L, rt, rt->group, lua_gettop(L) - 2);
    if (wish->done) await(L, rt, *wish);
    rt->group->main = wish->task;
    return 0;
}

int neap_spawn(neap_runtime *rt, int nargs, neap_done done, void *ud) {
    lua_State *L = rt->L;
    waiter wish = {.done = done, .ud = ud};
    if (!lua_checkstack(L, LUA_MINSTACK)) return -ENOMEM;
    lua_pushcfunction(L, spawn_body);
    lua_insert(L, -(nargs + 2));
    lua_pushlightuserdata(L, &wish);
    lua_insert(L, -(nargs + 2));
    if (lua_pcall(L, nargs + 2, 0, 0) == LUA_OK) return 0;
    neapL_set_error(L, rt, NULL);
    return -ENOMEM;
}

// ---- turning

static bool is_idle(neap_runtime *rt, const void *group) {
    (void)rt;
    return neapL_group_idle(group);
}

static bool is_empty(neap_runtime *rt, const void *group) {
    (void)rt;
    return ((const neapL_group *)group)->live == 0;
}

static int fail(neap_runtime *rt, int rc) {
    lua_pushstring(rt->L, strerror(-rc));
    neapL_set_error(rt->L, rt, NULL);
    return -1;
}

// Until the group's tasks have ended; daemons are cancelled then.
static int run_group(neap_runtime *rt, neapL_group *group) {
    int rc = neapL_drive(rt, rt->L, is_idle, group);
    if (rc < 0) return fail(rt, rc);
    neapL_group_cancel_tasks(rt->L, group, "the last other task has ended");
    rc = neapL_drive(rt, rt->L, is_empty, group);
    return rc < 0 ? fail(rt, rc) : 0;
}

int neap_run(neap_runtime *rt) { return run_group(rt, rt->root); }

int neap_turn(neap_runtime *rt, int64_t limit_ns) {
    int rc = neapL_turn(rt, rt->L, limit_ns);
    if (rc == -EDEADLK) neapL_deadlock(rt, rt->L);
    else if (rc < 0) return rc;
    return !neapL_group_idle(rt->root);
}

int neap_poll_fd(const neap_runtime *rt) {
    return neap_loop_fd((neap_loop *)(size_t)&rt->loop); // arms it, no more
}

int64_t neap_due_ns(const neap_runtime *rt) {
    return neap_loop_due(&rt->loop);
}

int neap_post(neap_runtime *rt, neap_post_fn fn, void *arg) {
    return neap_inbox_post(&rt->loop.inbox, fn, arg);
}

void neap_hold(neap_runtime *rt, int delta) {
    neap_loop_hold(&rt->loop, delta);
}

// ---- files and strings

typedef struct outcome { // of a main task
    int status;          // 0, or -1
    bool ended;          // done was called
} outcome;

static void note_end(neap_runtime *rt, int status, int count, void *ud) {
    outcome *end = ud;
    (void)rt, (void)count;
    *end = (outcome){status, true};
}

static bool has_ended(neap_runtime *rt, const void *ud) {
    (void)rt;
    return ((const outcome *)ud)->ended;
}

// Runs the chunk on top of the stack, in a group of its own, to the end.
static int run_chunk(neap_runtime *rt) {
    outcome end = {-1, false};
    neapL_group *outer = rt->group;
    neapL_group *group = neapL_group_open(rt, &rt->root->scope, NULL);
    if (!group) return lua_pop(rt->L, 1), fail(rt, -ENOMEM);
    rt->group = group;
    int rc = neap_spawn(rt, 0, note_end, &end);
    if (rc == 0) rc = neapL_drive(rt, rt->L, has_ended, &end);
    if (rc < 0) fail(rt, rc);
    if (rc < 0 || end.status < 0)
        neapL_group_cancel(rt->L, group, "the main task failed");
    rc = run_group(rt, group);
    neapL_group_kill(rt->L, group); // only where the poller failed
    rt->group = outer;
    neapL_group_close(rt->L, group);
    return rc < 0 ? rc : end.status;
}

static int run_loaded(neap_runtime *rt, int status) {
    if (status == LUA_OK) return run_chunk(rt);
    neapL_set_error(rt->L, rt, NULL);
    return -1;
}

int neap_dofile(neap_runtime *rt, const char *path) {
    if (path && strcmp(path, "-") == 0) path = NULL;
    return run_loaded(rt, luaL_loadfile(rt->L, path));
}

int neap_dostring(neap_runtime *rt, const char *code, const char *name) {
    const char *chunk = name ? name : code;
    return run_loaded(rt, luaL_loadbuffer(rt->L, code, strlen(code), chunk));
}
