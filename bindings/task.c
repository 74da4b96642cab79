// SPDX-License-Identifier: MIT
// Task: a coroutine that the loop resumes, from birth to end.
//
// The body runs under a base lua_pcallk (see run_body), so that an error raised
// at a wait unwinds through it, to-be-closed variables run and may wait, and
// the coroutine itself always returns: it is used again without a reset.
//
// The coroutine's stack begins with the Task, which anchors it, the function
// that spawned it, and what its neap.context is; no table is written when a
// task is spawned. They are found there again when somebody asks. (A fourth
// slot here would reach into one more line of the cache: 3 ns a spawn.)
#include "bindings/task.h"

#include <assert.h>

#include "bindings/block.h"
#include "bindings/report.h"
#include "bindings/threads.h"

enum {        // of the coroutine's stack
    SELF = 1, // the Task
    SITE,     // the function that called spawn, or nil
    CONTEXT,  // its Context, or what it inherits, or nil: see context.c
    HANDLER,  // the message handler
    BODY      // the function and its arguments; later its results
};

enum { DEEP = 32 }; // calls on a stack whose bottom is not looked for twice

// Of what fits beside one another in neapL_task: its size decides how many
// bytes a task takes.
#define ID_MASK ((UINT64_C(1) << 44) - 1)
#define LINE_MASK ((UINT64_C(1) << 20) - 1)

enum { SITE_DEPTH_MAX = 3 }; // C functions between spawn and who called it

static neap_runtime *runtime_of(const neapL_task *task) {
    return neapL_of_loop(task->core.loop);
}

// ---- birth

static void push_from(lua_State *L, const neapL_task *task, int place);

// C functions alone did, as neap.serve's: it is their task's site, or nil.
NEAPL_SELDOM
static void inherit_site(lua_State *L, neapL_task *task) {
    const neapL_task *from = runtime_of(task)->task;
    if (!from || from->future.closing) lua_pushnil(L);
    else push_from(L, from, SITE), task->line = from->line;
    lua_xmove(L, task->co, 1);
}

// Who called spawn: the function goes to the task's coroutine.
static void note_site(lua_State *L, neapL_task *task) {
    lua_State *co = task->co;
    lua_Debug ar;
    ar.currentline = -1;
    for (int level = 1; level <= SITE_DEPTH_MAX; level++) {
        if (!lua_getstack(L, level, &ar)) break;
        lua_getinfo(L, "lf", &ar);
        lua_xmove(L, co, 1);
        if (ar.currentline >= 0) break;
        lua_pop(co, 1); // a C function, such as pcall
    }
    task->line = (uint64_t)ar.currentline & LINE_MASK;
    if (ar.currentline < 0) inherit_site(L, task);
}

// What it inherits from who spawns it goes to co; for most tasks that is nil.
NEAPL_SELDOM
static void inherit(lua_State *L, neap_runtime *rt, neapL_task *task) {
    neapL_context_pass(L, rt);
    task->future.contexted = !lua_isnil(L, -1);
    lua_xmove(L, task->co, 1);
}

static void enter_group(neapL_task *task, neapL_group *group) {
    group->live++;
    uint32_t row = task->scope.tag;
    neap_scope_open(&task->scope, &group->scope, &task->core);
    task->scope.kind = NEAPL_SCOPE_TASK;
    task->scope.tag = row;
    task->core.inner = &task->scope;
}

static int run_body(lua_State *L);

// Each part is set once, here or by the part's own opening: neapL_new would
// zero all of it first, and look the metatable up by its address (16 ns).
static neapL_task *birth(lua_State *L, neap_runtime *rt) {
    neapL_task *task = lua_newuserdatauv(L, sizeof *task, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->task_meta);
    lua_setmetatable(L, -2);
    task->future = (neapL_future){.type = &neapL_task_type};
    neap_list_init(&task->future.line);
    neap_task_init(&task->core, &rt->loop, NEAPL_TASK);
    task->co = neapL_thread_take(L, rt, &task->scope.tag);
    if (neap_task_reserve(&task->core) < 0) {
        neapL_thread_give(rt, task->co, task->scope.tag, false);
        luaL_error(L, "not enough memory");
    }
    task->id = ++rt->last_id & ID_MASK;
    return task;
}

// What may fail for want of memory does before there is a task.
NEAPL_SELDOM
static void prepare_context(lua_State *L, neap_runtime *rt) {
    neapL_context_pass(L, rt);
    lua_pop(L, 1);
}

neapL_task *neapL_task_new(lua_State *L, neap_runtime *rt, int nargs) {
    if (neapL_has_context(rt)) prepare_context(L, rt);
    neapL_task *task = birth(L, rt);
    lua_State *co = task->co;
    if (!lua_checkstack(co, nargs + LUA_MINSTACK)) {
        neap_task_term(&task->core);
        neapL_thread_give(rt, task->co, task->scope.tag, false);
        luaL_error(L, "too many arguments");
    }
    lua_insert(L, -(nargs + 2));
    lua_pushcfunction(co, run_body);
    lua_pushvalue(L, -(nargs + 2));
    lua_xmove(L, co, 1);
    note_site(L, task);
    if (neapL_has_context(rt)) inherit(L, rt, task);
    else lua_pushnil(co);
    lua_pushcfunction(co, neapL_traceback);
    lua_xmove(L, co, nargs + 1);
    return task;
}

void neapL_task_begin(neapL_task *task, neapL_group *group) {
    neap_runtime *rt = runtime_of(task);
    enter_group(task, group);
    if (++rt->alive == NEAPL_CROWD) neapL_collector_crowd(rt);
    neap_task_ready(&task->core, NEAP_WAKE_READY);
}

neapL_task *neapL_spawn(lua_State *L, neap_runtime *rt, neapL_group *group,
                        int nargs) {
    assert(group);
    neapL_task *task = neapL_task_new(L, rt, nargs);
    neapL_task_begin(task, group);
    return task;
}

// ---- finding its userdata, and what stands beside it

// Level numbers are counted from the top; the first function is the last one.
static void find_bottom(lua_State *co, lua_Debug *ar) {
    int level = 1;
    while (lua_getstack(co, level, ar)) level *= 2;
    int least = level / 2; // exists; `level` does not
    while (least + 1 < level) {
        int middle = (least + level) / 2;
        if (lua_getstack(co, middle, ar)) least = middle;
        else level = middle;
    }
    lua_getstack(co, least, ar);
}

static void push_bottom(lua_State *co, int place) {
    lua_Debug ar;
    find_bottom(co, &ar);
    const char *name = lua_getlocal(co, &ar, place);
    assert(name);
    (void)name;
}

static void push_from(lua_State *L, const neapL_task *task, int place) {
    lua_State *co = task->co;
    assert(co);
    if (task->future.started) push_bottom(co, place);
    else lua_pushvalue(co, place + 1); // run_body stands below
    if (co != L) lua_xmove(co, L, 1);
}

// While a coroutine is being closed nothing is to be found on its stack.
static void push_anchored(lua_State *L, const neapL_task *task) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, runtime_of(task)->anchors);
    lua_rawgetp(L, -1, task);
    lua_remove(L, -2);
}

// Looking for the bottom of a deep stack takes its time: it is done once.
static void keep_deep(lua_State *L, neapL_task *task) {
    lua_Debug ar;
    if (!task->future.started || !lua_getstack(task->co, DEEP, &ar)) return;
    task->future.deep = true;
    neapL_anchor(L, runtime_of(task), lua_gettop(L));
}

void neapL_task_push(lua_State *L, neapL_task *task) {
    if (task->future.closing || task->future.deep) push_anchored(L, task);
    else {
        push_from(L, task, SELF);
        keep_deep(L, task);
    }
    assert(lua_touserdata(L, -1) == task);
}

const char *neapL_spawned_at(lua_State *L, const neapL_task *task) {
    lua_Debug ar;
    if (task->future.closing) {
        push_anchored(L, task);
        neapL_getextra(L, -1, "spawned_at");
        lua_remove(L, -2);
        return lua_tostring(L, -1);
    }
    push_from(L, task, SITE);
    if (!lua_isfunction(L, -1)) return NULL; // nil
    lua_getinfo(L, ">S", &ar);
    return lua_pushfstring(L, "%s:%d", ar.short_src, (int)task->line);
}

void neapL_task_getcontext(lua_State *L, const neapL_task *task) {
    push_from(L, task, CONTEXT);
}

void neapL_task_setcontext(lua_State *L, const neapL_task *task) {
    lua_State *co = task->co;
    lua_Debug ar;
    assert(task->future.started && !task->future.closing);
    find_bottom(co, &ar);
    if (co != L) lua_xmove(L, co, 1);
    const char *name = lua_setlocal(co, &ar, CONTEXT);
    assert(name);
    (void)name;
}

// ---- end

// Scopes go one by one, the chains of coroutines in pieces: each knows its
// outermost block by the number of its opening, and would drop it when it is
// collected.
static void retire_chains(neapL_task *task) {
    neap_scope *first = task->scope.kids, *scope = first;
    if (!first) return;
    do {
        if (scope->kind == NEAPL_SCOPE_BLOCK)
            neapL_block_of(scope)->id = ++runtime_of(task)->last_block_id;
        scope = NEAP_OWNER(scope->link.next, neap_scope, link);
    } while (scope != first);
}

// What it could not leave, the innermost first.
static void drop_scopes(lua_State *L, neapL_task *task) {
    neapL_kill_beneath(L, &task->scope); // what clean-up has spawned
    retire_chains(task);
    task->core.inner = &task->scope;
    while (task->scope.kids) {
        neap_scope *leaf = neap_scope_leaf(&task->scope);
        if (leaf->kind == NEAPL_SCOPE_GROUP)
            neapL_group_close(L, NEAP_OWNER(leaf, neapL_group, scope));
        else neapL_blocks_drop(L, leaf, leaf->parent);
    }
}

void neapL_task_leave(neapL_task *task) {
    neap_runtime *rt = runtime_of(task);
    assert(!neapL_is_pending(&task->future));
    if (task->scope.kids) drop_scopes(rt->turner, task);
    if (task->future.deep && !task->future.unawaited)
        neapL_unanchor(rt->turner, rt, task);
    neap_task_term(&task->core);
    if (task->future.unawaited) neap_list_append(&rt->failed, &task->core.link);
    neapL_group *group = neapL_group_of(task);
    neap_scope_close(&task->scope);
    if (group->main == task) {
        group->main = NULL;
        neapL_overdue_ended(rt, task);
    }
    rt->alive--;
    neapL_group_leave(group, task->future.daemon);
    task->co = NULL;
}

// The error on top of L is the Cancelled of the task, whose userdata is at
// `index`, or that of a scope around it.
static bool is_own_cancel(lua_State *L, const neapL_task *task, int index) {
    if (!task->scope.cause) return false;
    if (task->future.cancelling) {
        neapL_getvalue(L, index);
        bool same = lua_rawequal(L, -1, -2);
        lua_pop(L, 1);
        if (same) return true;
    }
    return neapL_is_cancel_of(L, &task->scope, -1);
}

void neapL_task_fail(lua_State *L, neapL_task *task, int index) {
    index = lua_absindex(L, index);
    if (task->future.doomed) neapL_convict(L, task, index);
    neapL_group *group = neapL_group_of(task);
    bool cancelled = is_own_cancel(L, task, index);
    // Of an orphan the scopes that were around it may be gone.
    if (group->orphan) cancelled |= neapL_iserror(L, -1, &neapL_cancelled);
    if (group->block && !cancelled) neapL_group_failed(L, group, -1);
    neapL_future_fail(L, index, cancelled ? NEAPL_CANCELLED : NEAPL_FAILED);
}

// A coroutine's scopes stand beneath its task's own between a yield and the
// next resume: the outermost of one such; NULL: there is none.
static neap_scope *find_block(const neap_scope *parent) {
    neap_scope *scope = parent->kids;
    while (scope && scope->kind != NEAPL_SCOPE_BLOCK) {
        scope = NEAP_OWNER(scope->link.next, neap_scope, link);
        if (scope == parent->kids) return NULL;
    }
    return scope;
}

// Reports, and drops, the blocks that the task's function did not leave, and
// cancels the groups that coroutines of its have open.
static void settle(lua_State *L, neapL_task *task) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    neap_scope *inner = task->core.inner, *scope = inner;
    for (; scope != &task->scope; scope = scope->parent)
        if (scope->kind == NEAPL_SCOPE_BLOCK)
            neapL_report_open(L, SELF, neapL_block_of(scope));
    neapL_blocks_drop(L, inner, &task->scope);
    while ((scope = find_block(&task->scope))) {
        while ((inner = find_block(scope))) scope = inner;
        neapL_blocks_drop(L, scope, &task->scope);
    }
}

// How its function ended, where there is more to that than the status.
static int judge(lua_State *L, neapL_task *task, int status) {
    if (task->future.doomed) return neapL_convict(L, task, SELF);
    bool finished = status == LUA_OK || status == LUA_YIELD;
    if (finished) neapL_forget_traceback(L, SELF);
    return status;
}

static int end_body(lua_State *L, int status) {
    neapL_task *task = lua_touserdata(L, SELF);
    luaL_checkstack(L, LUA_MINSTACK, "too many results");
    if (task->future.boxed || task->future.doomed)
        status = judge(L, task, status);
    if (status == LUA_OK || status == LUA_YIELD)
        neapL_future_finish(L, SELF, lua_gettop(L) - BODY + 1);
    else neapL_task_fail(L, task, SELF);
    lua_settop(L, SELF); // the Task stays anchored until leave is through
    return 1;
}

static int settled_k(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    return end_body(L, (int)ctx);
}

// What it ended with is on the stack: BODY and behind, or the error on top.
static int body_ended(lua_State *L, int status, lua_KContext ctx) {
    neapL_task *task = lua_touserdata(L, SELF);
    (void)ctx;
    if (!task->scope.kids) return end_body(L, status);
    if (task->future.doomed) status = neapL_convict(L, task, SELF);
    settle(L, task);
    neapL_call_awaiter(L, status, settled_k);
    return end_body(L, status);
}

// The function at the bottom of every task's coroutine.
static int run_body(lua_State *L) {
    neapL_task *task = lua_touserdata(L, SELF);
    task->future.started = true;
    if (task->core.inner->cause && !task->future.eager) { // before it began
        neapL_push_cancelled(L, task);
        return body_ended(L, LUA_ERRRUN, 0);
    }
    int nargs = lua_gettop(L) - BODY;
    int status = lua_pcallk(L, nargs, LUA_MULTRET, HANDLER, 0, body_ended);
    return body_ended(L, status, 0);
}

bool neapL_is_unstarted(lua_State *co) {
    lua_Debug ar;
    return lua_status(co) == LUA_OK && lua_tocfunction(co, 1) == run_body &&
           !lua_getstack(co, 0, &ar);
}

// The error on top of co ended it outside of its base pcall.
static void die(neap_runtime *rt, neapL_task *task) {
    lua_State *L = rt->turner, *co = task->co;
    lua_xmove(co, L, 1);
    neapL_task_kill(L, task, "the task's coroutine");
}

// Its coroutine came back and does not wait: it ended, which it does with
// LUA_OK, or it cannot go on.
void neapL_task_end(neap_runtime *rt, neapL_task *task) {
    lua_State *co = task->co;
    int status = lua_status(co);
    uint32_t row = task->scope.tag;
    neapL_leave_slice(rt);
    bool reuse = !task->future.exposed;
    if (status == LUA_YIELD)
        lua_pushliteral(co, "attempt to yield to the scheduler "
                            "(a coroutine.yield that neap did not replace)");
    if (status != LUA_OK) {
        die(rt, task);
        return;
    }
    neapL_task_leave(task);
    neapL_thread_give(rt, co, row, reuse);
}

lua_State *neapL_innermost(lua_State *co) {
    lua_State *inner;
    while ((inner = neapL_resumed_by(co))) co = inner;
    return co;
}
