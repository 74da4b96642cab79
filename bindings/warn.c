// SPDX-License-Identifier: MIT
// Warn: the warning system of states that neap_open makes.
//
// As that of luaL_newstate: off until "@on" is heard, "Lua warning: " before
// the first piece and a line end after the last. Its one bit of state is kept
// by which of three functions is installed; the state is their only datum.
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bindings/runtime.h"

static void warn_off(void *ud, const char *message, int more);
static void warn_on(void *ud, const char *message, int more);

// A message in one piece that begins with @ is for the system itself.
static bool is_control(lua_State *L, const char *message, int more) {
    if (more || *message != '@') return false;
    if (strcmp(message, "@off") == 0) lua_setwarnf(L, warn_off, L);
    else if (strcmp(message, "@on") == 0) lua_setwarnf(L, warn_on, L);
    return true;
}

static void warn_off(void *ud, const char *message, int more) {
    is_control(ud, message, more);
}

static void warn_more(void *ud, const char *message, int more) {
    lua_State *L = ud;
    fputs(message, stderr);
    if (more) {
        lua_setwarnf(L, warn_more, L);
        return;
    }
    fputc('\n', stderr);
    fflush(stderr);
    lua_setwarnf(L, warn_on, L);
}

static void warn_on(void *ud, const char *message, int more) {
    if (is_control(ud, message, more)) return;
    fputs("Lua warning: ", stderr);
    warn_more(ud, message, more);
}

void neapL_open_warn(lua_State *L) { lua_setwarnf(L, warn_off, L); }
