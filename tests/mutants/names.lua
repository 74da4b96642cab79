-- SPDX-License-Identifier: MIT
--
-- Mutants of the pool and of names (see tests/mutants.lua).

return {
    {"D1", "bindings/names.c", "spec.names",
        'case EAI_AGAIN: return "EAI_AGAIN";',
        ""},
    {"D3", "bindings/names.c", "spec.names",
        "if (neapL_is_raising(L, status)) leave(names);\n"
            .. "    neapL_woken(L, status);",
        "if (neapL_is_raising(L, status))\n"
            .. "        return neapL_waiting(L, NEAPL_RESOLVE), 0;"},
    {"D3", "core/pool.c", "core.test_pool",
        "if (neap_job_claim(job)) job->work(job);",
        "job->work(job);"},
    {"C14", "bindings/offload.c", "spec.offload",
        "if (!self->covered && neap_job_claim(&self->errand->job)) "
            .. "return true;",
        ""},
    {"D4", "bindings/names.c", "spec.names",
        "if (strcmp(name, services[i].name) != 0) continue;",
        "continue;"},
    {"D4", "bindings/names.c", "spec.names",
        "return !hex && label[digits] != '\\0' && label[digits] != '.';",
        "return true || hex || digits;"},
    {"D5", "bindings/names.c", "spec.names",
        '*host && strcmp(host, "*") != 0 && !neapL_is_unix(L, HOST)',
        "!neapL_is_unix(L, HOST)"},
    {"P6", "core/pool.c", "core.test_pool",
        "bool last = pool->closed && pool->count == 0;",
        "bool last = false;"},
    {"P8", "core/pool.c", "core.test_pool",
        "return pool->count > 0 ? 0 : rc;",
        "return rc;"},
    {"P11", "core/pool.c", "core.test_pool",
        "if (kind == BLOCKING && !may_block(pool)) return NULL;",
        ""},
}
