-- SPDX-License-Identifier: MIT
--
-- Mutants of futures, errors and callbacks (see tests/mutants.lua).

return {
    {"F1", "bindings/future.c", "spec.future",
        "if (!neapL_is_pending(future))\n        luaL_error(L, \"invalid",
        "if (false)\n        luaL_error(L, \"invalid"},
    {"F2", "bindings/callback.c", "spec.callback",
        "neapL_anchor(L, rt, -1);\n    neap_task_ready(&handle->core, "
            .. "NEAP_WAKE_READY);\n    return 0;",
        "neapL_anchor(L, rt, -1);\n    lua_State *me = rt->running;\n"
            .. "    neapL_callback_slice(rt, &handle->core);\n"
            .. "    rt->running = me;\n    return 0;"},
    {"F3", "bindings/callback.c", "spec.callback",
        "removed += neapL_handle_cancel(L, rt, handle);",
        "removed++;"},
    {"F4", "bindings/callback.c", "spec.callback",
        "if (status != LUA_OK || rt->limits.now.doomed) report(L, rt);",
        ""},
    {"F5", "bindings/report.c", "spec.error",
        "lua_pushcfunction(L, tostring_of);\n    lua_pushvalue(L, arg);\n"
            .. "    int status = neapL_limited_pcall(L, 1, 0);",
        "lua_pushcfunction(L, tostring_of);\n    lua_pushvalue(L, arg);\n"
            .. "    int status = (lua_call(L, 1, 1), LUA_OK);"},
    {"F6", "bindings/report.c", "spec.report",
        "if (!task->future.seen) {",
        "if (true) {"},
    {"F6", "bindings/future.c", "spec.report",
        "if (task->future.seen || task->future.hosted) return 0;",
        "return 0;"},
    {"F7", "bindings/report.c", "spec.error",
        "if (lua_type(L, arg) == LUA_TSTRING || lua_isnumber(L, arg)) {",
        "if (true) {"},
    {"F8", "bindings/report.c", "spec.error",
        "if (said && lua_type(L, -1) == LUA_TSTRING)",
        "if (true)"},
    {"F10", "bindings/drive.c", "spec.threads",
        'if (task) neapL_task_kill(L, task, "the task\'s coroutine");',
        "if (false) (void)task;"},
    {"F11", "bindings/traceback.c", "spec.report",
        "else luaL_traceback(L, L, push_elsewhere(L), 1);",
        "else lua_pushnil(L);"},
    {"F12", "bindings/coroutine.c", "spec.error",
        "if (is_body(L))\n        return luaL_error",
        "if (false)\n        return luaL_error"},
    {"F13", "bindings/coroutine.c", "spec.error",
        "return neapL_is_waiting(co) || neapL_is_unstarted(co);",
        "return neapL_is_unstarted(co);"},
}
