// SPDX-License-Identifier: MIT
// Complete: Tab fills in names of globals and of fields: "string.fo", "q:pu".
//
// Only tables are looked into, and metatables' __index tables, raw: completing
// runs no code of the script's. At the start of a word Tab indents.
//
// libedit calls next_name until it returns NULL: the names are gathered first,
// under lua_pcall, in a table that the registry holds meanwhile.
#define _POSIX_C_SOURCE 200809L
#include "repl/complete.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

#include <editline/readline.h>

// An __index chain longer than this is taken for a loop.
enum { CHAIN_MAX = 20 };

static command *prompt;
static char names; // its address is the registry key of the names

// Replaces the value on top by the table its fields are found in; false: none.
static bool to_fields(lua_State *L) {
    if (lua_type(L, -1) == LUA_TTABLE) return true;
    if (!luaL_getmetafield(L, -1, "__index")) return false;
    lua_remove(L, -2);
    return lua_type(L, -1) == LUA_TTABLE;
}

// Pushes the table that `path`, a word up to its last dot, stands for.
static bool push_owner(lua_State *L, const char *path, size_t size) {
    lua_pushglobaltable(L);
    while (size > 0) {
        size_t part = strcspn(path, ".:");
        if (part >= size) part = size - 1;
        lua_pushlstring(L, path, part);
        lua_rawget(L, -2);
        lua_remove(L, -2);
        if (!to_fields(L)) return false;
        path += part + 1;
        size -= part + 1;
    }
    return true;
}

static bool is_name(const char *key) {
    if (!isalpha((unsigned char)*key) && *key != '_') return false;
    while (isalnum((unsigned char)*key) || *key == '_') key++;
    return *key == '\0';
}

// Adds to the list at 2 the names in the table on top that go on the word.
static void gather(lua_State *L, const char *word, size_t owner) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        const char *key =
            lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
        if (!is_name(key)) continue;
        if (strncmp(key, word + owner, strlen(word + owner)) != 0) continue;
        lua_pushlstring(L, word, owner);
        lua_pushvalue(L, -2);
        lua_concat(L, 2);
        lua_rawseti(L, 2, (lua_Integer)lua_rawlen(L, 2) + 1);
    }
}

static int find_names(lua_State *L) {
    const char *word = lua_touserdata(L, 1);
    size_t owner = strlen(word);
    while (owner > 0 && !strchr(".:", word[owner - 1])) owner--;
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &names);
    if (!push_owner(L, word, owner)) return 0;
    for (int i = 0; i < CHAIN_MAX; i++) {
        gather(L, word, owner);
        if (!luaL_getmetafield(L, -1, "__index")) break;
        lua_remove(L, -2);
        if (lua_type(L, -1) != LUA_TTABLE) break;
    }
    return 0;
}

static char *next_name(const char *word, int index) {
    lua_State *L = neap_state(prompt->rt);
    if (index == 0) {
        lua_pushcfunction(L, find_names);
        lua_pushlightuserdata(L, (void *)word);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
    }
    char *name = NULL;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &names) == LUA_TTABLE) {
        lua_rawgeti(L, -1, index + 1);
        if (lua_isstring(L, -1)) name = strdup(lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return name;
}

static char *indent(const char *word, int index) {
    (void)word;
    return index == 0 ? strdup("  ") : NULL;
}

static char **complete(const char *word, int start, int end) {
    (void)start;
    (void)end;
    rl_attempted_completion_over = 1; // no names of files
    return rl_completion_matches(word, *word ? next_name : indent);
}

void complete_open(command *c) {
    prompt = c;
    rl_attempted_completion_function = complete;
    rl_basic_word_break_characters = " \t\n\"\\'`@$><=;|&{}()[]+-*/%^#~,";
    rl_completion_append_character = '\0';
}
