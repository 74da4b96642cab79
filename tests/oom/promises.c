// SPDX-License-Identifier: MIT
// Promises: Futures that C completes, and posters (neap.h), without memory.
//
// What a thread refers to is static: it may be called as late as by neap_close.
#include <errno.h>
#include <pthread.h>

#include "tests/oom/oom.h"

static const char awaits[] = "return (...):await()";

// A Future in a task of this code, whose argument it is; NULL: no memory.
static neap_future *promise(oom_run *run, const char *code) {
    if (!oom_push_code(run, code)) return NULL;
    neap_future *future = neap_future_new(run->rt);
    if (!future) return lua_pop(run->L, 1), NULL;
    if (oom_spawn(run, 1)) return future;
    neap_future_release(future);
    return NULL;
}

// What ends one may come too late, or find no memory.
static void check_end(oom_run *run, int rc) {
    if (rc == 0 || rc == -ENOMEM) return;
    if (run->point.mode == OOM_ONCE) oom_blame(run, "not ended: %d", rc);
}

// With so many numbers.
static int resolve(oom_run *run, neap_future *future, int count) {
    lua_State *L = neap_state(run->rt);
    if (!lua_checkstack(L, count)) return -ENOMEM;
    for (int i = 0; i < count; i++) lua_pushinteger(L, i);
    return neap_future_resolve(future, count);
}

static void resolve_one(oom_run *run, int count) {
    oom_expect(run, "dropped by the host");
    neap_future *future = promise(run, awaits);
    if (!future) return;
    neap_turn(run->rt, 0);
    check_end(run, resolve(run, future, count));
    neap_future_release(future);
    oom_finish(run);
}

static void resolve_with_nothing(oom_run *run) { resolve_one(run, 0); }
static void resolve_with_one(oom_run *run) { resolve_one(run, 1); }
static void resolve_with_many(oom_run *run) { resolve_one(run, 40); }

static void reject(oom_run *run) {
    oom_expect(run, "dropped by the host");
    neap_future *future = promise(run, "local ok, e = pcall((...).await, ...)\n"
                                       "assert(not ok)\n"
                                       "if e ~= 7 then error(e, 0) end");
    if (!future) return;
    neap_turn(run->rt, 0);
    if (lua_checkstack(run->L, 1)) {
        lua_pushinteger(run->L, 7);
        check_end(run, neap_future_reject(future));
    }
    neap_future_release(future);
    oom_finish(run);
}

static void drop(oom_run *run) {
    oom_expect(run, "dropped by the host");
    neap_future *future = promise(run, awaits);
    neap_turn(run->rt, 0);
    neap_future_release(future);
    oom_finish(run);
}

// ---- cancelled

static void count(void *arg) { ++*(int *)arg; }

static void cancel(oom_run *run) {
    int told = 0;
    oom_expect(run, "dropped by the host");
    oom_expect(run, "cancelled");
    neap_future *future = promise(run, "local neap, it = require 'neap', ...\n"
                                       "neap.call_soon(it.cancel, it)\n"
                                       "it:await()");
    if (!future) return;
    neap_future_on_cancel(future, count, &told);
    for (int i = 0; i < 3; i++) neap_turn(run->rt, 0);
    int rc = resolve(run, future, 1);
    if ((rc == -ECANCELED) != (told == 1)) oom_blame(run, "told %d", told);
    neap_future_release(future);
    oom_finish(run);
}

// Left to neap_close, which tells of it; the handles go then.
enum { MANY = 5 };
static neap_future *left[MANY];

static void give_all_back(void *arg) {
    (void)arg;
    for (int i = 0; i < MANY; i++) neap_future_release(left[i]), left[i] = NULL;
}

static void leave_many(oom_run *run) {
    oom_expect(run, "cancelled");
    oom_expect(run, "dropped by the host");
    oom_expect(run, "did not end");
    neap_runtime *rt = run->rt;
    for (int i = 0; i < MANY; i++) {
        left[i] = promise(run, "local neap, it = require 'neap', ...\n"
                               "neap.shield(it.await, it)");
        if (left[i]) neap_future_on_cancel(left[i], give_all_back, NULL);
    }
    neap_turn(rt, 0);
    run->abandoned = true;
}

// ---- posters

static void post_often(oom_run *run) {
    neap_poster *poster = neap_poster_new(run->rt);
    int posted = 0;
    if (!poster) return;
    neap_poster_retain(poster);
    for (int i = 0; i < 40; i++)
        posted += neap_poster_post(poster, count, &run->posts) == 0;
    neap_poster_release(poster);
    neap_turn(run->rt, 0);
    if (run->posts != posted) oom_blame(run, "posts were not called");
    neap_poster_release(poster);
}

// One that outlives its runtime.
static void post_late(oom_run *run) {
    neap_config config = oom_configure(run);
    neap_runtime *beside = neap_open(&config);
    if (!beside) return;
    neap_poster *poster = neap_poster_new(beside);
    neap_close(beside);
    if (!poster) return;
    int rc = neap_poster_post(poster, count, &run->posts);
    if (rc != -ECANCELED && rc != -ENOMEM) oom_blame(run, "posted: %d", rc);
    neap_poster_release(poster);
}

// ---- a thread completes it

static struct {
    oom_run *run;
    neap_poster *poster;
    neap_future *future;
} job;

static void complete(void *arg) {
    (void)arg;
    check_end(job.run, resolve(job.run, job.future, 3));
    neap_future_release(job.future);
}

// Where there is no memory for the post, it is given back from here.
static void *work(void *arg) {
    (void)arg;
    if (neap_poster_post(job.poster, complete, NULL) < 0)
        neap_future_release(job.future);
    neap_poster_release(job.poster);
    return NULL;
}

static void complete_by_thread(oom_run *run) {
    pthread_t thread;
    oom_expect(run, "dropped by the host");
    job.run = run;
    job.poster = neap_poster_new(run->rt);
    if (!job.poster) return;
    job.future = promise(run, awaits);
    if (!job.future) {
        neap_poster_release(job.poster);
        return;
    }
    pthread_create(&thread, NULL, work, NULL);
    oom_finish(run);
    pthread_join(thread, NULL);
}

static const oom_program programs[] = {
    {"promises.resolve_none", resolve_with_nothing, false, NULL},
    {"promises.resolve", resolve_with_one, false, NULL},
    {"promises.resolve_many", resolve_with_many, false, NULL},
    {"promises.reject", reject, false, NULL},
    {"promises.drop", drop, false, NULL},
    {"promises.cancel", cancel, false, NULL},
    {"promises.leave", leave_many, false, NULL},
    {"promises.thread", complete_by_thread, false, NULL},
    {"posters.post", post_often, false, NULL},
    {"posters.late", post_late, false, NULL},
};

const oom_program *oom_promise_programs(int *count_of) {
    *count_of = sizeof programs / sizeof *programs;
    return programs;
}
