// SPDX-License-Identifier: MIT
// Host: the C API's ways to run: files, strings, tasks, turns.
//
// All of it is what Lua code can do too, called from outside and protected. A
// host that waits for a task stands in its line as a task of its own kind, so
// that it is told in the pass after the task's end, in the loop's turn.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bindings/report.h"
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

typedef struct failure {
    const char *words;     // NULL: those of the error object
    const char *traceback; // NULL: none
} failure;

// Protected: a failure, and the error object if it has no words.
static int note_failure(lua_State *L) {
    const failure *it = lua_touserdata(L, 1);
    const char *traceback = it->traceback, *words = it->words;
    neap_runtime *rt = neapL_find(L);
    if (words) lua_pushstring(L, words);
    else {
        if (has_words(L)) traceback = NULL;
        words = neapL_errorstring(L, 2);
    }
    if (traceback) lua_pushfstring(L, "%s\n%s", words, traceback);
    words = lua_tostring(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &error_key);
    rt->error = words;
    return 0;
}

// The `count` values on top (the error object, or none) are popped.
static void set_error(neap_runtime *rt, lua_State *L, failure it, int count) {
    if (lua_checkstack(L, LUA_MINSTACK)) {
        lua_pushcfunction(L, note_failure);
        lua_insert(L, -(count + 1));
        lua_pushlightuserdata(L, &it);
        lua_insert(L, -(count + 1));
        if (lua_pcall(L, count + 1, 0, 0) == LUA_OK) return;
        count = 1; // the error
    }
    lua_pop(L, count);
    rt->error = "not enough memory";
}

void neapL_set_error(lua_State *L, neap_runtime *rt, const char *traceback) {
    set_error(rt, L, (failure){.traceback = traceback}, 1);
}

void neapL_set_words(neap_runtime *rt, const char *words) {
    set_error(rt, rt->L, (failure){.words = words}, 0);
}

// A host that the runtime itself has called must not turn or close it; and one
// that is closed has nothing to turn.
static int check_free(neap_runtime *rt) {
    const char *words = NULL;
    if (!rt->root) words = "the runtime is closed";
    else if (rt->busy) words = "called from inside the runtime";
    if (!words) return 0;
    neapL_set_words(rt, words);
    return rt->root ? -EBUSY : -ECANCELED;
}

const char *neap_error(const neap_runtime *rt) { return rt->error; }

int neap_unseen(const neap_runtime *rt) { return rt->unseen; }

lua_State *neap_state(neap_runtime *rt) { return rt->L; }

// ---- a host that waits for a task

// The table of anchors holds the Task under the waiter's address.
typedef struct waiter {
    neap_task core; // in the task's line, then in the ready deque
    neap_done done; // to be called when the task has ended
    void *ud;       // its last argument
    bool told;      // it was called
} waiter;

void neapL_host_wake(neap_task *core) {
    neapL_of_loop(core->loop)->untold++;
    neap_task_wake(core, NEAP_WAKE_READY);
}

// Protected: the results, or the error, of a Task; sets the flag if it failed.
static int push_end(lua_State *L) {
    const neapL_future *future = lua_touserdata(L, 1);
    bool *failed = lua_touserdata(L, 2);
    *failed = future->state != NEAPL_FINISHED;
    if (!*failed) return neapL_future_results(L, 1);
    neapL_getextra(L, 1, "traceback");
    neapL_getvalue(L, 1);
    if (neapL_getextra(L, 1, "words") == LUA_TSTRING)
        neapL_set_words(neapL_find(L), lua_tostring(L, -1));
    else {
        lua_pop(L, 1);
        neapL_set_error(L, neapL_find(L), lua_tostring(L, -2));
    }
    neapL_getvalue(L, 1);
    return 1;
}

// Protected: the waiter and the Task whose end it is told. That the results
// cannot be had is an error, too.
static int tell(lua_State *L) {
    waiter *waiting = lua_touserdata(L, 1);
    neap_runtime *rt = neapL_find(L);
    bool failed;
    lua_pushcfunction(L, push_end);
    lua_pushvalue(L, 2);
    lua_pushlightuserdata(L, &failed);
    if (lua_pcall(L, 2, LUA_MULTRET, 0) != LUA_OK) {
        failed = true;
        lua_pushvalue(L, -1);
        neapL_set_error(L, rt, NULL);
    }
    waiting->told = true;
    waiting->done(rt, failed ? -1 : 0, lua_gettop(L) - 2, waiting->ud);
    return 0;
}

// What done raises is caught here and reported. Without memory for the call it
// is told of that.
void neapL_host_slice(neap_runtime *rt, neap_task *core) {
    waiter *waiting = NEAP_OWNER(core, waiter, core);
    waiter copy = *waiting;
    lua_State *L = rt->L;
    int top = lua_gettop(L);
    (void)lua_checkstack(L, LUA_MINSTACK); // as good as it gets
    neap_task_term(core);
    rt->untold--;
    lua_pushcfunction(L, tell);
    lua_pushlightuserdata(L, &copy);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    lua_rawgetp(L, -1, waiting);
    lua_remove(L, -2);
    neapL_unanchor(L, rt, waiting);
    neap_alloc_free(&rt->alloc, waiting, sizeof *waiting);
    int status = lua_pcall(L, 2, 0, 0);
    if (!copy.told) {
        lua_pushvalue(L, -1);
        neapL_set_error(L, rt, NULL);
        copy.done(rt, -1, 1, copy.ud);
    } else if (status != LUA_OK) {
        rt->unseen++;
        neapL_report_error(L, rt, NULL, NULL);
    }
    lua_settop(L, top);
}

static neap_task *find_host(const neap_list *line) {
    neap_link *link = line->next;
    for (; link != line; link = link->next) {
        neap_task *core = NEAP_OWNER(link, neap_task, link);
        if (core->kind == NEAPL_HOST) return core;
    }
    return NULL;
}

// Protected: tells one.
static int tell_host(lua_State *L) {
    neap_task *core = lua_touserdata(L, 1);
    neapL_host_slice(neapL_of_loop(core->loop), core);
    return 0;
}

void neapL_host_tell(neap_runtime *rt) {
    neap_task *core;
    rt->busy++;
    while ((core = find_host(&rt->loop.pass)) ||
           (core = find_host(&rt->loop.ready))) {
        neap_list_unlink(&core->link);
        neapL_protect(rt->L, tell_host, core);
    }
    rt->busy--;
}

// Sets what is anchored under the waiter's address to the value on top, popped.
static void anchor(lua_State *L, neap_runtime *rt, const waiter *waiting) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    lua_insert(L, -2);
    lua_rawsetp(L, -2, waiting);
    lua_pop(L, 1);
}

// Protected: the waiter, the function, its arguments. The place in the table is
// made first: once there is a task, nothing can fail.
static int spawn_body(lua_State *L) {
    waiter *waiting = lua_touserdata(L, 1);
    neap_runtime *rt = neapL_find(L);
    if (!lua_isfunction(L, 2))
        return luaL_error(L, "neap_spawn: function expected, got %s",
                          luaL_typename(L, 2));
    if (waiting) lua_pushboolean(L, 1), anchor(L, rt, waiting);
    neapL_task *task = neapL_spawn(L, rt, rt->group, lua_gettop(L) - 2);
    if (!rt->busy || !rt->group->main) rt->group->main = task;
    if (!waiting) return 0;
    anchor(L, rt, waiting);
    neap_task_init(&waiting->core, &rt->loop, NEAPL_HOST);
    neap_task_wait(&waiting->core, &task->future.line);
    task->future.hosted = true;
    return 0;
}

// Whether a task of the function and arguments on top was made; 0 or -errno.
static int try_spawn(neap_runtime *rt, int nargs, waiter *waiting) {
    lua_State *L = rt->L;
    lua_pushcfunction(L, spawn_body);
    lua_insert(L, -(nargs + 2));
    lua_pushlightuserdata(L, waiting);
    lua_insert(L, -(nargs + 2));
    int status = lua_pcall(L, nargs + 2, 0, 0);
    if (status == LUA_OK) return 0;
    neapL_set_error(L, rt, NULL);
    neapL_unanchor(L, rt, waiting); // no memory is needed for that
    return status == LUA_ERRMEM ? -ENOMEM : -EINVAL;
}

static int refuse_spawn(neap_runtime *rt, int nargs, int rc) {
    lua_pop(rt->L, nargs + 1);
    neapL_set_words(rt, rc == -ENOMEM ? "not enough memory"
                                      : "the runtime is closing");
    return rc;
}

int neap_spawn(neap_runtime *rt, int nargs, neap_done done, void *ud) {
    waiter *waiting = NULL;
    if (rt->closing) return refuse_spawn(rt, nargs, -ECANCELED);
    if (!lua_checkstack(rt->L, LUA_MINSTACK))
        return refuse_spawn(rt, nargs, -ENOMEM);
    if (done) {
        waiting = neap_alloc_new(&rt->alloc, sizeof *waiting);
        if (!waiting) return refuse_spawn(rt, nargs, -ENOMEM);
        *waiting = (waiter){.done = done, .ud = ud};
    }
    int rc = try_spawn(rt, nargs, waiting);
    if (rc < 0) neap_alloc_free(&rt->alloc, waiting, sizeof *waiting);
    return rc;
}

// ---- turning

// Nothing keeps the group going: no task, no host that is still to be told.
static bool is_idle(neap_runtime *rt, const void *group) {
    return rt->holds == 0 && rt->untold == 0 && neapL_group_idle(group);
}

static int fail(neap_runtime *rt, int rc) {
    neapL_set_words(rt, strerror(-rc));
    return -1;
}

// Until the group's tasks have ended; daemons are cancelled then. An
// interruption that no main task could take is the run's failure.
static int run_group(neap_runtime *rt, neapL_group *group) {
    int rc = neapL_drive(rt, rt->L, is_idle, group);
    if (rc < 0) return fail(rt, rc);
    neapL_group_cancel_tasks(rt->L, group, "the last other task has ended");
    neapL_run_out(group);
    const char *heard = rt->interruption.heard;
    rt->interruption.heard = NULL;
    if (!heard) return 0;
    neapL_set_words(rt, heard);
    return -1;
}

int neap_run(neap_runtime *rt) {
    if (check_free(rt) < 0) return -1;
    return run_group(rt, rt->root);
}

// Protected: tells somebody of a deadlock.
static int untie(lua_State *L) {
    neapL_deadlock(lua_touserdata(L, 1), L);
    return 0;
}

int neap_turn(neap_runtime *rt, int64_t limit_ns) {
    int rc = check_free(rt);
    if (rc == 0) rc = neapL_turn(rt, rt->L, limit_ns);
    if (rc == -EDEADLK) neapL_protect(rt->L, untie, rt);
    else if (rc < 0) return rc;
    return !is_idle(rt, rt->root);
}

int neap_poll_fd(const neap_runtime *rt) {
    return neap_loop_fd((neap_loop *)(size_t)&rt->loop); // arms it, no more
}

int64_t neap_due_ns(const neap_runtime *rt) {
    return neapL_is_interrupted(rt) ? 0 : neap_loop_due(&rt->loop);
}

int neap_post(neap_runtime *rt, neap_post_fn fn, void *arg) {
    return neap_inbox_post(rt->loop.inbox, fn, arg);
}

void neap_hold(neap_runtime *rt, int delta) {
    assert(rt->holds + delta >= 0);
    rt->holds += delta;
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

// Runs the group's main task, and what it leaves behind.
static int run_main(neap_runtime *rt, neapL_group *group, outcome *end) {
    int rc = neapL_drive(rt, rt->L, has_ended, end);
    if (rc < 0) return fail(rt, rc);
    if (end->status == 0) return run_group(rt, group);
    neapL_group_cancel(rt->L, group, "the main task failed");
    neapL_run_out(group);
    return -1;
}

int neapL_run_main(neap_runtime *rt, int nargs) {
    neapL_group *outer = rt->group;
    neapL_group *group = neapL_group_open(rt, &rt->root->scope, NULL);
    if (!group) return lua_pop(rt->L, nargs + 1), fail(rt, -ENOMEM);
    outcome end = {-1, false};
    rt->interruption.heard = NULL; // what came before is another's
    rt->group = group;
    int rc = neap_spawn(rt, nargs, note_end, &end);
    if (rc == 0) rc = run_main(rt, group, &end);
    rt->group = outer;
    neapL_end_group(rt->L, group);
    if (!end.ended) neapL_host_tell(rt); // only where the poller failed
    neapL_group_close(rt->L, group);
    return rc < 0 ? -1 : 0;
}

typedef struct source { // of a chunk
    const char *path;   // a file's, where there is no code; NULL: stdin
    const char *code;   // in a string
    const char *name;   // of that string
} source;

// Protected: the chunk that the source holds.
static int load(lua_State *L) {
    const source *from = lua_touserdata(L, 1);
    int status = from->code ? luaL_loadbuffer(L, from->code, strlen(from->code),
                                              from->name)
                            : luaL_loadfile(L, from->path);
    return status == LUA_OK ? 1 : lua_error(L);
}

static int run(neap_runtime *rt, source from) {
    lua_State *L = rt->L;
    if (check_free(rt) < 0) return -1;
    if (!lua_checkstack(L, LUA_MINSTACK)) return fail(rt, -ENOMEM);
    lua_pushcfunction(L, load);
    lua_pushlightuserdata(L, &from);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) return neapL_run_main(rt, 0);
    neapL_set_error(L, rt, NULL);
    return -1;
}

int neap_dofile(neap_runtime *rt, const char *path) {
    if (path && strcmp(path, "-") == 0) path = NULL;
    return run(rt, (source){.path = path});
}

int neap_dostring(neap_runtime *rt, const char *code, const char *name) {
    return run(rt, (source){.code = code, .name = name ? name : code});
}
