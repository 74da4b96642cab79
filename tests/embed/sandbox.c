// SPDX-License-Identifier: MIT
//
// Untrusted scripts under limits: each has an environment of its own that holds
// what is allowed and nothing else, comes as text, runs as a task, and ends
// when it takes too much. The host, and the other scripts, go on.

#include <lauxlib.h>
#include <lua.h>
#include <neap.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// No debug, io, os, load, require, getmetatable, collectgarbage; no patterns,
// which may take for ever within one instruction.
static const struct {
    const char *module, *name;
} allowed[] = {
    {"_G", "assert"},    {"_G", "error"},     {"_G", "ipairs"},
    {"_G", "next"},      {"_G", "pairs"},     {"_G", "pcall"},
    {"_G", "print"},     {"_G", "select"},    {"_G", "setmetatable"},
    {"_G", "tonumber"},  {"_G", "tostring"},  {"_G", "type"},
    {"math", "floor"},   {"math", "max"},     {"math", "min"},
    {"neap", "sleep"},   {"neap", "time"},    {"string", "format"},
    {"string", "rep"},   {"string", "sub"},   {"table", "concat"},
    {"table", "insert"}, {"table", "remove"}, {"table", "sort"},
};

// Copies them into the table on top: functions of _G as they are, the others
// into tables by the name of their module.
static void allow(lua_State *L) {
    int env = lua_gettop(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        const char *module = allowed[i].module, *name = allowed[i].name;
        lua_settop(L, env + 1);
        if (strcmp(module, "_G") == 0) lua_pushvalue(L, env);
        else luaL_getsubtable(L, env, module);
        lua_getfield(L, env + 1, module);
        lua_getfield(L, -1, name);
        lua_setfield(L, -3, name);
    }
    lua_settop(L, env);
}

// ("x"):sub(1) is a way to functions, too: it leads to those that are allowed,
// in a table that no script sees.
static int restrict_strings(lua_State *L) {
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_newtable(L);
    allow(L);
    lua_getfield(L, -1, "string");
    lua_setfield(L, -3, "__index");
    return 0;
}

// The script's function, with an environment of its own. Text only: what
// string.dump made is not checked, and can do anything.
static int load_script(lua_State *L) {
    const char *code = lua_touserdata(L, 1), *name = lua_touserdata(L, 2);
    if (luaL_loadbufferx(L, code, strlen(code), name, "t") != LUA_OK)
        return lua_error(L);
    lua_newtable(L);
    allow(L);
    lua_setupvalue(L, -2, 1);
    return 1;
}

typedef struct script {
    const char *name, *code;
    const char *fate; // its error holds these words; NULL: there is none
    bool met;         // it had that fate
} script;

static void end(script *it, const char *error) {
    printf("%s: %s\n", it->name + 1, error ? error : "done");
    it->met = error && it->fate ? strstr(error, it->fate) != NULL
                                : !error && !it->fate;
}

static void on_end(neap_runtime *rt, int status, int count, void *ud) {
    (void)count;
    end(ud, status < 0 ? neap_error(rt) : NULL);
}

// All that needs memory is called protected: there may be none.
static void start(neap_runtime *rt, script *it) {
    lua_State *L = neap_state(rt);
    lua_pushcfunction(L, load_script);
    lua_pushlightuserdata(L, (void *)it->code);
    lua_pushlightuserdata(L, (void *)it->name);
    if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
        end(it, lua_tostring(L, -1));
        lua_pop(L, 1);
    } else if (neap_spawn(rt, 0, on_end, it) < 0) end(it, neap_error(rt));
}

static script scripts[] = {
    {"=spinner", "while true do pcall(error) end",
     "spinner:1: the instruction budget is spent", false},
    {"=hog", "local t = {} while true do t[#t + 1] = {} end",
     "hog:1: the memory limit is reached", false},
    {"=leaver", "os.exit(1)", "global 'os'", false},
    {"=finder", "print(('x'):find 'x')", "method 'find'", false},
    {"=binary", "\x1bLua", "attempt to load a binary chunk", false},
    {"=good",
     "for i = 1, 3 do neap.sleep(0.001) end\n"
     "print(('still %s'):format 'here')",
     NULL, false},
};

enum { COUNT = sizeof scripts / sizeof *scripts };

static neap_runtime *open(void) {
    neap_config config = NEAP_CONFIG_INIT;
    config.memory_limit = 8 << 20;
    config.instruction_budget = 1000000; // a few milliseconds
    config.report = neap_report_print;
    neap_runtime *rt = neap_open(&config);
    if (!rt) return NULL;
    lua_pushcfunction(neap_state(rt), restrict_strings);
    if (lua_pcall(neap_state(rt), 0, 0, 0) == LUA_OK) return rt;
    neap_close(rt);
    return NULL;
}

int main(void) {
    neap_runtime *rt = open();
    if (!rt) return fprintf(stderr, "sandbox: no memory\n"), 1;
    for (int i = 0; i < COUNT; i++) start(rt, &scripts[i]);
    int rc = neap_run(rt);
    neap_close(rt);
    for (int i = 0; i < COUNT; i++)
        if (!scripts[i].met) return fprintf(stderr, "%s?\n", scripts[i].name);
    return rc < 0;
}
