// SPDX-License-Identifier: MIT
// Settings: reading the table of options (see settings.h).
//
// One list for both functions: options of listen do no harm to connect.
#include "bindings/settings.h"

#include <limits.h>

#include "bindings/address.h"
#include "bindings/format.h"
#include "bindings/neapL.h"

enum { BACKLOG = 4096 }; // default; Linux cuts it to net.core.somaxconn

// An option that is nil keeps what `*flag` holds: the default.
static void check_flag(lua_State *L, int index, const char *name, bool *flag) {
    int type = lua_getfield(L, index, name);
    if (type == LUA_TBOOLEAN) *flag = lua_toboolean(L, -1);
    else if (type != LUA_TNIL)
        luaL_argerror(L, index,
                      lua_pushfstring(L, "option '%s' is no boolean", name));
    lua_pop(L, 1);
}

static void check_backlog(lua_State *L, int index, int *backlog) {
    if (lua_getfield(L, index, "backlog") != LUA_TNIL) {
        int exact;
        lua_Integer count = lua_tointegerx(L, -1, &exact);
        if (!exact || count < 0 || count > INT_MAX)
            luaL_argerror(L, index, "option 'backlog' is no count");
        *backlog = (int)count;
    }
    lua_pop(L, 1);
}

static size_t get_limit(lua_State *L, int index) {
    lua_Integer limit = NEAPL_LIMIT;
    if (lua_getfield(L, index, "limit") != LUA_TNIL) {
        int exact;
        limit = lua_tointegerx(L, -1, &exact);
        if (!exact || limit <= 0)
            luaL_argerror(L, index, "option 'limit' is no positive integer");
    }
    lua_pop(L, 1);
    return (size_t)limit;
}

size_t neapL_checklimit(lua_State *L, int index) {
    if (lua_isnoneornil(L, index)) return NEAPL_LIMIT;
    luaL_checktype(L, index, LUA_TTABLE);
    neapL_checknames(L, index, " limit ");
    return get_limit(L, index);
}

void neapL_checksettings(lua_State *L, neapL_settings *settings) {
    int index = neapL_is_unix(L, 1) && !lua_isnoneornil(L, 2) ? 2 : 3;
    *settings = (neapL_settings){true, false, BACKLOG, NEAPL_LIMIT};
    if (lua_isnoneornil(L, index)) return;
    luaL_checktype(L, index, LUA_TTABLE);
    neapL_checknames(L, index, " backlog limit nodelay reuseport "); // all
    check_flag(L, index, "nodelay", &settings->nodelay);
    check_flag(L, index, "reuseport", &settings->reuseport);
    check_backlog(L, index, &settings->backlog);
    settings->limit = get_limit(L, index);
}
