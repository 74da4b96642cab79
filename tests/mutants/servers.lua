-- SPDX-License-Identifier: MIT
--
-- Mutants of neap.serve (see tests/mutants.lua).

return {
    {"N3", "bindings/serve.c", "spec.serve",
        "neap_task_wait(&task->core, &listener->fd.line[NEAP_OUT]);",
        "neap_task_wait(&task->core, NULL);"},
    {"N20", "bindings/serve.c", "spec.serve_faults",
        "return await_end(L, SCARCE_NS);",
        "return 3;"},
    {"N20", "bindings/group.c", "spec.serve",
        "if (group->hopeful) wake_hopeful(group);",
        ""},
    {"N20", "bindings/serve.c", "spec.serve_faults",
        "if (now_ns < lua_tointeger(L, TOLD)) return;",
        ""},
    {"N27", "bindings/serve.c", "spec.serve",
        "bool over = wake == NEAP_WAKE_TIMEOUT || acceptor",
        "bool over = acceptor"},
    {"N27", "bindings/serve.c", "spec.serve",
        "acceptor->state >= NEAPL_FAILED;",
        "acceptor->state >= NEAPL_FINISHED;"},
    {"N33", "bindings/serve.c", "spec.serve",
        "neapL_toclose(L, CONN);",
        ""},
}
