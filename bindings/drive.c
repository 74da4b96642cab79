// SPDX-License-Identifier: MIT
// Drive: turning the loop from Lua or C, under one protected call.
//
// An error in a Lua thread that nobody resumed (a C module's own) jumps to the
// main thread's handler, over the scheduler. The pcall around the turns catches
// it: the task whose slice it was fails with it, and the loop goes on.
//
// Nothing ready, no deadline, nobody waiting for the world: that is a deadlock.
// It is raised in the main task of the innermost run, naming who waits for
// what.
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "bindings/report.h"
#include "bindings/task.h"

const char neapL_stuck = 's'; // only its address counts

bool neapL_protect(lua_State *L, lua_CFunction fn, void *ud) {
    if (!lua_checkstack(L, LUA_MINSTACK)) return false;
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, ud);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) return true;
    lua_pop(L, 1);
    return false;
}

// ---- turning

typedef struct turning {
    neap_runtime *rt;
    neapL_until until; // NULL: one turn
    const void *ud;    // its argument
    int64_t limit_ns;  // of each turn's sleep
    int rc;            // of the last turn
} turning;

// An interruption is taken up before tasks run, else the first of them would
// be struck; what came while the loop slept makes a deadlock none.
static void turn_once(turning *turns, lua_State *L) {
    neap_runtime *rt = turns->rt;
    neapL_interrupt_loop(rt, L);
    turns->rc = neap_loop_turn(&rt->loop, turns->limit_ns);
    if (turns->rc == -EDEADLK && neapL_stays_forever(rt)) {
        neap_loop_hold(&rt->loop, 1);
        turns->rc = neap_loop_turn(&rt->loop, turns->limit_ns);
        neap_loop_hold(&rt->loop, -1);
    }
    neapL_leave_slice(rt);
    if (neapL_interrupt_loop(rt, L) && turns->rc == -EDEADLK) turns->rc = 0;
    neapL_report_failed(rt);
    neapL_collector_turn(rt);
}

// Protected: turns until it is over, or something is wrong.
static int turn_body(lua_State *L) {
    turning *turns = lua_touserdata(L, 1);
    neap_runtime *rt = turns->rt;
    if (!turns->until) return turn_once(turns, L), 0;
    while (!turns->until(rt, turns->ud)) {
        turn_once(turns, L);
        if (turns->rc == -EDEADLK && neapL_deadlock(rt, L)) continue;
        if (turns->rc < 0) break;
        turns->rc = 0;
    }
    return 0;
}

// Whose slice it was: a task that is still there; a callback may be gone.
static neapL_task *find_task(neap_runtime *rt, const neap_task *core) {
    neapL_task *task = NULL;
    while ((task = neapL_task_next(rt, task)))
        if (&task->core == core) return task;
    return NULL;
}

// Protected, with the runtime, whose slice it was, if anybody's, and the error
// that came over the scheduler.
static int recover(lua_State *L) {
    neap_runtime *rt = lua_touserdata(L, 1);
    neapL_task *task = lua_touserdata(L, 2);
    if (rt->callback_contexted) neapL_context_leave(L, rt);
    if (task) neapL_task_kill(L, task, "the task's coroutine");
    else {
        rt->unseen++;
        neapL_report_error(L, rt, NULL, NULL);
    }
    return 0;
}

// Protected: there is no memory even for that.
static int drop(lua_State *L) {
    neapL_task_drop(lua_touserdata(L, 1));
    return 0;
}

// The error on top came over the scheduler; it is popped.
static void meet_error(neap_runtime *rt, lua_State *L) {
    neapL_task *task = NULL;
    if (rt->loop.in_turn) task = find_task(rt, neap_loop_abandon(&rt->loop));
    neapL_leave_slice(rt);
    rt->limits.now.counting = rt->limits.now.doomed = false;
    rt->unwinding = NULL;
    rt->callback_group_id = 0;
    lua_pushcfunction(L, recover);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, rt);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, task);
    lua_insert(L, -2);
    if (lua_pcall(L, 3, 0, 0) == LUA_OK) return;
    lua_pop(L, 1);
    if (task && task->co) neapL_protect(L, drop, task);
}

static int do_nothing(lua_State *L) { return (void)L, 0; }

// Whether there is memory for the calls below; it stays theirs while they last.
static bool prepare(lua_State *L) {
    return lua_checkstack(L, 2 * LUA_MINSTACK) &&
           neapL_protect(L, do_nothing, NULL);
}

static int turn_protected(turning *turns, lua_State *L) {
    neap_runtime *rt = turns->rt;
    if (!prepare(L)) return -ENOMEM;
    lua_State *outer = rt->turner;
    const char *unwinding = rt->unwinding; // a clean-up may have called us
    int close_depth = rt->close_depth;
    rt->turner = L;
    rt->unwinding = NULL;
    rt->busy++;
    for (;;) {
        lua_pushcfunction(L, turn_body);
        lua_pushlightuserdata(L, turns);
        if (lua_pcall(L, 1, 0, 0) == LUA_OK) break;
        rt->close_depth = close_depth;
        meet_error(rt, L);
    }
    rt->busy--;
    rt->turner = outer;
    rt->unwinding = unwinding;
    return turns->rc;
}

int neapL_drive(neap_runtime *rt, lua_State *L, neapL_until until,
                const void *ud) {
    assert(until && !rt->loop.in_turn);
    turning turns = {.rt = rt, .until = until, .ud = ud, .limit_ns = -1};
    return turn_protected(&turns, L);
}

int neapL_turn(neap_runtime *rt, lua_State *L, int64_t limit_ns) {
    assert(!rt->loop.in_turn);
    turning turns = {.rt = rt, .limit_ns = limit_ns};
    return turn_protected(&turns, L);
}

// ---- deadlock

enum { NAMED_MAX = 20 }; // tasks named in a report; more are counted

static const char prefix[] = "deadlock: "; // of the words; a report has a kind

// "deadlock: nothing can wake these tasks" and who they are; pushed.
static const char *push_words(neap_runtime *rt, lua_State *L) {
    luaL_Buffer words;
    lua_newtable(L);
    int count = 0, known = lua_gettop(L);
    luaL_buffinit(L, &words);
    luaL_addstring(&words, prefix);
    luaL_addstring(&words, "nothing can wake these tasks");
    neapL_task *task = NULL;
    while ((task = neapL_task_next(rt, task))) {
        if (++count > NAMED_MAX) continue;
        luaL_addstring(&words, "\n\t");
        neapL_describe_wait(L, task, known);
        luaL_addvalue(&words);
    }
    if (count > NAMED_MAX) {
        lua_pushfstring(L, "\n\tand %d more", count - NAMED_MAX);
        luaL_addvalue(&words);
    }
    luaL_pushresult(&words);
    return lua_tostring(L, -1);
}

// The innermost run that still has tasks.
static neapL_group *find_run(neap_runtime *rt) {
    neap_link *link = rt->groups.prev;
    for (; link != &rt->groups; link = link->prev) {
        neapL_group *group = NEAP_OWNER(link, neapL_group, link);
        if (group->run == group && group->live > 0) return group;
    }
    return NULL;
}

// Its main task has ended: the others are cancelled, and who is cancelled and
// waits all the same is ended.
static void clear(neap_runtime *rt, lua_State *L, neapL_group *group) {
    if (!group->told) {
        neapL_report_words(rt, "deadlock",
                           lua_tostring(L, -1) + strlen(prefix));
        rt->unseen++;
    }
    group->told = true;
    if (!neapL_group_cancel_tasks(L, group, "deadlock"))
        neapL_kill_beneath(L, &group->scope);
}

// Protected, with the group.
static int untie(lua_State *L) {
    neapL_group *group = lua_touserdata(L, 1);
    neap_runtime *rt = group->rt;
    const char *words = push_words(rt, L);
    neapL_task *main = group->main;
    if (main && main->core.state == NEAP_TASK_WAITING) {
        neapL_pusherror(L, &neapL_deadlocked, words);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &neapL_stuck);
        neap_task_wake(&main->core, NEAP_WAKE_STUCK);
    } else clear(rt, L, group);
    return 0;
}

bool neapL_deadlock(neap_runtime *rt, lua_State *L) {
    neapL_group *group = find_run(rt);
    if (!group) return false;
    if (neapL_protect(L, untie, group)) return true;
    neapL_task *main = group->main;
    if (main && main->core.state == NEAP_TASK_WAITING)
        neap_task_wake(&main->core, NEAP_WAKE_STUCK); // the spare one, or older
    else neapL_end_group(L, group); // they would stay for ever
    return true;
}

void neapL_open_deadlock(lua_State *L) {
    neapL_pusherror(L, &neapL_deadlocked,
                    "deadlock: there is no memory for who waits for what");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &neapL_stuck);
}
