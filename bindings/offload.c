// SPDX-License-Identifier: MIT
// Offload: neap.offload: a plain function on a thread of the pool.
//
// A worker is a state that is kept warm for the next function; there are as
// many as ever ran at once. Whatever a function leaves in its globals may be
// there for the next one, or not; modules that it required are.
//
// The job belongs to both sides: who asked may be cancelled and go, and the
// function runs on to its end. What is shared is malloc's.
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "bindings/origin.h"
#include "bindings/outcome.h"
#include "bindings/report.h"
#include "bindings/runtime.h"

typedef struct worker {
    struct worker *next; // idle
    neap_runtime *rt;
} worker;

struct neapL_workers { // counted: the runtime's, and each job's
    atomic_int holders;
    pthread_mutex_t mutex; // guards the two below
    worker *idle;          // the one that was at work last goes first
    bool closed;           // none is kept any more
    neapL_origin *origin;  // whom they work for
};

typedef struct errand {
    neap_job job;
    neapL_workers *workers;
    neap_list line;        // who waits
    neapL_parcel work;     // the function and its arguments
    neapL_outcome outcome; // what it ended with
} errand;

typedef struct box { // the asking side's hold on one
    const neapL_type *type;
    errand *errand;   // NULL: it was left
    bool taken;       // by a call, or the collector
    bool asked;       // the pool has it
    bool waits;       // also when it is cancelled,
    neap_scope cover; // beneath this
    bool covered;     // which is open
} box;

static const neapL_type box_type;
static const char spare_key; // in the registry: the box that was made last

// ---- workers

static neapL_workers *open_workers(lua_State *L) {
    neapL_origin *origin = neapL_origin_open(L, neapL_rt(L));
    neapL_workers *workers = origin ? calloc(1, sizeof *workers) : NULL;
    if (origin && !workers) neapL_origin_release(origin);
    if (!workers) return NULL;
    workers->origin = origin;
    atomic_init(&workers->holders, 1);
    pthread_mutex_init(&workers->mutex, NULL);
    return workers;
}

static void release(neapL_workers *workers) {
    if (atomic_fetch_sub(&workers->holders, 1) > 1) return;
    neapL_origin_release(workers->origin);
    pthread_mutex_destroy(&workers->mutex);
    free(workers);
}

static worker *open_worker(neapL_workers *workers) {
    worker *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->rt = neapL_origin_furnish(workers->origin);
    if (!self->rt) return free(self), NULL;
    return self;
}

static void close_worker(worker *self) {
    neap_close(self->rt);
    free(self);
}

static worker *take_worker(neapL_workers *workers) {
    pthread_mutex_lock(&workers->mutex);
    worker *self = workers->idle;
    if (self) workers->idle = self->next;
    pthread_mutex_unlock(&workers->mutex);
    if (!self) return open_worker(workers);
    self->rt->interruption.thread = pthread_self();
    return self;
}

// One that has tasks left would be no clean slate; one in which a limit was
// broken may be full for good of what did that.
static void give_worker(neapL_workers *workers, worker *self) {
    pthread_mutex_lock(&workers->mutex);
    const neap_runtime *rt = self->rt;
    bool kept = !workers->closed && rt->alive == 0 && !*rt->limits.verdict;
    if (kept) self->next = workers->idle, workers->idle = self;
    pthread_mutex_unlock(&workers->mutex);
    if (!kept) close_worker(self);
}

void neapL_workers_close(neapL_workers *workers) {
    worker *self;
    if (!workers) return;
    pthread_mutex_lock(&workers->mutex);
    workers->closed = true;
    worker *idle = workers->idle;
    workers->idle = NULL;
    pthread_mutex_unlock(&workers->mutex);
    while ((self = idle)) idle = self->next, close_worker(self);
    release(workers);
}

// ---- the work

static const char traceback_key; // in the registry of a worker

// The handler: the error stays as it is, its traceback goes to the registry.
static int keep_traceback(lua_State *L) {
    luaL_traceback(L, L, NULL, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
    return 1;
}

// Protected: calls the function; its results become the outcome.
static int call(lua_State *L) {
    errand *it = lua_touserdata(L, 1);
    lua_settop(L, 0);
    lua_call(L, neapL_parcel_unpack_call(L, &it->work) - 1, LUA_MULTRET);
    neapL_outcome_finish(L, lua_gettop(L), &it->outcome);
    return 0;
}

// Protected: the same, or its error does.
static int perform(lua_State *L) {
    errand *it = lua_touserdata(L, 1);
    lua_pushcfunction(L, keep_traceback);
    lua_pushcfunction(L, call);
    lua_pushvalue(L, 1);
    if (neapL_limited_pcall(L, 1, 2) == LUA_OK) return 0;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &traceback_key);
    lua_insert(L, -2);
    neapL_outcome_fail(L, lua_tostring(L, -2), &it->outcome);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
    return 0;
}

// On a thread of the pool.
static void work(neap_job *job) {
    errand *it = NEAP_OWNER(job, errand, job);
    worker *self = take_worker(it->workers);
    if (self) {
        neapL_protect(neap_state(self->rt), perform, it);
        give_worker(it->workers, self);
    }
    if (!it->outcome.known)
        neapL_outcome_refuse(&it->outcome,
                             self ? "not enough memory"
                                  : "not enough memory or descriptors for a "
                                    "worker's state");
}

static errand *new_errand(void) {
    errand *it = calloc(1, sizeof *it);
    if (it) neap_list_init(&it->line);
    return it;
}

static void empty(errand *it) {
    neapL_parcel_free(&it->work);
    neapL_outcome_free(&it->outcome);
}

static void free_errand(neap_job *job) {
    errand *it = NEAP_OWNER(job, errand, job);
    if (it->workers) release(it->workers);
    empty(it);
    free(it);
}

// ---- asking

// Those of the runtime; new ones where modules are looked for elsewhere since.
static neapL_workers *workers_of(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    if (rt->workers && neapL_origin_is_true(L, rt->workers->origin))
        return rt->workers;
    neapL_workers_close(rt->workers);
    rt->workers = open_workers(L);
    return rt->workers;
}

// Those that it was given to when it was used last may have gone.
static void assign(errand *it, neapL_workers *workers) {
    if (it->workers == workers) return;
    if (it->workers) release(it->workers);
    atomic_fetch_add(&workers->holders, 1);
    it->workers = workers;
}

static void ask(lua_State *L, box *self) {
    errand *it = self->errand;
    neapL_workers *workers = workers_of(L);
    if (!workers) luaL_error(L, "not enough memory");
    assign(it, workers);
    it->job = (neap_job){
        .line = &it->line, .work = work, .free = free_errand, .blocks = true};
    int rc = neap_pool_submit(&neapL_rt(L)->loop, &it->job);
    if (rc < 0)
        luaL_error(L, "neap.offload: cannot start a thread: %s", strerror(-rc));
    self->asked = true;
}

// The end of a call: the errand runs on alone, or stays with the box.
static void leave(box *self) {
    errand *it = self->errand;
    bool runs = self->asked && it->job.line;
    if (runs) neap_job_leave(&it->job), self->errand = NULL;
    else empty(it);
    self->taken = self->asked = false;
}

static int deliver(lua_State *L, box *self) {
    const neapL_outcome *outcome = &self->errand->outcome;
    lua_pushstring(L, outcome->traceback);
    int traceback = lua_gettop(L), failed = outcome->failed;
    int count = neapL_outcome_push(L, outcome);
    leave(self);
    if (failed) return neapL_raise_from(L, lua_tostring(L, traceback));
    return count;
}

// The running task was cancelled; false: it waits for what has begun.
static bool may_leave(lua_State *L, box *self) {
    if (!self->waits || !self->asked) return true;
    if (!self->covered && neap_job_claim(&self->errand->job)) return true;
    if (!self->covered) neapL_cover(&self->cover, &neapL_rt(L)->task->core);
    self->covered = true;
    return false;
}

// A worker's end that was waited for by one that is cancelled.
static int meet_cancel(lua_State *L, box *self) {
    neapL_uncover(&self->cover);
    self->covered = false;
    leave(self);
    neapL_push_cancelled(L, neapL_rt(L)->task);
    return lua_error(L);
}

// It is woken while its state is being closed.
static int forsake(lua_State *L, int status, box *self) {
    if (self->covered) neapL_uncover(&self->cover);
    self->covered = false;
    neapL_woken(L, status);
    return luaL_error(L, "neap.offload: the state is being closed");
}

static int offload_k(lua_State *L, int status, lua_KContext ctx) {
    box *self = lua_touserdata(L, 1);
    if (!self->errand) return forsake(L, status, self);
    if (neapL_is_raising(L, status) && may_leave(L, self)) leave(self);
    if (self->covered) neapL_wake_of(L, status);
    else neapL_woken(L, status);
    if (self->asked && !self->errand->job.line)
        return self->covered ? meet_cancel(L, self) : deliver(L, self);
    neapL_task *task = neapL_waiting(L, NEAPL_OFFLOAD);
    if (!self->asked) ask(L, self);
    neap_task_wait_outside(&task->core, &self->errand->line);
    return neapL_suspend(L, ctx, offload_k);
}

// A box for one call, with an errand: the spare one, where it is free; so who
// asks for one thing after another makes no garbage.
static box *push_box(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &spare_key);
    box *self = lua_touserdata(L, -1);
    if (!self || self->taken) {
        lua_pop(L, 1);
        self = neapL_new(L, &box_type, 0);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &spare_key);
    }
    if (!self->errand) self->errand = new_errand();
    if (!self->errand) return luaL_error(L, "not enough memory"), NULL;
    self->taken = true;
    return self;
}

// The function's index; reads the options before it.
static int check_arguments(lua_State *L, bool *waits) {
    int fn = lua_istable(L, 1) ? 2 : 1;
    *waits = false;
    if (fn == 2) {
        neapL_checknames(L, 1, " wait ");
        lua_getfield(L, 1, "wait");
        *waits = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    luaL_checktype(L, fn, LUA_TFUNCTION);
    return fn;
}

// neap.offload(fn, ...) or neap.offload({ wait = true }, fn, ...) -> its
// results
static int offload(lua_State *L) {
    bool waits;
    int fn = check_arguments(L, &waits);
    neapL_waiting(L, NEAPL_OFFLOAD); // or nothing is made
    box *self = push_box(L);
    lua_insert(L, 1);
    self->waits = waits;
    neapL_parcel_pack(L, lua_gettop(L) - fn, "neap.offload",
                      &self->errand->work);
    lua_settop(L, 1);
    return neapL_begin(L, 0, offload_k);
}

static int box_gc(lua_State *L) {
    box *self = lua_touserdata(L, 1);
    if (self->errand && !neap_list_empty(&self->errand->line))
        neapL_close_with_state(neapL_find(L)); // who waits may leave it
    if (self->errand) leave(self);
    if (self->errand) free_errand(&self->errand->job);
    self->errand = NULL;
    self->taken = true; // the registry still has it
    return 0;
}

static const luaL_Reg box_meta[] = {{"__gc", box_gc}, {NULL, NULL}};
static const neapL_type box_type = {"neap.errand", sizeof(box), NULL, box_meta};
static const luaL_Reg functions[] = {{"offload", offload}, {NULL, NULL}};

void neapL_open_offload(lua_State *L, neap_runtime *rt) {
    neapL_newtype(L, rt, &box_type);
    lua_pushnil(L); // of an earlier runtime
    lua_rawsetp(L, LUA_REGISTRYINDEX, &spare_key);
    neapL_addfuncs(L, rt, functions);
}
