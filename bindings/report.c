// SPDX-License-Identifier: MIT
// Report: errors that nobody waits for are told, in words, once.
//
// A task that failed is looked at again when its turn is over: if somebody has
// come to wait for it by then, the error is theirs. The library itself prints
// nothing; it calls the host's report function.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bindings/block.h"
#include "bindings/report.h"

// ---- errors in words

static int tostring_of(lua_State *L) {
    luaL_tolstring(L, 1, NULL);
    return 1;
}

const char *neapL_errorstring(lua_State *L, int arg) {
    arg = lua_absindex(L, arg);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (lua_type(L, arg) == LUA_TSTRING || lua_isnumber(L, arg)) {
        lua_pushvalue(L, arg);
        return lua_tostring(L, -1);
    }
    if (luaL_getmetafield(L, arg, "__tostring") == LUA_TNIL)
        return lua_pushfstring(L, "(error object is a %s value)",
                               luaL_typename(L, arg));
    lua_pop(L, 1);
    lua_pushcfunction(L, tostring_of);
    lua_pushvalue(L, arg);
    int status = neapL_limited_pcall(L, 1, 0);
    bool said = status == LUA_OK || status == LUA_ERRMEM; // that is a string
    if (said && lua_type(L, -1) == LUA_TSTRING) return lua_tostring(L, -1);
    lua_pop(L, 1);
    return lua_pushfstring(L, "(error object is a %s value%s)",
                           luaL_typename(L, arg),
                           said ? "" : " whose __tostring fails");
}

// ---- sending

void neapL_report(neap_runtime *rt, const neap_report *report) {
    neap_report complete = *report;
    complete.time = (double)neap_loop_time(&rt->loop) / 1e9;
    if (rt->config.report) rt->config.report(rt->config.report_ud, &complete);
}

void neapL_report_error(lua_State *L, neap_runtime *rt, const char *traceback,
                        const char *spawned_at) {
    neap_report report = {.kind = "error",
                          .message = neapL_errorstring(L, -1),
                          .traceback = traceback,
                          .spawned_at = spawned_at};
    neapL_report(rt, &report);
    lua_pop(L, 1);
}

void neapL_report_words(neap_runtime *rt, const char *kind,
                        const char *message) {
    neap_report report = {.kind = kind, .message = message};
    neapL_report(rt, &report);
}

void neapL_report_tree(lua_State *L, neap_runtime *rt) {
    if (!rt->root || !lua_checkstack(L, LUA_MINSTACK)) return;
    if (neapL_push_tree(L, rt, true) == LUA_OK)
        neapL_report_words(rt, "tree", lua_tostring(L, -1));
    lua_pop(L, 1); // or the error: no memory for the words
}

static const char *extra(lua_State *L, int index, const char *key) {
    if (neapL_getextra(L, index, key) != LUA_TSTRING) return NULL;
    return lua_tostring(L, -1);
}

// The Task is on top of L. Where clean-up replaced the error by a Cancelled,
// the error before it is told.
static void report_task(lua_State *L, const char *kind) {
    int index = lua_gettop(L);
    const neapL_task *task = lua_touserdata(L, index);
    neap_report report = {.kind = kind, .id = task->id};
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    report.task = extra(L, index, "name");
    report.traceback = extra(L, index, "traceback");
    report.spawned_at = extra(L, index, "spawned_at");
    if (neapL_getextra(L, index, "message") == LUA_TNIL) // of a leak
        neapL_getvalue(L, index);
    if (neapL_iserror(L, -1, &neapL_cancelled) && report.traceback)
        neapL_getextra(L, index, "raised");
    report.message = neapL_errorstring(L, -1);
    neapL_report(neapL_find(L), &report);
    lua_settop(L, index);
}

void neapL_report_about(lua_State *L, int index, const char *kind) {
    index = lua_absindex(L, index);
    neapL_setextra(L, index, "message");
    lua_pushvalue(L, index);
    report_task(L, kind);
    lua_pop(L, 1);
    lua_pushnil(L);
    neapL_setextra(L, index, "message");
}

void neapL_report_open(lua_State *L, int index, const neapL_block *block) {
    index = lua_absindex(L, index);
    neapL_block_words(L, block);
    lua_pushliteral(L, " was never left: write `local t <close> =`");
    lua_concat(L, 2);
    lua_pushnil(L); // of errors that were handled meanwhile
    neapL_setextra(L, index, "traceback");
    neapL_report_about(L, index, "leak");
}

void neapL_report_standing(lua_State *L, neapL_task *task, const char *kind,
                           const char *message) {
    int top = lua_gettop(L);
    neap_report report = {.kind = kind, .id = task->id, .message = message};
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    neapL_task_push(L, task);
    report.task = extra(L, top + 1, "name");
    luaL_traceback(L, neapL_waits_in(task), NULL, 0);
    report.traceback = lua_tostring(L, -1);
    report.spawned_at = neapL_spawned_at(L, task);
    neapL_report(neapL_of_loop(task->core.loop), &report);
    lua_settop(L, top);
}

static void report_one(lua_State *L, neap_runtime *rt, neapL_task *task) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, rt->anchors);
    lua_rawgetp(L, -1, task);
    neapL_unanchor(L, rt, task);
    if (!task->future.seen) {
        task->future.reported = true;
        rt->unseen++;
        report_task(L, "error");
    }
    lua_pop(L, 2);
}

void neapL_report_failed(neap_runtime *rt) {
    while (!neap_list_empty(&rt->failed)) {
        neap_link *link = rt->failed.next;
        neapL_task *task = NEAPL_CORE_TASK(NEAP_OWNER(link, neap_task, link));
        assert(task->future.unawaited);
        neap_list_unlink(link);
        report_one(rt->turner, rt, task);
    }
}

// ---- a report as text

void neap_report_print(void *ud, const neap_report *report) {
    unsigned long long id = report->id;
    (void)ud;
    bool failed = id && strcmp(report->kind, "error") == 0;
    fprintf(stderr, "neap: ");
    if (id) fprintf(stderr, "task #%llu", id);
    if (report->task) fprintf(stderr, " '%s'", report->task);
    fprintf(stderr, "%s: ", failed ? " failed" : id ? "" : report->kind);
    fprintf(stderr, "%s\n", report->message ? report->message : "");
    if (report->traceback) fprintf(stderr, "%s\n", report->traceback);
    if (report->spawned_at)
        fprintf(stderr, "\tspawned at %s\n", report->spawned_at);
}
