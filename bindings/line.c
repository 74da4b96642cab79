// SPDX-License-Identifier: MIT
// Line: the tasks that wait for one thing, as the border sees them.
//
// core keeps the order, wakes the first, and lets any of them leave in O(1).
// What a waiting task asks for, or is given, stands on the stack of the call in
// which it waits, so that nothing has to be allocated for it.
#include <assert.h>

#include "bindings/task.h"

lua_State *neapL_first_of(const neap_list *line) {
    lua_State *co = neapL_waits_in(NEAPL_CORE_TASK(neap_task_first(line)));
    assert(neapL_is_waiting(co));
    return co;
}

lua_Integer neapL_count_line(const neap_list *line) {
    lua_Integer count = 0;
    for (neap_link *at = line->next; at != line; at = at->next) count++;
    return count;
}

void neapL_add_waiting(lua_State *L, lua_Integer count, const char *who) {
    if (count == 0) return;
    lua_pushfstring(L, ", %I %s%s waiting", (LUAI_UACINT)count, who,
                    count > 1 ? "s" : "");
    lua_concat(L, 2);
}

void neapL_add_line(lua_State *L, const neap_list *line, const char *who) {
    neapL_add_waiting(L, neapL_count_line(line), who);
}
