// SPDX-License-Identifier: MIT
// Coroutine: Lua's own functions, through which a wait passes.
//
// When a coroutine that user code resumed waits, it yields the sentinel; resume
// and wrap then yield it in turn, and so do those above, until it reaches the
// loop: the task sleeps, and the consumer sees only real values. In everything
// else these seven functions behave to the letter as Lua's.
//
// A task's body looks like a main chunk: it is the "main" coroutine of its own
// and cannot yield. A coroutine in whose stack the task waits is "normal".
#include <assert.h>

#include "bindings/block.h"

enum { // what advance returns, but for a number of results
    FAILED = -1,
    WAITS = -2
};

// Closing goes down the C stack: 5.4.4 crashes in a chain of 10^5 coroutines
// each of which closes the next.
enum { CLOSE_DEPTH_MAX = 190 };

// Levels of a dead coroutine that are searched. What raised stands in the first
// ones; only a require may be deeper, and it is settled when it is asked for.
enum { SETTLED_MAX = 200 };

// The coroutine is the runtime's: it waits, or is a task that has not begun.
static bool is_taken(lua_State *co) {
    return neapL_is_waiting(co) || neapL_is_unstarted(co);
}

static bool is_body(lua_State *L) {
    const neapL_task *task = neapL_current(L);
    return task && task->co == L;
}

// ---- resume and wrap

// The running task's innermost scope; NULL: no task runs.
static neap_scope *innermost(lua_State *L) {
    const neapL_task *task = neapL_current(L);
    return task ? task->core.inner : NULL;
}

// Resumes co with the `nargs` values on its stack; its results, or its error,
// go to L. Or co waits, and so must we. `outer` was the innermost scope before
// it was resumed first: what it opened inside is its own.
static int advance(lua_State *L, lua_State *co, int nargs, neap_scope *outer) {
    int count, status = neapL_resume(L, co, nargs, &count);
    if (status == LUA_YIELD && neapL_is_waiting(co)) return WAITS;
    if (status != LUA_OK && status != LUA_YIELD)
        return lua_xmove(co, L, 1), FAILED;
    neap_scope *inner = innermost(L);
    if (inner != outer && status == LUA_YIELD) neapL_chain_keep(L, co, outer);
    else if (inner != outer) neapL_blocks_drop(L, inner, outer);
    if (!lua_checkstack(L, count + 2)) { // true, and the sentinel
        lua_pop(co, count);
        lua_pushliteral(L, "too many results to resume");
        return FAILED;
    }
    lua_xmove(co, L, count);
    return count;
}

static int start(lua_State *L, lua_State *co, int nargs, neap_scope *outer) {
    const char *error = NULL;
    if (is_taken(co)) error = "cannot resume non-suspended coroutine";
    else if (!lua_checkstack(co, nargs)) error = "too many arguments to resume";
    if (error) return lua_pushstring(L, error), FAILED;
    error = neapL_chain_restore(L, co);
    if (error)
        return lua_pushfstring(L, "cannot resume the coroutine: %s", error),
               FAILED;
    lua_xmove(L, co, nargs);
    return advance(L, co, nargs, outer);
}

// What neap's own functions keep in a to-be-closed slot, by its metatable.
static const char *const slots[] = {"neap.gathering", "neap.load",
                                    "neap.stay",      "neap.names",
                                    "neap.attempts",  NULL};

// The value on top is such a slot's: closes it with the error below.
static void close_slot(lua_State *L) {
    for (int i = 0; slots[i]; i++) {
        if (!luaL_testudata(L, -1, slots[i])) continue;
        luaL_getmetafield(L, -1, "__close");
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -4);
        lua_call(L, 2, 0);
    }
}

// Of a coroutine that died of the error on top of L, Lua closes nothing before
// somebody closes it. Its variables may wait for that; what neap itself has
// open there may not, for others would wait, too.
static void settle(lua_State *L, lua_State *co) {
    lua_Debug ar;
    if (!lua_checkstack(co, 1)) return;
    for (int level = 0; level < SETTLED_MAX; level++) {
        if (!lua_getstack(co, level, &ar)) break;
        lua_getinfo(co, "S", &ar);
        if (*ar.what != 'C') continue;
        for (int i = 1; lua_getlocal(co, &ar, i); i++) {
            lua_xmove(co, L, 1);
            close_slot(L);
            lua_pop(L, 1);
        }
    }
}

// A coroutine that is over has left what it opened to us: `outer` is again the
// innermost scope.
static void leave_open(lua_State *L, neap_scope *outer) {
    neap_scope *inner = innermost(L);
    if (inner != outer) neapL_blocks_drop(L, inner, outer);
}

// Who is found dead may have left groups whose tasks have not ended.
static int returned_k(lua_State *L, int status, lua_KContext count) {
    if (status == LUA_YIELD) neapL_orphans_woken(L, status);
    if (neapL_await_orphans(L)) return neapL_suspend(L, count, returned_k);
    return (int)count;
}

static int resume_k(lua_State *L, int status, lua_KContext ctx);

static int resume_result(lua_State *L, int count, neap_scope *outer) {
    lua_State *co = lua_tothread(L, 1);
    if (count == WAITS) return neapL_suspend(L, (lua_KContext)outer, resume_k);
    if (count == FAILED && neapL_has_died(co)) {
        settle(L, co);
        leave_open(L, outer);
    }
    int returned = count == FAILED ? 1 : count;
    lua_pushboolean(L, count != FAILED);
    lua_insert(L, -(returned + 1));
    if (lua_status(co) == LUA_YIELD) return returned + 1;
    return returned_k(L, LUA_OK, returned + 1);
}

static int resume_k(lua_State *L, int status, lua_KContext ctx) {
    neap_scope *outer = (neap_scope *)ctx; // NOLINT: as it was given
    (void)status;
    lua_settop(L, 1); // without the sentinel
    return resume_result(L, advance(L, lua_tothread(L, 1), 0, outer), outer);
}

static lua_State *check_thread(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    if (!co) luaL_typeerror(L, 1, "thread");
    return co;
}

static int coroutine_resume(lua_State *L) {
    lua_State *co = check_thread(L);
    neap_scope *outer = innermost(L);
    return resume_result(L, start(L, co, lua_gettop(L) - 1, outer), outer);
}

static int wrap_k(lua_State *L, int status, lua_KContext ctx);

static int failed_k(lua_State *L, int status, lua_KContext ctx) {
    if (status == LUA_YIELD) neapL_orphans_woken(L, status);
    if (neapL_await_orphans(L)) return neapL_suspend(L, ctx, failed_k);
    return lua_error(L);
}

// The error of a coroutine that died is on top: closes it and raises what then
// is its error, with its position in front.
static int wrap_failed(lua_State *L, lua_State *co, neap_scope *outer) {
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD) {
        status = neapL_unwind(L, co, "coroutine.wrap");
        assert(status != LUA_OK);
        lua_xmove(co, L, 1);
        leave_open(L, outer);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return failed_k(L, LUA_OK, 0);
}

static int wrap_result(lua_State *L, lua_State *co, int count,
                       neap_scope *outer) {
    if (count == WAITS) return neapL_suspend(L, (lua_KContext)outer, wrap_k);
    if (count == FAILED) return wrap_failed(L, co, outer);
    return lua_status(co) == LUA_YIELD ? count : returned_k(L, LUA_OK, count);
}

static lua_State *wrapped(lua_State *L) {
    return lua_tothread(L, lua_upvalueindex(2));
}

static int wrap_k(lua_State *L, int status, lua_KContext ctx) {
    neap_scope *outer = (neap_scope *)ctx; // NOLINT: as it was given
    lua_State *co = wrapped(L);
    (void)status;
    lua_settop(L, 0); // without the sentinel
    return wrap_result(L, co, advance(L, co, 0, outer), outer);
}

static int wrap_call(lua_State *L) {
    lua_State *co = wrapped(L);
    neap_scope *outer = innermost(L);
    return wrap_result(L, co, start(L, co, lua_gettop(L), outer), outer);
}

static int coroutine_wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, lua_upvalueindex(1)); // the runtime
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, wrap_call, 2);
    return 1;
}

lua_State *neapL_resumed_by(lua_State *co) {
    lua_Debug ar;
    lua_State *inner = NULL;
    if (!neapL_is_waiting(co) || !lua_getstack(co, 0, &ar)) return NULL;
    lua_getinfo(co, "f", &ar);
    lua_CFunction function = lua_tocfunction(co, -1);
    if (function == wrap_call && lua_getupvalue(co, -1, 2)) {
        inner = lua_tothread(co, -1);
        lua_pop(co, 1);
    } else if (function == coroutine_resume && lua_getlocal(co, &ar, 1)) {
        inner = lua_tothread(co, -1);
        lua_pop(co, 1);
    }
    lua_pop(co, 1);
    return inner && neapL_is_waiting(inner) ? inner : NULL;
}

// ---- the others

static int coroutine_yield(lua_State *L) {
    if (is_body(L))
        return luaL_error(L, "attempt to yield from outside a coroutine "
                             "(a task lets the others run with neap.yield())");
    return lua_yield(L, lua_gettop(L));
}

static const char *status_of(lua_State *L, lua_State *co) {
    lua_Debug ar;
    if (L == co) return "running";
    if (is_taken(co)) return "normal";
    if (lua_status(co) == LUA_YIELD) return "suspended";
    if (lua_status(co) != LUA_OK) return "dead"; // of an error
    if (lua_getstack(co, 0, &ar)) return "normal";
    return lua_gettop(co) == 0 ? "dead" : "suspended"; // ended, or not begun
}

static int coroutine_status(lua_State *L) {
    lua_pushstring(L, status_of(L, check_thread(L)));
    return 1;
}

// Its identity gets out: a task's coroutine will not be used again.
static int coroutine_running(lua_State *L) {
    bool body = is_body(L);
    if (body) neapL_current(L)->future.exposed = true;
    bool main = lua_pushthread(L);
    lua_pushboolean(L, main || body);
    return 2;
}

static int coroutine_isyieldable(lua_State *L) {
    lua_State *co = lua_isnone(L, 1) ? L : check_thread(L);
    const neapL_task *task = neapL_current(L);
    bool body = task && task->co == co;
    lua_pushboolean(L, !body && lua_isyieldable(co));
    return 1;
}

static int coroutine_close(lua_State *L) {
    neap_runtime *rt = neapL_rt(L);
    lua_State *co = check_thread(L);
    const char *status = status_of(L, co);
    if (*status != 'd' && *status != 's') // dead or suspended
        return luaL_error(L, "cannot close a %s coroutine", status);
    if (rt->close_depth >= CLOSE_DEPTH_MAX)
        return luaL_error(L, "C stack overflow");
    neap_scope *outer = innermost(L);
    if (!outer) neapL_chain_drop(L, co);
    const char *obstacle = neapL_chain_restore(L, co);
    if (obstacle)
        return luaL_error(L, "cannot close the coroutine: %s", obstacle);
    rt->close_depth++;
    int rc = neapL_unwind(L, co, "coroutine.close");
    rt->close_depth--;
    leave_open(L, outer);
    lua_pushboolean(L, rc == LUA_OK);
    if (rc != LUA_OK) lua_xmove(co, L, 1);
    return returned_k(L, LUA_OK, rc == LUA_OK ? 1 : 2);
}

static const luaL_Reg functions[] = {{"resume", coroutine_resume},
                                     {"wrap", coroutine_wrap},
                                     {"yield", coroutine_yield},
                                     {"close", coroutine_close},
                                     {"status", coroutine_status},
                                     {"running", coroutine_running},
                                     {"isyieldable", coroutine_isyieldable},
                                     {NULL, NULL}};

void neapL_open_coroutine(lua_State *L, neap_runtime *rt) {
    if (lua_getglobal(L, "coroutine") == LUA_TTABLE)
        neapL_addfuncs(L, rt, functions);
    lua_pop(L, 1);
}
