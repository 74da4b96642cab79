// SPDX-License-Identifier: MIT
// Refusal: what among the values cannot cross, and the way to it.
//
// Who packs only notes that something is in the way. Here, where time does not
// matter, the values are searched once more, breadth first: so the way that is
// told is a shortest one.
#include "bindings/packed.h"

#include <ctype.h>

#include "bindings/code.h"

enum { WAY_MAX = 200, KEY_MAX = 40 }; // bytes that are told

// Tables to look at stand in a row.
typedef struct search {
    lua_State *L;
    int row;           // a table: at 2n the n-th of them, at 2n + 1 its way
    int seen;          // a table: those that stood in the row -> true
    lua_Integer count; // of them
    int way;           // where the way to the one stands that is looked at
    bool is_error;     // that is an error object
    const char *what;  // cannot be done: the message's beginning
    int number;        // of the value that is searched; 0: there is but one
} search;

// ---- why a value cannot cross

// Pushes words for the kind of the value at `index`: "a neap.Socket".
static const char *push_kind(lua_State *L, int index) {
    int type = lua_type(L, index);
    if (type == LUA_TNIL) return lua_pushliteral(L, "nil");
    if (type == LUA_TTHREAD) return lua_pushliteral(L, "a coroutine");
    return lua_pushfstring(L, "a %s", luaL_typename(L, index));
}

// The same, with the name that its metatable has for it: "a userdata (FILE*)".
static void push_named(lua_State *L, int index, const char *kind) {
    if (luaL_getmetafield(L, index, "__name") != LUA_TSTRING)
        lua_pushstring(L, kind); // what is in its place is beneath
    else lua_pushfstring(L, "%s (%s)", kind, lua_tostring(L, -1));
}

// What to do about an upvalue, which is on top of the stack.
static const char *advice(lua_State *L) {
    int type = lua_type(L, -1);
    bool crosses = type <= LUA_TFUNCTION && type != LUA_TLIGHTUSERDATA &&
                   !lua_iscfunction(L, -1);
    return crosses ? "pass it as an argument" : "get it inside of the function";
}

static bool push_fault_of_function(lua_State *L, int index) {
    if (lua_iscfunction(L, index)) {
        lua_pushliteral(L, "a C function: wrap it, as in "
                           "function(...) return os.execute(...) end");
        return true;
    }
    int upvalue = neapL_code_obstacle(L, index);
    if (upvalue == 0) return false;
    const char *name = lua_getupvalue(L, index, upvalue);
    const char *to_do = advice(L), *kind = push_kind(L, -1);
    lua_pushfstring(L, "a function with the upvalue '%s' (%s): %s", name, kind,
                    to_do);
    return true;
}

// Pushes why the value at `index` itself cannot cross; false: it can, and what
// was pushed is nothing.
static bool push_fault(lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TFUNCTION: return push_fault_of_function(L, index);
    case LUA_TTHREAD:
    case LUA_TLIGHTUSERDATA: return push_kind(L, index), true;
    case LUA_TUSERDATA:
        if (neapL_sharing_of(L, index)) return false;
        return push_named(L, index, "a userdata"), true;
    case LUA_TTABLE:
        if (!lua_getmetatable(L, index)) return false;
        if (neapL_class_of(L, index)) return false;
        return push_named(L, index, "a table with a metatable"), true;
    default: return false;
    }
}

// ---- the way to it

static bool is_name(const char *string) {
    const char *c = string;
    while (isalnum((unsigned char)*c) || *c == '_') c++;
    return c > string && !*c && !isdigit((unsigned char)*string);
}

// Pushes what a key adds to the way: `.job`, `["a b"]`, `[2]`, `[table]`.
static void push_step(lua_State *L, int key) {
    int type = lua_type(L, key);
    if (type == LUA_TNUMBER || type == LUA_TBOOLEAN)
        lua_pushfstring(L, "[%s]", luaL_tolstring(L, key, NULL));
    else if (type != LUA_TSTRING)
        lua_pushfstring(L, "[%s]", luaL_typename(L, key));
    else if (lua_rawlen(L, key) > KEY_MAX) {
        lua_pushlstring(L, lua_tostring(L, key), KEY_MAX);
        lua_pushfstring(L, "[\"%s...\"]", lua_tostring(L, -1));
    } else
        lua_pushfstring(L, is_name(lua_tostring(L, key)) ? ".%s" : "[\"%s\"]",
                        lua_tostring(L, key));
}

// Pushes the way to what has this key in the table that is looked at; its end,
// where it is long.
static void push_way(search *s, int key) {
    int top = lua_gettop(s->L);
    lua_pushvalue(s->L, s->way);
    push_step(s->L, key);
    lua_copy(s->L, -1, top + 2);
    lua_settop(s->L, top + 2);
    lua_concat(s->L, 2);
    size_t length = lua_rawlen(s->L, -1);
    if (length <= WAY_MAX) return;
    const char *end = lua_tostring(s->L, -1) + length - WAY_MAX;
    lua_pushfstring(s->L, "...%s", end);
    lua_remove(s->L, -2);
}

// ---- the search

// Raises the words on top of the stack about what is at the end of a way.
static void raise_fault(search *s, int way, const char *a_key_of) {
    lua_State *L = s->L;
    const char *fault = lua_tostring(L, -1), *at = lua_tostring(L, way);
    luaL_where(L, 2); // who called the function that packs
    lua_pushstring(L, s->what);
    if (s->number) lua_pushfstring(L, " #%d", s->number);
    else lua_pushliteral(L, "");
    lua_pushfstring(L, ": %s%s is %s", a_key_of, *at ? at : "it", fault);
    lua_concat(L, 4);
    lua_error(L);
}

// The table at `index`, whose way is on top of the stack, goes to the row's
// end. The way is popped.
static void add(search *s, int index) {
    lua_pushvalue(s->L, index);
    if (lua_rawget(s->L, s->seen) == LUA_TNIL) {
        lua_pushvalue(s->L, index);
        lua_pushboolean(s->L, 1);
        lua_rawset(s->L, s->seen);
        lua_pushvalue(s->L, index);
        lua_rawseti(s->L, s->row, 2 * s->count);
        lua_pushvalue(s->L, -2);
        lua_rawseti(s->L, s->row, 2 * s->count + 1);
        s->count++;
    }
    lua_pop(s->L, 2);
}

// A key or value of the table that is looked at; what it adds to the way is
// told by the key.
static void look_at(search *s, int index, int key) {
    int top = lua_gettop(s->L);
    if (s->is_error && lua_isuserdata(s->L, index)) return; // e.task
    bool faulty = push_fault(s->L, index);
    if (faulty && index == key) raise_fault(s, s->way, "a key of ");
    if (!faulty) lua_settop(s->L, top);
    if (!faulty && !lua_istable(s->L, index)) return;
    push_way(s, key);
    if (!faulty) {
        add(s, index);
        return;
    }
    lua_insert(s->L, -2);
    raise_fault(s, lua_gettop(s->L) - 1, "");
}

// Everything in the table on top of the stack.
static void look_into(search *s) {
    int table = lua_gettop(s->L), key = table + 1;
    s->is_error = neapL_class_of(s->L, table) != NULL;
    for (lua_pushnil(s->L); lua_next(s->L, table); lua_settop(s->L, key)) {
        look_at(s, key, key);
        look_at(s, key + 1, key);
    }
}

// The value at `index`, and what it leads to.
static void look_through(search *s, int index) {
    lua_State *L = s->L;
    lua_Integer row = s->count;
    lua_pushliteral(L, "");
    s->way = lua_gettop(L);
    if (push_fault(L, index)) raise_fault(s, s->way, "");
    lua_settop(L, s->way);
    if (lua_istable(L, index)) lua_pushvalue(L, s->way), add(s, index);
    for (; row < s->count; row++, lua_settop(L, s->way)) {
        lua_rawgeti(L, s->row, 2 * row + 1);
        lua_replace(L, s->way);
        lua_rawgeti(L, s->row, 2 * row);
        look_into(s);
    }
}

int neapL_refuse(lua_State *L, int first, int count, const char *what) {
    search s = {.L = L, .what = what};
    luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
    lua_newtable(L);
    s.row = lua_gettop(L);
    lua_newtable(L);
    s.seen = lua_gettop(L);
    for (int i = 0; i < count; i++) {
        s.number = count > 1 ? i + 1 : 0;
        look_through(&s, first + i);
    }
    return luaL_error(L, "%s: it changes while it is read", what);
}
