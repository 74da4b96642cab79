-- SPDX-License-Identifier: MIT
--
-- Mutants of the edges: signals, hosts, the prompt (see tests/mutants.lua).

return {
    {"I1", "bindings/interrupt.c", "spec.signals",
        "if (!rt->task->core.inner->cause) cancel(L, rt->task, reason);",
        ""},
    {"I2", "core/sys.c", "core.test_sys",
        "while (result < 0 && errno == EINTR)",
        "while (false)"},
    {"I2", "core/poller_epoll.c", "core.contract_wake_epoll",
        "if (count < 0) return errno == EINTR ? 0 : -errno;",
        "if (count < 0) return -errno;"},
    {"I6", "core/loop.c", "core.test_loop_run",
        "loop->in_turn = false;\n    neap_loop_notify(loop);",
        "loop->in_turn = false;"},
    {"I8", "bindings/runtime.c", "embed.close.static",
        "if (rt->busy) {\n        neapL_set_words",
        "if (false) {\n        neapL_set_words"},
    {"I9", "bindings/callback.c", "embed.closed.static",
        'if (rt->closing) luaL_error(L, "the runtime is closed");',
        ""},
    {"I10", "repl/lines.c", "spec.repl",
        "if (byte == '\\n' || byte == '\\r') break;",
        "if (byte == '\\n') break;"},
    {"I10", "repl/lines.c", "spec.repl",
        "if (byte != '\\0') append(t, byte);",
        "append(t, byte);"},
}
