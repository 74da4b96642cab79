// SPDX-License-Identifier: MIT
// Code: dumped where a function is sent, loaded where it arrives (see code.h).
//
// Who sends one function again dumps it once: a weak table in the registry has
// the code of each closure that was sent. Scripts make new closures of the same
// text (a literal in a call), so codes are found by their text, too: then they
// have the same number, and those who receive them know it.
//
// Each time a closure is sent its upvalues are looked at again, because any of
// them may be something else by now.
#include "bindings/code.h"

#include <lauxlib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/neapL.h"

// Behind the dump stands a string for each upvalue; its first character:
enum { GLOBALS = 'g', ITSELF = 'i', MODULE = 'm' }; // its name follows

struct neapL_code {
    atomic_size_t holders;
    lua_Integer number; // in this process: no other code has it, or ever had
    size_t dumped;      // bytes of the dump
    int upvalues;       // strings behind it
    char bytes[];
};

static atomic_llong last_number;

// A hold of a state's. Lua may drop a finalizer, where there is no memory to
// call it: so holds are listed, and stay then until the runtime ends.
typedef struct hold {
    neap_link link; // among the runtime's
    neapL_code *code;
} hold;

// What of it a state keeps, under these keys of the registry. A box is a
// userdata that has a hold.
typedef struct box {
    neap_runtime *rt; // whose the hold is; NULL: there was none that is open
    hold *hold;       // NULL: it was given up, or never taken
} box;

static const char closures_key = 'c', // closure -> box, the keys weak
    texts_key = 't',                  // bytes -> box, the values weak
    box_key = 'b',                    // the boxes' metatable
    kept_key = 'k';                   // number -> closure; [0]: their count

enum { KEPT_MAX = 256 }; // closures that wait to be called again

neapL_code *neapL_code_hold(neapL_code *code) {
    atomic_fetch_add_explicit(&code->holders, 1, memory_order_relaxed);
    return code;
}

void neapL_code_release(neapL_code *code) {
    if (atomic_fetch_sub_explicit(&code->holders, 1, memory_order_acq_rel) == 1)
        free(code);
}

// A field of package.loaded, pushed raw.
static void push_loaded(lua_State *L, const char *name) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

// ---- upvalues, where a function is sent

// The value on top may be a module's: other values are equal by chance.
static bool may_be_module(lua_State *L) {
    int type = lua_type(L, -1);
    return type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA;
}

// The key at `key` of package.loaded is a better name for a module than what is
// at `best`, which is nil at first: of several the same one is always taken.
static bool is_better(lua_State *L, int key, int best) {
    if (lua_type(L, key) != LUA_TSTRING) return false;
    if (strlen(lua_tostring(L, key)) != lua_rawlen(L, key)) return false;
    return lua_isnil(L, best) || lua_compare(L, key, best, LUA_OPLT);
}

// Pushes the name of the module that the value on top is, or nil.
static void push_module_name(lua_State *L) {
    int value = lua_gettop(L), best = value + 1;
    bool possible = may_be_module(L);
    lua_pushnil(L);
    if (!possible) return;
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    for (lua_pushnil(L); lua_next(L, best + 1); lua_settop(L, best + 2))
        if (lua_rawequal(L, -1, value) && is_better(L, best + 2, best)) {
            lua_pushvalue(L, best + 2);
            lua_replace(L, best);
        }
    lua_settop(L, best);
}

// The upvalue on top, of the function at `index`, gives way to the words for
// what it is elsewhere; false: it has no place there.
static bool describe(lua_State *L, int index, const char *name) {
    static const char globals[] = {GLOBALS, 0}, itself[] = {ITSELF, 0};
    if (strcmp(name, "_ENV") == 0) lua_pushstring(L, globals);
    else if (lua_rawequal(L, -1, index)) lua_pushstring(L, itself);
    else {
        push_module_name(L);
        if (lua_isnil(L, -1)) return lua_pop(L, 1), false;
        lua_pushfstring(L, "%c%s", MODULE, lua_tostring(L, -1));
        lua_remove(L, -2);
    }
    lua_replace(L, -2);
    return true;
}

int neapL_code_obstacle(lua_State *L, int index) {
    const char *name;
    index = lua_absindex(L, index);
    for (int i = 1; (name = lua_getupvalue(L, index, i)); i++) {
        bool described = describe(L, index, name);
        lua_pop(L, 1);
        if (!described) return i;
    }
    return 0;
}

// Pushes the strings for all upvalues of the function at `index`, each with its
// NUL; there is no obstacle.
static void push_upvalues(lua_State *L, int index) {
    const char *name;
    luaL_Buffer strings;
    luaL_buffinit(L, &strings);
    for (int i = 1; (name = lua_getupvalue(L, index, i)); i++) {
        describe(L, index, name);
        luaL_addvalue(&strings);
        luaL_addchar(&strings, '\0');
    }
    luaL_pushresult(&strings);
}

// The upvalues are still what the code says.
static bool still_fits(lua_State *L, int index, const neapL_code *code) {
    const char *string = code->bytes + code->dumped;
    bool fits = true;
    for (int i = 1; fits && i <= code->upvalues; i++) {
        lua_getupvalue(L, index, i);
        if (*string == ITSELF) fits = lua_rawequal(L, -1, index);
        if (*string == MODULE) {
            push_loaded(L, string + 1);
            fits = lua_rawequal(L, -1, -2);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
        string += strlen(string) + 1;
    }
    return fits;
}

// ---- the code of a function

// Pushes the table under a key, which is weak as `mode` says.
static void push_weak(lua_State *L, const char *key, const char *mode) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, mode);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

static void give_up(hold *it) {
    neapL_code_release(it->code);
    neap_list_unlink(&it->link);
    free(it);
}

void neapL_codes_term(neap_runtime *rt) {
    while (!neap_list_empty(&rt->codes))
        give_up(NEAP_OWNER(rt->codes.next, hold, link));
}

static bool holds(const box *self) {
    return self->hold && (!self->rt || self->rt->root);
}

static int box_gc(lua_State *L) {
    box *self = lua_touserdata(L, 1);
    if (holds(self)) give_up(self->hold);
    self->hold = NULL; // a closure may come back from the dead and find it
    return 0;
}

static box *push_box(lua_State *L) {
    neap_runtime *rt = neapL_find(L);
    box *self = lua_newuserdatauv(L, sizeof *self, 0);
    *self = (box){.rt = rt && rt->root ? rt : NULL};
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &box_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, box_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &box_key);
    }
    lua_setmetatable(L, -2);
    return self;
}

// The code in the box on top of the stack, or NULL where there is none.
static neapL_code *unbox(lua_State *L) {
    const box *self = lua_touserdata(L, -1);
    return self && holds(self) ? self->hold->code : NULL;
}

typedef struct dump {
    luaL_Buffer bytes;
    bool begun; // the buffer, which stands above the function
} dump;

static int add_to_dump(lua_State *L, const void *bytes, size_t size, void *ud) {
    dump *of = ud;
    if (!of->begun) luaL_buffinit(L, &of->bytes);
    of->begun = true;
    luaL_addlstring(&of->bytes, bytes, size);
    return 0;
}

// Pushes the bytes of the function at `index`. Returns how many are the dump's.
static size_t push_bytes(lua_State *L, int index) {
    dump of = {.begun = false};
    push_upvalues(L, index);
    int upvalues = lua_gettop(L);
    lua_pushvalue(L, index);
    lua_dump(L, add_to_dump, &of, 0);
    lua_pushvalue(L, upvalues);
    luaL_addvalue(&of.bytes);
    luaL_pushresult(&of.bytes);
    return lua_rawlen(L, -1) - lua_rawlen(L, upvalues);
}

// A new code of the bytes on top of the stack.
static neapL_code *make(lua_State *L, size_t dumped) {
    size_t size;
    const char *bytes = lua_tolstring(L, -1, &size);
    neapL_code *code = malloc(sizeof *code + size);
    if (!code) return luaL_error(L, "not enough memory"), NULL;
    atomic_init(&code->holders, 1);
    code->number = atomic_fetch_add(&last_number, 1) + 1;
    code->dumped = dumped;
    code->upvalues = 0;
    memcpy(code->bytes, bytes, size);
    for (size_t i = dumped; i < size; i++)
        if (!bytes[i]) code->upvalues++;
    return code;
}

// The box's, of a new code of the bytes on top.
static void take_hold(lua_State *L, box *self, size_t dumped) {
    neapL_code *code = make(L, dumped);
    self->hold = malloc(sizeof *self->hold);
    if (!self->hold) {
        neapL_code_release(code);
        luaL_error(L, "not enough memory");
    }
    self->hold->code = code;
    neap_list_init(&self->hold->link);
    if (self->rt) neap_list_append(&self->rt->codes, &self->hold->link);
}

// Pushes the box of the bytes on top of the stack.
static void push_boxed(lua_State *L, size_t dumped) {
    int bytes = lua_gettop(L);
    push_weak(L, &texts_key, "v");
    lua_pushvalue(L, bytes);
    lua_rawget(L, -2);
    if (unbox(L)) return;
    lua_pop(L, 1);
    box *self = push_box(L);
    lua_pushvalue(L, bytes);
    take_hold(L, self, dumped);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
}

// The code of the function at `index`, made anew; `closures` gets its box.
static neapL_code *renew(lua_State *L, int index, int closures) {
    if (neapL_code_obstacle(L, index) != 0) return NULL;
    lua_pushvalue(L, index);
    push_boxed(L, push_bytes(L, index));
    lua_replace(L, closures + 3);
    lua_settop(L, closures + 3);
    neapL_code *code = unbox(L);
    lua_rawset(L, closures);
    return code;
}

neapL_code *neapL_code_of(lua_State *L, int index) {
    int top = lua_gettop(L), closures = top + 1;
    index = lua_absindex(L, index);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (lua_iscfunction(L, index)) return NULL;
    push_weak(L, &closures_key, "k");
    lua_pushvalue(L, index);
    lua_rawget(L, closures);
    neapL_code *code = unbox(L);
    if (!code || !still_fits(L, index, code)) code = renew(L, index, closures);
    lua_settop(L, top);
    return code;
}

// ---- where it arrives

// Pushes a module: as it is here already, or required.
static void push_module(lua_State *L, const char *name) {
    push_loaded(L, name);
    if (lua_toboolean(L, -1)) return;
    lua_pop(L, 1);
    if (lua_getglobal(L, "require") == LUA_TNIL)
        luaL_error(L, "no require for the module '%s'", name);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
}

// Of the function on top of the stack.
static void set_upvalues(lua_State *L, const neapL_code *code) {
    const char *string = code->bytes + code->dumped;
    int function = lua_gettop(L);
    for (int i = 1; i <= code->upvalues; i++) {
        if (*string == MODULE) push_module(L, string + 1);
        else if (*string == ITSELF) lua_pushvalue(L, function);
        else lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
        lua_setupvalue(L, function, i);
        string += strlen(string) + 1;
    }
}

void neapL_code_push(lua_State *L, const neapL_code *code) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (luaL_loadbufferx(L, code->bytes, code->dumped, "=neap", "b") != LUA_OK)
        lua_error(L);
    set_upvalues(L, code);
}

// Pushes the table of closures that are kept; a new one where it is full.
static void push_kept(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &kept_key);
    if (lua_istable(L, -1)) {
        lua_rawgeti(L, -1, 0);
        lua_Integer count = lua_tointeger(L, -1);
        lua_pop(L, 1);
        if (count < KEPT_MAX) return;
    }
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &kept_key);
}

// The function on top of the stack goes into the table beneath it.
static void keep(lua_State *L, const neapL_code *code) {
    int kept = lua_gettop(L) - 1;
    lua_rawgeti(L, kept, 0);
    lua_Integer count = lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_rawseti(L, kept, code->number);
    lua_pushinteger(L, count + 1);
    lua_rawseti(L, kept, 0);
}

void neapL_code_push_kept(lua_State *L, const neapL_code *code) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    push_kept(L);
    if (lua_rawgeti(L, -1, code->number) == LUA_TFUNCTION)
        set_upvalues(L, code);
    else {
        lua_pop(L, 1);
        neapL_code_push(L, code);
        keep(L, code);
    }
    lua_remove(L, -2);
}
